"""What tests of strategies ask with: pools without ties, the options, and the question."""

import numpy as np

from wholepool.grid import config
from wholepool.grid.sections import reads
from wholepool.job import registry
from wholepool.strategies import Query

ARRAYS = ("embeddings", "probabilities", "head", "answers")
OPTIONS = {
    "propagation": {
        **{"k": 4, "search": "exact", "recall": 1, "gamma": 3, "clip": True},
        **{"alpha": 0.99, "tolerance": 1e-13, "max_iterations": 5000},
    },
    "jlp": {"graph": "union"},
    "ceal": {"threshold": 0.6, "decay": 0.05},
}
#: every registered strategy; those that draw are checked as distributions where order matters
STRATEGIES = registry.plugins("strategy")
OPTIONS |= {  # the others' at their defaults
    name: config.fill({}, plugin.section)
    for name, plugin in STRATEGIES.items()
    if plugin.section and name not in OPTIONS
}
ALL = sorted(STRATEGIES)
FIXED = [name for name in ALL if not STRATEGIES[name]["STOCHASTIC"]]
COLD = [name for name in ALL if STRATEGIES[name]["COLD"]]


def make_pool(seed, n=30, labeled=5, classes=4):
    """What a query holds, by name, without ties."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(n, 6))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return {
        "n": n,
        "classes": classes,
        "labeled": rng.choice(n, labeled, replace=False),
        "embeddings": embeddings.astype(np.float32),
        "probabilities": rng.dirichlet(np.full(classes, 0.4), size=n).astype(np.float32),
        "head": (3 * rng.normal(size=(classes, 7))).astype(np.float32),
        "answers": (rng.permutation(labeled) % classes).astype(np.int32),
    }


def acquire(name, pool, budget, seed=0, cycle=0, everything=False):
    """Ask a strategy with what it declared, and no more."""
    plugin = STRATEGIES[name]
    arrays = ARRAYS if everything else plugin["NEEDS"]
    sections = OPTIONS if everything else reads(plugin)
    query = Query(
        n=pool["n"],
        labeled=pool["labeled"],
        budget=budget,
        cycle=cycle,
        rng=np.random.default_rng(seed),
        options={section: OPTIONS[section] for section in sections},
        classes=pool.get("classes", 0),
        **{array: pool[array] for array in arrays},
    )
    return plugin.load().acquire(query)


def same(first, second):
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.pseudo_labels.keys() == second.pseudo_labels.keys()
    for column in first.pseudo_labels:
        np.testing.assert_array_equal(first.pseudo_labels[column], second.pseudo_labels[column])


def outside(pool):
    return sorted(set(range(pool["n"])) - set(pool["labeled"].tolist()))
