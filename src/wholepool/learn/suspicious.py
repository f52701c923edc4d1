"""Answers against which all evidence speaks: for a second look, never changed by themselves.

The evidence is a classifier that was fitted without the answer (cross-validation), and the labels
of its neighbors. Related: Northcutt et al. 2021, Confident Learning, Section 3.
"""

from typing import Any

import numpy as np

FOLDS = 5
NEIGHBORS = 5
#: an answer is suspicious where the classifier gives it less than so much
LITTLE = 0.2


def suspicious(
    embeddings: np.ndarray,
    labels: np.ndarray,
    classes: int,
    fit: Any,
    rng: np.random.Generator,
) -> list[tuple[int, int, float]]:
    """The suspicious ones of m answers, worst first: (place, class instead, probability of it).

    `embeddings` float32 (m, d), of length 1; `labels` int (m,). `fit(embeddings, labels)` gives a
    classifier (c, d + 1). An answer is suspicious if a classifier fitted on the other folds gives
    it less than LITTLE and prefers another class, and most of its neighbors have that class too.
    A class with one answer cannot be judged: nothing else is known of it.

    Of random images of CIFAR-10, by features of a network that saw none of it (accuracy about 70 to
    80 %), of which 5 % had a wrong answer, over 10 draws: of 100, 200 and 400 answers it found 48,
    57 and 66 % of the wrong ones, and 33, 46 and 57 % of what it named was wrong. Without any wrong
    answer it named 4, 6 and 11.
    """
    from wholepool.learn.head import softmax

    counts = np.bincount(labels, minlength=classes)
    fold = np.empty(len(labels), dtype=np.int64)
    fold[rng.permutation(len(labels))] = np.arange(len(labels)) % FOLDS
    given = np.zeros((len(labels), classes))
    for part in range(FOLDS):
        left, rest = fold == part, fold != part
        if left.any() and len(np.unique(labels[rest])) > 1:
            given[left] = softmax(embeddings[left], fit(embeddings[rest], labels[rest]))
    likeness = embeddings @ embeddings.T
    np.fill_diagonal(likeness, -np.inf)
    near = np.argsort(-likeness, axis=1, kind="stable")[:, : min(NEIGHBORS, len(labels) - 1)]
    found = []
    for at, label in enumerate(labels):
        other = int(given[at].argmax())
        votes = np.bincount(labels[near[at]], minlength=classes)
        against = other != label and given[at, label] < LITTLE and counts[label] > 1
        if against and given[at].any() and int(votes.argmax()) == other and votes[label] == 0:
            found.append((at, other, float(given[at, other])))
    return sorted(found, key=lambda one: (-one[2], one[0]))
