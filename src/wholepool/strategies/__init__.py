"""Acquisition strategies, one file each. To add one: a file here with one registered function.

    @strategy("margin", needs=("probabilities",))
    def margin(query: Query) -> Acquisition: ...

`needs` names the arrays that the strategy reads: "embeddings", "probabilities", "graph". The
workflow computes only what is needed, and `Query` holds only that. `options` names the sections
of the config that it reads. `stochastic` says that it draws from the query's generator. Raise
`version` when an edit changes what it picks: its results are then made anew.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.data.indexsets import Columns, unlabeled
from wholepool.grid.cells import ALL, INITIAL

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True)
class Query:
    """What a strategy may see. It never holds a label.

    `n` images in the pool, `labeled` int64 (|L|,), the `budget` b, the `cycle` whose model was
    trained, a random generator, the declared sections of the config, and exactly the arrays that
    were declared: `embeddings` float32 (n, d), l2-normalized; `probabilities` float32 (n, c);
    `graph`, the normalized adjacency (n, n). `device` "cuda" says that a GPU may be used.
    """

    n: int
    labeled: np.ndarray
    budget: int
    cycle: int
    rng: np.random.Generator
    options: Mapping[str, Any] = field(default_factory=dict)
    embeddings: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    graph: "sparse.csr_array | None" = None
    device: str = "cpu"

    @property
    def unlabeled(self) -> np.ndarray:
        """U, ascending, int64."""
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


@dataclass(frozen=True)
class Strategy:
    """A registered strategy: its function and what it declared."""

    name: str
    acquire: Callable[[Query], Acquisition]
    needs: tuple[str, ...]
    options: tuple[str, ...]
    gives_pseudo_labels: bool
    stochastic: bool = False
    version: int = 1


STRATEGIES: dict[str, Strategy] = {}


def strategy(
    name: str,
    needs: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    gives_pseudo_labels: bool = False,
    stochastic: bool = False,
    version: int = 1,
) -> Callable[[Callable[[Query], Acquisition]], Callable[[Query], Acquisition]]:
    """Register an acquisition strategy under the name that config and paths use."""

    if name in (INITIAL, ALL):
        raise ValueError(f"a strategy cannot be named {name}: paths use that word")

    def register(function: Callable[[Query], Acquisition]) -> Callable[[Query], Acquisition]:
        STRATEGIES[name] = Strategy(
            name, function, needs, options, gives_pseudo_labels, stochastic, version
        )
        return function

    return register


for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
