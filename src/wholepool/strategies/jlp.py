"""jLP, joint label propagation: the least manifold similarity to the labeled set, (11), (12)."""

import numpy as np

from wholepool.strategies import Acquisition, Query

TITLE = "jLP"
NEEDS = ("graph",)
READS = ("propagation",)

BLOCK = 32  # likeliest next picks whose influence is solved at once


def acquire(query: Query) -> Acquisition:
    """b times the unlabeled image least similar, on the manifold, to labeled and acquired ones.

    The manifold similarity h(delta(L)) is linear in delta(L): acquiring image i adds h(delta({i})).
    So the influence of the likeliest next picks is solved in one block, and picks are read off
    while they stay inside it. This is exact, up to the solver's tolerance.

    The score is the similarity at the time of the pick. Equal similarities (as among images that
    no label reaches, which all have 0 and come first) go to the image of largest degree in the
    normalized graph, for it stands for most others, then to the lower index.
    """
    # it imports SciPy: half a second that only jLP pays
    from wholepool.graph.conjugate_gradients import solver

    settings = query.options["propagation"]
    alpha = settings["alpha"]
    solve = solver(query.graph, alpha, BLOCK, query.device)

    def similarity(sources: np.ndarray) -> np.ndarray:
        y = np.zeros((query.n, sources.shape[1]))
        y[sources, np.arange(sources.shape[1])] = 1
        x = solve(y, settings["tolerance"], settings["max_iterations"]).x
        return np.maximum((1 - alpha) * x, 0)

    current = similarity(query.labeled[:, None]).sum(axis=1)
    current[query.labeled] = np.inf  # and of what is acquired: only open images are compared
    degree = np.asarray(query.graph.sum(axis=1)).ravel()
    influence: dict[int, np.ndarray] = {}
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < query.budget:
        pick = int(least(current, degree, 1)[0])
        if pick not in influence:
            block = least(current, degree, BLOCK)
            influence = dict(zip(block.tolist(), similarity(block[None, :]).T, strict=True))
        picks.append(pick)
        scores.append(current[pick])
        current += influence[pick]
        current[pick] = np.inf
    return Acquisition(np.array(picks), np.array(scores))


def least(current: np.ndarray, degree: np.ndarray, count: int) -> np.ndarray:
    """The `count` open images (finite in `current`, (n,)) least similar, in the order of picks."""
    count = min(count, int(np.isfinite(current).sum()))
    border = current.min() if count == 1 else np.partition(current, count - 1)[count - 1]
    found = np.flatnonzero(current <= border)  # more than `count` where similarities are equal
    return found[np.lexsort((found, -degree[found], current[found]))[:count]]
