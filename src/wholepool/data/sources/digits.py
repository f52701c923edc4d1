"""scikit-learn's scanned digits: they ship inside the library, so no file is needed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.sources import Images
from wholepool.data.subsets import stratified_subset
from wholepool.job.randomness import generator

TITLE = "Digits"
KNOWN = {"n": 1297, "n_test": 500, "size": 16, "channels": 1, "classes": 10}


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """1,797 digits (UCI), enlarged bilinearly from 8x8 to 16x16; 500 are the test, stratified."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data = load_digits()
    images = zoom(data.images, (1, 2, 2), order=1, mode="nearest", grid_mode=True)
    images = np.rint(images * (255 / 16)).astype(np.uint8)[..., None]
    test = stratified_subset(data.target, KNOWN["n_test"], generator("digits", "test"))
    train = np.setdiff1d(np.arange(len(images)), test)
    labels, names = data.target, [str(name) for name in data.target_names]
    return Images(images[train], labels[train], images[test], labels[test], names)
