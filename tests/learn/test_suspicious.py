"""Suspicious answers: planted ones are found, and a clean set has few; by a literal twin."""

import numpy as np
import pytest

from wholepool.learn.networks import head
from wholepool.learn.suspicious import FOLDS, LITTLE, NEIGHBORS, suspicious

OWN = {"scale": 10.0, "penalty": 0.001}


def fit_of(classes):
    return lambda rows, labels: head.fit(rows, labels, np.ones(len(labels)), classes, OWN)


def clusters(seed, m=80, classes=4, spread=0.3, d=12):
    """Points of length 1 about as many centers, and the center of each."""
    rng = np.random.default_rng(seed)
    centers, labels = np.eye(d)[:classes], np.arange(m) % classes
    rows = centers[labels] + rng.normal(0, spread, (m, d)) / np.sqrt(d)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def found_in(rows, labels, classes=4, seed=0):
    return suspicious(rows, labels, classes, fit_of(classes), np.random.default_rng(seed))


def literal(rows, labels, classes, seed):
    """One answer after the other, each judged by the classifier of its part's others."""
    fits = {}
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    found = []
    for at, label in enumerate(labels.tolist()):
        part = order.index(at) % FOLDS
        rest = [one for one in range(len(labels)) if order.index(one) % FOLDS != part]
        if len(set(labels[rest].tolist())) < 2 or labels.tolist().count(label) < 2:
            continue
        if part not in fits:  # the same images are left out for all of a part
            fits[part] = fit_of(classes)(rows[rest], labels[rest])
        matrix = fits[part]
        powers = np.exp(matrix[:, :-1] @ rows[at] + matrix[:, -1])
        given = powers / powers.sum()
        others = sorted(
            set(range(len(labels))) - {at}, key=lambda one: -float(rows[at] @ rows[one])
        )
        votes = [labels[one] for one in others[:NEIGHBORS]]
        other = int(given.argmax())
        most = max(range(classes), key=votes.count)
        if other != label and given[label] < LITTLE and most == other and label not in votes:
            found.append((at, other, float(given[other])))
    return sorted(found, key=lambda one: -one[2])


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_twin(seed):
    rows, labels = clusters(seed, m=40, spread=1.2)
    labels = labels.copy()
    labels[:4] = (labels[:4] + 1) % 4
    labels[np.flatnonzero(labels == 3)[1:]] = 0  # a class of one answer
    found, wanted = found_in(rows, labels, seed=seed), literal(rows, labels, 4, seed)
    assert [one[:2] for one in found] == [one[:2] for one in wanted] and found
    assert [one[2] for one in found] == pytest.approx([one[2] for one in wanted], abs=1e-4)


def test_planted_answers_are_found_and_no_others():
    rows, labels = clusters(5)
    wrong = labels.copy()
    wrong[[3, 40, 62, 77]] = (labels[[3, 40, 62, 77]] + 1) % 4
    found = found_in(rows, wrong)
    assert {at for at, _, _ in found} == {3, 40, 62, 77}
    assert all(other == labels[at] for at, other, _ in found)
    sure = [much for _, _, much in found]
    assert sure == sorted(sure, reverse=True) and min(sure) > 0.5
    assert found_in(rows, labels) == []


def test_what_cannot_be_judged_is_not_named():
    rows, labels = clusters(0, m=24)
    alone = np.where(labels == 3, 0, labels)
    alone[3] = 3  # among others of its cluster, which all are of class 0
    assert 3 not in {at for at, _, _ in found_in(rows, alone)}
    for few in (1, 2, 3):
        assert found_in(rows[:few], labels[:few]) == []
    assert found_in(rows, np.zeros(24, int)) == []  # one class: nothing to compare with


def test_nothing_is_drawn_but_from_its_generator():
    rows, labels = clusters(1, spread=1.2)
    assert found_in(rows, labels, seed=7) == found_in(rows, labels, seed=7)
