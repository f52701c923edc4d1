"""MNIST: handwritten digits, 28x28, gray."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.sources import Images
from wholepool.data.sources._torchvision import from_torchvision

TITLE = "MNIST"
KNOWN = {"n": 60000, "n_test": 10000, "size": 28, "channels": 1, "classes": 10}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """torchvision's MNIST: see `from_torchvision`."""
    return from_torchvision("MNIST", data_dir, {"train": True}, {"train": False})
