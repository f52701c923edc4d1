"""The audit: images drawn at random that nothing is trained on, and what their answers tell."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: another salt is another audit
SALT = "wholepool audit 1 "
#: how surely `reserve_for` sets aside as many as are wanted
SURELY = 0.99


@dataclass(frozen=True)
class Share:
    """Of `asked` answers the model had `right`, and Wilson's interval of its accuracy (0 to 1)."""

    right: int
    asked: int
    low: float
    high: float

    @property
    def accuracy(self) -> float | None:
        """None where nothing was asked."""
        return self.right / self.asked if self.asked else None


@dataclass(frozen=True)
class Audit(Share):
    """How good the model's labels are. `by_class`: the same of each class that was answered."""

    by_class: dict[str, Share]


def rank(image: str) -> float:
    """Where an image id stands in the order of the audit, in [0, 1): uniform, and fixed forever.

    It is a hash of the id alone. So it depends on no state, an image that is added changes no
    other's, and whoever asks again, on any machine, finds the same audit.
    """
    digest = hashlib.sha256((SALT + image).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def ranks(images: Sequence[str]) -> np.ndarray:
    """`rank` of each, float64 (n,)."""
    return np.fromiter(map(rank, images), dtype=np.float64, count=len(images))


def reserved(images: Sequence[str], reserve: float) -> np.ndarray:
    """Which images are kept for the audit, bool (n,): those of a rank below `reserve` (0 to 1).

    The fraction is to be decided once: with a smaller one an image of the audit may be trained on.
    """
    return ranks(images) < reserve


def next_audit(
    images: Sequence[str], answered: Collection[str], reserve: float, count: int
) -> list[int]:
    """The places of the next `count` images of the audit, or of all that are left, by rank.

    `answered` are those not to be asked for again. What is answered is a uniform sample of the
    pool at any moment. Only after images were added, until the audit has caught up with those of
    low rank among them, it has too few of the new ones.
    """
    standing = ranks(images)
    order = np.argsort(standing, kind="stable")
    order = order[standing[order] < reserve]
    return [int(place) for place in order if images[place] not in answered][: max(count, 0)]


def reserve_for(n: int, wanted: int = 100, most: float = 0.2) -> float:
    """The fraction that reserves at least `wanted` of n images with probability SURELY.

    But `most` at most: a small pool needs its images. How many of n hashes are below a fraction f
    is binomial, so P(at least k) = I_f(k, n - k + 1), the incomplete beta function, which is
    inverted. Of 5,000 images it sets aside 125 on average for 100. What is set aside and not asked
    for costs no answer. The ids' own ranks could give just 100, but then an image that is added
    would change the fraction, and with it the audit.
    """
    from scipy.special import betaincinv

    if wanted <= 0:
        return 0.0
    if wanted > n:
        return most
    return min(float(betaincinv(wanted, n - wanted + 1, SURELY)), most)


def wilson(right: int, asked: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of an accuracy, 0 to 1; all of it where nothing was asked.

    Raises ValueError where more are right than were asked.
    """
    from scipy.stats import binomtest

    if asked == 0:
        return 0.0, 1.0
    found = binomtest(right, asked).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def audit(answers: Mapping[str, str], predicted: Mapping[str, str], level: float = 0.95) -> Audit:
    """How good a model is that has seen none of `answers`: image -> the class that people say.

    `predicted`: image -> class, of these images at least. Answers that are no class (unsure, bad)
    are not to be among them: the accuracy is that on images of which people can tell the class. A
    class's share is of the images that people say are of it (recall). KeyError for an image
    without a prediction.
    """
    asked = Counter(answers.values())
    right = Counter(said for image, said in answers.items() if predicted[image] == said)
    each = {
        name: Share(right[name], asked[name], *wilson(right[name], asked[name], level))
        for name in sorted(asked)
    }
    hits, total = right.total(), asked.total()
    return Audit(hits, total, *wilson(hits, total, level), each)
