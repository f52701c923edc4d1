"""Crops of the three photographs that ship with scikit-learn and Matplotlib: no file is needed.

A class is the photograph that a crop is of, so this shows how a grid of photographs runs, no more.
Test crops lie to the right of all others and overlap none of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.sources import Images
from wholepool.job.randomness import generator

TITLE = "Photographs"
KNOWN = {"n": 3000, "n_test": 600, "size": 64, "channels": 3, "classes": 3}

SIDES = (96, 192)  # pixels that a crop is high and wide, at least and at most
SPLIT = 0.6  # of a photograph's width: the pool's crops lie left of it
NAMES = ("a temple", "a flower", "Grace Hopper")


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """1,000 crops of each photograph and 200 to test on, scaled to 64 x 64 (bicubic)."""
    photographs = [np.asarray(one) for one in opened()]
    rng = generator("photographs", "crops")
    images, labels = [], []
    for count, span in ((KNOWN["n"], (0.0, SPLIT)), (KNOWN["n_test"], (SPLIT, 1.0))):
        labels.append(np.arange(count, dtype=np.int32) % len(NAMES))
        images.append(np.stack([crop(photographs[label], span, rng) for label in labels[-1]]))
    return Images(images[0], labels[0], images[1], labels[1], list(NAMES))


def opened() -> list[Any]:
    """The photographs, as Pillow's images in RGB."""
    import matplotlib
    from PIL import Image
    from sklearn.datasets import load_sample_images

    shipped = load_sample_images()
    known = {
        Path(name).name: one for name, one in zip(shipped.filenames, shipped.images, strict=True)
    }
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    found = [Image.fromarray(known["china.jpg"]), Image.fromarray(known["flower.jpg"])]
    return [*found, Image.open(hopper).convert("RGB")]


def crop(photograph: np.ndarray, span: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """A square of a photograph uint8 (H, W, 3), within a span of its width: uint8 (64, 64, 3)."""
    from PIL import Image

    height, width = photograph.shape[:2]
    left, right = (round(end * width) for end in span)
    side = int(rng.integers(SIDES[0], min(SIDES[1], right - left) + 1))
    x, y = int(rng.integers(left, right - side + 1)), int(rng.integers(0, height - side + 1))
    square = Image.fromarray(photograph[y : y + side, x : x + side])
    return np.asarray(square.resize((KNOWN["size"], KNOWN["size"]), Image.Resampling.BICUBIC))
