"""What a source gives: taken as it is meant where that is clear, else refused with the remedy."""

from collections import Counter
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from wholepool.job.errors import UserError

#: more channels than any image has, so that a first axis of at most these may be the channels
FEW = 4


@dataclass(frozen=True)
class Images:
    """What a source gives: images uint8 (n, H, W, C) to train on and to test on, and their labels.

    Gray images may lack the last axis, and lists may stand for arrays. Labels are whole numbers
    (n,), 0 to c - 1, in the order of `class_names`; None where there is no truth. `test` is None
    where there is no test set.
    """

    train: np.ndarray
    train_labels: np.ndarray | None
    test: np.ndarray | None
    test_labels: np.ndarray | None
    class_names: list[str]


def meant(given: Any, where: str) -> Images:
    """The images of a source, which `where` names, as arrays.

    Images uint8 (n, H, W, C), labels int64 (n,), names text; `test` is (0, H, W, C) where there is
    no test set. Raises UserError if no pool can be made of them.
    """
    if not isinstance(given, Images):
        raise UserError(
            f"{where} gives a {type(given).__name__}: its function read must return "
            "Images(train, train_labels, test, test_labels, class_names), of wholepool.data.sources"
        )
    names = names_of(given.class_names, where)
    train = images_of(given.train, "to train on", where)
    if empty(given.test):
        test, test_labels = train[:0], None
        if not empty(given.test_labels):
            raise UserError(
                f"{where} gives no image to test on, but labels: give both, or None for both"
            )
    else:
        test = images_of(given.test, "to test on", where)
        if train.shape[1:] != test.shape[1:]:
            raise UserError(
                f"{where} gives images of mixed sizes, {train.shape} to train on and {test.shape} "
                "to test on: scale or crop all to one size, (n, height, width, channels)"
            )
        test_labels = labels_of(given.test_labels, len(test), names, where)
    return Images(train, labels_of(given.train_labels, len(train), names, where), test,
                  test_labels, names)  # fmt: skip


def empty(given: Any) -> bool:
    """Whether it is None, or holds nothing."""
    return given is None or (hasattr(given, "__len__") and len(given) == 0)


def names_of(given: Any, where: str) -> list[str]:
    """The names of the classes as text; UserError unless there are some, each another."""
    if not isinstance(given, list | tuple | np.ndarray) or len(given) == 0:
        raise UserError(
            f"{where} gives class_names = {str(given)[:60]!r}: it must be a list with a name for "
            'each class, such as ["cat", "dog"]'
        )
    for name in given:
        if not isinstance(name, str | Integral) or isinstance(name, bool):
            raise UserError(
                f"{where} gives the class name {str(name)[:60]!r} of type {type(name).__name__}: "
                "names must be text, or whole numbers"
            )
    names = [str(name) for name in given]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise UserError(
            f"{where} gives the class name {name!r} twice: give each class a name of its own"
        )
    return names


def images_of(given: Any, what: str, where: str) -> np.ndarray:
    """Images as uint8 (n, H, W, C), n >= 1; `what` they are for, in words."""
    try:
        array = np.asarray(given)
    except ValueError:  # rows of several lengths
        array = np.empty(0, dtype=object)
    if empty(given) or (array.size == 0 and array.dtype != object):
        raise UserError(
            f"{where} gives no image {what}, but {'None' if given is None else array.shape}: look "
            "for them where its function read does, and whether data_dir is the right folder"
        )
    if array.dtype == object:
        raise UserError(
            f"{where} gives images of mixed sizes {what}: scale or crop all to one size, "
            "(n, height, width, channels)"
        )
    if array.ndim not in (3, 4):
        raise UserError(
            f"{where} gives images {array.shape} {what}: they must be (n, height, width, channels)"
            ", or (n, height, width) if they are gray"
        )
    if array.dtype != np.uint8:
        raise UserError(f"{where} gives images of {array.dtype}: convert them to uint8, 0 to 255")
    if array.ndim == 3:
        array = array[..., None]
    _, height, width, channels = array.shape
    if height <= FEW < min(width, channels):
        raise UserError(
            f"{where} gives images {array.shape} {what}, which are {height} pixels high and have "
            f"{channels} channels: channels must come last, (n, height, width, channels), by "
            "images.transpose(0, 2, 3, 1)"
        )
    return array


def labels_of(given: Any, n: int, names: list[str], where: str) -> np.ndarray | None:
    """The labels of `n` images, int64 (n,); None where there are none.

    Raises UserError unless each is the place of a name: a whole number, 0 to c - 1.
    """
    if given is None:
        return None
    try:
        array = np.asarray(given)
    except ValueError:
        array = np.asarray(given, dtype=object)
    if array.ndim != 1:
        of_columns = "labels.argmax(axis=1)" if array.ndim == 2 else "labels.reshape(-1)"
        remedy = "labels[:, 0]" if array.shape[1:] == (1,) else of_columns
        one_hot = ", as if one-hot" if array.shape[1:] == (len(names),) else ""
        raise UserError(
            f"{where} gives labels {array.shape}{one_hot}: it must give one whole number for each "
            f"image, by {remedy}"
        )
    if len(array) != n:
        raise UserError(
            f"{where} gives {n} images and {len(array)} labels: it must give one label each"
        )
    if not np.issubdtype(array.dtype, np.integer):
        odd = next((one for one in array.tolist() if not isinstance(one, int) or one is True
                    or one is False), None)  # fmt: skip
        remedy = "[class_names.index(label) for label in labels]"
        if array.dtype.kind in "fb":
            remedy = "labels.astype(int); where there is no truth at all, give None for the labels"
        raise UserError(
            f"{where} gives the label {str(odd)[:60]!r}, of type {type(odd).__name__}: a label is "
            f"the place of its class in class_names, 0 to {len(names) - 1}, by {remedy}"
        )
    bad = array[(array < 0) | (array >= len(names))]
    if len(bad):
        raise UserError(
            f"{where} gives label {bad[0]}, but has {len(names)} classes: labels must be 0 "
            f"to {len(names) - 1}"
        )
    return array.astype(np.int64)
