"""A pool with copies is the pool without them, and all that is done with it is the same."""

import json

import numpy as np
import pytest
from by_hand import data_command

from wholepool.__main__ import main

TWICE = '''
import numpy as np

from wholepool.data.sources import Images, digits


def read(settings, data_dir):
    """The digits; with `copies`, 30 % more, some of one image, each after the first of its kind."""
    found = digits.read({}, data_dir)
    count = len(found.train)
    where = np.arange(count)
    if settings["copies"]:
        rng = np.random.default_rng(1)
        copied = np.r_[np.full(99, 3), rng.integers(count, size=int(0.43 * count) - 99)]
        where = np.r_[where, copied]
    images, labels = found.train[where], found.train_labels[where]
    return Images(images, labels, found.test, found.test_labels, found.class_names)
'''
SECTION = """
description: Digits, some of them more than once.
properties:
  copies: { description: Whether., type: boolean, default: false }
"""
FILES = ("pool.npy", "pool.json", "oracle.parquet", "test_images.npy", "test_labels.npy")


def made(folder, twice, **pool):
    """The files of the stage data."""
    folder.mkdir(exist_ok=True)
    source = {"name": "twice", "copies": twice}
    assert main(data_command(folder, pool, source)) == 0
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.usefixtures("clean_process")
def test_a_pool_with_copies_is_the_pool_without(tmp_path, plugin, caplog):
    plugin("source", "twice", TWICE, SECTION)
    for size in (None, 300):
        without = made(tmp_path / "without", False, size=size)
        assert made(tmp_path / "with", True, size=size) == without
    kept = made(tmp_path / "kept", True, size=None, copies="keep")
    images = np.load(tmp_path / "kept" / "pool.npy")
    assert kept != without and len(images) == json.loads(kept["pool.json"])["n"]
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) / len(images) < 0.71
