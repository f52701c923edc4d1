"""When to stop: what the next batch of labels is expected to gain, how surely, and for how much.

The error after n labels is taken to be a + b (n + s)^-c (pow4 in Viering and Loog 2022, arXiv
2103.10948), and a cycle's own error to lie about it, as other labels would have given another. Two
to ten audits of some twenty to a hundred images do not tell one such curve from another. So none is
picked: many are weighted by how well they explain the audits, and what they say of the next batch
is a distribution. Nothing is drawn: the same audits give the same advice. docs/stop-advice.md
compares it with what recorded grids gained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

GO_ON, YOUR_CHOICE, STOP = "go on", "your choice", "stop"

#: fewer images in the audit, or fewer cycles, tell nothing of a gain
LEAST_ASKED, LEAST_CYCLES = 20, 2
#: how much of the gain's distribution lies in its interval
LEVEL = 0.8
#: the deviation of a cycle's error from its curve after n labels is WIGGLE * n ** -DECAY: of ten
#: 11 points, of a hundred 1.9 (chosen on recorded grids: docs/stop-advice.md)
WIGGLE, DECAY = 0.6, 0.75
#: the correlation of two cycles' right and wrong on the same images: 0.2 to 0.9 on CIFAR-10, the
#: less the fewer labels and the farther apart
ALIKE = 0.6
#: the chances of a gain that is worth a batch: go on from the first on, stop below the second
LIKELY, UNLIKELY = 0.5, 0.2
#: a lower kappa between two cycles' predictions is no time to stop
SETTLED = 0.9

# The curves: each of these with each. Evenly weighted before any audit.
#: the error now
ERRORS = np.linspace(0.01, 0.95, 48)
#: the share of it that no label takes away (a): low ones are more usual
FLOORS = 1 - np.linspace(1, 0.1, 10) ** (1 / 3)
#: c
EXPONENTS = np.geomspace(0.1, 2, 8)
#: s, in labels
SHIFTS = np.array([0.0, 10.0, 30.0, 100.0])


@dataclass(frozen=True)
class Cycle:
    """What is known of a past cycle.

    `labels` it was trained on; of `asked` images of the audit, the same in all cycles, its network
    has `right`; `kappa` is Cohen's between its predictions on the pool and the last cycle's.
    """

    labels: int
    right: int
    asked: int
    kappa: float | None = None


@dataclass(frozen=True)
class Gain:
    """What the next batch gains, in points of accuracy.

    `expected` is the mean; between `low` and `high` it lies with probability LEVEL. `chance` is
    the probability that the curve, without a cycle's own deviation, gains what a batch is worth.
    """

    expected: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Advice:
    """`word` is GO_ON, YOUR_CHOICE or STOP, `why` a sentence.

    `gain` of `batch` more labels is None where it is too early to say. They cost `cost`, in the
    unit of the price, None without one. `kappa` is the last cycle's.
    """

    word: str
    why: str
    gain: Gain | None
    batch: int
    cost: float | None
    kappa: float | None


def advise(
    cycles: Sequence[Cycle], batch: int, price: float | None = None, worth: float = 1.0
) -> Advice:
    """Whether `batch` more labels are worth it, after `cycles`, in their order.

    `price` is that of one label, in any unit; `worth` the points of accuracy that a batch must gain
    to be worth it. Raises ValueError for a batch of none, and where the labels do not increase.
    """
    if batch < 1 or any(one.labels >= two.labels for one, two in pairwise(cycles)):
        raise ValueError(f"advice on a batch of {batch} after {[one.labels for one in cycles]}")
    kappa = cycles[-1].kappa if cycles else None
    cost = None if price is None else price * batch
    asked = min((cycle.asked for cycle in cycles), default=0)
    if len(cycles) < LEAST_CYCLES or asked < LEAST_ASKED:
        why = (
            f"It is too early to say: that takes {LEAST_CYCLES} cycles and {LEAST_ASKED} answers "
            f"of the audit, and there are {len(cycles)} and {asked}."
        )
        return Advice(GO_ON, why, None, batch, cost, kappa)
    gain = next_gain(cycles, batch, worth)
    return Advice(*judged(gain, batch, worth, kappa), gain, batch, cost, kappa)


def judged(gain: Gain, batch: int, worth: float, kappa: float | None) -> tuple[str, str]:
    """The word, and the sentence that says why."""
    told = (
        f"{batch} more labels are expected to gain {gain.expected:.1f} points "
        f"({gain.low:+.1f} to {gain.high:+.1f})"
    )
    chance = f"the curve gains {worth:g} or more with a chance of {gain.chance:.0%}"
    if gain.chance >= LIKELY:
        return GO_ON, f"{told}; {chance}."
    if gain.chance >= UNLIKELY:
        return YOUR_CHOICE, f"{told}; {chance}, which settles nothing."
    if kappa is not None and kappa < SETTLED:
        return YOUR_CHOICE, f"{told}, but the predictions still change (kappa {kappa:.2f})."
    return STOP, f"{told}; {chance}."


def next_gain(cycles: Sequence[Cycle], batch: int, worth: float) -> Gain:
    """What `batch` more labels gain, by all curves, each weighted by the audits of `cycles`."""
    axes = np.meshgrid(ERRORS, FLOORS, EXPONENTS, SHIFTS)
    error, floor, exponent, shift = (axis.ravel() for axis in axes)
    labels = np.array([cycle.labels for cycle in cycles], dtype=np.float64)
    now, after = labels[-1], labels[-1] + batch
    curves = error * (floor + (1 - floor) * power(labels[:, None], now, exponent, shift))
    weights = explained(np.minimum(curves, 0.99), cycles)
    gains = 100 * error * (1 - floor) * (1 - power(after, now, exponent, shift))
    spread = 100 * np.hypot(wiggle(now), wiggle(after))
    low, high = (mixture_quantile(gains, weights, spread, (1 + s * LEVEL) / 2) for s in (-1, 1))
    chance = weights @ (gains >= worth)
    return Gain(float(weights @ gains), low, high, float(chance))


def wiggle(labels: Any) -> Any:
    """The deviation of a cycle's error (0 to 1) from its curve."""
    return WIGGLE * labels**-DECAY


def power(labels: Any, now: float, exponent: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What is left, at some number of labels, of the error above the floor now."""
    left: np.ndarray = ((labels + shift) / (now + shift)) ** -exponent
    return left


def explained(curves: np.ndarray, cycles: Sequence[Cycle]) -> np.ndarray:
    """The weight of each of m curves, float64 (m,), of sum 1, by its errors (cycles, m).

    The audits' errors are taken as normal about the curve, with the binomial variance and that of
    `wiggle`. They are correlated, as the same images are right or wrong in all cycles.
    """
    asked = np.array([cycle.asked for cycle in cycles])
    wrong = 1 - np.array([cycle.right for cycle in cycles]) / asked
    own = wiggle(np.array([cycle.labels for cycle in cycles], dtype=np.float64)) ** 2
    deviation = np.sqrt((curves * (1 - curves)) / asked[:, None] + own[:, None])
    away = (wrong[:, None] - curves) / deviation
    fit = (away * np.linalg.solve(correlation(wrong, asked, own), away)).sum(axis=0) / 2
    fit += np.log(deviation).sum(axis=0)
    weights = np.exp(fit.min() - fit)
    found: np.ndarray = weights / weights.sum()
    return found


def correlation(wrong: np.ndarray, asked: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Of the audits' errors (t, t): ALIKE in the part that the choice of images has in them.

    The other part of their variance, `own` (t,), is each cycle's.
    """
    some = np.clip(wrong, 1 / asked, 1 - 1 / asked)  # none wrong is no proof that none ever is
    binomial = some * (1 - some) / asked
    share = np.sqrt(ALIKE * binomial / (binomial + own))
    matrix = np.outer(share, share)
    np.fill_diagonal(matrix, 1)
    return matrix


def mixture_quantile(
    means: np.ndarray, weights: np.ndarray, deviation: float, level: float
) -> float:
    """Of normal distributions of one deviation, mixed: where they reach `level`."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    ends = [end + deviation * ndtri(level) for end in (means.min(), means.max())]
    return float(
        brentq(lambda x: weights @ ndtr((x - means) / deviation) - level, ends[0] - 1, ends[1] + 1)
    )
