"""The next batch: what the strategy asks for, the audit's share, and what is asked once more.

The audit is mixed in blindly: the order is random, and no entry tells why its image is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wholepool.labeling.audit import next_audit

NEAREST = 5  # labeled images that are shown beside one on request
REVIEWED = 2000  # images to look at again: more are a page that nobody reads
BLIND = "the strategy {strategy}, or chance: the audit stays unknown to whom it asks"

Entries = list[dict[str, Any]]


@dataclass(frozen=True)
class Guesses:
    """What a model says of n images: classes as the journal's ids, "" where there is none.

    `label` and `propagated` lists of n, `probability` and `certainty` float (n,).
    """

    label: list[str]
    probability: np.ndarray
    propagated: list[str]
    certainty: np.ndarray


def chosen(
    images: Sequence[str],
    queries: np.ndarray,
    again: Sequence[int],
    answered: set[str],
    reserve: float,
    share: float,
    rng: np.random.Generator,
) -> tuple[list[int], int]:
    """The places of the next images to be asked for, in order, and how many are for the audit.

    `queries` int (b,) are the strategy's, best first: of them those are left out whose places the
    audit takes, a `share` of b while there are unanswered reserved images: where that is no whole
    number, chance rounds it, so a small batch has its audit now and then. One place at least stays
    the strategy's. `answered` are ids. `again` come on top. Without an audit the order is that of
    the strategy.
    """
    wanted = min(int(share * len(queries) + rng.random()), len(queries) - 1) if reserve else 0
    audit = next_audit(images, answered, reserve, wanted) if wanted > 0 else []
    asked = [int(at) for at in queries[: len(queries) - len(audit)]]
    places = list(dict.fromkeys([*again, *asked, *audit]))
    if not audit:
        return places, 0
    return [places[at] for at in rng.permutation(len(places))], len(audit)


def entries(
    places: Sequence[int],
    images: Sequence[str],
    paths: Sequence[str],
    strategy: str,
    blind: bool,
    scores: dict[int, float],
    again: Sequence[int],
    guesses: Guesses | None,
    near: dict[int, list[int]],
) -> Entries:
    """The entries of a batch file for the images at some places; see labeling/batch.py.

    `scores` are the strategy's, `near` the labeled images nearest to one. `blind`: images of the
    audit are among them, so none tells its score.
    """
    found = []
    for at in places:
        entry: dict[str, Any] = {"image": images[at], "path": paths[at]}
        if blind:
            entry["why"] = {"strategy": BLIND.format(strategy=strategy)}
        elif at in scores:
            entry["why"] = {"strategy": strategy, "score": scores[at]}
        if guesses is not None:
            entry["guess"] = {
                "class": guesses.label[at],
                "probability": round(float(guesses.probability[at]), 4),
            }
            entry["nearest"] = [images[one] for one in near.get(at, ())]
        if at in again:
            entry["everyone"] = True
        found.append(entry)
    return found


def nearest(embeddings: np.ndarray, labeled: np.ndarray, places: Sequence[int]) -> Any:
    """Of the image at each place the NEAREST labeled ones, nearest first: place -> places.

    `embeddings` float (n, d), of length 1; `labeled` int (m,).
    """
    likeness = embeddings[list(places)] @ embeddings[labeled].T
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :NEAREST]
    return {at: [int(labeled[one]) for one in row] for at, row in zip(places, order, strict=True)}


def review(
    images: Sequence[str],
    paths: Sequence[str],
    guesses: Guesses,
    may: np.ndarray,
    suspicious: Mapping[int, float],
) -> Entries:
    """Images to look at again: suspicious answers, then those of the least certain guesses.

    `may` int are the places of those that nobody has answered and that are not for the audit: a
    guess beside an image of the audit would spoil it. Disagreement is between the classifier and
    the propagation: where their classes differ, the lesser of their certainties. `suspicious` tells
    how sure the evidence is against an answer, by its place; it stands first by either order.
    """
    doubtful = may[np.argsort(guesses.probability[may], kind="stable")][:REVIEWED]
    found: Entries = [
        {"image": images[at], "path": paths[at], "certainty": 1 - much, "disagreement": much}
        for at, much in suspicious.items()
    ]
    for at in doubtful.tolist():
        differ = guesses.propagated[at] not in ("", guesses.label[at])
        least = min(guesses.probability[at], guesses.certainty[at])
        found.append(
            {
                "image": images[at],
                "path": paths[at],
                "label": guesses.label[at],
                "certainty": round(float(guesses.probability[at]), 4),
                "disagreement": round(float(least), 4) if differ else 0.0,
            }
        )
    return found
