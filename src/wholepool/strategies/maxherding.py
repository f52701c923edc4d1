"""MaxHerding: the largest gain in smooth coverage of the pool (Bae et al. 2024)."""

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._coverage import gaussian, greedy

TITLE = "MaxHerding"
SOURCE = "Bae et al. 2024, ECCV"
COST = (
    "O((n + L) s d), s = min(n, `sample`), then each pick O(s d) at best and O(n s d) at "
    "worst; memory O(n d)"
)
NEEDS = ("embeddings",)
STOCHASTIC = True
COLD = True


def acquire(query: Query) -> Acquisition:
    """b times the image that adds most to the mean, over the pool, of the largest similarity.

    The similarity is exp(-d^2 / `width`^2) of the distance d between unit embeddings. The authors
    take 1; to tune it on the test set would be to look at hidden labels. For the rest see `greedy`.
    """
    settings = query.options["maxherding"]
    return greedy(query, gaussian(settings["width"]), settings["sample"])
