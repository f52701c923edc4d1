"""CIFAR-100 with its 100 fine labels: photographs, 32x32, color."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.sources import Images
from wholepool.data.sources._torchvision import from_torchvision

TITLE = "CIFAR-100"
KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 100}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """torchvision's CIFAR100: see `from_torchvision`."""
    return from_torchvision("CIFAR100", data_dir, {"train": True}, {"train": False})
