"""Uncertainty herding: the largest gain in coverage of uncertain images (Bae et al. 2025)."""

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._coverage import gaussian, greedy
from wholepool.strategies.margin import margin

TITLE = "UHerding"
SOURCE = "Bae et al. 2025, ICLR"
COST = (
    "O(n c + (n + L) s d), s = min(n, `sample`), then each pick O(s d) at best and O(n s d) "
    "at worst; memory O(n (c + d))"
)
NEEDS = ("embeddings", "probabilities")
STOCHASTIC = True


def acquire(query: Query) -> Acquisition:
    """As MaxHerding, each image of the pool weighted by its uncertainty, 1 - margin.

    The authors also adapt the width to the labeled set, and the probabilities by a temperature
    found on held-out labels; here both stay as they are, for with a label or two neither is
    defined.
    """
    settings = query.options["uherding"]
    weights = 1 - margin(query.probabilities)
    return greedy(query, gaussian(settings["width"]), settings["sample"], weights)
