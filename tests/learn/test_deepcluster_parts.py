"""DeepCluster's parts: which images an epoch shows, and the points that are clustered."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import toy_pool

from wholepool.job.errors import UserError
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.pretrain.deepcluster import epoch_order, pixels, prepare
from wholepool.learn.views import Views

SIZE = 12


def test_epoch_order_is_uniform_over_clusters():
    # 60 images in clusters of 2, 8 and 50, and one that is empty: 21 of each of three, cut to 60
    assignment = np.repeat([0, 2, 3], [2, 8, 50])
    rng = np.random.default_rng(0)
    totals = np.zeros(4)
    for _ in range(300):
        order = epoch_order(assignment, "clusters", rng)
        assert len(order) == 60
        counts = np.bincount(assignment[order], minlength=4)
        assert counts.max() <= 60 // 3 + 1
        totals += counts
        big = order[assignment[order] == 3]
        assert len(set(big)) == len(big)  # 50 images for 21 places: no repeats
    assert totals[1] == 0
    assert np.allclose(totals[[0, 2, 3]] / 300, 20, atol=0.2)


def test_epoch_order_repeats_images_of_small_clusters_evenly():
    assignment = np.repeat([0, 1], [3, 27])
    rng = np.random.default_rng(0)
    counts = np.zeros(30)
    for _ in range(400):
        np.add.at(counts, epoch_order(assignment, "clusters", rng), 1)
    assert np.allclose(counts[:3] / 400, 5, atol=0.5)  # 15 places for 3 images
    assert np.allclose(counts[3:] / 400, 15 / 27, atol=0.15)


def test_epoch_order_repeats_only_where_a_cluster_is_not_larger_than_its_places():
    """As in [5]: 17 places draw from 16 or 17 images with replacement, from 18 without."""
    rng = np.random.default_rng(0)

    def repeats(sizes, cluster):
        assignment = np.repeat([0, 1], sizes)
        total = 0
        for _ in range(50):
            order = epoch_order(assignment, "clusters", rng)
            members = order[assignment[order] == cluster]
            total += len(members) - len(set(members))
        return total

    assert repeats([16, 17], 0) > 0
    assert repeats([16, 17], 1) > 0
    assert repeats([15, 18], 1) == 0


def test_epoch_order_over_images_shows_each_once():
    rng = np.random.default_rng(0)
    orders = [epoch_order(np.repeat([0, 1], [3, 27]), "images", rng) for _ in range(3)]
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])


@pytest.mark.parametrize("sampling", ["clusters", "images"])
def test_epoch_order_with_a_single_cluster(sampling):
    order = epoch_order(np.zeros(9, dtype=int), sampling, np.random.default_rng(0))
    assert len(order) == 9


def correlated(n=200, d=6, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d)) * np.array([5, 4, 3, 2, 1, 0.5][:d])
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return points @ rotation + rng.normal(size=d)


def test_prepare_alone_makes_unit_length():
    points = correlated()
    result = prepare(torch.as_tensor(points, dtype=torch.float32), None, False).numpy()
    expected = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert np.allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 3, 6])
def test_prepare_is_pca_up_to_signs(dimensions):
    points = correlated()
    result = prepare(torch.as_tensor(points, dtype=torch.float32), dimensions, False).numpy()
    centered = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    projected = centered @ axes[:dimensions].T
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    assert result.shape == (200, dimensions)
    # inner products do not depend on the signs or the order of the directions
    assert np.allclose(result @ result.T, projected @ projected.T, atol=1e-4)


def whitened(points, dimensions):
    """By SVD: coordinates of unit variance, not yet of unit length."""
    centered = points - points.mean(axis=0)
    left, _, _ = np.linalg.svd(centered, full_matrices=False)
    return left[:, :dimensions] * np.sqrt(len(points))


@pytest.mark.parametrize(("pca", "kept"), [(None, 6), (4, 4), (99, 6)])
def test_prepare_whitens(pca, kept):
    points = correlated()
    result = prepare(torch.as_tensor(points, dtype=torch.float32), pca, True).numpy()
    expected = whitened(points, kept)
    assert np.allclose(expected.var(axis=0), 1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert result.shape == (200, kept)
    assert np.allclose(result @ result.T, expected @ expected.T, atol=1e-3)
    assert np.allclose(np.linalg.norm(result, axis=1), 1, atol=1e-5)


def test_whitening_gives_unit_variance_before_normalization(monkeypatch):
    seen = []
    monkeypatch.setattr(
        deepcluster,
        "functional",
        SimpleNamespace(normalize=lambda points, dim: seen.append(points) or points),
    )
    prepare(torch.as_tensor(correlated(), dtype=torch.float32), 3, True)
    assert torch.allclose(seen[0].var(dim=0, correction=0), torch.ones(3), atol=1e-3)
    covariance = seen[0].T @ seen[0] / len(seen[0])
    assert torch.allclose(covariance, torch.eye(3), atol=1e-3)


def test_whitening_does_not_blow_up_directions_without_variance():
    """Points in a 3-dimensional subspace have 3 directions, not 3 and 17 of rounding errors."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 20)) * 10
    result = prepare(torch.as_tensor(points, dtype=torch.float32), None, True).numpy()
    expected = whitened(points, 3)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(result @ result.T, expected @ expected.T, atol=1e-2)


def test_prepare_with_fewer_points_than_dimensions():
    points = torch.as_tensor(np.random.default_rng(0).normal(size=(5, 12)), dtype=torch.float32)
    for whiten in (False, True):
        result = prepare(points, 10, whiten)
        assert result.shape[1] <= 5
        assert torch.isfinite(result).all()


def test_pixels_are_centered_and_flat():
    pool, _ = toy_pool(48, SIZE)
    views = Views(pool, 1, False)
    points = pixels(views)
    assert points.shape == (48, SIZE * SIZE)
    flat = pool.images.reshape(48, -1).astype(np.float64)
    assert np.allclose(points.numpy(), flat - flat.mean(axis=0), atol=1e-3)


def test_pixels_that_fit_nowhere_are_explained(monkeypatch):
    pool, _ = toy_pool(48, SIZE)
    monkeypatch.setattr(deepcluster, "available_memory", lambda: 8 * pool.images.nbytes - 1)
    with pytest.raises(UserError, match=r"pixel_epochs.*0\.0 GB.*set it to 0"):
        deepcluster.pixels(Views(pool, 1, False, memory_mb=0))
    deepcluster.pixels(Views(pool, 1, False))  # a resident one is no question
