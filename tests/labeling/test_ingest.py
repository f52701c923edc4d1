"""A folder read, and read again: identity, order, what is rejected, and near duplicates."""

import csv
import hashlib
import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wholepool.job.errors import UserError
from wholepool.labeling import ingest as module
from wholepool.labeling import near
from wholepool.labeling.ingest import (
    Entry,
    ingest,
    read_manifest,
    walk,
    write_manifest,
    write_rejected,
)

SIZE = 8


def put(path, color, shape=(12, 9), kind=None):
    """A picture of one gray level; another level is another image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", shape, (color,) * 3).save(path, format=kind or "PNG")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def photos(tmp_path):
    """Four files of three images."""
    for name, color in {"b.png": 20, "a.png": 10, "sub/c.png": 30, "sub/copy.png": 20}.items():
        put(tmp_path / "photos" / name, color)
    return tmp_path / "photos"


def paths_of(found):
    return [entry.paths for entry in found.manifest]


def colors(found):
    return found.pixels[:, 0, 0, 0].tolist()


def test_images_are_listed_by_path_and_copies_are_one(photos):
    found = ingest(photos, SIZE)
    assert paths_of(found) == [("a.png",), ("b.png", "sub/copy.png"), ("sub/c.png",)]
    assert colors(found) == [10, 20, 30]
    assert found.pixels.shape == (3, SIZE, SIZE, 3)
    assert found.manifest[0].image == hashlib.sha256((photos / "a.png").read_bytes()).hexdigest()
    assert {(entry.width, entry.height, entry.gone) for entry in found.manifest} == {(12, 9, False)}
    assert found.rejected == []


def test_to_read_a_folder_again_changes_nothing(photos):
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    first = ingest(photos, SIZE)
    again = ingest(photos, SIZE, first.manifest)
    assert again.manifest == first.manifest
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before


@pytest.mark.parametrize("with_pixels", [False, True])
def test_known_images_keep_their_places(photos, with_pixels):
    first = ingest(photos, SIZE)
    put(photos / "0.png", 40)  # before all by path
    (photos / "a.png").rename(photos / "sub" / "z.png")  # moved and renamed
    (photos / "sub" / "c.png").unlink()
    put(photos / "new.png", 50)
    pixels = first.pixels if with_pixels else None
    again = ingest(photos, SIZE, first.manifest, pixels)
    assert [entry.image for entry in again.manifest[:3]] == [one.image for one in first.manifest]
    assert paths_of(again) == [
        *(("sub/z.png",), ("b.png", "sub/copy.png"), ("sub/c.png",), ("0.png",), ("new.png",)),
    ]
    assert [entry.gone for entry in again.manifest] == [False, False, True, False, False]
    assert colors(again) == [10, 20, 30 if with_pixels else 0, 40, 50]
    assert {(entry.width, entry.height) for entry in again.manifest} == {(12, 9)}


def test_an_image_that_comes_back_is_gone_no_more(photos):
    first = ingest(photos, SIZE)
    content = (photos / "a.png").read_bytes()
    (photos / "a.png").unlink()
    second = ingest(photos, SIZE, first.manifest)
    assert second.manifest[0].gone and second.manifest[0].width == 12
    (photos / "back.png").write_bytes(content)
    third = ingest(photos, SIZE, second.manifest, second.pixels)
    assert third.manifest[0] == Entry(first.manifest[0].image, ("back.png",), 12, 9)
    assert colors(third)[0] == 10  # what was given were zeros, since it was gone


def test_a_file_with_another_content_is_another_image(photos):
    first = ingest(photos, SIZE)
    put(photos / "a.png", 99)
    again = ingest(photos, SIZE, first.manifest)
    assert again.manifest[0].gone and again.manifest[0].paths == ("a.png",)
    assert paths_of(again)[3] == ("a.png",) and colors(again)[3] == 99


def test_a_known_image_is_not_decoded_again(photos, monkeypatch):
    first = ingest(photos, SIZE)
    put(photos / "new.png", 50)
    asked = []
    whole = module.decode
    monkeypatch.setattr(
        module,
        "decode",
        lambda path, *more: asked.append((path, whole(path, *more))) or asked[-1][1],
    )
    again = ingest(photos, SIZE, first.manifest, first.pixels)
    assert [path.name for path, one in asked if one.pixels is not None] == ["new.png"]
    assert colors(again) == [10, 20, 30, 50]


def test_pixels_of_another_size_are_refused(photos):
    first = ingest(photos, SIZE)
    with pytest.raises(UserError, match=r"\(3, 8, 8, 3\), not of the size 16"):
        ingest(photos, 16, first.manifest, first.pixels)


def test_the_number_of_threads_changes_nothing(photos):
    one, many = (ingest(photos, SIZE, threads=threads) for threads in (1, 7))
    assert one.manifest == many.manifest
    np.testing.assert_array_equal(one.pixels, many.pixels)


# names

NAMES = [
    "a space.png",
    'comma,quote".png',
    "it's.png",
    "two\nlines\r.png",
    "Füße 写真 🐈.png",
    "e\u0301.png",
    "\u00e9.png",  # the same to look at
    "-rf.png",
    "%41.png",
    "a\\b.png",
    "no suffix",
    "UPPER.PNG",
    "x" * 250 + ".png",
    " .png",
    "=1+1.png",
]


def test_any_name_is_kept_also_through_the_files(tmp_path):
    folder = tmp_path / "photos"
    for color, name in enumerate(NAMES):
        put(folder / name, color)
        put(folder / f"{name[:200]} of" / "in.png", 100 + color)
    found = ingest(folder, SIZE)
    every = [path for entry in found.manifest for path in entry.paths]
    assert every == sorted(every) and set(NAMES) < set(every) and len(every) == 2 * len(NAMES)
    write_manifest(tmp_path / "manifest.parquet", found.manifest)
    assert read_manifest(tmp_path / "manifest.parquet") == found.manifest
    write_rejected(tmp_path / "rejected.csv", [(path, 'no, "none"\n') for path in every])
    content = (tmp_path / "rejected.csv").read_bytes()
    assert content.startswith(b"path,reason\r\n")
    with open(tmp_path / "rejected.csv", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [[path, 'no, "none"\n'] for path in every]


def test_a_name_that_is_no_utf_8_is_rejected_in_a_form_that_can_be_written(photos, tmp_path):
    inside = os.fsencode(photos) + b"/caf\xe9"
    os.mkdir(inside)
    for path in (inside + b"/in.png", os.fsencode(photos) + b"/na\xefve.png"):
        with open(path, "wb") as file:
            file.write((photos / "a.png").read_bytes())
    found = ingest(photos, SIZE)
    words = "its name is no UTF-8: rename it"
    assert found.rejected == [("caf\\xe9", words), ("na\\xefve.png", words)]
    assert paths_of(found)[0] == ("a.png",)
    write_rejected(tmp_path / "rejected.csv", found.rejected)
    assert "na\\xefve.png" in (tmp_path / "rejected.csv").read_text(encoding="utf-8")


# what is passed over, and links


def test_hidden_files_and_litter_are_rejected_with_that_reason(photos):
    hidden = [".a.png", ".thumbnails/a.png"]
    litter = [".DS_Store", "Thumbs.db", "sub/desktop.ini", "sub/._c.png", "__MACOSX/a.png"]
    for color, name in enumerate(hidden + litter):
        put(photos / name, 100 + color)
    found = ingest(photos, SIZE)
    assert len(found.manifest) == 3
    said = dict(found.rejected)
    assert {path for path, reason in said.items() if reason.startswith("hidden")} == {
        ".a.png",
        ".thumbnails",
    }
    assert {path for path, reason in said.items() if reason == "left by an operating system"} == {
        *litter[:4],
        "__MACOSX",
    }
    assert len(said) == 7


def test_links_are_followed_inside_the_folder_only(photos, tmp_path):
    outside = tmp_path / "outside"
    put(outside / "secret.png", 77)
    links = {
        "copy.png": photos / "a.png",
        "leads_out.png": outside / "secret.png",
        "leads_out": outside,
        "sub/loop": photos,
        "sub/self": photos / "sub" / "self",
        "sub/twin": photos / "sub",
        "broken.png": photos / "nothing.png",
        "up.png": Path("..") / "outside" / "secret.png",
        "neighbor.png": tmp_path / "photos2" / "a.png",  # its path begins alike
    }
    put(tmp_path / "photos2" / "a.png", 78)
    for name, target in links.items():
        (photos / name).symlink_to(target)
    found = ingest(photos, SIZE)
    assert paths_of(found)[0] == ("a.png", "copy.png")
    assert len(found.manifest) == 3
    out = "a link that leads out of the folder: copy what it means to here"
    folder = "a link to a folder, which is read where it is"
    said = dict(found.rejected)
    assert "cannot be opened" in said.pop("sub/self")
    assert said == {
        **dict.fromkeys(("leads_out.png", "leads_out", "up.png", "neighbor.png"), out),
        **dict.fromkeys(("sub/loop", "sub/twin"), folder),
        "broken.png": "a link to nothing",
    }


def test_the_folder_itself_may_be_a_link(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    (photos / "copy.png").symlink_to("a.png")
    assert ingest(tmp_path / "link", SIZE).manifest == ingest(photos, SIZE).manifest
    assert len(ingest(tmp_path / "link", SIZE).manifest) == 3


def test_a_folder_inside_can_be_left_out(photos):
    assert walk(photos, photos / "sub") == (["a.png", "b.png"], [])
    assert walk(photos, photos.parent) == (["a.png", "b.png", "sub/c.png", "sub/copy.png"], [])


def test_a_folder_that_cannot_be_read_is_told(photos, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    found, rejected = walk(photos)
    assert found == ["a.png", "b.png"]
    assert rejected == [("sub", "a folder that cannot be read (Permission denied)")]


@pytest.mark.parametrize(("name", "words"), [("x", "is not there"), ("a.png", "is a file")])
def test_no_folder_is_refused(photos, name, words):
    with pytest.raises(UserError, match=f"{name}: the folder of images {words}"):
        ingest(photos / name, SIZE)


def test_an_empty_folder_gives_nothing(tmp_path):
    found = ingest(tmp_path, SIZE)
    assert (found.manifest, found.rejected, found.pixels.shape) == ([], [], (0, SIZE, SIZE, 3))


def test_every_odd_file_in_one_folder(tmp_path):
    """Nothing stops it, and each file is in one list, and only in one."""
    folder = tmp_path / "odd"
    folder.mkdir()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))
    good = {
        "rgb.jpg": noise,
        "cmyk.jpg": noise.convert("CMYK"),
        "gray.png": noise.convert("L"),
        "palette.png": noise.convert("P"),
        "bits.png": noise.convert("1"),
        "rgba.png": noise.convert("RGBA"),
        "la.png": noise.convert("LA"),
        "sixteen.png": Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(40, 30)),
        "float.tiff": Image.fromarray(np.full((40, 30), np.nan, np.float32)),
        "one.png": noise.crop((0, 0, 1, 1)),
        "long.png": noise.resize((500, 10)),
        "animated.gif": noise.convert("P"),
        "photo.webp": noise,
        "photo.bmp": noise,
        "folder.jpg/in it.png": noise.rotate(90),
        'it\'s, "odd"\n.png': noise.rotate(180),
    }
    for name, image in good.items():
        (folder / name).parent.mkdir(exist_ok=True)
        image.save(folder / name)
    whole = (folder / "rgb.jpg").read_bytes()
    bad = {
        **{"truncated.jpg": whole[:-600], "half.png": whole[:9], "empty.png": b""},
        **{"notes.txt": b"hello", ".hidden.png": b"", "Thumbs.db": b"x", "page.pdf": b"%PDF-1.7"},
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder / "broken.png").symlink_to("nothing.png")
    (folder / "loop").symlink_to(folder)
    began = time.monotonic()
    found = ingest(folder, SIZE)
    assert time.monotonic() - began < 20
    assert {path for entry in found.manifest for path in entry.paths} == set(good)
    assert [path for path, _ in found.rejected] == sorted({*bad, "pipe.png", "broken.png", "loop"})
    assert all(reason for _, reason in found.rejected)
    assert found.pixels.shape == (len(found.manifest), SIZE, SIZE, 3)


def test_progress_is_told(photos, monkeypatch, caplog):
    monkeypatch.setattr(module, "SAVE", 0)
    with caplog.at_level(logging.INFO, logger="wholepool"):
        ingest(photos, SIZE)
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(" files,")[0] for line in said] == [f"{n} of 4" for n in (1, 2, 3, 4)]
    assert said[0].endswith(" left") and said[-1].endswith("done")


def test_an_error_of_ours_is_no_rejected_file(photos, monkeypatch):
    """Else a fault in the program would look like damaged files."""

    def broken(*given):
        raise KeyError("a fault")

    monkeypatch.setattr(module, "decode", broken)
    with pytest.raises(KeyError):
        ingest(photos, SIZE)


# the manifest's file


def test_a_manifest_that_is_missing_torn_or_another_is_refused(tmp_path, photos):
    path = tmp_path / "manifest.parquet"
    with pytest.raises(UserError, match="is missing"):
        read_manifest(path)
    write_manifest(path, ingest(photos, SIZE).manifest)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="no complete manifest"):
        read_manifest(path)
    module.pq.write_table(module.pa.table({"index": [1]}), path)
    with pytest.raises(UserError, match="it has the columns index, not image, paths"):
        read_manifest(path)


def test_an_empty_manifest_comes_back(tmp_path):
    write_manifest(tmp_path / "m.parquet", [])
    assert read_manifest(tmp_path / "m.parquet") == []


# near duplicates


def literal_hash(image):
    """The same, pixel by pixel, of an image 8 high and 9 wide."""
    bits = [image[y, x + 1] > image[y, x] for y in range(8) for x in range(8)]
    return int("".join("1" if bit else "0" for bit in bits), 2)


def test_the_hash_is_what_its_definition_says():
    gray = np.random.default_rng(0).integers(0, 256, (8, 9), np.uint8)
    image = np.repeat(gray[..., None], 3, axis=2)
    assert near.difference_hash(image) == literal_hash(gray)
    assert near.hashes_of(np.stack([image])).dtype == np.uint64


def pairs_by_all(hashes, most):
    """Of the first of each hash every pair; of the others the pair with their first."""
    first = {}
    for at, one in enumerate(hashes):
        first.setdefault(one, at)
    found = [(first[one], at, 0) for at, one in enumerate(hashes) if first[one] != at]
    ones = sorted(first.values())
    for at, low in enumerate(ones):
        for high in ones[at + 1 :]:
            bits = bin(hashes[low] ^ hashes[high]).count("1")
            if bits <= most:
                found.append((low, high, bits))
    return sorted(found)


@pytest.mark.parametrize("most", [0, 1, 3, 4, 10])
def test_near_duplicates_are_those_of_all_pairs(most):
    rng = np.random.default_rng(most)
    hashes = [int(one) for one in rng.integers(0, 2**64, 60, dtype=np.uint64)]
    for one in hashes[:40]:  # some bits of it turned, at any places
        for bit in rng.choice(64, rng.integers(0, most + 3), replace=False):
            one ^= 1 << int(bit)
        hashes.append(one)
    hashes += [0] * 5 + [2**64 - 1, 1, 3]
    found = near.near_duplicates(np.array(hashes, dtype=np.uint64), most)
    assert found == pairs_by_all(hashes, most)
    assert len(found) > 8


def test_20000_images_are_compared_in_little_memory_also_if_many_are_blank():
    import tracemalloc

    hashes = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    hashes[:8000] = 0
    hashes[8000:14_000] &= np.uint64(0xFFFFFF)  # five of the six in one band are equal
    tracemalloc.start()
    found = near.near_duplicates(hashes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(low == 0 and bits == 0 for low, _, bits in found) == 7999
    assert most < 100e6


def test_a_recompressed_photograph_is_near_and_another_is_not(tmp_path):
    from wholepool.data.sources.photographs import opened

    temple, flower, hopper = opened()
    temple.save(tmp_path / "a.jpg", quality=95)
    temple.resize((400, 267)).save(tmp_path / "b.jpg", quality=60)
    flower.save(tmp_path / "c.jpg")
    hopper.save(tmp_path / "d.jpg")
    found = ingest(tmp_path, 160)
    pairs = near.near_duplicates(near.hashes_of(found.pixels))
    assert [pair[:2] for pair in pairs] == [(0, 1)]


def test_no_images_have_no_duplicates():
    assert near.near_duplicates(np.empty(0, np.uint64)) == []


def test_few_images_wait_for_one_who_is_slow(tmp_path, monkeypatch):
    for level in range(40):
        put(tmp_path / f"{level:02d}.png", level)
    begun, plain = [], module.decode
    monkeypatch.setattr(module, "decode", lambda *given: begun.append(given) or plain(*given))
    monkeypatch.setattr(module, "AHEAD", 5)
    paths = walk(tmp_path)[0]
    for taken, (path, one) in enumerate(module.decoded(tmp_path, paths, SIZE, frozenset(), 2), 1):
        assert path == paths[taken - 1] and one.pixels[0, 0, 0] == taken - 1
        time.sleep(0.002)
        assert len(begun) <= taken + 5
    assert taken == len(begun) == 40
