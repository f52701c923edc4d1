"""The source folder: image files as a pool, their subfolders as classes or not."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wholepool.data import behind
from wholepool.data.sources import files_behind, load
from wholepool.grid import sections
from wholepool.grid.config import fill
from wholepool.job import registry
from wholepool.job.errors import UserError

SECTION = sections.inline(registry.get("source", "folder"))


def put(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), (color,) * 3).save(path)


@pytest.fixture
def data(tmp_path):
    for name, color in {"dogs/a.png": 10, "cats/deep/b.png": 20, "cats/a.png": 30}.items():
        put(tmp_path / "photos" / name, color)
    for name, color in {"dogs/t.png": 40, "cats/t.png": 50}.items():
        put(tmp_path / "test" / name, color)
    return tmp_path


def settings(**given):
    full = fill({"name": "folder", "path": "photos", "size": 8, **given}, SECTION)
    return sections.own_of(full)


def loaded(data, **given):
    return load("folder", settings(**given), data)


def refused(data, **given):
    with pytest.raises(UserError) as caught:
        loaded(data, **given)
    return str(caught.value)


def colors(images):
    return images[:, 0, 0, 0].tolist()


def test_subfolders_are_the_classes(data):
    images = loaded(data, labels="folders")
    assert images.class_names == ["cats", "dogs"]
    assert colors(images.train) == [30, 20, 10]
    assert images.train_labels.tolist() == [0, 0, 1]
    assert images.train.shape == (3, 8, 8, 3)
    assert len(images.test) == 0 and images.test_labels is None


def test_a_test_folder_has_the_same_classes(data):
    images = loaded(data, labels="folders", test="test")
    assert colors(images.test) == [50, 40] and images.test_labels.tolist() == [0, 1]
    (data / "photos" / "dogs" / "a.png").unlink()
    assert (
        "the images in the subfolder 'dogs' (1) are of no known class; known: cats: rename it"
        in (refused(data, labels="folders", test="test"))
    )
    named = loaded(data, labels="folders", test="test", classes=["dogs", "cats"])
    assert named.test_labels.tolist() == [1, 0] and named.train_labels.tolist() == [1, 1]


def test_without_labels_there_is_no_truth(data):
    images = loaded(data, classes=["x", "y", "z"])
    assert images.train_labels is None and images.class_names == ["x", "y", "z"]
    assert colors(images.train) == [30, 20, 10]


def test_classes_may_be_numbers(data):
    (data / "photos" / "dogs").rename(data / "photos" / "7")
    images = loaded(data, labels="folders", classes=["cats", 7])
    assert images.class_names == ["cats", "7"] and images.train_labels.tolist() == [1, 0, 0]


def test_without_labels_the_classes_may_be_those_of_the_test(data):
    images = loaded(data, test="test")
    assert images.train_labels is None and images.class_names == ["cats", "dogs"]
    assert images.test_labels.tolist() == [0, 1]


def test_without_labels_and_test_the_classes_must_be_named(data):
    assert "name them, as in classes: [cat, dog]" in refused(data)


def test_without_labels_images_may_lie_anywhere(data):
    put(data / "photos" / "loose.png", 90)
    assert colors(loaded(data, classes=["x"]).train) == [30, 20, 10, 90]
    put(data / "photos" / "copy.png", 10)
    put(data / "photos" / "cats" / "copy.png", 10)
    assert len(loaded(data, classes=["x"]).train) == 4


def test_an_image_in_no_subfolder_is_named_with_the_remedy(data):
    put(data / "photos" / "loose, 1.png", 90)
    put(data / "photos" / "loose 2.png", 91)
    said = refused(data, labels="folders")
    assert "'loose 2.png' (and 1 more) lies in no subfolder" in said
    assert "move it into the subfolder of its class" in said and "labels: none" in said


def test_copies_in_one_class_are_one_image_and_in_two_are_refused(data):
    put(data / "photos" / "dogs" / "copy.png", 10)
    assert colors(loaded(data, labels="folders").train) == [30, 20, 10]
    put(data / "photos" / "cats" / "copy.png", 10)
    said = refused(data, labels="folders")
    assert "byte-identical files lie in two classes: " in said
    assert "'cats/copy.png' = 'dogs/a.png' = 'dogs/copy.png': delete all but the right" in said


def test_a_class_in_the_wrong_spelling_is_told_with_what_was_meant(data):
    said = refused(data, labels="folders", classes=["cat", "dogs"])
    assert "the images in the subfolder 'cats' (2) are of no known class; did you mean cat?" in said


def test_an_image_to_test_on_is_never_in_the_pool(data, caplog):
    put(data / "photos" / "a leak.png", 40)  # the first by path
    with caplog.at_level(logging.WARNING, logger="wholepool"):
        images = loaded(data, test="test")
    assert colors(images.train) == [30, 20, 10]
    assert ": 1 of its images: " in caplog.text and "'a leak.png'" in caplog.text


def test_the_test_may_lie_in_the_folder(data, caplog):
    (data / "test").rename(data / "photos" / "test")
    with caplog.at_level(logging.WARNING, logger="wholepool"):
        images = loaded(data, labels="folders", test="photos/test")
    assert caplog.text == ""  # they are no images of the pool that are left out
    assert images.class_names == ["cats", "dogs"] and len(images.train) == 3
    assert len(images.test) == 2


def test_what_gives_no_image_is_logged(data, caplog):
    for number in range(7):
        (data / "photos" / f"notes {number}.txt").write_text("text")
    with caplog.at_level(logging.WARNING, logger="wholepool"):
        images = loaded(data, labels="folders")
    assert len(images.train) == 3
    assert "7 files or folders below" in caplog.text and ", and 2 more" in caplog.text
    assert "'notes 0.txt' (not an image of a kind" in caplog.text
    assert "notes 5" not in caplog.text


def test_a_folder_without_images_is_refused(data):
    (data / "empty").mkdir()
    assert "empty holds no image that can be read: name the" in refused(data, path="empty")
    (data / "empty" / "a.txt").write_text("text")
    assert "can be read, but 1 other files: name the" in refused(data, path="empty")
    assert "nowhere: the folder of images is not there" in refused(data, path="nowhere")
    assert "nowhere: the folder of images is not there" in refused(data, test="nowhere")


@pytest.mark.parametrize("where", ["relative", "absolute", "home", "variable"])
def test_where_the_folder_is(data, monkeypatch, where):
    monkeypatch.setenv("HOME", str(data))
    monkeypatch.setenv("PICTURES", str(data))
    path = {"relative": "photos", "absolute": str(data / "photos"), "home": "~/photos"}
    here = data if where == "relative" else Path("elsewhere")
    given = path.get(where, "$PICTURES/photos")
    assert len(load("folder", settings(path=given, classes=["x"]), here).train) == 3


def test_a_change_in_either_folder_is_noticed(data):
    listed = files_behind("folder", settings(test="test"), data)
    assert listed == ["photos", "test"]
    found = behind.prints(listed, data)
    assert list(found) == [
        *("photos/cats/a.png", "photos/cats/deep/b.png", "photos/dogs/a.png"),
        *("test/cats/t.png", "test/dogs/t.png"),
    ]
    assert files_behind("folder", settings(), data) == ["photos"]


def test_the_section_is_checked():
    validator = registry.get("source", "folder").section
    assert validator["required"] == ["path"]
    defaults = settings()
    assert (defaults["labels"], defaults["classes"], defaults["test"]) == ("none", None, None)
    assert SECTION["properties"]["size"]["default"] == 160


def test_odd_names_and_unreadable_files_do_not_stop_the_record_of_files(data, monkeypatch):
    """The stage data writes their names as UTF-8, and their digests."""
    os.mkfifo(data / "photos" / "pipe.png")
    (data / "photos" / "loop").symlink_to(data / "photos")
    with open(os.fsencode(data / "photos") + b"/na\xefve.png", "wb") as file:
        file.write(b"x")
    put(data / "photos" / "denied.png", 99)
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, how: "denied" not in str(path) and allowed(path, how)
    )
    found = behind.prints(["photos"], data)
    for name in found:
        name.encode("utf-8")
    assert len(found) == 3
    assert len(loaded(data, classes=["x"]).train) == 4


def test_the_pool_is_the_same_to_the_byte_each_time(data):
    one, two = (loaded(data, labels="folders") for _ in range(2))
    np.testing.assert_array_equal(one.train, two.train)
