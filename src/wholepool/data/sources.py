"""Where each data set comes from: name -> training images (the pool), test images, labels.

`digits` ships inside scikit-learn. The others are torchvision's, in its own layout under
`data_dir`: found there, or downloaded with the checksums that torchvision publishes. Nothing is
unpacked before its archive's MD5 is verified, nor read before its own is: CIFAR's files are
pickles, which could run code. MD5 protects against damage and against another file in the place of
the published one, not against who made both the file and its published checksum.
"""

import dataclasses
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wholepool.job.errors import UserError
from wholepool.job.randomness import generator


@dataclass(frozen=True)
class Images:
    """Images uint8 (n, H, W, C) and labels int64 (n,) of the training and the test part."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    class_names: list[str]


@dataclass(frozen=True)
class Source:
    """How to load a data set, and what is known of it before it is there.

    `n` is the number of training images, `size` their height and width.
    """

    load: Callable[[Path], Images]
    n: int
    n_test: int
    size: int
    channels: int
    classes: int


SOURCES: dict[str, Source] = {}


def source(
    name: str, **known: int
) -> Callable[[Callable[[Path], Images]], Callable[[Path], Images]]:
    """Register a loader under the name that the config uses."""

    def register(load: Callable[[Path], Images]) -> Callable[[Path], Images]:
        SOURCES[name] = Source(load=load, **known)
        return load

    return register


DIGITS_TEST = 500


@source("digits", n=1297, n_test=DIGITS_TEST, size=16, channels=1, classes=10)
def digits(data_dir: Path) -> Images:
    """scikit-learn's 1,797 scanned digits (UCI), enlarged bilinearly from 8x8 to 16x16.

    Split once and for all, stratified, into 1,297 for the pool and 500 for the test.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data = load_digits()
    images = zoom(data.images, (1, 2, 2), order=1, mode="nearest", grid_mode=True)
    images = np.rint(images * (255 / 16)).astype(np.uint8)[..., None]
    test = stratified_subset(data.target, DIGITS_TEST, generator("digits", "test"))
    is_test = np.zeros(len(images), dtype=bool)
    is_test[test] = True
    return Images(
        train=images[~is_test],
        train_labels=data.target[~is_test],
        test=images[is_test],
        test_labels=data.target[is_test],
        class_names=[str(name) for name in data.target_names],
    )


@source("mnist", n=60000, n_test=10000, size=28, channels=1, classes=10)
def mnist(data_dir: Path) -> Images:
    """MNIST: handwritten digits, 28x28, gray."""
    return from_torchvision("MNIST", data_dir, dict(train=True), dict(train=False))


@source("fashion_mnist", n=60000, n_test=10000, size=28, channels=1, classes=10)
def fashion_mnist(data_dir: Path) -> Images:
    """Fashion-MNIST: articles of clothing, 28x28, gray."""
    return from_torchvision("FashionMNIST", data_dir, dict(train=True), dict(train=False))


@source("svhn", n=73257, n_test=26032, size=32, channels=3, classes=10)
def svhn(data_dir: Path) -> Images:
    """SVHN: cropped house numbers, 32x32, color, without the "extra" images."""
    return from_torchvision("SVHN", data_dir, dict(split="train"), dict(split="test"))


@source("cifar10", n=50000, n_test=10000, size=32, channels=3, classes=10)
def cifar10(data_dir: Path) -> Images:
    """CIFAR-10: photographs, 32x32, color."""
    return from_torchvision("CIFAR10", data_dir, dict(train=True), dict(train=False))


@source("cifar100", n=50000, n_test=10000, size=32, channels=3, classes=100)
def cifar100(data_dir: Path) -> Images:
    """CIFAR-100 with its 100 fine labels: photographs, 32x32, color."""
    return from_torchvision("CIFAR100", data_dir, dict(train=True), dict(train=False))


#: MD5 of the unpacked files, where torchvision checks only the archives that it downloads.
UNPACKED_MD5 = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def load(name: str, data_dir: Path) -> Images:
    """The images of a source, checked.

    Raises UserError if no pool can be made of them: not all of one size, or not one label each.
    """
    images, known = SOURCES[name].load(data_dir), SOURCES[name]
    where = f"source {name!r}"
    shapes = {part.shape[1:] for part in (images.train, images.test)}
    if images.train.ndim != 4 or images.test.ndim != 4 or len(shapes) > 1:
        raise UserError(
            f"{where} gives images of mixed sizes, {images.train.shape} to train on and "
            f"{images.test.shape} to test on: scale or crop all to one size, (n, height, width, "
            "channels)"
        )
    for part, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        if part.dtype != np.uint8:
            raise UserError(
                f"{where} gives images of {part.dtype}: convert them to uint8, 0 to 255"
            )
        if len(part) != len(labels):
            raise UserError(
                f"{where} gives {len(part)} images and {len(labels)} labels: it must give one "
                "label each"
            )
        bad = labels[(labels < 0) | (labels >= known.classes)]
        if len(bad):
            raise UserError(
                f"{where} gives label {bad[0]}, but has {known.classes} classes: labels must be 0 "
                f"to {known.classes - 1}"
            )
    return images


def from_torchvision(name: str, data_dir: Path, train: dict, test: dict) -> Images:
    """Read torchvision's data set `name`, downloading it only if it is not in `data_dir`.

    `train` and `test` are the arguments that select the parts. Raises UserError if the files are
    missing or damaged and cannot be downloaded.
    """
    if Path(data_dir).exists() and not Path(data_dir).is_dir():
        raise UserError(
            f"{data_dir} is a file, but data_dir must be a folder: move it away, or set data_dir "
            "to another"
        )
    for file, expected in UNPACKED_MD5.get(name, {}).items():
        path = Path(data_dir) / name / "raw" / file
        if path.exists():
            found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            if found != expected:
                raise UserError(
                    f"{path} is damaged: its MD5 is {found}, the published file's is {expected}. "
                    "Delete it and run the same command again"
                )
    old = Path(data_dir) / name / "processed"
    if name in UNPACKED_MD5 and (old / "training.pt").exists():
        raise UserError(
            f"{old} holds files of an old torchvision, which would be read in place of the "
            "published ones and have no published checksum: move that folder away and run the same "
            "command again"
        )
    dataset = getattr(importlib.import_module("torchvision.datasets"), name)
    parts = []
    for part in (train, test):
        try:
            parts.append(dataset(str(data_dir), download=False, **part))
        except RuntimeError:  # not there, or its checksum differs
            try:
                parts.append(dataset(str(data_dir), download=True, **part))
            except Exception as error:  # no network, a broken archive, a server's error page
                reason = " ".join(str(error).split())
                raise UserError(
                    f"{name} is missing: no complete copy (checksums included) was found in "
                    f"{Path(data_dir).resolve()}, and it could not be downloaded ({reason}). On a "
                    "machine with a network run the same command again; on one without, copy "
                    "torchvision's own folder for this data set there, or set data_dir to where "
                    "it is"
                ) from error
    images, labels = [], []
    for part in parts:
        array = np.asarray(part.data)
        if name == "SVHN":  # N, C, H, W
            array = array.transpose(0, 2, 3, 1)
        elif array.ndim == 3:  # gray: N, H, W
            array = array[..., None]
        images.append(np.ascontiguousarray(array))
        labels.append(np.asarray(part.labels if name == "SVHN" else part.targets, dtype=np.int64))
    classes = getattr(parts[0], "classes", [str(digit) for digit in range(10)])
    return Images(images[0], labels[0], images[1], labels[1], list(classes))


def stratified_subset(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` indices, ascending, int64 (size,), whose class shares follow those of `labels`.

    Shares are rounded by largest remainder, so their sum is exact.
    """
    classes, counts = np.unique(labels, return_counts=True)
    quota = counts * size / counts.sum()
    take = np.floor(quota).astype(int)
    remainder = np.argsort(take - quota, kind="stable")
    take[remainder[: size - take.sum()]] += 1
    chosen = [
        rng.choice(np.flatnonzero(labels == label), count, replace=False)
        for label, count in zip(classes, take, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def with_channels(images: Images, channels: int) -> Images:
    """The same grey images, (n, H, W, 1), with their channel repeated: (n, H, W, channels)."""
    return dataclasses.replace(
        images,
        train=np.repeat(images.train, channels, axis=3),
        test=np.repeat(images.test, channels, axis=3),
    )


def subset(
    labels: np.ndarray, size: int | None, sampling: str, rng: np.random.Generator
) -> np.ndarray:
    """The training images that make up the pool: ascending indices, int64.

    `size` None keeps all; `sampling` is "stratified" or "uniform". Raises UserError if `size`
    exceeds what there is.
    """
    n = len(labels)
    if size is None or size == n:
        return np.arange(n)
    if size > n:
        raise UserError(f"pool.size is {size}, but there are only {n} training images")
    if sampling == "stratified":
        return stratified_subset(labels, size, rng)
    return np.sort(rng.choice(n, size, replace=False))
