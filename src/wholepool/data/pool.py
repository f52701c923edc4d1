"""The pool: every image that could be labeled, as one memory-mapped array, without labels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.job.errors import ANEW, UserError
from wholepool.job.files import load_array, read_object, write_array, write_json

#: what a pool's description must hold to be read
DESCRIPTION = (
    *("dataset", "n", "height", "width", "channels", "classes", "class_names", "mean", "std"),
    *("fingerprint", "source"),
)


@dataclass(frozen=True)
class Pool:
    """Images uint8 (n, H, W, C) and what is publicly known of them.

    `mean` and `std` are per channel, in units of the full range (0 to 1). `fingerprint` is the
    SHA-256 of the images and their shape; index sets carry it, so that a label file cannot be
    used with another pool. `source` is where the images come from: random draws are keyed by it,
    not by the data set's name, so that two variants of one source are compared on equal draws.
    """

    images: np.ndarray
    dataset: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    source: str = ""

    @property
    def n(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def channels(self) -> int:
        return self.images.shape[3]


def fingerprint(images: np.ndarray) -> str:
    """SHA-256, in hexadecimal, of a uint8 array's shape and bytes."""
    digest = hashlib.sha256(repr(images.shape).encode())
    for block in np.array_split(images, max(1, images.nbytes // 2**26)):
        digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel, float64 (C,), of uint8 images scaled to [0, 1].

    They come from the histogram of the 256 values, hence exactly and in one pass. A constant
    channel gets a standard deviation of 1, so that normalizing it divides by no zero.
    """
    values = np.arange(256) / 255
    mean, std = [], []
    for channel in range(images.shape[3]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        share = counts / counts.sum()
        average = float(share @ values)
        spread = float(np.sqrt(share @ (values - average) ** 2))
        mean.append(average)
        std.append(spread or 1.0)
    return np.array(mean), np.array(std)


def write_pool(
    images_path: str | Path,
    info_path: str | Path,
    images: np.ndarray,
    dataset: str,
    class_names: list[str],
    test_size: int,
    mean: list[float] | None = None,
    std: list[float] | None = None,
    source: str = "",
) -> Pool:
    """Write a pool's images (.npy) and its description (.json).

    `images` are uint8 (n, H, W, C). `mean` and `std` default to the pool's own
    (`channel_statistics`). `test_size` is kept in the description.
    """
    own_mean, own_std = channel_statistics(images)
    pool = Pool(
        images=images,
        dataset=dataset,
        class_names=tuple(class_names),
        mean=tuple(mean or own_mean.tolist()),
        std=tuple(std or own_std.tolist()),
        fingerprint=fingerprint(images),
        source=source or dataset,
    )
    for name, value in (("mean", pool.mean), ("std", pool.std)):
        if len(value) != pool.channels:
            raise UserError(
                f"pool.{name} has {len(value)} values, but images of {dataset} have "
                f"{pool.channels} channel(s): give one per channel, or leave it null"
            )
    n, height, width, channels = images.shape
    description = {
        "dataset": dataset,
        "n": n,
        "n_test": test_size,
        "height": height,
        "width": width,
        "channels": channels,
        "classes": pool.classes,
        "class_names": list(pool.class_names),
        "mean": list(pool.mean),
        "std": list(pool.std),
        "fingerprint": pool.fingerprint,
        "source": pool.source,
    }
    write_array(images_path, images)
    write_json(info_path, description)
    return pool


def expected(info: dict[str, Any], name: str) -> int:
    """How many values a list in a pool's description has."""
    return info["classes"] if name == "class_names" else info["channels"]


def read_pool(images_path: str | Path, info_path: str | Path) -> Pool:
    """Open a pool. The images are memory-mapped, read-only.

    Raises UserError if one is missing or torn, or if the two do not belong together.
    """
    info = read_object(info_path, *DESCRIPTION)
    wrong = [
        name for name in ("mean", "std", "class_names") if len(info[name]) != expected(info, name)
    ]
    if wrong:
        raise UserError(
            f"{info_path}: {wrong[0]} has {len(info[wrong[0]])} values, not "
            f"{expected(info, wrong[0])}: {ANEW}"
        )
    images = load_array(images_path, mapped=True)
    shape = (info["n"], info["height"], info["width"], info["channels"])
    if images.shape != shape or images.dtype != np.uint8:
        raise UserError(
            f"{images_path} holds {images.dtype} {images.shape}, but {info_path} describes uint8 "
            f"{shape}: delete both, and the data stage makes them anew"
        )
    return Pool(
        images=images,
        dataset=info["dataset"],
        class_names=tuple(info["class_names"]),
        mean=tuple(info["mean"]),
        std=tuple(info["std"]),
        fingerprint=info["fingerprint"],
        source=info["source"],
    )
