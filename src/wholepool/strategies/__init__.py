"""Acquisition strategies, one file each: which images should the oracle label next?

    NEEDS = ("probabilities",)

    def acquire(query: Query) -> Acquisition: ...

NEEDS names the arrays that it reads, of embeddings, probabilities, head and answers: only these are
computed and given. READS names the sections of the config that it reads, or single keys of them
("section.key"), besides its own. GPU says that it computes on a GPU where there is one. STOCHASTIC
says that it draws from the query's generator, GIVES_PSEUDO_LABELS that it gives pseudo-labels too,
COLD that it can choose the first images, when nothing is labeled and no network is trained. Raise
VERSION when an edit changes what it picks: its results are then made again. TITLE is how tables and
figures print it; SOURCE (the paper) and COST (time and memory) are texts for docs/words.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.indexsets import Columns, unlabeled
from wholepool.job.errors import UserError

#: kinds of NumPy's types that are numbers: whole, unsigned, with a point, and truth
NUMBERS = "iufb"


@dataclass(frozen=True)
class Query:
    """What a strategy may see. It never holds a hidden label.

    `n` images in the pool, `labeled` int64 (|L|,), the `budget` b, the `cycle` whose model was
    trained, a random generator, the declared sections of the config as `options`, and exactly the
    arrays that were declared: `embeddings` float32 (n, d), l2-normalized; `probabilities` float32
    (n, c); `head` float32 (c, d + 1), the classifier's weights and, last, its bias, so that
    probabilities are softmax(embeddings @ head[:, :-1].T + head[:, -1]); `answers` int32 (|L|,),
    the labels of `labeled`, which the oracle has given. Those that were not declared are empty.
    `device` "cuda" says that a GPU may be used.
    `classes` is c; 0: unknown. Raises UserError where an array holds a value that is not finite.
    """

    n: int
    labeled: np.ndarray
    budget: int
    cycle: int
    rng: np.random.Generator
    options: Mapping[str, Any] = field(default_factory=dict)
    embeddings: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    probabilities: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    device: str = "cpu"
    classes: int = 0
    head: np.ndarray = field(default_factory=lambda: np.empty((0, 1), np.float32))
    answers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))

    def __post_init__(self) -> None:
        if len(self.answers) not in (0, len(self.labeled)):
            raise ValueError(f"{len(self.answers)} answers for {len(self.labeled)} labeled images")
        for name in ("embeddings", "probabilities", "head"):
            finite = np.isfinite(getattr(self, name)).all(axis=1)
            if not finite.all():
                raise UserError(
                    f"{name}: row {finite.argmin()} (and {(~finite).sum() - 1} more) is not "
                    "finite: training has diverged; try a smaller learning rate"
                )

    @property
    def unlabeled(self) -> np.ndarray:
        """U: ascending, int64."""
        return unlabeled(self.n, self.labeled)


@dataclass(frozen=True)
class Acquisition:
    """S: `indices` int64 (b,), first query first, and their `scores` float64 (b,), none NaN.

    Lists may stand for arrays. A strategy that also gives pseudo-labels (CEAL) returns them as an
    index set's columns: index int64, label int32 and weight float32, each (m,).
    """

    indices: np.ndarray
    scores: np.ndarray
    pseudo_labels: Columns = field(default_factory=dict)


def checked(
    result: Any, query: Query, name: str, path: Path | str, gives_pseudo_labels: bool = False
) -> Acquisition:
    """What a strategy, whose file is `path`, returned: its lists as arrays.

    Raises UserError unless it is b distinct unlabeled images with a score each. Pseudo-labels, if
    it declares them, must be of other images of U, each with weight 1: in (2) they count as labels.
    """
    if wrong := wrong_answer(result, query, gives_pseudo_labels):
        raise UserError(
            f"{path}: strategy {name} broke its contract: it must return exactly {query.budget} "
            f"unlabeled images, each once, with a score each, but {wrong}: mend it"
        )
    given = {key: array_of(column) for key, column in result.pseudo_labels.items()}
    indices, scores = array_of(result.indices), array_of(result.scores)
    return Acquisition(indices.astype(np.int64), scores.astype(np.float64), given)


def wrong_answer(result: Any, query: Query, gives_pseudo_labels: bool) -> str:
    """What is wrong with a strategy's answer, or ""."""
    if not isinstance(result, Acquisition):
        return f"returned a {type(result).__name__}, no Acquisition(indices, scores)"
    indices, scores = array_of(result.indices), array_of(result.scores)
    if not np.issubdtype(indices.dtype, np.integer) or indices.shape != (query.budget,):
        return f"returned an array {indices.shape} of {indices.dtype}"
    if scores.shape != indices.shape or scores.dtype.kind not in NUMBERS:
        return f"gave {scores.shape} scores of {scores.dtype} for {len(indices)} images"
    if bad := int(np.isnan(scores).sum()):
        return f"gave {bad} scores that are NaN"
    if len(np.unique(indices)) < len(indices):
        return "asks for an image twice"
    if len(other := np.setdiff1d(indices, query.unlabeled)):
        return f"asks for {len(other)} images that are not unlabeled, such as {other[0]}"
    if gives_pseudo_labels:
        rest = np.setdiff1d(query.unlabeled, indices)
        return wrong_pseudo_labels(result.pseudo_labels, rest, query.probabilities.shape[1])
    if result.pseudo_labels:
        return "gives pseudo-labels and does not declare GIVES_PSEUDO_LABELS = True"
    return ""


def array_of(given: Any) -> np.ndarray:
    """An array, a list or whatever else was returned, as an array; of objects if it is ragged."""
    try:
        return np.asarray(given)
    except ValueError:
        return np.asarray(given, dtype=object)


def wrong_pseudo_labels(given: Any, may: np.ndarray, classes: int) -> str:
    """What is wrong with a strategy's pseudo-labels, which may be of the images `may`, or "".

    `classes` is 0 where the strategy was given no probabilities, and so their number is not known.
    """
    columns = ("index", "label", "weight")
    if not isinstance(given, Mapping) or not set(columns) <= set(given):
        missing = [name for name in columns if not isinstance(given, Mapping) or name not in given]
        return f"its pseudo-labels lack {', '.join(missing)}"
    index, label, weight = (array_of(given[name]) for name in columns)
    if index.ndim != 1 or {index.shape} != {label.shape, weight.shape}:
        return f"its pseudo-labels are {index.shape}, {label.shape} and {weight.shape} long"
    if index.size == 0:
        return ""
    for name, column in (("index", index), ("label", label)):
        if not np.issubdtype(column.dtype, np.integer):
            return f"its pseudo-labels have {name} of {column.dtype}, no whole numbers"
    if len(np.unique(index)) < len(index):
        return "it gives an image two pseudo-labels"
    if len(other := np.setdiff1d(index, may)):
        return f"it gives image {other[0]}, which is labeled or asked for, a pseudo-label"
    if len(bad := label[(label < 0) | (label >= (classes or np.inf))]):
        return f"it gives the pseudo-label {bad[0]}, which is no class"
    if weight.dtype.kind not in NUMBERS or (weight != 1).any():
        return "its pseudo-labels have weights other than 1, which training does not take"
    return ""
