"""torchvision's data sets, in its own layout below `data_dir`: found there, or downloaded.

Nothing is unpacked before its archive's MD5 (torchvision publishes it) is verified, nor read before
its own is: CIFAR's files are pickles, which could run code. MD5 protects against damage and against
another file in the place of the published one, not against who made both the file and its published
checksum.
"""

import hashlib
import importlib
from pathlib import Path

import numpy as np

from wholepool.data.sources import Images
from wholepool.job.errors import UserError

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
