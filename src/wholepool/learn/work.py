"""The work of a training, counted before it runs: what a PRE or a SEMI tells the cost of itself."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from wholepool.learn.loop import cut


class Clustering(NamedTuple):
    """`runs` of k-means over the pool's "pixels" or "embeddings": `clusters` is k.

    One run assigns all points to clusters `assignments` times.
    """

    points: str
    runs: int
    clusters: int
    assignments: int


@dataclass(frozen=True)
class Work:
    """`steps` counts training steps by the number of rows in the batch, forward and backward.

    `embedded` rows are passed forward alone; `propagations` are graphs of the whole pool, built and
    solved, `graphs` built alone, `solves` solved alone. `fitted` counts classifiers that are fitted
    at once, by the number of rows. `featured` images go through a PRE that gives features.
    `dimensions` is d of the features that a PRE gives, if it gives some and knows it.
    `unknown` names what is not in it, since nobody tells how much that is.
    """

    steps: Counter[int] = field(default_factory=Counter)
    embedded: int = 0
    propagations: int = 0
    graphs: int = 0
    solves: int = 0
    featured: int = 0
    fitted: Counter[int] = field(default_factory=Counter)
    clusterings: tuple[Clustering, ...] = ()
    dimensions: int = 0
    unknown: str = ""

    @property
    def trained(self) -> int:
        """Rows passed forward and backward."""
        return sum(size * steps for size, steps in self.steps.items())


def epochs_of(size: int, batch_size: int, drop_last: bool, epochs: int) -> Counter[int]:
    """Steps by batch, of epochs over `size` rows that are cut as in training."""
    one = Counter(map(len, cut(np.arange(size), batch_size, drop_last)))
    return Counter({batch: count * epochs for batch, count in one.items() if epochs})
