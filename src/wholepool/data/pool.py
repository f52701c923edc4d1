"""The pool: every image that could be labeled, as one memory-mapped array, without labels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.job.errors import AGAIN, UserError
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

    They come from the histogram of the 256 values: exactly, and in one pass. A constant channel
    gets a standard deviation of 1, so that normalizing it divides by no zero.
    """
    values = np.arange(256) / 255
    found = []
    for channel in range(images.shape[3]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        share = counts / counts.sum()
        mean = share @ values
        found.append((mean, np.sqrt(share @ (values - mean) ** 2) or 1.0))
    mean, std = np.array(found).T
    return mean, std


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

    `images` are uint8 (n, H, W, C); `mean` and `std` default to their own (`channel_statistics`).
    `test_size` is kept in the description. Raises UserError unless they are per channel.
    """
    own_mean, own_std = channel_statistics(images)
    pool = Pool(
        images,
        dataset,
        tuple(class_names),
        tuple(mean or own_mean.tolist()),
        tuple(std or own_std.tolist()),
        fingerprint(images),
        source or dataset,
    )
    for name, value in (("mean", pool.mean), ("std", pool.std)):
        if len(value) != pool.channels:
            raise UserError(
                f"pool.{name} has {len(value)} values, but images of {dataset} have "
                f"{pool.channels} channel(s): give one per channel, or leave it null"
            )
    n, height, width, channels = images.shape
    shape = {"n": n, "n_test": test_size, "height": height, "width": width, "channels": channels}
    own = {name: value for name, value in vars(pool).items() if name != "images"}
    write_array(images_path, images)
    write_json(info_path, shape | own | {"classes": pool.classes})
    return pool


def read_pool(images_path: str | Path, info_path: str | Path) -> Pool:
    """Open a pool. The images are memory-mapped, read-only.

    Raises UserError if one is missing or torn, or if the two do not belong together.
    """
    info = read_object(info_path, *DESCRIPTION)
    sizes = {"mean": "channels", "std": "channels", "class_names": "classes"}
    for name, size in sizes.items():
        if len(info[name]) != info[size]:
            raise UserError(
                f"{info_path}: {name} has {len(info[name])} values, not {info[size]}: {AGAIN}"
            )
    images = load_array(images_path, mapped=True)
    shape = (info["n"], info["height"], info["width"], info["channels"])
    if images.shape != shape or images.dtype != np.uint8:
        raise UserError(
            f"{images_path} holds {images.dtype} {images.shape}, but {info_path} describes uint8 "
            f"{shape}: delete both and run the same command again"
        )
    known: dict[str, Any] = {name: tuple(info[name]) for name in sizes}
    known |= {name: info[name] for name in ("dataset", "fingerprint", "source")}
    return Pool(images, **known)
