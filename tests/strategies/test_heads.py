"""The strategies that read the classifier, against their twins."""

import numpy as np
import pytest
import twins_heads
from asking import OPTIONS, acquire, make_pool

from wholepool.strategies import Query, _dropout, alfamix, dropquery


def logits_of(pool):
    return pool["embeddings"] @ pool["head"][:, :-1].T + pool["head"][:, -1]


@pytest.mark.parametrize("seed", range(4))
def test_bald_is_the_twin(seed):
    pool = make_pool(seed)
    given = pool["embeddings"], pool["head"], pool["labeled"]
    twin = twins_heads.information(*given, np.random.default_rng(seed))
    found = acquire("bald", pool, 10, seed)
    assert found.indices.tolist() == sorted(twin, key=lambda i: (-twin[i], i))[:10]
    np.testing.assert_allclose(found.scores, [twin[i] for i in found.indices], rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beta", [0.5, 1, 8])
def test_power_bald_is_bald_s_power_and_noise(monkeypatch, seed, beta):
    monkeypatch.setitem(OPTIONS, "power_bald", {"passes": 5, "dropout": 0.3, "beta": beta})
    pool, rng = make_pool(seed), np.random.default_rng(seed)
    given = pool["embeddings"], pool["head"], pool["labeled"]
    twin = twins_heads.information(*given, rng, passes=5, rate=0.3)
    noise = dict(zip(twin, rng.gumbel(size=len(twin)), strict=True))
    keys = {i: beta * np.log(max(twin[i], 1e-12)) + noise[i] for i in twin}
    found = acquire("power_bald", pool, 10, seed)
    assert found.indices.tolist() == sorted(keys, key=lambda i: -keys[i])[:10]
    np.testing.assert_allclose(found.scores, [keys[i] for i in found.indices], rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["bald", "power_bald"])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("passes", [3, 5, 7, 20])
def test_where_all_networks_agree_there_is_no_information_and_no_nan(
    monkeypatch, name, classes, passes
):
    """All weights are 0: rounding makes H(mean p) - mean H(p) negative for some of these."""
    monkeypatch.setitem(OPTIONS, name, {**OPTIONS[name], "passes": passes})
    pool = make_pool(0, classes=classes)
    pool["head"][:, :-1] = 0
    found = acquire(name, pool, 25)
    assert np.isfinite(found.scores).all()
    if name == "bald":
        np.testing.assert_allclose(found.scores, 0, atol=1e-14)
        assert (found.scores >= 0).all()


def test_without_dropout_the_networks_are_the_classifier():
    pool = make_pool(1)
    given = {name: pool[name] for name in ("embeddings", "head")}
    query = Query(30, pool["labeled"], 1, 0, np.random.default_rng(0), **given)
    (found,) = _dropout.networks(query, 0, 1)
    exact = [twins_heads.softmax(z) for z in logits_of(pool).tolist()]
    np.testing.assert_allclose(found, np.array(exact)[query.unlabeled], rtol=0, atol=1e-6)


# DropQuery


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("budget", [1, 5, 25])
def test_dropquery_is_the_twin(seed, budget):
    pool, rng = make_pool(seed), np.random.default_rng(seed)
    given = pool["embeddings"], pool["head"], pool["labeled"]
    candidates = twins_heads.dropquery_candidates(*given, rng)
    assert 0 < len(candidates) < 25
    twin = twins_heads.spread(pool["embeddings"], pool["labeled"], candidates, budget, rng)
    found = acquire("dropquery", pool, budget, seed)
    assert (found.indices.tolist(), found.scores.tolist()) == twin


def test_dropquery_in_several_blocks_finds_what_changes(monkeypatch):
    monkeypatch.setattr(dropquery, "BLOCK", 6 * 7)
    monkeypatch.setitem(OPTIONS, "dropquery", {"passes": 40, "dropout": 0.5})
    pool = make_pool(3)
    pool["head"] *= 0
    pool["head"][0, -1] = 1  # whatever is dropped, class 0 is predicted: all are drawn at random
    found = [tuple(acquire("dropquery", pool, 3, seed).indices) for seed in range(8)]
    assert len(set(found)) > 4
    assert acquire("dropquery", pool, 3).scores.tolist() == [0, 0, 0]


# ALFA-Mix


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("epsilon", [0.2, 1, 2])
@pytest.mark.parametrize("answers", [[0, 1, 2, 3, 0], [3, 0, 3, 3, 0], [2, 2, 2, 2, 2]])
def test_alfamix_is_the_twin_with_every_mixture_made(monkeypatch, seed, epsilon, answers):
    monkeypatch.setitem(OPTIONS, "alfamix", {"epsilon": epsilon})
    pool, rng = make_pool(seed), np.random.default_rng(seed)
    pool["answers"] = np.array(answers, dtype=np.int32)
    given = pool["embeddings"], pool["head"], pool["labeled"], answers
    candidates = twins_heads.alfamix_candidates(*given, epsilon)
    for budget in (2, 12):
        rng = np.random.default_rng(seed)
        twin = twins_heads.spread(pool["embeddings"], pool["labeled"], candidates, budget, rng)
        found = acquire("alfamix", pool, budget, seed)
        assert (found.indices.tolist(), found.scores.tolist()) == twin


def test_alfamix_finds_some_and_not_all():
    """The twin above would agree on nothing at all, too."""
    pool = make_pool(0)
    given = {name: pool[name] for name in ("embeddings", "head", "answers")}
    query = Query(30, pool["labeled"], 1, 0, np.random.default_rng(0), **given)
    counts = [alfamix.changes(query, query.unlabeled, e).sum() for e in (0, 0.1, 0.4, 50)]
    assert counts[0] == 0 < counts[1] < counts[2] < counts[3] <= 25


def test_alfamix_of_predictions_that_are_certain_has_no_gradient():
    pool = make_pool(0)
    pool["head"] *= 1e4
    with np.errstate(all="raise", under="ignore"):
        found = acquire("alfamix", pool, 12)
    assert len(set(found.indices.tolist())) == 12
