"""SVHN: cropped house numbers, 32x32, color, without the extra images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.sources import Images
from wholepool.data.sources._torchvision import from_torchvision

TITLE = "SVHN"
KNOWN = {"n": 73257, "n_test": 26032, "size": 32, "channels": 3, "classes": 10}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """torchvision's SVHN: see `from_torchvision`."""
    return from_torchvision("SVHN", data_dir, {"split": "train"}, {"split": "test"})
