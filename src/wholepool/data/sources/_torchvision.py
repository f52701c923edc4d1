"""torchvision's data sets, in its own layout below `data_dir`: found there, or downloaded.

No archive is unpacked, and no file read, before its published MD5 is verified: CIFAR's files are
pickles, which could run code. MD5 protects against damage and exchanged files, but not against
whoever published both a file and its checksum.
"""

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def from_torchvision(name: str, settings: Mapping[str, Any], data_dir: Path) -> Images:
    """Read torchvision's data set `name`, downloading it only if it is not in `data_dir`.

    Raises UserError if the files are missing or damaged and cannot be downloaded.
    """
    if data_dir.exists() and not data_dir.is_dir():
        raise UserError(
            f"{data_dir} is a file, but data_dir must be a folder: move it away, or set data_dir "
            "to another"
        )
    for file, expected in UNPACKED_MD5.get(name, {}).items():
        path = data_dir / name / "raw" / file
        if not path.exists():
            continue
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise UserError(
                f"{path} is damaged: its MD5 is {found}, the published file's is {expected}. "
                "Delete it and run the same command again"
            )
    old = data_dir / name / "processed"
    if name in UNPACKED_MD5 and (old / "training.pt").exists():
        raise UserError(
            f"{old} holds files of an old torchvision, which would be read in place of the "
            "published ones and have no published checksum: move that folder away and run the same "
            "command again"
        )
    dataset = getattr(importlib.import_module("torchvision.datasets"), name)
    parts = []
    for part in ("train", "test"):
        which = {"split": part} if name == "SVHN" else {"train": part == "train"}
        try:
            parts.append(dataset(str(data_dir), download=False, **which))
        except RuntimeError:  # not there, or its checksum differs
            try:
                parts.append(dataset(str(data_dir), download=True, **which))
            except Exception as error:  # no network, a broken archive, a server's error page
                reason = " ".join(str(error).split())
                raise UserError(
                    f"{name} is missing: no complete copy (checksums included) was found in "
                    f"{data_dir.resolve()}, and it could not be downloaded ({reason}). On a "
                    "machine with a network run the same command again; on one without, copy "
                    "torchvision's own folder for this data set there, or set data_dir to where "
                    "it is"
                ) from error
    arrays = []
    for part in parts:
        images = np.asarray(part.data)
        if name == "SVHN":  # N, C, H, W
            images = images.transpose(0, 2, 3, 1)
        elif images.ndim == 3:  # gray: N, H, W
            images = images[..., None]
        labels = part.labels if name == "SVHN" else part.targets
        arrays.append((np.ascontiguousarray(images), np.asarray(labels, dtype=np.int64)))
    classes = list(getattr(parts[0], "classes", "0123456789"))
    return Images(*arrays[0], *arrays[1], classes)
