"""Equality of whatever a state may hold."""

import numpy as np
import torch


def same(one, other):
    """Equal in value and kind, to the bit; NaN equals NaN."""
    if isinstance(one, torch.Tensor):
        return one.stride() == other.stride() and one.dtype == other.dtype and one.equal(other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or one != one)
