"""Features without training: the mean brightness of blocks of pixels, of unit length."""

import numpy as np

GIVES = "features"


def features(pool, test, settings, device, report):
    """float32 (n, d) of images uint8 (n, H, W, C); d = (H / size) (W / size) C."""
    return blocks_of(pool, settings["blocks"]["size"]), blocks_of(test, settings["blocks"]["size"])


def blocks_of(images, size):
    n, height, width, channels = images.shape
    blocks = np.reshape(images, (n, height // size, size, width // size, size, channels))
    found = blocks.mean(axis=(2, 4)).reshape(n, (height // size) * (width // size) * channels)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
