"""Fashion-MNIST: articles of clothing, 28x28, gray."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.sources import Images
from wholepool.data.sources._torchvision import from_torchvision

TITLE = "Fashion-MNIST"
KNOWN = {"n": 60000, "n_test": 10000, "size": 28, "channels": 1, "classes": 10}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """torchvision's FashionMNIST: see `from_torchvision`."""
    return from_torchvision("FashionMNIST", data_dir, {"train": True}, {"train": False})
