"""The advice when to stop: sums written out, an independent library, and simulated labelings."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from wholepool.labeling import advice
from wholepool.labeling.advice import GO_ON, STOP, YOUR_CHOICE, Cycle, Gain, advise, next_gain

RISING = [Cycle(10, 35, 100), Cycle(40, 58, 100), Cycle(70, 68, 100)]
FLAT = [Cycle(n, 80, 100, 0.97) for n in (50, 100, 150, 200, 250)]


@pytest.fixture
def few(monkeypatch):
    """Few curves, for a twin in plain loops."""
    axes = {"ERRORS": [0.1, 0.3, 0.45], "FLOORS": [0.0, 0.6], "EXPONENTS": [0.3, 1.5]}
    for name, values in (axes | {"SHIFTS": [0.0, 20.0]}).items():
        monkeypatch.setattr(advice, name, np.array(values))
    return list(itertools.product(*axes.values(), [0.0, 20.0]))


def literal(curves, cycles, batch, worth):
    """Weights by SciPy's normal density, and the distribution by steps of a hundredth of a point.

    The density's covariance has the curve's deviations and the correlation at the audit's errors.
    """
    now = cycles[-1].labels
    weights, gains = [], []
    for error, floor, exponent, shift in curves:

        def at(labels, error=error, floor=floor, exponent=exponent, shift=shift):
            left = ((labels + shift) / (now + shift)) ** -exponent
            return error * floor + error * (1 - floor) * left

        told = [min(at(one.labels), 0.99) for one in cycles]
        covariance = np.zeros((len(cycles), len(cycles)))
        for i, one in enumerate(cycles):
            for j, other in enumerate(cycles):
                deviation = parts = 1.0
                for k, cycle in ((i, one), (j, other)):
                    wiggle = (0.6 * cycle.labels**-0.75) ** 2
                    deviation *= math.sqrt(told[k] * (1 - told[k]) / cycle.asked + wiggle)
                    wrong = 1 - cycle.right / cycle.asked
                    audit = wrong * (1 - wrong) / cycle.asked
                    parts *= math.sqrt(audit / (audit + wiggle))
                covariance[i, j] = deviation * (1 if i == j else 0.6 * parts)
        seen = [1 - one.right / one.asked for one in cycles]
        weights.append(multivariate_normal(told, covariance).pdf(seen))
        gains.append(100 * (at(now) - at(now + batch)))
    weights = np.array(weights) / sum(weights)
    spread = 60 * math.hypot(now**-0.75, (now + batch) ** -0.75)
    grid = np.arange(-60, 120, 0.01)
    below = sum(w * norm.cdf(grid, g, spread) for w, g in zip(weights, gains, strict=True))
    low, high = (grid[np.searchsorted(below, level)] for level in (0.1, 0.9))
    chance = sum(w for w, g in zip(weights, gains, strict=True) if g >= worth)
    return sum(weights * gains), low, high, chance


@pytest.mark.parametrize("batch, worth", [(30, 1.0), (100, 4.0)])
@pytest.mark.parametrize(
    "cycles", [RISING, FLAT, RISING[1:], [Cycle(20, 12, 20), Cycle(25, 14, 30)]]
)
def test_the_gain_is_the_sum_written_out(few, cycles, batch, worth):
    expected, low, high, chance = literal(few, cycles, batch, worth)
    found = next_gain(cycles, batch, worth)
    assert found.expected == pytest.approx(expected, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.011)
    assert found.chance == pytest.approx(chance, abs=1e-9)


def test_a_known_curve_is_found():
    """Audits of a million on the curve 0.1 + 0.9 (n + 10)^-0.5, had the cycles no deviation."""
    error = {n: 0.1 + 0.9 * (n + 10) ** -0.5 for n in (30, 60, 120, 240, 480, 960)}
    cycles = [Cycle(n, round(1e6 * (1 - e)), 10**6) for n, e in error.items() if n < 960]
    found = next_gain(cycles, 480, 1.0)
    assert found.expected == pytest.approx(100 * (error[480] - error[960]), abs=0.5)


def test_it_draws_nothing():
    assert advise(RISING, 30) == advise(list(RISING), 30)


def test_what_a_gain_must_be_like():
    found = next_gain(RISING, 30, 1.0)
    assert found.low < found.expected < found.high
    assert next_gain(RISING, 60, 1.0).expected > found.expected
    chances = [next_gain(RISING, 30, worth).chance for worth in (0, 1, 3, 6, 12, 100)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == pytest.approx(1) and chances[-1] == 0
    assert next_gain(FLAT, 50, 1.0).expected < 1 < found.expected


def test_more_cycles_and_a_larger_audit_tell_more():
    def width(cycles):
        found = next_gain(cycles, 50, 1.0)
        return found.high - found.low

    small = [Cycle(one.labels, one.right // 5, one.asked // 5) for one in FLAT]
    assert width(FLAT) < width(FLAT[:2]) and width(FLAT) < width(small)


@pytest.mark.parametrize("right", [0, 20])
def test_all_right_and_all_wrong_are_no_fault(right):
    found = next_gain([Cycle(10, right, 20), Cycle(40, right, 20)], 30, 1.0)
    assert all(map(math.isfinite, vars(found).values()))
    assert (found.expected < 1) == (right == 20)


def test_the_interval_holds_what_it_says_where_the_curve_is_of_the_kind(monkeypatch):
    """300 labelings drawn as the module says: a curve, each cycle's deviation, the same images.

    Every second error and floor, of the curves that weigh as of those that are drawn: it must hold
    for any, and takes a quarter of the time.
    """
    for name in ("ERRORS", "FLOORS"):
        monkeypatch.setattr(advice, name, getattr(advice, name)[::2])
    rng, inside, chances, worth_it = np.random.default_rng(3), 0, [], []
    labels = np.array([40, 80, 120, 160, 200])
    common = math.sin(math.pi / 2 * 0.6)
    for _ in range(300):
        error, floor, exponent, shift = (
            rng.choice(axis)
            for axis in (advice.ERRORS[:15], advice.FLOORS, advice.EXPONENTS, advice.SHIFTS)
        )
        left = ((labels + shift) / (labels[3] + shift)) ** -exponent
        curve = error * (floor + (1 - floor) * left)
        truth = np.clip(curve + 0.6 * labels**-0.75 * rng.standard_normal(5), 0.001, 0.98)
        z = math.sqrt(common) * rng.standard_normal(100)
        z = z + math.sqrt(1 - common) * rng.standard_normal((4, 100))
        right = (z < norm.ppf(1 - truth[:4, None])).sum(axis=1)
        cycles = [Cycle(int(n), int(k), 100) for n, k in zip(labels, right, strict=False)]
        found = next_gain(cycles, 40, 1.0)
        inside += found.low <= 100 * (truth[3] - truth[4]) <= found.high
        chances.append(found.chance)
        worth_it.append(curve[3] - curve[4] >= 0.01)
    assert inside / 300 == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 300))
    assert np.mean(chances) == pytest.approx(np.mean(worth_it), abs=0.08)
    sure = np.array(chances) > 0.9
    assert sure.sum() > 50 and np.array(worth_it)[sure].mean() > 0.85


def gain(chance):
    return Gain(2.25, -1.0, 5.5, chance)


@pytest.mark.parametrize(
    "chance, kappa, word",
    [
        (0.5, None, GO_ON),
        (0.9, 0.99, GO_ON),
        (0.49, 0.99, YOUR_CHOICE),
        (0.2, None, YOUR_CHOICE),
        (0.19, None, STOP),
        (0.19, 0.9, STOP),
        (0.19, 0.89, YOUR_CHOICE),
    ],
)
def test_the_word(chance, kappa, word):
    found, why = advice.judged(gain(chance), 30, 1.0, kappa)
    assert found == word
    assert why.startswith("30 more labels are expected to gain 2.2 points (-1.0 to +5.5)")
    assert why.endswith(".") and why.count("\n") == 0
    assert ("still change (kappa 0.89)" in why) == (kappa == 0.89)


def test_words_of_whole_labelings():
    rising, flat = (
        advise(RISING, 30, price=0.05),
        advise(FLAT[:-1] + [Cycle(250, 80, 100, 0.5)], 50),
    )
    assert rising.word == GO_ON and rising.cost == pytest.approx(1.5) and rising.kappa is None
    assert flat.cost is None and flat.kappa == 0.5 and flat.batch == 50
    assert flat.gain == next_gain(FLAT, 50, 1.0)
    long = [Cycle(n, 380, 400, 0.99) for n in range(100, 1100, 100)]
    assert advise(long, 100).word == STOP
    assert advise(long, 100, worth=0.0).word == GO_ON
    assert advise([*long[:-1], Cycle(1000, 380, 400, 0.5)], 100).word == YOUR_CHOICE


@pytest.mark.parametrize(
    "cycles", [[], RISING[:1], [Cycle(10, 5, 19), Cycle(40, 80, 100)], [Cycle(9, 0, 0)] * 1]
)
def test_too_early(cycles):
    found = advise(cycles, 30, price=1)
    assert found.word == GO_ON and found.gain is None and found.cost == 30
    assert "too early to say" in found.why
    assert (
        f"there are {len(cycles)} and {min((one.asked for one in cycles), default=0)}." in found.why
    )


def test_as_early_as_can_be():
    assert advise([Cycle(10, 5, 20), Cycle(40, 9, 20)], 30).gain is not None


@pytest.mark.parametrize("cycles, batch", [(RISING, 0), (RISING[::-1], 30), ([FLAT[0]] * 2, 30)])
def test_what_is_no_labeling_is_refused(cycles, batch):
    with pytest.raises(ValueError, match="advice on a batch"):
        advise(cycles, batch)
