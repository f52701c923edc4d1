"""CIFAR-10: photographs, 32x32, color."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.sources import Images
from wholepool.data.sources._torchvision import from_torchvision

TITLE = "CIFAR-10"
KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 10}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """torchvision's CIFAR10: see `from_torchvision`."""
    return from_torchvision("CIFAR10", data_dir, {"train": True}, {"train": False})
