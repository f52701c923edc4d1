"""The audit: who is in it, and whether its intervals hold what they say."""

import hashlib
import math
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binom, kstest

from wholepool.labeling.audit import (
    Share,
    audit,
    next_audit,
    rank,
    ranks,
    reserve_for,
    reserved,
    wilson,
)


def ids(n, seed=0):
    """Image ids, as SHA-256 writes them."""
    return [hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(n)]


POOL = ids(5000)


def test_a_rank_is_a_hash_of_the_id_with_the_salt():
    digest = hashlib.sha256(b"wholepool audit 1 " + POOL[0].encode()).hexdigest()
    assert math.floor(rank(POOL[0]) * 2**53) == int(digest[:16], 16) // 2**11
    assert ranks(POOL[:3]).tolist() == [rank(image) for image in POOL[:3]]


def test_ranks_never_change():
    """A journal's audit would not be the same one any more."""
    found = [round(rank(sign * 64), 12) for sign in "0af"]
    assert found == [0.959701457571, 0.950247136765, 0.973789491906]


def test_ranks_are_uniform_and_do_not_follow_the_id():
    found = ranks(POOL)
    assert found.min() >= 0 and found.max() < 1
    assert kstest(found, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(found, [int(image[:8], 16) for image in POOL])[0, 1]) < 0.05


def test_the_reserve_is_of_each_image_alone():
    whole = reserved(POOL, 0.1)
    assert whole.dtype == bool and 400 < whole.sum() < 600
    assert reserved(POOL[::-1], 0.1).tolist() == whole[::-1].tolist()
    assert reserved(POOL[:70], 0.1).tolist() == whole[:70].tolist()
    assert not (whole & ~reserved(POOL, 0.2)).any(), "a larger reserve holds the smaller one"
    assert reserved(POOL, 1).all() and not reserved(POOL, 0).any()
    assert reserved([], 0.1).tolist() == []


def literal_next(images, answered, reserve, count):
    waiting = [(rank(one), place) for place, one in enumerate(images)]
    waiting = [one for one in waiting if one[0] < reserve and images[one[1]] not in answered]
    return [place for _, place in sorted(waiting)[:count]]


@pytest.mark.parametrize("count", [0, 1, 7, 60, 1000])
def test_the_next_are_the_lowest_ranks_left(count):
    images, answered = POOL[:400], set(POOL[:400:3])
    found = next_audit(images, answered, 0.15, count)
    assert found == literal_next(images, answered, 0.15, count)
    assert count > 60 or len(found) == min(count, len(literal_next(images, answered, 0.15, 400)))


def test_batches_of_the_audit_make_up_the_reserve_and_stay_when_images_come():
    images, answered, asked = POOL[:500], set(), []
    while batch := next_audit(images, answered, 0.1, 6):
        asked += batch
        answered |= {images[place] for place in batch}
    assert sorted(asked) == np.flatnonzero(reserved(images, 0.1)).tolist()
    more = next_audit(POOL, answered, 0.1, 10_000)
    assert min(more) >= 500
    assert {*asked, *more} == set(np.flatnonzero(reserved(POOL, 0.1)).tolist())


@pytest.mark.parametrize("n", [700, 1000, 5000, 200_000])
def test_enough_is_reserved(n):
    fraction = reserve_for(n)
    assert binom.sf(99, n, fraction) == pytest.approx(0.99, abs=1e-9)
    assert 100 < fraction * n < 130


def test_enough_is_reserved_of_real_hashes():
    short = sum(reserved(ids(2000, seed), reserve_for(2000)).sum() < 100 for seed in range(100))
    assert short <= 5  # of 100 at 1 in 100


def test_a_small_pool_keeps_its_images():
    assert reserve_for(50) == reserve_for(300) == reserve_for(0) == 0.2
    assert reserve_for(300, most=0.5) == pytest.approx(0.4, abs=0.05)
    assert reserve_for(1000, wanted=0) == 0
    assert reserve_for(100, wanted=100, most=1) == pytest.approx(0.99 ** (1 / 100))


def formula(right, asked, level):
    """Wilson 1927, as textbooks print it."""
    z, p = NormalDist().inv_cdf((1 + level) / 2), right / asked
    center = (p + z**2 / (2 * asked)) / (1 + z**2 / asked)
    reach = z / (1 + z**2 / asked) * math.sqrt(p * (1 - p) / asked + z**2 / (4 * asked**2))
    return center - reach, center + reach


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("right, asked", [(0, 1), (1, 1), (0, 20), (15, 20), (90, 100), (400, 400)])
def test_wilson_is_the_printed_formula(right, asked, level):
    assert wilson(right, asked, level) == pytest.approx(formula(right, asked, level), abs=1e-12)


def test_wilson_at_its_edges():
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError):
        wilson(3, 2)
    low, high = wilson(90, 100)
    assert (high - low) / 2 == pytest.approx(0.0596, abs=1e-4)


@pytest.mark.parametrize("asked", [20, 100, 400])
@pytest.mark.parametrize("p", [0.5, 0.74, 0.9, 0.97])
def test_coverage_is_that_of_the_exact_sum(p, asked):
    bounds = np.array([wilson(right, asked) for right in range(asked + 1)])
    holds = (bounds[:, 0] <= p) & (p <= bounds[:, 1])
    exact = binom.pmf(np.arange(asked + 1), asked, p) @ holds
    assert 0.92 < exact < 0.98
    drawn = np.random.default_rng(asked).random((10_000, asked)) < p
    simulated = holds[drawn.sum(axis=1)].mean()
    assert simulated == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 10_000))


def test_twenty_answers_hold_the_truth_in_ninety_of_a_hundred_pools():
    """Each pool has ids of its own, of which the hash chooses; right with probability 0.74."""
    rng, held, means = np.random.default_rng(7), 0, []
    for _ in range(100):
        images = [row.tobytes().hex() for row in rng.integers(0, 256, (5000, 32), dtype=np.uint8)]
        right = rng.random(5000) < 0.74
        asked = next_audit(images, set(), reserve_for(5000), 20)
        found = audit(
            {images[place]: "cat" for place in asked},
            {images[place]: "cat" if right[place] else "dog" for place in asked},
        )
        held += found.low <= right.mean() <= found.high
        means.append(found.accuracy)
    assert held >= 90
    assert np.mean(means) == pytest.approx(0.74, abs=4 * math.sqrt(0.74 * 0.26 / 2000))


def test_the_audit_counts_by_class():
    answers = dict(zip("abcdef", ["cat", "cat", "cat", "dog", "dog", "newt"], strict=True))
    predicted = dict(zip("abcdefg", ["cat", "dog", "cat", "dog", "cat", "dog", "cat"], strict=True))
    found = audit(answers, predicted)
    assert (found.right, found.asked, found.accuracy) == (3, 6, 0.5)
    assert (found.low, found.high) == wilson(3, 6)
    assert found.by_class == {
        "cat": Share(2, 3, *wilson(2, 3)),
        "dog": Share(1, 2, *wilson(1, 2)),
        "newt": Share(0, 1, *wilson(0, 1)),
    }
    wide = audit(answers, predicted, level=0.5)
    assert wide.by_class["cat"].low == wilson(2, 3, 0.5)[0] > found.by_class["cat"].low
    assert (wide.low, wide.high) == wilson(3, 6, 0.5)


def test_an_audit_of_nothing_says_nothing():
    found = audit({}, {"a": "cat"})
    assert (found.asked, found.accuracy, found.low, found.high) == (0, None, 0.0, 1.0)
    assert found.by_class == {}
    with pytest.raises(KeyError):
        audit({"b": "cat"}, {"a": "cat"})


def said(**counts):
    names = [name for name, count in counts.items() for _ in range(count)]
    return {str(place): name for place, name in enumerate(names)}


def test_no_interval_is_paid_for_at_the_start():
    code = (
        "import sys; from wholepool.labeling import audit, advice; "
        "print([name for name in ('scipy', 'pandas', 'torch', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "[]"
