"""What a browser is sent of an image: upright, in a format that it shows, of the bytes meant."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from wholepool.job.errors import UserError
from wholepool.labeling import shown

ORIENTATION = 0x0112


def corner(size=(40, 20)):
    """Gray, with a red corner at the top left."""
    found = Image.new("RGB", size, (128, 128, 128))
    found.paste((255, 0, 0), (0, 0, size[0] // 4, size[1] // 4))
    return found


def written(picture, kind, **more):
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def turned(kind, orientation):
    """A file whose tag turns it; without it the red corner is at the top left."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return written(corner(), kind, exif=exif)


def decoded(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def is_red(picture, x, y):
    red, green, _ = picture.getpixel((x, y))
    return red > 200 and green < 90


@pytest.mark.parametrize(
    "kind, mode",
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("WEBP", "RGB"),
        ("GIF", "P"),
        ("BMP", "RGB"),
    ],
)
def test_what_a_browser_shows_is_sent_as_it_is(kind, mode):
    content = written(corner().convert(mode), kind)
    assert shown.for_browser(content, "a") == (content, f"image/{kind.lower()}")


def test_a_jpeg_that_its_tag_turns_is_sent_as_it_is():
    content = turned("JPEG", 6)
    assert shown.for_browser(content, "a")[0] == content


#: where the red corner lies, of a picture of width 40 and height 20 after the tag is applied
TURNS = {
    1: (0, 0),
    2: (39, 0),
    3: (39, 19),
    4: (0, 19),
    5: (0, 0),
    6: (19, 0),
    7: (19, 39),
    8: (0, 39),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_each_turn_is_applied_once(kind, orientation):
    content = turned(kind, orientation)
    found = [decoded(shown.thumbnail(content, "a")[0])]
    if kind != "JPEG":  # a browser turns that
        found.append(decoded(shown.for_browser(content, "a")[0]))
    for picture in found:
        assert picture.size == ((40, 20) if orientation < 5 else (20, 40))
        assert is_red(picture, *TURNS[orientation])
        assert sum(is_red(picture, *place) for place in corners(picture.size)) == 1


def corners(size):
    right, bottom = size[0] - 1, size[1] - 1
    return {(0, 0), (right, 0), (0, bottom), (right, bottom)}


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_is_converted(kind):
    found, media = shown.for_browser(written(corner().convert("CMYK"), kind), "a")
    assert media == "image/png"
    assert is_red(decoded(found), 1, 1)


def test_sixteen_bits_are_scaled_by_their_range():
    gray = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        found, _ = shown.for_browser(written(Image.fromarray(gray), kind), "a")
        assert np.asarray(decoded(found))[0, :, 0].tolist() == [0, 1, 128, 255], kind


def test_floats_are_scaled_by_their_own_range():
    gray = np.array([[-1.0, 0.0, 1.0, np.nan, np.inf]], dtype=np.float32)
    found, _ = shown.for_browser(written(Image.fromarray(gray), "TIFF"), "a")
    assert np.asarray(decoded(found))[0, :3, 0].tolist() == [0, 128, 255]


def test_what_is_transparent_is_white_in_a_copy():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    found, _ = shown.for_browser(written(clear, "TIFF"), "a")
    assert decoded(found).getpixel((4, 4)) == (255, 255, 255)
    found, _ = shown.thumbnail(written(clear, "PNG"), "a")
    assert decoded(found).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_shown(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    content = written(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    found, _ = shown.for_browser(content, "a")
    assert len(list(ImageSequence.Iterator(Image.open(io.BytesIO(found))))) == 1
    assert is_red(decoded(found), 4, 4)


def test_sizes(monkeypatch):
    wide = corner((5000, 100))
    assert decoded(shown.thumbnail(written(wide, "PNG"), "a")[0]).size == (320, 6)
    assert decoded(shown.for_browser(written(wide, "TIFF"), "a")[0]).size == (4096, 82)
    assert decoded(shown.for_browser(written(wide, "PNG"), "a")[0]).size == (5000, 100)
    assert shown.for_browser(written(corner((2000, 2000)), "TIFF"), "a")[1] == "image/jpeg"
    assert decoded(shown.thumbnail(written(corner((1, 1)), "PNG"), "a")[0]).size == (1, 1)
    assert decoded(shown.thumbnail(written(corner((1, 2000)), "PNG"), "a")[0]).size == (1, 320)


@pytest.mark.parametrize("content", [b"", b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused_in_words(content):
    for made in (shown.for_browser, shown.thumbnail):
        with pytest.raises(UserError, match="a b.png"):
            made(content, "a b.png")


def test_a_torn_file_is_refused_where_it_must_be_decoded():
    content = written(corner((400, 400)), "TIFF")[:5000]
    with pytest.raises(UserError, match="torn.tif"):
        shown.for_browser(content, "torn.tif")


def test_a_file_that_is_another_by_now_is_not_shown(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    image = hashlib.sha256(b"one").hexdigest()
    assert shown.content(tmp_path, "a.png", image) == b"one"
    (tmp_path / "a.png").write_bytes(b"two")
    with pytest.raises(UserError, match="a.png has changed"):
        shown.content(tmp_path, "a.png", image)


def test_a_folder_that_is_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"one")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    image = hashlib.sha256(b"one").hexdigest()
    assert shown.content(tmp_path / "link", "a.png", image) == b"one"
