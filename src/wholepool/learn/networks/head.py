"""Multinomial logistic regression on features: what is trained when the features are frozen.

The embedding is the feature itself, of length 1, so that graphs, clusters and distances are those
of the features. It is fitted at once, by L-BFGS, from zero: nothing of it is drawn, and no stage
imports torch. SciPy minimizes what scikit-learn's LogisticRegression does (tests compare the two),
for importing scikit-learn takes 1.4 CPU-seconds, more than all the rest of a cell.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

SOURCE = "Cox 1966, the multinomial logit"
COST = "O(|L| d c) for each of at most 1,000 iterations of L-BFGS; memory O(n d)"
EATS = "features"
FITS = True
LINEAR = True

#: L-BFGS stops where no slope is larger
SLOPE = 1e-5


def describe(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> dict[str, int]:
    """As learn/networks/__init__.py says."""
    parameters = (shape[0] + 1) * classes
    return {"dimensions": shape[0], "flops": 2 * parameters, "bytes": 4 * parameters}


def embed(rows: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Features float32 (n, d), each of length 1; a row of zeros stays."""
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)


def fit(
    embeddings: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    classes: int,
    settings: Mapping[str, Any],
) -> np.ndarray:
    """The classifier, float32 (c, d + 1): its weights for `embeddings` and, last, its bias.

    It minimizes the mean of the cross-entropies of softmax(W s e + b) to `labels` int (m,), each
    times its weight of `weights` (m,), plus `penalty` / 2 times W's squared norm. The bias is not
    penalized, and sums to 0. s is the section's `scale`.
    """
    from scipy.optimize import minimize

    rows = (settings["scale"] * embeddings).astype(np.float32)
    share = (weights / weights.sum()).astype(np.float64)
    truth = np.zeros((len(rows), classes), np.float32)
    truth[np.arange(len(rows)), labels] = 1
    d, penalty = rows.shape[1], settings["penalty"]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        matrix = flat.reshape(classes, d + 1)
        logits = (rows @ matrix[:, :-1].T.astype(np.float32)).astype(np.float64) + matrix[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        masses = powers.sum(axis=1)
        value = share @ (np.log(masses) - np.einsum("ij,ij->i", logits, truth))
        apart = share[:, None] * (powers / masses[:, None] - truth)
        slope = np.empty_like(matrix)
        slope[:, :-1] = apart.T.astype(np.float32) @ rows + penalty * matrix[:, :-1]
        slope[:, -1] = apart.sum(axis=0)
        return value + penalty / 2 * float((matrix[:, :-1] ** 2).sum()), slope.ravel()

    how = {"maxiter": 1000, "gtol": SLOPE, "ftol": 0.0}
    found = minimize(loss, np.zeros(classes * (d + 1)), jac=True, method="L-BFGS-B", options=how)
    matrix = found.x.reshape(classes, d + 1)
    matrix[:, :-1] *= settings["scale"]
    return np.ascontiguousarray(matrix, dtype=np.float32)
