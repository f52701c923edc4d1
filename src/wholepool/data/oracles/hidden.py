"""Who answers a query. Here: a simulated oracle that reads the hidden labels."""

from pathlib import Path

import numpy as np

from wholepool.data.indexsets import Columns, read_index_set
from wholepool.data.pool import Pool
from wholepool.job.errors import ANEW, UserError


def initial_set(
    labels: np.ndarray, classes: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """L_0: `size` indices, ascending, int64, balanced over the classes (Section VI-A).

    `labels` are the hidden ones of the whole pool. Where `size` is not a multiple of the number
    of classes, classes picked at random get one more. Raises UserError if a class has too few
    images.
    """
    each = np.full(classes, size // classes)
    each[rng.permutation(classes)[: size % classes]] += 1
    chosen = []
    for label, count in enumerate(each):
        members = np.flatnonzero(labels == label)
        if len(members) < count:
            raise UserError(
                f"initial: {size} labels need {count} images of class {label}, but the pool has "
                f"{len(members)}: make initial smaller or the pool larger"
            )
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def answer(queries: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The labels, int32 (b,), of the queried indices (b,), from the hidden ones (n,)."""
    return hidden[queries].astype(np.int32)


def require_answers(path: str | Path, labeled: Columns, hidden: np.ndarray) -> None:
    """Raise UserError unless every label of the labeled set, from `path`, is the oracle's answer.

    For the stages that may see the hidden labels (n,): a set that was relabeled is noticed there.
    """
    wrong = np.flatnonzero(labeled["label"] != hidden[labeled["index"]])
    if len(wrong):
        index = labeled["index"][wrong[0]]
        raise UserError(
            f"{path}: image {index} has label {labeled['label'][wrong[0]]}, but the oracle's "
            f"answer is {hidden[index]} (and {len(wrong) - 1} more differ): the set was relabeled "
            f"after the oracle gave it. If nobody meant to, {ANEW}"
        )


def read_hidden(path: str | Path, pool: Pool) -> np.ndarray:
    """The hidden labels of the whole pool, int32 (n,), from the oracle's file.

    Raises UserError unless the file holds every image of the pool once, in order.
    """
    columns = read_index_set(path, "oracle", pool)
    if not np.array_equal(columns["index"], np.arange(pool.n)):
        raise UserError(
            f"{path} must hold all {pool.n} images of the pool, in order, but has "
            f"{len(columns['index'])} others: delete it, and the data stage makes it anew"
        )
    return columns["label"]
