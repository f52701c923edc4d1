"""Acquisition strategies, one file each: which images should the oracle label next?

    NEEDS = ("probabilities",)

    def acquire(query: Query) -> Acquisition: ...

NEEDS names the arrays that it reads, of embeddings, probabilities, head and answers: only these are
computed and given. READS names the sections of the config that it reads, or single keys of them
("section.key"), besides its own. GPU says that it computes on a GPU where there is one. STOCHASTIC
says that it draws from the query's generator, GIVES_PSEUDO_LABELS that it gives pseudo-labels too,
COLD that it can choose the first images, when nothing is labeled and no network is trained. Raise
VERSION when an edit changes what it picks: its results are then made again. TITLE is how tables and
figures print it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wholepool.data.indexsets import Columns, unlabeled
from wholepool.job.errors import UserError


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
    """S: `indices` int64 (b,), first query first, and their `scores` float64 (b,).

    A strategy that also gives pseudo-labels (CEAL) returns them as an index set's columns: index
    int64, label int32 and weight float32, each (m,).
    """

    indices: np.ndarray
    scores: np.ndarray
    pseudo_labels: Columns = field(default_factory=dict)


def checked(
    result: Acquisition, query: Query, name: str, gives_pseudo_labels: bool = False
) -> Acquisition:
    """What a strategy returned. Raises UserError unless it is b distinct unlabeled images.

    Pseudo-labels, if it gives them, must be of other images of U, each with weight 1: in (2) they
    count as labels.
    """
    indices, scores = np.asarray(result.indices), np.asarray(result.scores, dtype=np.float64)
    wrong = ""
    if not np.issubdtype(indices.dtype, np.integer) or indices.shape != (query.budget,):
        wrong = f"returned an array {indices.shape} of {indices.dtype}"
    elif scores.shape != indices.shape:
        wrong = f"gave {scores.shape} scores for {len(indices)} images"
    elif np.isnan(scores).any():
        wrong = f"the score of image {indices[np.isnan(scores).argmax()]} is no number"
    elif len(np.unique(indices)) < len(indices):
        wrong = "asks for an image twice"
    elif len(other := np.setdiff1d(indices, query.unlabeled)):
        wrong = f"asks for {len(other)} images that are not unlabeled, such as {other[0]}"
    elif gives_pseudo_labels:
        wrong = wrong_pseudo_labels(result.pseudo_labels, np.setdiff1d(query.unlabeled, indices))
    if wrong:
        raise UserError(
            f"strategy {name} broke its contract: it must return exactly {query.budget} unlabeled "
            f"images, each once, with a score each, but {wrong}: mend it"
        )
    return Acquisition(indices.astype(np.int64), scores, result.pseudo_labels)


def wrong_pseudo_labels(given: Columns, may: np.ndarray) -> str:
    """What is wrong with a strategy's pseudo-labels, which may be of the images `may`, or ""."""
    missing = [name for name in ("index", "label", "weight") if name not in given]
    if missing:
        return f"its pseudo-labels lack {', '.join(missing)}"
    if len(other := np.setdiff1d(given["index"], may)):
        return f"it gives image {other[0]}, which is labeled or asked for, a pseudo-label"
    if (np.asarray(given["weight"]) != 1).any():
        return "its pseudo-labels have weights other than 1, which training does not take"
    return ""
