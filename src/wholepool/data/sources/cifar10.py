"""CIFAR-10: photographs, 32x32, color."""

from functools import partial

from wholepool.data.sources._torchvision import from_torchvision

TITLE = "CIFAR-10"
KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 10}

read = partial(from_torchvision, "CIFAR10")
