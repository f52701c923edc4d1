"""CIFAR-100 with its 100 fine labels: photographs, 32x32, color."""

from functools import partial

from wholepool.data.sources._torchvision import from_torchvision

TITLE = "CIFAR-100"
KNOWN = {"n": 50000, "n_test": 10000, "size": 32, "channels": 3, "classes": 100}

read = partial(from_torchvision, "CIFAR100")
