"""jLP, joint label propagation: the least manifold similarity to the labeled set, (11), (12)."""

import numpy as np

from wholepool.strategies import Acquisition, Query, strategy

BLOCK = 32  # likeliest next picks whose influence is solved at once


@strategy("jlp", needs=("graph",), options=("propagation",))
def jlp(query: Query) -> Acquisition:
    """b times the unlabeled image least similar, on the manifold, to labeled and acquired ones.

    The manifold similarity h(delta(L)) is linear in delta(L): acquiring image i adds h(delta({i})).
    So instead of one solve from scratch a pick, the influence of the likeliest next picks is
    solved in one block, and picks are read off as long as they stay inside it. This is exact, up
    to the solver's tolerance.

    The score is the similarity at the time of the pick. Equal similarities (as among images that
    no label reaches, which all have 0 and come first) go to the image of largest degree in the
    normalized graph, for it stands for most others, then to the lower index.
    """
    from wholepool.propagation import solve  # SciPy: half a second that only this strategy pays

    assert query.graph is not None
    settings = query.options["propagation"]
    alpha = settings["alpha"]

    def similarity(sources: np.ndarray) -> np.ndarray:
        y = np.zeros((query.n, sources.shape[1]))
        y[sources, np.arange(sources.shape[1])] = 1
        x = solve(query.graph, y, alpha, settings["tolerance"], settings["max_iterations"]).x
        return np.maximum((1 - alpha) * x, 0)

    current = similarity(query.labeled[:, None]).sum(axis=1)
    degree = np.asarray(query.graph.sum(axis=1)).ravel()
    candidates = query.unlabeled
    open_ = np.zeros(query.n, dtype=bool)
    open_[candidates] = True
    influence: dict[int, np.ndarray] = {}
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < query.budget:
        order = np.lexsort((candidates, -degree[candidates], current[candidates]))
        order = order[open_[candidates[order]]]
        pick = int(candidates[order[0]])
        if pick not in influence:
            block = candidates[order[:BLOCK]]
            influence = dict(zip(block.tolist(), similarity(block[None, :]).T, strict=True))
        picks.append(pick)
        scores.append(current[pick])
        open_[pick] = False
        current = current + influence[pick]
    return Acquisition(np.array(picks), np.array(scores))
