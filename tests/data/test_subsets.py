"""Which of a source's images make up the pool."""

import numpy as np
import pytest

from wholepool.data.subsets import stratified_subset, subset, without_copies
from wholepool.job.errors import UserError


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        ([10, 10, 10], 6, [2, 2, 2]),
        ([10, 10, 10], 7, [3, 2, 2]),  # ties go to the lower class
        ([70, 20, 10], 10, [7, 2, 1]),
        ([50, 30, 20], 5, [3, 1, 1]),  # quotas 2.5, 1.5, 1: the first of the equal remainders
        ([97, 2, 1], 10, [10, 0, 0]),
        ([3, 4], 7, [3, 4]),
        ([5, 5], 0, [0, 0]),
        ([1, 1, 1, 1], 3, [1, 1, 1, 0]),
    ],
)
def test_stratified_sizes_by_largest_remainder(counts, size, expected):
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    chosen = stratified_subset(labels, size, np.random.default_rng(0))
    assert np.bincount(labels[chosen], minlength=len(counts)).tolist() == expected
    assert len(set(chosen)) == size
    assert (np.diff(chosen) > 0).all()


def test_stratified_total_is_exact():
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = rng.integers(7, size=rng.integers(20, 200))
        size = int(rng.integers(1, len(labels) + 1))
        assert len(stratified_subset(labels, size, rng)) == size


def test_stratified_choice_is_random_within_a_class():
    labels = np.repeat([0, 1], 50)
    rng = np.random.default_rng(0)
    counts = np.zeros(100)
    for _ in range(1000):
        counts[stratified_subset(labels, 10, rng)] += 1
    assert abs(counts - 100).max() < 50


@pytest.mark.parametrize("sampling", ["stratified", "uniform"])
def test_subset(sampling):
    labels = np.arange(100) % 10
    chosen = subset(100, labels, 30, sampling, np.random.default_rng(0))
    assert len(set(chosen)) == 30
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(range(100))
    assert np.array_equal(chosen, subset(100, labels, 30, sampling, np.random.default_rng(0)))
    assert not np.array_equal(chosen, subset(100, labels, 30, sampling, np.random.default_rng(1)))
    even = np.bincount(labels[chosen]).tolist() == [3] * 10
    assert even == (sampling == "stratified")


@pytest.mark.parametrize("size", [None, 100])
def test_subset_of_all_is_all(size):
    labels = np.arange(100) % 10
    chosen = subset(100, labels, size, "uniform", np.random.default_rng(0))
    assert np.array_equal(chosen, np.arange(100))


@pytest.mark.parametrize("sampling", ["stratified", "uniform"])
def test_subset_larger_than_the_whole(sampling):
    with pytest.raises(UserError, match=r"pool\.size is 101.*100"):
        subset(100, np.zeros(100, dtype=int), 101, sampling, np.random.default_rng(0))


def test_a_subset_without_labels_is_uniform_or_refused():
    chosen = subset(100, None, 30, "uniform", np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 30
    with pytest.raises(UserError, match="stratified, but the source has no labels: set it to unif"):
        subset(100, None, 30, "stratified", np.random.default_rng(0))
    assert len(subset(100, None, None, "stratified", np.random.default_rng(0))) == 100


def test_the_first_of_equal_images_stays(caplog):
    images = np.random.default_rng(0).integers(256, size=(6, 4, 4, 1), dtype=np.uint8)
    images = images[[0, 1, 0, 2, 3, 1, 1, 4, 5]]
    caplog.set_level("INFO")
    assert without_copies(images, None).tolist() == [0, 1, 3, 4, 7, 8]
    assert "3 of 9 images are exact copies" in caplog.text
    assert without_copies(images[[0, 1]], None).tolist() == [0, 1]


def test_copies_of_another_label_are_told(caplog):
    images = np.zeros((4, 2, 2, 1), dtype=np.uint8)
    images[3] = 1
    assert without_copies(images, np.array([7, 7, 2, 7])).tolist() == [0, 3]
    assert "1 exact copies have another label" in caplog.text
    assert "images 0 and 2, of classes 7 and 2" in caplog.text
