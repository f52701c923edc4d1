"""Which images reach the batches: epochs that are cut, labels in turn, draws by weight."""

import math

import numpy as np
import pytest

from wholepool.learn.loop import cut
from wholepool.learn.training import draw, take


@pytest.mark.parametrize(("size", "batch_size"), [(10, 3), (9, 3), (2, 5), (1, 1)])
def test_batches_hold_every_image_once(size, batch_size):
    batches = cut(np.random.default_rng(0).permutation(size), batch_size, False)
    assert sorted(np.concatenate(batches)) == list(range(size))
    assert len(batches) == math.ceil(size / batch_size)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert len(batches[-1]) == (size % batch_size or batch_size)


@pytest.mark.parametrize(
    ("size", "batch_size", "lengths"),
    [(10, 3, [3, 3, 3]), (9, 3, [3, 3, 3]), (2, 5, [2]), (5, 5, [5]), (6, 5, [5])],
)
def test_drop_last_drops_an_incomplete_batch_unless_it_is_the_only_one(size, batch_size, lengths):
    batches = cut(np.random.default_rng(0).permutation(size), batch_size, True)
    assert [len(batch) for batch in batches] == lengths
    assert len(set(np.concatenate(batches))) == sum(lengths)


def taken(count, *arguments):
    """`count` labeled parts of SEMI's batches, one after the other."""
    rng, waiting, parts = np.random.default_rng(0), np.empty(0, dtype=np.int64), []
    for _ in range(count):
        part, waiting = take(waiting, *arguments, rng)
        parts.append(part)
    return parts


@pytest.mark.parametrize(("size", "batch_size"), [(7, 3), (3, 7), (5, 5), (1, 4)])
def test_chained_permutations_use_all_equally_often(size, batch_size):
    drawn = taken(4 * size, size, batch_size, "permutations")
    assert {len(batch) for batch in drawn} == {batch_size}
    chain = np.concatenate(drawn)
    for start in range(0, len(chain), size):
        assert sorted(chain[start : start + size]) == list(range(size))


def test_replacement_draws_are_independent_and_uniform():
    drawn = np.concatenate(taken(1000, 5, 10, "replacement"))
    counts = np.bincount(drawn, minlength=5)
    assert len(counts) == 5
    assert ((counts - 2000) ** 2 / 2000).sum() < 18.5  # 4 degrees of freedom, p = 0.001
    assert (counts != 2000).any()  # permutations would be exactly even


def test_draw_frequencies_follow_the_normalized_weights():
    weights = np.array([0.5, 0.0, 0.1, 1.0, 0.0, 0.03, 0.37])
    size = 20_000
    drawn = draw(weights, size, "replacement", np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=7)
    expected = size * weights / weights.sum()
    assert counts[weights == 0].tolist() == [0, 0]
    used = weights > 0
    chi_square = ((counts - expected)[used] ** 2 / expected[used]).sum()
    assert chi_square < 18.5  # 4 degrees of freedom, p = 0.001


def test_draw_with_replacement_repeats():
    weights = np.array([0.0, 2.0, 0.0])
    assert draw(weights, 6, "replacement", np.random.default_rng(0)).tolist() == [1] * 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draw_takes_tiny_weights(dtype):
    weights = np.full(100, 1e-30, dtype=dtype)
    weights[:50] = 0
    drawn = draw(weights, 500, "replacement", np.random.default_rng(0))
    assert drawn.min() >= 50
    distinct = draw(weights, 50, "distinct", np.random.default_rng(0))
    assert sorted(distinct) == list(range(50, 100))


def test_distinct_draws_never_repeat():
    weights = np.random.default_rng(1).random(30)
    drawn = draw(weights, 15, "distinct", np.random.default_rng(0))
    assert len(set(drawn)) == 15
    assert set(drawn) <= set(range(30))


def test_distinct_draws_prefer_heavy_weights():
    weights = np.array([1.0, 1.0, 10.0, 10.0])
    rng = np.random.default_rng(0)
    counts = np.zeros(4)
    for _ in range(2000):
        counts[draw(weights, 1, "distinct", rng)] += 1
    expected = 2000 * weights / weights.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 16.3  # 3 degrees of freedom, p = 0.001


@pytest.mark.parametrize("how", ["replacement", "distinct"])
def test_what_has_no_weight_is_never_drawn(how):
    """No evidence is no class: the absence of a weight must not become a pseudo-label."""
    weights = np.zeros(12)
    weights[[3, 7]] = [0.9, 1e-6]
    rng = np.random.default_rng(0)
    drawn = [draw(weights, 7, how, rng) for _ in range(200)]
    assert {len(one) for one in drawn} == ({2} if how == "distinct" else {7})
    assert set(np.concatenate(drawn)) <= {3, 7}
    assert len(draw(np.zeros(6), 3, how, rng)) == 0


@pytest.mark.parametrize("how", ["replacement", "distinct"])
def test_draw_nothing(how):
    assert len(draw(np.zeros(0), 0, how, np.random.default_rng(0))) == 0
    assert len(draw(np.ones(3), 0, how, np.random.default_rng(0))) == 0


def test_distinct_draw_can_take_all():
    rng = np.random.default_rng(0)
    assert sorted(draw(np.array([1.0, 3, 2]), 3, "distinct", rng)) == [0, 1, 2]
