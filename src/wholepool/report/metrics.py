"""What is measured. Only the stages evaluate and diagnose, which may see hidden labels, use it."""

from typing import Any

import numpy as np

from wholepool.graph.certainty import entropy


def of_predictions(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """All measures of predictions (n, c) on a test set; each is None where it has no labels."""
    measures = {
        "accuracy": accuracy,
        "nll": negative_log_likelihood,
        "ece": expected_calibration_error,
        "per_class_accuracy": per_class_accuracy,
    }
    if len(labels) == 0:
        return dict.fromkeys(measures)
    return {name: measure(probabilities, labels) for name, measure in measures.items()}


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Percent of rows (n, c) whose most probable class is the label."""
    return 100 * float((probabilities.argmax(axis=1) == labels).mean())


def per_class_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> list[float | None]:
    """Accuracy in percent among the images of each class; None for a class without images."""
    correct = probabilities.argmax(axis=1) == labels
    return [
        100 * float(correct[labels == label].mean()) if (labels == label).any() else None
        for label in range(probabilities.shape[1])
    ]


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label), in nats. Probabilities are floored at float32's smallest normal."""
    p = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(p, np.finfo(np.float32).tiny)).mean())


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> float:
    """ECE in percent (Guo et al. 2017): |accuracy - confidence| averaged over equal-width bins.

    Bin m holds confidences in ((m - 1) / bins, m / bins].
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return 100 * float(np.abs(gaps).sum() / len(labels))


def pseudo_label_accuracy(
    pseudo: np.ndarray, weights: np.ndarray, truth: np.ndarray
) -> tuple[float | None, float | None]:
    """Percent of right pseudo-labels: plain, and weighted by certainty. None if there are none."""
    if len(pseudo) == 0:
        return None, None
    correct = (pseudo == truth).astype(np.float64)
    total = float(weights.sum(dtype=np.float64))
    weighted = 100 * float(correct @ weights.astype(np.float64)) / total if total > 0 else None
    return 100 * float(correct.mean()), weighted


def class_balance(labels: np.ndarray, classes: int) -> tuple[list[int], float]:
    """How many labels each class has, and their entropy as a share of log c: 1 is balanced."""
    counts = np.bincount(labels, minlength=classes)
    if classes == 1:
        return counts.tolist(), 1.0
    share = counts / counts.sum()
    return counts.tolist(), float(entropy(share[None])[0] / np.log(classes))


def normalized_mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """NMI of two assignments (n,), with the geometric mean of the entropies, as [5] uses it.

    1 for equal partitions, 0 for independent ones; 1 if both are a single cluster.
    """
    _, a = np.unique(first, return_inverse=True)
    _, b = np.unique(second, return_inverse=True)
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1)  # whole counts first: their sums, and so the shares, are exact
    rows, columns = joint.sum(axis=1) / len(a), joint.sum(axis=0) / len(a)
    joint /= len(a)
    outer = rows[:, None] * columns
    filled = joint > 0
    information = float((joint[filled] * np.log(joint[filled] / outer[filled])).sum())
    scale = float(np.sqrt(entropy(rows[None])[0] * entropy(columns[None])[0]))
    return information / scale if scale > 0 else float(len(rows) == len(columns))
