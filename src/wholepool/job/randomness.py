"""Random generators named by what they are for, never by the order in which jobs run."""

import hashlib

import numpy as np


def seed_sequence(*key: str | int) -> np.random.SeedSequence:
    """A SeedSequence from a key such as ("digits", "semi", "jlp", 0, 2), hashed as text."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest[:16], "little"))


def generator(*key: str | int) -> np.random.Generator:
    """A NumPy generator for the job that `key` names."""
    return np.random.default_rng(seed_sequence(*key))
