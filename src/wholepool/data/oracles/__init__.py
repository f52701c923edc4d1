"""Who answers a query, one file each. An oracle may not know yet.

    KNOWS = "some"    or "all", the default

    def answer(queries, hidden, settings) -> np.ndarray: ...

`queries` int64 (b,) are images of the pool; `hidden` int32 (n,) its true labels, -1 where there is
no truth; `settings` the oracle's own section. The answers are int32 (b,), -1 where it does not know
yet: such an image stays unlabeled, and may be asked for again.

One that asks people declares CLOSES = True and KNOWS = "some", and defines instead

    def closed(settings, data_dir) -> list[str]: ...
    def class_names(settings, data_dir) -> list[str]: ...
    def answers(images, class_names, settings, data_dir, closed) -> Answers: ...

`closed` gives a text for each closed cycle, another one where its answers are others; `class_names`
the classes as of the last one. `answers` are those that count when `closed` cycles are closed, to
`images`, a list of SHA-256.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.indexsets import Columns, read_index_set
from wholepool.data.pool import Pool
from wholepool.job import registry
from wholepool.job.errors import AGAIN, UserError


@dataclass(frozen=True)
class Answers:
    """What people have said of n images.

    `label` int32 (n,), -1 where there is none; `cycle` int16 (n,), the cycle that had it first;
    `order`: the labeled images as they were answered. `reserved` bool (n,): for the audit, so no
    training may have its label. `aside` bool (n,): not to be trained on or asked again. `again`: to
    be asked once more, first the one on which people disagree.
    """

    label: np.ndarray
    cycle: np.ndarray
    reserved: np.ndarray
    aside: np.ndarray
    order: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)

    @classmethod
    def none(cls, n: int, reserved: np.ndarray) -> "Answers":
        """No answer to any of n images."""
        empty = np.full(n, -1, np.int32), np.zeros(n, np.int16)
        return cls(*empty, reserved, np.zeros(n, bool))

    def to_train_on(self) -> np.ndarray:
        """The labeled images that are not reserved for the audit, int64, as they were answered."""
        order = np.array(self.order, dtype=np.int64)
        return order[~self.reserved[order]]

    def audited(self) -> np.ndarray:
        """The labeled images that are reserved for the audit, ascending, int64."""
        return np.flatnonzero(self.reserved & (self.label >= 0))


def of_people(name: str) -> Any:
    """The module of an oracle that asks people, with closed, class_names and answers."""
    return registry.get("oracle", name).load()


def oracle(
    name: str, hidden: np.ndarray, settings: Mapping[str, Any], classes: int
) -> Callable[[np.ndarray], np.ndarray]:
    """The oracle of a name: queries int64 (b,) to answers int32 (b,), -1 where it knows none.

    Raises UserError for answers that are no classes, or that are missing from one that KNOWS all.
    """
    plugin = registry.get("oracle", name)
    module = plugin.load()

    def ask(queries: np.ndarray) -> np.ndarray:
        answers = np.asarray(module.answer(queries, hidden, settings))
        kinds = answers.shape == queries.shape and np.issubdtype(answers.dtype, np.integer)
        if not kinds or (len(answers) and not -1 <= answers.min() <= answers.max() < classes):
            raise UserError(
                f"{plugin.path}: oracle {name} must answer {len(queries)} queries by as many whole "
                f"numbers from -1 (not known yet) to {classes - 1}, which it did not: mend it"
            )
        silent = (answers < 0) & (hidden[queries] >= 0)
        if plugin["KNOWS"] == "all" and silent.any():
            raise UserError(
                f"{plugin.path}: oracle {name} gave no answer (-1) for image "
                f"{queries[silent][0]}, which has a label, though it is to know all: declare "
                'KNOWS = "some"'
            )
        return answers.astype(np.int32)

    return ask


def initial_set(
    labels: np.ndarray, classes: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """L_0: `size` indices, ascending, int64, balanced over the classes (Section VI-A).

    `labels` (n,) are what the oracle knows of the whole pool, -1 where it does not. Where `size` is
    not a multiple of the number of classes, classes picked at random get one more. Raises UserError
    if the oracle knows too few images of a class.
    """
    if not (labels >= 0).any():
        raise UserError(
            "initial: the oracle knows no label, as the source has none: name another oracle"
        )
    each = np.full(classes, size // classes)
    each[rng.permutation(classes)[: size % classes]] += 1
    chosen = []
    for label, count in enumerate(each):
        members = np.flatnonzero(labels == label)
        if count and not len(members):
            raise UserError(
                f"initial: of the pool's {len(labels)} images the oracle knows none of class "
                f"{label}, but the initial labels need one of each class: make pool.size larger, "
                "give pool.sampling: stratified, or take the class out of the source"
            )
        if len(members) < count:
            raise UserError(
                f"initial: {size} labels need {count} images of class {label}, but the oracle "
                f"knows {len(members)}: make initial smaller or the pool larger"
            )
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def require_answers(path: str | Path, labeled: Columns, answers: np.ndarray) -> None:
    """Raise UserError unless every label of the labeled set, from `path`, is the oracle's answer.

    `answers` (|L|,) are for its images, -1 where there is none. Only stages that may see the hidden
    labels can ask this.
    """
    wrong = np.flatnonzero((labeled["label"] != answers) & (answers >= 0))
    if len(wrong):
        index = labeled["index"][wrong[0]]
        raise UserError(
            f"{path}: image {index} has label {labeled['label'][wrong[0]]}, but the oracle's "
            f"answer is {answers[wrong[0]]} (and {len(wrong) - 1} more differ): the set was "
            f"relabeled after the oracle gave it. If nobody meant to, {AGAIN}"
        )


def read_hidden(path: str | Path, pool: Pool) -> np.ndarray:
    """The hidden labels of the whole pool, int32 (n,), from its file; -1 if there is no truth.

    Raises UserError unless the file holds every image of the pool once, in order, or none at all.
    """
    columns = read_index_set(path, "oracle", pool)
    if len(columns["index"]) == 0:
        return np.full(pool.n, -1, dtype=np.int32)
    if not np.array_equal(columns["index"], np.arange(pool.n)):
        raise UserError(
            f"{path} must hold all {pool.n} images of the pool, in order, but has "
            f"{len(columns['index'])} others: {AGAIN}"
        )
    return columns["label"]
