"""Trees of class folders (ImageFolder, FiftyOne): links and copies, and nothing moved or lost."""

import os

import pytest
from exchanged import MADE, answered, bytes_of, image_of, pool

from wholepool.job.errors import UserError
from wholepool.labeling import exchange
from wholepool.labeling.exchange import export_to
from wholepool.labeling.exchange.found import Found

PATHS = ["a.png", "sub/b.png", "c.png"]
LINES = [*MADE, answered("a.png", "c1"), answered("sub/b.png", "c2"), answered("c.png", "unsure")]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("format", ["imagefolder", "fiftyone"])
def test_a_tree_of_classes(tmp_path, format, copy):
    photos, out = tmp_path / "photos", tmp_path / "out"
    _, batch = pool(photos, PATHS)
    before = contents(photos)
    expected = {"cat/a.png": bytes_of("a.png"), "dog/sub/b.png": bytes_of("sub/b.png")}
    if format == "fiftyone":
        expected["_unlabeled/c.png"] = bytes_of("c.png")
    for _ in range(2):  # the same again changes nothing
        made = export_to(format, out, photos, batch, LINES, copy=copy)
        assert (
            contents(out)
            == expected
            == {str(one.relative_to(out)): one.read_bytes() for one in made}
        )
        assert {path.is_symlink() for path in made} == {not copy}
        assert contents(photos) == before
    assert exchange.detect(out) == format
    assert exchange.read(out) == [
        Found("a.png", "cat", image=image_of("a.png")),
        Found("sub/b.png", "dog", image=image_of("sub/b.png")),
    ]


def test_torchvision_reads_the_same_classes(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    _, batch = pool(tmp_path / "photos", PATHS)
    export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, LINES)
    theirs = datasets.ImageFolder(tmp_path / "out")
    found = {
        os.path.relpath(path, tmp_path / "out"): theirs.classes[at] for path, at in theirs.samples
    }
    assert found == {"cat/a.png": "cat", "dog/sub/b.png": "dog"}


def test_an_interrupted_export_goes_on(tmp_path):
    _, batch = pool(tmp_path / "photos", PATHS)
    made = export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, LINES, copy=True)
    made[1].unlink()
    export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, LINES, copy=True)
    assert all(path.is_file() for path in made)


def changed(out):
    (out / "cat/a.png").write_bytes(b"painted over")


def added(out):
    (out / "cat/notes.txt").write_text("mine")


def linked(out):
    (out / "more").symlink_to(out / "cat")


def led_elsewhere(out):
    (out / "cat/a.png").unlink()
    (out / "cat/a.png").symlink_to(out / "dog/sub/b.png")


@pytest.mark.parametrize("change", [changed, added, linked, led_elsewhere])
@pytest.mark.parametrize("copy", [False, True])
def test_what_a_person_put_there_stays(tmp_path, change, copy):
    _, batch = pool(tmp_path / "photos", PATHS)
    out = tmp_path / "out"
    export_to("imagefolder", out, tmp_path / "photos", batch, LINES, copy=True)
    change(out)
    before = contents(out)
    with pytest.raises(UserError, match=r"is there already.*nothing is overwritten"):
        export_to("imagefolder", out, tmp_path / "photos", batch, LINES, copy=copy)
    assert contents(out) == before


def test_links_and_copies_are_not_mixed(tmp_path):
    _, batch = pool(tmp_path / "photos", PATHS)
    for first in (False, True):
        out = tmp_path / f"out{first}"
        export_to("imagefolder", out, tmp_path / "photos", batch, LINES, copy=first)
        with pytest.raises(UserError, match="is there already"):
            export_to("imagefolder", out, tmp_path / "photos", batch, LINES, copy=not first)


@pytest.mark.parametrize("name", ["a/b", "..", ".x", "_unlabeled", "_Unlabeled", "é" * 128])
def test_a_class_that_no_folder_can_be(tmp_path, name):
    _, batch = pool(tmp_path / "photos", PATHS)
    lines = [*MADE, {**MADE[0], "id": "m3", "class": "c3", "name": name}]
    with pytest.raises(UserError, match="rename the class"):
        export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, lines)
    assert not (tmp_path / "out").exists()


def test_an_image_that_is_missing(tmp_path):
    _, batch = pool(tmp_path / "photos", PATHS)
    (tmp_path / "photos/sub/b.png").unlink()
    with pytest.raises(UserError, match=r"sub/b\.png is missing"):
        export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, LINES)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["photos", "photos/sub/out", "link/out"])
def test_a_place_among_the_images(tmp_path, out):
    _, batch = pool(tmp_path / "photos", PATHS)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(UserError, match="among the images"):
        export_to("imagefolder", tmp_path / out, tmp_path / "photos", batch, LINES)
    assert len(contents(tmp_path / "photos")) == len(PATHS)


def test_a_place_that_is_a_file(tmp_path):
    _, batch = pool(tmp_path / "photos", PATHS)
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        export_to("imagefolder", tmp_path / "out", tmp_path / "photos", batch, LINES)
    assert (tmp_path / "out").read_text() == "mine"


def test_what_is_read_of_a_partly_sorted_folder(tmp_path):
    """Its own top is unsorted; hidden files, litter and links to folders are passed over."""
    pool(
        tmp_path / "photos",
        ["a.png", "cat/b.png", "cat/deep/c.png", ".x/d", "cat/.e", "cat/Thumbs.db"],
    )
    (tmp_path / "photos/dog").symlink_to(tmp_path / "photos/cat")
    found = exchange.read(tmp_path / "photos")
    assert [(one.path, one.answer) for one in found] == [("b.png", "cat"), ("deep/c.png", "cat")]


def test_what_is_no_tree(tmp_path):
    pool(tmp_path / "photos", ["a.png", ".hidden/b.png"])
    with pytest.raises(UserError, match="no subfolder"):
        exchange.read(tmp_path / "photos")
    for path in (tmp_path / "none", tmp_path / "photos/a.png"):
        with pytest.raises(UserError, match="is no folder"):
            exchange.read(path, "imagefolder")
    (tmp_path / "photos/cat").mkdir()
    (tmp_path / "photos/cat/x.png").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"x\.png cannot be read"):
        exchange.read(tmp_path / "photos")
    pool(tmp_path / "photos", ["cat\udcff/a.png"])
    (tmp_path / "photos/cat/x.png").unlink()
    with pytest.raises(UserError, match="no Unicode"):
        exchange.read(tmp_path / "photos")
