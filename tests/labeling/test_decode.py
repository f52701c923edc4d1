"""One file to one square: every kind of image file, and everything that is none."""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from wholepool.labeling import decode as module
from wholepool.labeling.decode import RejectedError, decode

SIZE = 24
#: a corner of each color, so that turns and mirrors differ
RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 240, 10), (10, 10, 230), (255, 255, 255)


def corners(width=48, height=24):
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    return Image.fromarray(image)


def shown(path, size=SIZE):
    return decode(path, size).pixels


def scaled(image, size=SIZE):
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))


def refused(path):
    with pytest.raises(RejectedError) as caught:
        decode(path, SIZE)
    return str(caught.value)


def test_an_image_is_its_bytes_and_one_square_of_pixels(tmp_path):
    path = tmp_path / "a.png"
    corners().save(path)
    found = decode(path, SIZE)
    assert found.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.width, found.height) == (48, 24)
    assert found.pixels.shape == (SIZE, SIZE, 3) and found.pixels.dtype == np.uint8
    np.testing.assert_array_equal(found.pixels, scaled(corners()))


def test_what_is_known_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    corners().save(path)
    known = decode(path, SIZE).id
    monkeypatch.setattr(module, "square", None)
    assert decode(path, SIZE, {known}).pixels is None


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_applied_once(tmp_path, orientation, kind):
    """Where the corners of the file must be seen, as EXIF defines the eight orientations."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    more = {"lossless": True} if kind == "webp" else {"quality": 95} if kind == "jpg" else {}
    corners(480, 240).save(path, exif=exif, **more)
    found = decode(path, SIZE)
    sideways = orientation > 4
    assert (found.width, found.height) == ((240, 480) if sideways else (480, 240))
    places = {"R": RED, "G": GREEN, "B": BLUE, "-": (0, 0, 0)}
    wanted = ["RGB-", "GR-B", "-BGR", "B-RG", "RBG-", "BR-G", "-GBR", "G-RB"][orientation - 1]
    at = SIZE // 4, 3 * SIZE // 4
    for name, (y, x) in zip(wanted, [(y, x) for y in at for x in at], strict=True):
        assert abs(found.pixels[y, x].astype(int) - places[name]).max() <= 12, (name, y, x)


def test_a_turned_image_has_the_upright_one_s_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (31, 50, 3), np.uint8))
    picture.save(tmp_path / "turned.png", exif=exif)
    picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "upright.png")
    np.testing.assert_array_equal(*map(shown, (tmp_path / "turned.png", tmp_path / "upright.png")))


@pytest.mark.parametrize("exif", [b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0II*\0\xff\xff\xff\x7f"])
def test_damaged_exif_turns_nothing(tmp_path, exif):
    path = tmp_path / "a.jpg"
    corners(480, 240).save(path, quality=95, exif=exif)
    assert decode(path, SIZE).width == 480


def test_an_orientation_that_only_xmp_tells_is_not_applied(tmp_path):
    """Browsers, which show the file to a person, do not apply it."""
    path = tmp_path / "a.jpg"
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    corners(480, 240).save(path, quality=95, xmp=xmp)
    assert ImageOps.exif_transpose(Image.open(path)).size == (240, 480)  # Pillow would
    assert decode(path, SIZE).width == 480


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_on_white(tmp_path, mode):
    image = Image.new(mode, (SIZE, SIZE), (0, 0, 0, 0)[-len(mode) :])
    image.paste((0, 0, 0, 255)[-len(mode) :], (0, 0, SIZE // 2, SIZE))
    image.paste((0, 0, 0, 128)[-len(mode) :], (0, 0, SIZE // 2, SIZE // 2))
    image.save(tmp_path / "a.png")
    found = shown(tmp_path / "a.png")
    assert found[2, -3].tolist() == [255, 255, 255]
    assert found[-3, 2].tolist() == [0, 0, 0]
    assert found[2, 2].tolist() == [127, 127, 127]


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_a_palette_s_transparent_color_is_white(tmp_path, kind):
    image = Image.new("P", (SIZE, SIZE), 0)
    image.putpalette([*RED, *GREEN, *BLUE])
    image.paste(2, (0, 0, SIZE // 2, SIZE))
    image.save(tmp_path / f"plain.{kind}")
    image.save(tmp_path / f"holed.{kind}", transparency=0)
    assert shown(tmp_path / f"plain.{kind}")[3, -3].tolist() == list(RED)
    holed = shown(tmp_path / f"holed.{kind}")
    assert holed[3, -3].tolist() == list(WHITE)
    assert holed[3, 3].tolist() == list(BLUE)


def test_a_color_that_stands_for_transparency_is_white(tmp_path):
    corners().save(tmp_path / "a.png", transparency=GREEN)
    assert shown(tmp_path / "a.png")[3, -3].tolist() == list(WHITE)


@pytest.mark.parametrize("kind", ["jpg", "tiff"])
def test_cmyk_is_rgb_in_its_colors(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    corners(480, 240).convert("CMYK").save(path, **({"quality": 95} if kind == "jpg" else {}))
    assert Image.open(path).mode == "CMYK"
    assert abs(shown(path).astype(int) - scaled(corners(480, 240))).mean() < 4


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_gray_of_16_bits_is_stretched(tmp_path, kind):
    ramp = np.linspace(100, 4195, SIZE).astype(np.uint16)  # of a camera of 12 bits
    Image.fromarray(np.tile(ramp, (SIZE, 1))).save(tmp_path / f"a.{kind}")
    found = shown(tmp_path / f"a.{kind}")
    assert (found[0, 0, 0], found[0, -1, 0]) == (0, 255)
    assert abs(found[0, :, 0].astype(int) - np.linspace(0, 255, SIZE)).max() <= 1
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_gray_of_floats_is_stretched_and_what_is_not_finite_has_its_rule(tmp_path):
    values = np.tile(np.linspace(-2, 7, SIZE).astype(np.float32), (SIZE, 1))
    values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "a.tiff")
    found = shown(tmp_path / "a.tiff")[..., 0]
    assert found[0, :3].tolist() == [0, 255, 0]
    assert abs(found[1].astype(int) - np.linspace(0, 255, SIZE)).max() <= 1


@pytest.mark.parametrize(
    ("value", "gray"), [(7.5, 128), (np.nan, 0), (np.inf, 255), (np.float32(3.4e38), 128)]
)
def test_floats_that_are_all_equal(tmp_path, value, gray):
    Image.fromarray(np.full((9, 9), value, np.float32)).save(tmp_path / "a.tiff")
    assert np.unique(shown(tmp_path / "a.tiff")).tolist() == [gray]


def test_floats_over_the_whole_range_do_not_overflow():
    values = np.array([[-1.7e308, 0, 1.7e308]])
    assert module.stretched(values).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_plain_modes_keep_their_gray(tmp_path, mode):
    Image.new(mode, (9, 5), "white").save(tmp_path / "a.png")
    assert np.unique(shown(tmp_path / "a.png")).tolist() == [255]


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "tiff"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, kind):
    frames = [Image.new("RGB", (SIZE, SIZE), color) for color in (RED, GREEN, BLUE)]
    path = tmp_path / f"a.{kind}"
    more = {"lossless": True} if kind == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **more)
    assert Image.open(path).n_frames == 3
    assert abs(shown(path)[5, 5].astype(int) - RED).max() <= 1


def test_one_pixel_fills_the_square(tmp_path):
    Image.new("RGB", (1, 1), BLUE).save(tmp_path / "a.png")
    found = decode(tmp_path / "a.png", SIZE)
    assert (found.width, found.height) == (1, 1)
    assert (found.pixels == BLUE).all()


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("shape", [(1500, 30), (30, 1500)])
def test_of_an_image_50_to_1_all_corners_stay(tmp_path, shape, kind):
    corners(*shape).save(tmp_path / f"a.{kind}")
    found = decode(tmp_path / f"a.{kind}", SIZE)
    assert (found.width, found.height) == shape
    assert abs(found.pixels.astype(int) - scaled(corners(SIZE, SIZE)))[3, 3].max() < 12
    for (y, x), color in {(3, 3): RED, (3, -3): GREEN, (-3, 3): BLUE, (-3, -3): (0, 0, 0)}.items():
        assert abs(found.pixels[y, x].astype(int) - color).max() < 12


def test_a_jpeg_decoded_in_part_is_nearly_the_whole_one_scaled(tmp_path):
    """`draft` reads 1/8 of 1600 pixels a side; the rest is scaled."""
    smooth = np.random.default_rng(1).integers(0, 256, (12, 12, 3), np.uint8)
    image = Image.fromarray(smooth).resize((1600, 1203), Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg", quality=95)
    found = decode(tmp_path / "a.jpg", 90)
    assert (found.width, found.height) == (1600, 1203)
    whole = scaled(Image.open(tmp_path / "a.jpg"), 90).astype(int)
    assert abs(found.pixels - whole).mean() < 1.5


# what gives no image


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_rejected(tmp_path, kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{kind}")
    content = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / f"a.{kind}").write_bytes(content[: int(len(content) * share)])
    assert refused(tmp_path / f"a.{kind}")
    assert decode(tmp_path / f"whole.{kind}", SIZE).width == 300


def test_a_damaged_file_is_rejected_with_what_is_wrong(tmp_path):
    corners().save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[content.index(b"IDAT") + 8] ^= 0xFF
    (tmp_path / "a.png").write_bytes(content)
    assert refused(tmp_path / "a.png").startswith("damaged: it cannot be decoded (")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jpg", b"", "empty: it has no bytes"),
        ("a.jpg", b"not an image at all", "not an image of a kind that is known here"),
        ("a.png", b"\x00" * 5000, "not an image of a kind"),
        ("a.heic", b"\x00\x00\x00\x18ftypheic", "convert it to JPEG"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom", "a film"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a drawing"),
        ("a.tga", bytes(18 + 300), "not an image"),
    ],
)
def test_other_files_are_rejected_in_plain_words(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in refused(tmp_path / name)


def test_the_suffix_of_an_image_does_not_matter_but_a_raw_file_s(tmp_path):
    corners().save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes((tmp_path / "a.png").read_bytes())
    assert decode(tmp_path / "a.txt", SIZE).width == 48
    corners().save(tmp_path / "a.tiff")  # as the thumbnail that a raw file has
    (tmp_path / "a.NEF").write_bytes((tmp_path / "a.tiff").read_bytes())
    assert "raw file" in refused(tmp_path / "a.NEF")


def png_of(width, height):
    """A PNG whose header says so, with one row of pixels."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    row = zlib.compress(bytes(1 + 3 * width), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [13_350, 20_000])  # at our limit, and beyond Pillow's own
def test_a_decompression_bomb_is_never_decoded(tmp_path, side, monkeypatch):
    (tmp_path / "a.png").write_bytes(png_of(side, side))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("was decoded"))
    assert "178 million pixels, so it was not decoded" in refused(tmp_path / "a.png")


def test_the_limit_itself_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 48 * 24)
    corners().save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png", SIZE).width == 48
    monkeypatch.setattr(module, "LIMIT", 48 * 24 - 1)
    assert "too large: 48 x 24 are more" in refused(tmp_path / "a.png")


def test_special_files_are_rejected_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nothing.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert refused(tmp_path / "pipe.jpg") == "a pipe or a device, no file"
    assert refused(tmp_path / "folder.jpg") == "a folder, no file"
    assert refused(tmp_path / "link.jpg") == "a link to nothing"
    assert "cannot be opened" in refused(tmp_path / "loop.jpg")
    assert refused(tmp_path / "nothing.jpg") == "it is gone"


def test_a_socket_is_rejected():
    short = tempfile.TemporaryDirectory(dir="/tmp")  # its path may have 107 bytes
    with short as folder, socket.socket(socket.AF_UNIX) as end:
        end.bind(f"{folder}/a.jpg")
        assert "cannot be opened" in refused(f"{folder}/a.jpg")


def test_a_file_that_may_not_be_read_is_rejected():
    """As another user where this one, root, may read all."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "a.png"
        corners().save(path)
        path.chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            assert "may not be read by you" in refused(path)
        finally:
            os.seteuid(before)


def test_no_file_stays_open(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"text")
    corners().save(tmp_path / "a.png")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("empty.jpg", "text.jpg"):
        for _ in range(20):
            refused(tmp_path / name)
    for _ in range(20):
        decode(tmp_path / "a.png", SIZE)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_postscript_file_starts_no_program(tmp_path):
    """Pillow would hand it to Ghostscript, which runs what it says."""
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    code = (
        "import subprocess, sys\n"
        "from wholepool.labeling.decode import RejectedError, decode\n"
        "subprocess.Popen = None\n"
        f"try: decode({str(tmp_path / 'a.jpg')!r}, 9)\n"
        "except RejectedError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("not an image"), done.stderr
