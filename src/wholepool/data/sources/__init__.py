"""Where images come from, one file each: a source is a function of its settings.

    KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 10}

    def read(settings, data_dir) -> Images: ...

    def files(settings, data_dir) -> list[Path]: ...    it may define: which it reads
    def grown(settings, data_dir, kept): ...            where people are asked: see folder.py

KNOWN is what is known before the images are there, if anything is: from it the grid is checked, and
its cost told, before any job runs; it is compared with what is given. n and n_test count images,
size is the height and the width in pixels. `settings` are the source's own section. When one of
its files changes, or comes into one of its folders, the pool is made again.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.behind import listed
from wholepool.data.images import Images as Images
from wholepool.data.images import meant
from wholepool.job import registry
from wholepool.job.errors import UserError


def load(name: str, settings: Mapping[str, Any], data_dir: Path) -> Images:
    """The images of a source as arrays; `test` is empty, (0, H, W, C), where there are none.

    Raises UserError if no pool can be made of them (see `meant`), or if they are not what the
    source says of itself.
    """
    plugin = registry.get("source", name)
    return as_said(plugin, plugin.load().read(settings, data_dir))


def grown(
    name: str, settings: Mapping[str, Any], data_dir: Path, kept: Path
) -> tuple[Images, Any, Any]:
    """As `load`; and which file each image is, and which files gave none: see sources/folder.py."""
    plugin = registry.get("source", name)
    images, listed, refused = plugin.load().grown(settings, data_dir, kept)
    return as_said(plugin, images), listed, refused


def as_said(plugin: registry.Plugin, given: Any) -> Images:
    """The images of a source, checked: see `load`."""
    where = f"source {plugin.name!r}"
    images = meant(given, f"{plugin.path}: {where}")
    for key, known in plugin["KNOWN"].items():
        given = facts(images)[key]
        if given != known:
            raise UserError(
                f"{where} gives {key} = {given}, but {plugin.path} says {known} (KNOWN): "
                "mend what is wrong of the two"
            )
    return images


def files_behind(name: str, settings: Mapping[str, Any], data_dir: Path) -> list[str]:
    """The files and folders that a source says it reads; see data/behind.py."""
    plugin = registry.get("source", name)
    return listed(plugin.load(), settings, data_dir, f"{plugin.path}: source {name!r}")


def facts(images: Images) -> dict[str, Any]:
    """Of images what a source may know of itself, by KNOWN's keys."""
    assert images.test is not None
    n, height, width, channels = images.train.shape
    return {
        "n": n,
        "n_test": len(images.test),
        "size": height if height == width else f"{height} x {width}",
        "channels": channels,
        "classes": len(images.class_names),
    }


def with_channels(images: Images, channels: int) -> Images:
    """The same grey images, (n, H, W, 1), with their channel repeated: (n, H, W, channels)."""
    assert images.test is not None
    train, test = (np.repeat(part, channels, axis=3) for part in (images.train, images.test))
    return replace(images, train=train, test=test)
