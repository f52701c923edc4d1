"""The contract of every strategy where pools are odd: copies, nothing labeled, one class."""

import numpy as np
import pytest
from asking import ALL, COLD, FIXED, OPTIONS, STRATEGIES, acquire, make_pool, outside, same
from test_clusters import blobs

from wholepool.grid.sections import reads
from wholepool.job.errors import UserError
from wholepool.strategies import Acquisition, Query, checked


def obeys(name, pool, budget, seed=0):
    """Exactly b distinct unlabeled images, each with a finite score; returns the acquisition."""
    found = acquire(name, pool, budget, seed)
    assert found.indices.shape == found.scores.shape == (budget,)
    assert len(set(found.indices.tolist())) == budget
    assert set(found.indices.tolist()) <= set(outside(pool))
    assert not np.isnan(found.scores).any()
    return found


def copies(seed, different):
    """A pool of 30 images of which so many are different."""
    pool = make_pool(seed)
    for array in ("embeddings", "probabilities"):
        pool[array] = pool[array][np.arange(30) % different]
    return pool


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("different", [1, 2, 6])
def test_copies(name, different):
    if name == "jlp" and different < 6:
        pytest.skip("its graph needs more different images than neighbors, and says so")
    for budget in (1, 10, 25):
        obeys(name, copies(budget, different), budget)


@pytest.mark.parametrize("name", ALL)
def test_predictions_that_are_certain(name):
    """One-hot: no entropy, margins of 1, gradients of 0."""
    pool = make_pool(1)
    pool["probabilities"] = np.eye(4, dtype=np.float32)[pool["probabilities"].argmax(axis=1)]
    obeys(name, pool, 12)


@pytest.mark.parametrize("name", ALL)
def test_predictions_that_are_all_the_same(name):
    pool = make_pool(1)
    pool["probabilities"][:] = 0.25
    obeys(name, pool, 12)


@pytest.mark.parametrize("name", ALL)
def test_one_class_alone(name):
    pool = make_pool(2, classes=1)
    obeys(name, pool, 12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("b", [1, 29])
def test_one_label(name, b):
    obeys(name, make_pool(3, labeled=1), b)


@pytest.mark.parametrize("name", ALL)
def test_class_ids_with_gaps(name):
    """Classes 1 and 3 of 6 have never been seen: their columns are 0."""
    pool = make_pool(4, classes=6)
    pool["probabilities"][:, [1, 3]] = 0
    pool["probabilities"] /= pool["probabilities"].sum(axis=1, keepdims=True)
    pool["answers"] = np.array([0, 2, 5, 5, 4], dtype=np.int32)
    obeys(name, pool, 12)


@pytest.mark.parametrize("name", COLD)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_labeled_and_no_network(name, seed):
    assert set(STRATEGIES[name]["NEEDS"]) <= {"embeddings"}
    pool = {**make_pool(seed), "labeled": np.array([], dtype=np.int64)}
    for budget in (1, 7, 30):
        obeys(name, pool, budget, seed)


def test_those_of_ours_that_can_start_cold_say_so():
    alone = {"random", "coreset", "jlp", "typiclust", "probcover", "maxherding", "kmedoids"}
    assert alone <= set(COLD)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused(name, value):
    for array in set(STRATEGIES[name]["NEEDS"]) - {"answers"}:
        pool = make_pool(5)
        pool[array][3, 1] = value
        with pytest.raises(UserError, match=f"{array}: row 3 .* not finite"):
            acquire(name, pool, 3)


#: of those that draw: those whose draws decide nothing here, where clusters are far apart
SETTLED = ["bald", "kmedoids", "maxherding", "probcover", "typiclust", "uherding"]


@pytest.mark.parametrize("name", FIXED + SETTLED)
def test_equivariant_to_a_permutation_where_no_draw_decides(name):
    """Well apart clusters, one query each: whatever is drawn, the same images are asked for."""
    sizes = [14, 11, 9, 8]
    rows, of = blobs(1, sizes)
    n = sum(sizes)
    pool = {**make_pool(1, n=n), "embeddings": rows, "labeled": np.array([0])}
    order = np.random.default_rng(7).permutation(n)
    moved = {key: pool[key][order] for key in ("embeddings", "probabilities")}
    moved |= {"n": n, "labeled": np.array([int(np.flatnonzero(order == 0)[0])])}
    first, second = acquire(name, pool, 3), acquire(name, {**pool, **moved}, 3)
    one, other = first.indices, order[second.indices]
    if name == "probcover":  # its radius hangs on draws: the clusters are the same
        one, other = of[one], of[other]
    assert set(one.tolist()) == set(other.tolist())


def test_a_score_that_is_no_number_is_refused():
    query = Query(n=5, labeled=np.array([0]), budget=2, cycle=0, rng=np.random.default_rng(0))
    with pytest.raises(UserError, match="gave 1 scores that are NaN"):
        checked(Acquisition(np.array([1, 3]), np.array([1.0, np.nan])), query, "own", "own.py")


@pytest.mark.parametrize("name", ALL)
def test_sections_are_the_config_s(name):
    assert set(reads(STRATEGIES[name])) <= set(OPTIONS)
    same(acquire(name, make_pool(9), 4), acquire(name, make_pool(9), 4))
