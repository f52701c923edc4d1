"""Batches and draws of any size and weight: every position in range, as often as they promise."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wholepool.data.oracles import initial_set
from wholepool.learn.loop import cut
from wholepool.learn.training import draw, take

SEEDS = st.integers(0, 2**32)
#: certainties as propagation gives them, float32: zeros, ties, tiny ones
WEIGHTS = st.lists(
    st.one_of(st.just(0.0), st.sampled_from([1.0, 0.5]), st.floats(0, 1, width=32)),
    min_size=1,
    max_size=60,
)


@given(WEIGHTS, st.data(), st.sampled_from(["replacement", "distinct"]), SEEDS)
def test_draws_follow_the_weights(weights, data, how, seed):
    weights = np.array(weights, dtype=np.float32)
    n, positive = len(weights), np.flatnonzero(weights > 0)
    count = data.draw(st.integers(0, n if how == "distinct" else 3 * n))
    found = draw(weights, count, how, np.random.default_rng(seed))
    assert found.dtype == np.int64
    assert np.isin(found, positive).all()  # nothing of weight zero, whatever is left to take
    if how == "distinct":
        assert len(set(found)) == len(found) == min(count, len(positive))
    else:
        assert found.shape == (count if len(positive) else 0,)
    again = draw(weights, count, how, np.random.default_rng(seed))
    np.testing.assert_array_equal(again, found)


@given(st.integers(1, 300), st.integers(1, 400), st.booleans(), SEEDS)
def test_batches_hold_every_position_once(size, batch_size, drop_last, seed):
    batches = cut(np.random.default_rng(seed).permutation(size), batch_size, drop_last)
    sizes = [len(batch) for batch in batches]
    whole, rest = divmod(size, batch_size)
    dropped = drop_last and rest and whole
    assert sizes == [batch_size] * whole + ([rest] if rest and not dropped else [])
    seen = np.concatenate(batches)
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(size))


@given(st.integers(1, 60), st.integers(1, 90), st.integers(1, 8), SEEDS)
def test_labeled_positions_come_equally_often(size, batch_size, batches, seed):
    rng, waiting, found = np.random.default_rng(seed), np.empty(0, dtype=np.int64), []
    for _ in range(batches):
        part, waiting = take(waiting, size, batch_size, "permutations", rng)
        found.append(part)
    assert all(len(batch) == batch_size for batch in found)
    counts = np.bincount(np.concatenate(found), minlength=size)
    assert len(counts) == size
    assert counts.max() - counts.min() <= 1
    free, _ = take(waiting, size, batch_size, "replacement", rng)
    assert len(free) == batch_size and ((free >= 0) & (free < size)).all()


@given(st.lists(st.integers(0, 5), min_size=6, max_size=200), st.integers(0, 60), SEEDS)
def test_initial_labels_are_balanced_or_refused(labels, size, seed):
    labels = np.array(labels)
    have = np.bincount(labels, minlength=6)
    try:
        found = initial_set(labels, 6, size, np.random.default_rng(seed))
    except ValueError as error:
        few = f"initial: {size} labels need" in str(error) and have.min() < -(-size // 6)
        assert few or ("the oracle knows none of class" in str(error) and have.min() == 0)
        return
    assert len(found) == size and (np.diff(found) > 0).all()
    taken = np.bincount(labels[found], minlength=6)
    assert taken.max() - taken.min() <= 1 and (taken <= have).all()
