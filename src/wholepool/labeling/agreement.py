"""How far annotators agree: the share of equal pairs, Cohen's kappa, Fleiss' kappa."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Answer = TypeVar("Answer", bound=Hashable)


@dataclass(frozen=True)
class Agreement:
    """Over the `images` that two annotators or more answered.

    `share`: of all pairs of answers to one image, those that are equal (0 to 1). `kappa`: Cohen's
    (`measure` "cohen") if `annotators` is 2, else Fleiss' ("fleiss"); None where all answers are
    one and the same, which leaves nothing that chance would not do.
    """

    images: int
    annotators: int
    share: float
    measure: str
    kappa: float | None


def agreement(votes: Mapping[str, Mapping[str, Answer]]) -> Agreement | None:
    """Of image -> {annotator: answer}. None where nobody answered the same image."""
    shared = [answers for answers in votes.values() if len(answers) > 1]
    if not shared:
        return None
    annotators = sorted({annotator for answers in shared for annotator in answers})
    counts = [Counter(answers.values()) for answers in shared]
    equal = sum(n * (n - 1) for count in counts for n in count.values())
    pairs = sum(count.total() * (count.total() - 1) for count in counts)
    if len(annotators) == 2:
        measure, kappa = (
            "cohen",
            cohen([[answers[who] for who in annotators] for answers in shared]),
        )
    else:
        measure, kappa = "fleiss", fleiss(counts)
    return Agreement(len(shared), len(annotators), equal / pairs, measure, kappa)


def cohen(pairs: Sequence[Sequence[Hashable]]) -> float | None:
    """Cohen's kappa (1960) of two answers to each image. None where it is 0 / 0."""
    n = len(pairs)
    observed = sum(one == other for one, other in pairs) / n
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    return beyond_chance(observed, sum(first[name] * second[name] for name in first) / n**2)


def fleiss(counts: Sequence[Mapping[Any, int]]) -> float | None:
    """Fleiss' kappa (1971), of how often each answer was given to each image: two in all, or more.

    Where images have different numbers of answers each image weighs the same, in the agreement and
    in the shares of the answers; where they have one number it is Fleiss' own. None if 0 / 0.
    """
    observed = 0.0
    shares: dict[Hashable, float] = defaultdict(float)
    for count in counts:
        n = sum(count.values())
        observed += sum(k * (k - 1) for k in count.values()) / (n * (n - 1)) / len(counts)
        for name, k in count.items():
            shares[name] += k / n / len(counts)
    return beyond_chance(observed, sum(share**2 for share in shares.values()))


def beyond_chance(observed: float, expected: float) -> float | None:
    return None if expected > 1 - 1e-12 else (observed - expected) / (1 - expected)
