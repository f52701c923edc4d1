"""CEAL: queries by entropy, and pseudo-labels for the most certain images, (7)."""

import numpy as np

from wholepool.graph.certainty import entropy
from wholepool.strategies import Acquisition, Query, uncertainty

TITLE = "CEAL"
SOURCE = "the paper, (7); Wang et al. 2016, IEEE TCSVT"
COST = "O(n c + n log n); memory O(n c)"
NEEDS = ("probabilities",)
READS = ("ceal.threshold", "ceal.decay")  # `join` is of the training that follows
GIVES_PSEUDO_LABELS = True


def acquire(query: Query) -> Acquisition:
    """The b images of largest entropy; and, of the rest of U, those of small entropy.

    An image whose entropy, as a share of log c, is below `threshold` - `decay` * cycle joins the
    next cycle's training with its predicted class. Pseudo-labels are made again each cycle. Their
    weight is 1: in (2) they count like labels.
    """
    acquired = uncertainty.acquire(query)
    settings = query.options["ceal"]
    threshold = settings["threshold"] - settings["decay"] * query.cycle
    rest = np.setdiff1d(query.unlabeled, acquired.indices, assume_unique=True)
    probabilities = query.probabilities[rest]
    share = entropy(probabilities) / np.log(max(probabilities.shape[1], 2))
    certain = share < threshold
    labels = probabilities[certain].argmax(axis=1).astype(np.int32)
    weights = np.ones(len(labels), dtype=np.float32)
    pseudo_labels = {"index": rest[certain], "label": labels, "weight": weights}
    return Acquisition(acquired.indices, acquired.scores, pseudo_labels)
