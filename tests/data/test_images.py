"""What a source gives in odd forms: taken as it is meant, or refused with value and remedy."""

import numpy as np
import pytest

from wholepool.data.images import Images, meant
from wholepool.job.errors import UserError

TRAIN = np.arange(6 * 5 * 5, dtype=np.uint8).reshape(6, 5, 5, 1)
LABELS = np.array([0, 1, 0, 1, 0, 1])


def given(train=TRAIN, labels=LABELS, test=TRAIN[:2], test_labels=LABELS[:2], names=("a", "b")):
    return Images(train, labels, test, test_labels, names)


def taken(**changes):
    return meant(given(**changes), "source 'odd'")


def refused(**changes):
    with pytest.raises(UserError) as caught:
        taken(**changes)
    said = str(caught.value)
    assert said.startswith("source 'odd' gives ")
    return said


PLAIN = meant(given(), "")


def same(found):
    """As if all had been given as it should be."""
    for name in ("train", "train_labels", "test", "test_labels"):
        array, wanted = getattr(found, name), getattr(PLAIN, name)
        assert array.dtype == wanted.dtype
        np.testing.assert_array_equal(array, wanted)
    assert found.class_names == PLAIN.class_names


def test_what_is_as_it_should_be_is_left_so():
    assert PLAIN.train is TRAIN
    assert PLAIN.train_labels.dtype == PLAIN.test_labels.dtype == np.int64
    assert PLAIN.class_names == ["a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": LABELS.tolist(), "test_labels": tuple(LABELS[:2])},
        {"labels": list(LABELS)},
        {"labels": LABELS.astype(np.uint8), "test_labels": LABELS[:2].astype(np.int16)},
        {"labels": LABELS.astype(np.uint64)},
        {"train": list(TRAIN), "test": list(TRAIN[:2])},
        {"train": TRAIN[..., 0], "test": TRAIN[:2, ..., 0]},
        {"train": TRAIN[..., 0]},
        {"names": np.array(["a", "b"])},
    ],
)
def test_what_is_clear_is_taken_as_it_is_meant(changes):
    same(taken(**changes))


@pytest.mark.parametrize("names", [[3, 7], np.array([3, 7]), [np.int64(3), np.str_("7")]])
def test_whole_numbers_are_names(names):
    found = taken(names=names).class_names
    assert found == ["3", "7"] and [type(name) for name in found] == [str, str]


@pytest.mark.parametrize("test", [None, [], np.empty(0), np.empty((0, 5, 5, 1), np.uint8)])
@pytest.mark.parametrize("labels", [None, [], np.empty(0)])
def test_an_empty_test_set_is_none(test, labels):
    found = taken(test=test, test_labels=labels)
    assert found.test.shape == (0, 5, 5, 1) and found.test.dtype == np.uint8
    assert found.test_labels is None


def test_labels_for_no_test_images_are_refused():
    assert "no image to test on, but labels: give both" in refused(test=None)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.eye(2, dtype=int)[LABELS], ("(6, 2), as if one-hot", "labels.argmax(axis=1)")),
        (np.eye(2)[LABELS].tolist(), ("(6, 2), as if one-hot", "labels.argmax(axis=1)")),
        (LABELS[:, None], ("(6, 1)", "by labels[:, 0]")),
        (np.array(1), ("labels ()", "labels.reshape(-1)")),
        (1, ("labels ()", "one whole number for each image")),
        (["a", "b"] * 3, ("the label 'a', of type str", "class_names.index(label)")),
        ([b"a", b"b"] * 3, ("the label", "of type bytes", "class_names.index(label)")),
        ([0, 1, None, 1, 0, 1], ("the label 'None', of type NoneType", "0 to 1")),
        ([0, 1, [0, 1], 1, 0, 1], ("the label '[0, 1]', of type list",)),
        (LABELS.astype(float), ("the label '0.0', of type float", "labels.astype(int)")),
        (LABELS * np.nan, ("the label 'nan', of type float", "give None for the labels")),
        (LABELS.astype(bool), ("of type bool", "labels.astype(int)")),
        ([True, False] * 3, ("the label 'True', of type bool", "labels.astype(int)")),
        (LABELS + 1, ("label 2, but has 2 classes", "0 to 1")),
        (LABELS - 1, ("label -1, but has 2 classes",)),
        ([], ("6 images and 0 labels", "one label each")),
        (LABELS[:5], ("6 images and 5 labels",)),
    ],
)
def test_labels_that_are_no_places_of_names_are_refused(labels, words):
    said = refused(labels=labels)
    assert all(word in said for word in words), said


def test_test_labels_are_looked_at_too():
    assert "as if one-hot" in refused(test_labels=np.eye(2)[LABELS[:2]])


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (np.zeros((6, 3, 8, 8), np.uint8), ("(6, 3, 8, 8)", "transpose(0, 2, 3, 1)")),
        (np.zeros((6, 1, 28, 28), np.uint8), ("28 channels", "transpose(0, 2, 3, 1)")),
        (np.zeros((0, 5, 5, 1), np.uint8), ("no image to train on", "(0, 5, 5, 1)", "data_dir")),
        (np.zeros((6, 0, 5, 1), np.uint8), ("no image to train on", "data_dir")),
        ([], ("no image to train on, but (0,)", "data_dir")),
        (None, ("no image to train on, but None", "data_dir")),
        (np.zeros((6, 25), np.uint8), ("images (6, 25)", "(n, height, width) if they are gray")),
        (TRAIN / 255, ("images of float64", "uint8, 0 to 255")),
        (TRAIN.astype(np.uint16), ("images of uint16",)),
        (TRAIN > 3, ("images of bool",)),
        ([TRAIN[0], TRAIN[1, :4]], ("mixed sizes", "one size")),
        ([TRAIN[0], TRAIN[1, :, :4]], ("mixed sizes", "one size")),
        (["a.png", "b.png"], ("images (2,)",)),
    ],
)
def test_images_that_are_none_are_refused(train, words):
    said = refused(train=train)
    assert all(word in said for word in words), said


def test_images_of_many_channels_and_few_pixels_are_no_channels_first():
    taken(train=np.zeros((6, 8, 8, 12), np.uint8), test=None, test_labels=None)
    taken(train=np.zeros((6, 4, 4, 3), np.uint8), test=None, test_labels=None)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, ("class_names = 'None'", "a list")),
        ("ab", ("class_names = 'ab'", "a list")),
        ({"a": 0, "b": 1}, ("class_names", "a list")),
        ([], ("class_names = '[]'", "a name for each class")),
        (["a", None], ("class name 'None' of type NoneType", "must be text")),
        (["a", 1.5], ("class name '1.5' of type float",)),
        ([True, False], ("class name 'True' of type bool",)),
        (np.eye(2), ("of type ndarray", "must be text")),
        (["a", "a"], ("the class name 'a' twice",)),
        ([1, "1"], ("the class name '1' twice",)),
    ],
)
def test_names_that_are_none_are_refused(names, words):
    said = refused(names=names)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("other", [None, (TRAIN, LABELS), {"train": TRAIN}])
def test_another_thing_than_images_is_refused(other):
    with pytest.raises(UserError, match=r"gives a \w+: its function read must return Images\("):
        meant(other, "source 'odd'")
