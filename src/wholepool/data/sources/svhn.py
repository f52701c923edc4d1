"""SVHN: cropped house numbers, 32x32, color, without the extra images."""

from functools import partial

from wholepool.data.sources._torchvision import from_torchvision

TITLE = "SVHN"
KNOWN = {"n": 73257, "n_test": 26032, "size": 32, "channels": 3, "classes": 10}

read = partial(from_torchvision, "SVHN")
