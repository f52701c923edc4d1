"""A source without labels and without a test set, of as many images as the config asks for."""

import numpy as np

from wholepool.data.sources import Images


def read(settings, data_dir):
    """Gray images of 16x16 pixels with a bright stripe, each third one in another third."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (settings["n"], 16, 16, 1), dtype=np.uint8)
    for index, image in enumerate(images):
        image[5 * (index % 3) : 5 * (index % 3) + 5] += 150
    return Images(images, None, None, None, ["top", "middle", "bottom"])
