"""The strategies against scikit-activeml 1.0.1's, where both define the same thing.

Each test says where the two differ. Not compared: DropQuery (it does not scale what stays by
1 / (1 - rate), fills up with the images that change most, and 5 passes are its default) and CLUE,
Falcun and the like, which we do not have.
"""

import numpy as np
import pytest
from asking import OPTIONS, acquire, make_pool
from test_clusters import blobs

from wholepool.strategies import Query, _dropout, badge, bald, margin, probcover

pytest.importorskip("skactiveml")
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import (
    Badge,
    CoreSet,
    MaxHerding,
    ProbCover,
    TypiClust,
    average_kl_divergence,
    uncertainty_scores,
)

UNKNOWN = np.nan


def labels_of(pool, more=()):
    """scikit-activeml's y: NaN where there is no label. Which class it is is of no account."""
    y = np.full(pool["n"], UNKNOWN)
    y[[*pool["labeled"], *more]] = 0
    return y


class Fixed(SkactivemlClassifier):
    """Predicts what it was given, by the first number of a row."""

    def __init__(self, table=None, classes=None, missing_label=UNKNOWN):
        super().__init__(classes=classes, missing_label=missing_label)
        self.table = table

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        return self

    def predict_proba(self, X):  # noqa: N803
        return np.array([self.table[row[0]] for row in X])


@pytest.mark.parametrize("seed", range(3))
def test_uncertainties(seed):
    """Theirs are 1 - p1, 1 - (p1 - p2) and the entropy."""
    pool = make_pool(seed)
    p = pool["probabilities"].astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    rest = np.setdiff1d(np.arange(30), pool["labeled"])
    for name, method, sign in (
        ("least_confidence", "least_confident", 1),
        ("margin", "margin_sampling", 1),
        ("uncertainty", "entropy", -1),
    ):
        theirs = uncertainty_scores(p, method=method)
        found = acquire(name, pool, 12)
        assert (
            found.indices.tolist() == rest[np.argsort(-theirs[rest], kind="stable")][:12].tolist()
        )
        own = found.scores if sign < 0 else 1 - found.scores
        np.testing.assert_allclose(own, theirs[found.indices], rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        1 - margin.margin(p), uncertainty_scores(p, method="margin_sampling"), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_bald_is_the_committee_s_average_divergence(seed):
    """H(mean p) - mean H(p) is the mean of KL(p || mean p). Theirs adds 1e-7 within logarithms."""
    pool = make_pool(seed)
    given = {name: pool[name] for name in ("embeddings", "head")}

    def query():
        return Query(30, pool["labeled"], 1, 0, np.random.default_rng(seed), **given)

    committee = np.array(list(_dropout.networks(query(), 0.5, 20)))
    theirs = average_kl_divergence(committee)
    np.testing.assert_allclose(bald.information(query(), 0.5, 20), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_badge_s_probabilities_pick_by_pick(monkeypatch, seed):
    """They draw by another generator: here ours is made to draw what theirs drew.

    Theirs keeps the squared norms, by which it chose the first, as if 0 were a center too: its
    distances are the least of those and ours. The authors' code forgets the norms, and so do we.
    """
    pool = make_pool(seed)
    rows = pool["embeddings"].astype(np.float64)
    table = dict(zip(rows[:, 0], pool["probabilities"].astype(np.float64), strict=True))
    clf = Fixed(table, classes=np.arange(4))
    theirs, utilities = Badge(random_state=seed).query(
        rows, labels_of(pool), clf, fit_clf=False, batch_size=10, return_utilities=True
    )
    rest = np.setdiff1d(np.arange(30), pool["labeled"])
    drawn, weights = iter(theirs[1:]), []
    errors = pool["probabilities"] - np.eye(4)[pool["probabilities"].argmax(axis=1)]
    norms = (errors[rest] ** 2).sum(axis=1)  # times those of embeddings, which are 1

    def draw(given, rng):
        weights.append(np.minimum(given, norms))
        return int(np.flatnonzero(rest == next(drawn))[0])

    monkeypatch.setattr(badge, "draw", draw)
    found = acquire("badge", pool, 10)
    assert found.indices.tolist() == [int(i) for i in theirs]
    for ours, other in zip(weights, utilities[1:], strict=True):
        other = np.where(np.isnan(other), 0, other)[rest]
        np.testing.assert_allclose(ours / ours.sum(), other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_coreset_is_the_same(seed):
    """Without ties, which they break at random."""
    pool = make_pool(seed)
    theirs = CoreSet(random_state=0).query(
        pool["embeddings"].astype(np.float64), labels_of(pool), batch_size=10
    )
    assert acquire("coreset", pool, 10).indices.tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labeled", [0, 5])
def test_maxherding_takes_one_of_their_best_at_each_step(seed, labeled):
    """They take the mean over the candidates: labeled images add nothing, so it is ours times
    n / |U|. Their kernel's default is exp(-d^2 / dimensions); ours, the authors', exp(-d^2). Equal
    gains (of two images that are left with each other alone) are broken at random there, by the
    lower index here."""
    pool = make_pool(seed, labeled=labeled)
    found = acquire("maxherding", pool, 10)
    for number, pick in enumerate(found.indices):
        _, (utilities,) = MaxHerding(metric_dict={"gamma": 1}, random_state=0).query(
            pool["embeddings"],
            labels_of(pool, found.indices[:number]),
            return_utilities=True,
        )
        gains = utilities * (30 - labeled - number) / 30
        assert gains[pick] >= np.nanmax(gains) - 1e-6
        assert found.scores[number] == pytest.approx(gains[pick], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_typiclust_is_the_same_where_the_clusters_are(seed, monkeypatch):
    """Well apart clusters, each without a label taken once.

    Theirs: 5 neighbors by default (the authors' 20), the k nearest of all in the cluster (ours and
    the authors': of those without a label), clusters with a label are left out (they come last),
    and k-means is scikit-learn's.
    """
    monkeypatch.setitem(OPTIONS, "typiclust", {"max_clusters": 500, "neighbors": 5})
    rows, _ = blobs(seed, [14, 30, 20, 17, 25])
    pool = {**make_pool(0, n=106), "embeddings": rows, "labeled": np.array([0])}
    how = {"cluster_algo_dict": {"n_init": 20}, "k": 5, "random_state": 0}
    theirs = TypiClust(**how).query(rows.astype(np.float64), labels_of(pool), batch_size=4)
    assert acquire("typiclust", pool, 4, seed).indices.tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_probcover_takes_one_of_their_best_at_each_step(seed, monkeypatch):
    """Their balls are closed (at most the radius): no distance is equal to it here. Equal numbers
    are broken at random there, by the lower index here."""
    monkeypatch.setitem(OPTIONS, "probcover", {**OPTIONS["probcover"], "radius": 0.8})
    pool = make_pool(seed)
    found = acquire("probcover", pool, 10)
    for number, pick in enumerate(found.indices):
        _, (utilities,) = ProbCover(deltas=[0.8], n_classes=2, random_state=0).query(
            pool["embeddings"].astype(np.float64),
            labels_of(pool, found.indices[:number]),
            return_utilities=True,
        )
        assert utilities[pick] == np.nanmax(utilities)
        assert found.scores[number] == pytest.approx(utilities[pick] / 30)


@pytest.mark.parametrize("seed", range(3))
def test_probcover_s_radius_is_the_largest_of_theirs_or_larger(seed):
    """They go through a list of radii; ours is exact: theirs is the last of the list below it."""
    rows, _ = blobs(seed, [20, 20, 20, 20], spread=0.3)
    pool = {**make_pool(0, n=80), "embeddings": rows}
    step = 0.002
    theirs = ProbCover(
        n_classes=4, deltas=np.arange(step, 2, step), cluster_algo_dict={"n_init": 20}
    )
    theirs.query(rows.astype(np.float64), labels_of(pool))
    options = {"probcover": OPTIONS["probcover"]}
    found = []
    for start in range(10):  # k-means from other draws: one finds their clusters
        rng = np.random.default_rng(start)
        given = 80, pool["labeled"], 1, 0, rng, options, rows
        found.append(np.sqrt(probcover.pure_radius(Query(*given, classes=4))))
    assert any(theirs.delta_max_ <= r < theirs.delta_max_ + step for r in found), found
