"""Configurations for tests, and what refuses them."""

from pathlib import Path

import pytest

from wholepool.grid.config import resolve
from wholepool.job.errors import UserError

ROOT = Path(__file__).parents[2]
BASELINE = {"strategies": ["random"]}


def minimal():
    return {
        "datasets": {"digits": {}},
        "experiments": {"demo": {"dataset": "digits", "budget": 10}},
    }


def changed(path, value):
    """The minimal configuration with one key, given as dots, set to a value."""
    config = minimal()
    place = config
    *folders, last = path.split("/")
    for folder in folders:
        place = place.setdefault(folder, {})
    place[last] = value
    return config


def refusal(config):
    with pytest.raises(UserError) as caught:
        resolve(config)
    return str(caught.value)
