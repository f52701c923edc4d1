"""Label propagation by conjugate gradients: pseudo-labels and manifold similarity.

Equations (8), (9) and (12). All classes (or all queries of jLP) are solved at once: one sparse
times dense product an iteration.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wholepool.certainty import certainty


@dataclass(frozen=True)
class Solve:
    """Columns of x, float64 (n, m); relative residuals float64 (m,); iterations made."""

    x: np.ndarray
    residuals: np.ndarray
    iterations: int


def solve(
    graph: sparse.csr_array,
    b: np.ndarray,
    alpha: float = 0.99,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
) -> Solve:
    """Solve (I - alpha * graph) x = b for every column of b, float64 (n, m).

    Conjugate gradients (Hestenes and Stiefel 1952) from zero, without preconditioner. The matrix
    is symmetric positive definite, as 0 <= alpha < 1 and the eigenvalues of `graph` are in [-1, 1]
    (if its weights are nonnegative: similarities that are not clipped may break this). Each column
    runs its own recurrence and rests once ||b - Ax|| is at most `tolerance` * ||b||; all stop
    after `max_iterations`. Nodes in a component where b is zero stay exactly zero.
    """
    b = np.asarray(b, dtype=np.float64)
    norms = np.sqrt((b * b).sum(axis=0))
    x = np.zeros_like(b)
    residual = b.copy()
    direction = b.copy()
    squared = norms**2
    iterations = 0
    while iterations < max_iterations:
        running = np.sqrt(squared) > tolerance * norms
        if not running.any():
            break
        product = direction - alpha * (graph @ direction)
        curvature = (direction * product).sum(axis=0)
        step = np.divide(squared, curvature, out=np.zeros_like(squared), where=running)
        x += step * direction
        residual -= step * product
        new = np.where(running, (residual * residual).sum(axis=0), squared)
        ratio = np.divide(new, squared, out=np.zeros_like(new), where=running)
        direction *= ratio
        direction += residual
        squared = new
        iterations += 1
    relative = np.divide(np.sqrt(squared), norms, out=np.zeros_like(norms), where=norms > 0)
    return Solve(x, relative, iterations)


def label_matrix(
    n: int, classes: int, labeled: np.ndarray, labels: np.ndarray, class_mean: bool = False
) -> np.ndarray:
    """Y of (8), float64 (n, c): one-hot rows on the labeled set, zero rows elsewhere.

    `class_mean` divides each class's column by its number of labels, as the public code does.
    """
    y = np.zeros((n, classes))
    y[labeled, labels] = 1
    if class_mean:
        y /= np.maximum(y.sum(axis=0), 1)
    return y


@dataclass(frozen=True)
class Propagation:
    """Label propagation's answer for every node, and how well it was solved.

    `probabilities` float64 (n, c); `labels` int32 (n,); `weights` float32 (n,) in [0, 1];
    `reached` bool (n,): whether any label reaches the node. `residual` is the worst relative one.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    reached: np.ndarray
    residual: float
    iterations: int


def propagate(
    graph: sparse.csr_array,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: dict[str, Any],
) -> Propagation:
    """P = eta[h(Y)] by (9), its pseudo-labels by (1) and their certainty by (10).

    `graph` is the normalized adjacency (n, n); `labeled` and `labels` are int (|L|,); `settings`
    is the config's section `propagation`. A node that no label reaches gets uniform
    probabilities, hence weight 0. A tie between classes goes to the lower class.
    """
    y = label_matrix(
        graph.shape[0], classes, labeled, labels, class_mean=settings["labels"] == "class_mean"
    )
    solution = solve(graph, y, settings["alpha"], settings["tolerance"], settings["max_iterations"])
    # truncated conjugate gradients may leave tiny negative values
    scores = np.maximum((1 - settings["alpha"]) * solution.x, 0)
    mass = scores.sum(axis=1, keepdims=True)
    reached = mass[:, 0] > 0
    uniform = np.full_like(scores, 1 / classes)
    probabilities = np.divide(scores, mass, out=uniform, where=mass > 0)
    weights = np.where(reached, certainty(probabilities), 0.0)
    if settings["normalize_weights"]:
        weights = weights / (weights.max() or 1.0)
    return Propagation(
        probabilities=probabilities,
        labels=probabilities.argmax(axis=1).astype(np.int32),
        weights=weights.astype(np.float32),
        reached=reached,
        residual=float(solution.residuals.max(initial=0)),
        iterations=solution.iterations,
    )
