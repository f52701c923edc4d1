"""MNIST: handwritten digits, 28x28, gray."""

from functools import partial

from wholepool.data.sources._torchvision import from_torchvision

TITLE = "MNIST"
KNOWN = {"n": 60000, "n_test": 10000, "size": 28, "channels": 1, "classes": 10}

read = partial(from_torchvision, "MNIST")
