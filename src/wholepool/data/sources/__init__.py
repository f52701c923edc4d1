"""Where images come from, one file each: a source is a function of its settings.

    KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 10}

    def read(settings, data_dir) -> Images: ...

KNOWN is what is known before the images are there, if anything is: from it the grid is checked, and
its cost told, before any job runs. `settings` are the source's own section.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.job import registry
from wholepool.job.errors import UserError


@dataclass(frozen=True)
class Images:
    """What a source gives: images uint8 (n, H, W, C) to train on and to test on, and their labels.

    Labels are int (n,), 0 to c - 1, in the order of `class_names`; None where there is no truth.
    `test` is None where there is no test set.
    """

    train: np.ndarray
    train_labels: np.ndarray | None
    test: np.ndarray | None
    test_labels: np.ndarray | None
    class_names: list[str]


def load(name: str, settings: Mapping[str, Any], data_dir: Path) -> Images:
    """The images of a source, checked; `test` is empty, (0, H, W, C), where there are none.

    Raises UserError if no pool can be made of them: not all of one size, not one label each, or
    not what the source says of itself.
    """
    plugin = registry.get("source", name)
    where = f"source {name!r}"
    images: Images = plugin.load().read(settings, data_dir)
    if images.test is None:
        images = replace(images, test=images.train[:0], test_labels=None)
    assert images.test is not None
    shapes = {part.shape[1:] for part in (images.train, images.test)}
    if images.train.ndim != 4 or images.test.ndim != 4 or len(shapes) > 1:
        raise UserError(
            f"{where} gives images of mixed sizes, {images.train.shape} to train on and "
            f"{images.test.shape} to test on: scale or crop all to one size, (n, height, width, "
            "channels)"
        )
    classes = len(images.class_names)
    for part, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        if part.dtype != np.uint8:
            raise UserError(
                f"{where} gives images of {part.dtype}: convert them to uint8, 0 to 255"
            )
        if labels is None:
            continue
        if len(part) != len(labels):
            raise UserError(
                f"{where} gives {len(part)} images and {len(labels)} labels: it must give one "
                "label each"
            )
        bad = labels[(labels < 0) | (labels >= classes)]
        if len(bad):
            raise UserError(
                f"{where} gives label {bad[0]}, but has {classes} classes: labels must be 0 "
                f"to {classes - 1}"
            )
    n, size, _, channels = images.train.shape
    given = {"n": n, "n_test": len(images.test), "size": size, "channels": channels}
    given["classes"] = classes
    for key, known in plugin["KNOWN"].items():
        if given.get(key) != known:
            raise UserError(
                f"{where} gives {key} = {given.get(key)}, but {plugin.path} says {known} (KNOWN): "
                "mend what is wrong of the two"
            )
    return images


def with_channels(images: Images, channels: int) -> Images:
    """The same grey images, (n, H, W, 1), with their channel repeated: (n, H, W, channels)."""
    assert images.test is not None
    train, test = (np.repeat(part, channels, axis=3) for part in (images.train, images.test))
    return replace(images, train=train, test=test)
