import numpy as np
import pytest
import torch
import twins

from wholepool.graph import kmeans


def random_points(seed, n=120, d=3):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def many_duplicates(seed, n=200):
    """Three places, most points in the first: k = 10 random starts coincide, so most are empty."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(3, 4))
    points = places[rng.choice(3, n, p=[0.9, 0.07, 0.03])]
    points[:5] += rng.normal(size=(5, 4)) * 0.1
    return torch.as_tensor(points.astype(np.float32))


def run(points, k, iterations=15, seed=0, empty="split"):
    return kmeans.kmeans(points, k, iterations, np.random.default_rng(seed), empty)


def empty_clusters(clustering, k):
    return k - len(clustering.assignment.unique())


@pytest.mark.parametrize("empty", ["split", "keep"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", [random_points, many_duplicates])
def test_the_objective_never_rises(make, seed, empty):
    points = make(seed)
    found = run(points, 10, seed=seed, empty=empty)
    assert len(found.objective) == 16
    objective = np.array(found.objective)
    # float32 distances: each mean is good to some 1e-7 of the squared norms, here about 3
    assert (np.diff(objective) <= 2e-6).all()
    assert objective[-1] < objective[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_duplicates_do_empty_clusters_and_splitting_helps(seed):
    points = many_duplicates(seed)
    start = run(points, 10, iterations=0, seed=seed)
    assert empty_clusters(start, 10) > 0
    kept = run(points, 10, iterations=1, seed=seed, empty="keep")
    holes = sorted(set(range(10)) - set(start.assignment.tolist()))
    assert torch.equal(kept.centroids[holes], start.centroids[holes])
    split = run(points, 10, iterations=1, seed=seed)
    assert not torch.equal(split.centroids[holes], start.centroids[holes])


def test_split_fills_an_empty_cluster():
    # a wide cloud, and one place 50 times: starts that coincide leave clusters empty
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(150, 2)) + 3
    points = torch.as_tensor(np.concatenate([cloud, np.full((50, 2), -5.0)]).astype(np.float32))
    filled = 0
    for seed in range(20):
        start = run(points, 12, 0, seed)
        if empty_clusters(start, 12) == 0:
            continue
        assert empty_clusters(run(points, 12, 30, seed, "keep"), 12) > 0
        filled += empty_clusters(run(points, 12, 30, seed), 12) == 0
    assert filled >= 5


def test_split_puts_the_hole_beside_its_donor_which_stays():
    points = many_duplicates(1)
    start = run(points, 10, 0, seed=1)
    found = run(points, 10, 1, seed=1)
    counts = torch.bincount(start.assignment, minlength=10)
    filled = [j for j in range(10) if counts[j] > 0]
    for j in filled:
        mean = points[start.assignment == j].double().mean(dim=0)
        torch.testing.assert_close(found.centroids[j].double(), mean, rtol=0, atol=1e-5)
    donors = [j for j in filled if counts[j] > 1]
    for hole in set(range(10)) - set(filled):
        # each coordinate is off by 1/1024 of itself, twice where the donor was itself a hole
        ratio = found.centroids[hole] / found.centroids[donors]
        assert (((ratio - 1).abs() < 4.5 / 1024).all(dim=1)).any()
        assert ((found.centroids[hole] - found.centroids[donors]).abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("empty", ["split", "keep"])
def test_assignment_and_objective_against_loops(empty):
    points = random_points(3, n=60)
    found = run(points, 7, iterations=4, empty=empty)
    expected = twins.nearest_centroid(points.tolist(), found.centroids.tolist())
    assert found.assignment.tolist() == [index for index, _ in expected]
    mean = sum(square for _, square in expected) / 60
    # float32 distances
    assert found.objective[-1] == pytest.approx(mean, rel=1e-5)
    assert found.assignment.dtype == torch.int64
    assert found.centroids.shape == (7, 3)


@pytest.mark.parametrize("tile", [1, 7 * 13, 10**6])
def test_assign_does_not_depend_on_tiles(monkeypatch, tile):
    points = random_points(4, n=50)
    monkeypatch.setitem(kmeans.TILE, "cpu", tile)
    index, square = kmeans.assign(points, points[:7])
    expected = twins.nearest_centroid(points.tolist(), points[:7].tolist())
    assert index.tolist() == [index for index, _ in expected]
    # |x|^2 - 2 x.c + |c|^2 in float32, norms up to 20
    np.testing.assert_allclose(square, [square for _, square in expected], rtol=0, atol=2e-5)
    assert (square >= 0).all()


def test_equal_distances_go_to_the_lower_cluster():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    centroids = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [2.0, 0.0]])
    assert kmeans.assign(points, centroids)[0].tolist() == [0, 0]


def test_centroids_are_means_at_convergence():
    points = random_points(5)
    found = run(points, 8, iterations=60, seed=2)
    assert found.objective[-1] == found.objective[-2]
    for j in range(8):
        members = points[found.assignment == j]
        assert len(members) > 0
        # a float32 sum of some 20 points
        torch.testing.assert_close(found.centroids[j], members.mean(dim=0), rtol=0, atol=1e-6)


def test_well_separated_clusters_are_found():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 30)
    points = np.array([[0, 0], [10, 0], [0, 10]])[truth] + rng.normal(size=(90, 2)) * 0.1
    found = [
        run(torch.as_tensor(points.astype(np.float32)), 3, 20, seed).assignment.numpy()
        for seed in range(10)
    ]
    pure = [len(set(zip(truth, a, strict=True))) == 3 for a in found]
    assert any(pure)


def test_reproducible_under_a_seed_and_the_seed_matters():
    points = many_duplicates(0)
    first, second, third = run(points, 9), run(points, 9), run(points, 9, seed=1)
    assert torch.equal(first.assignment, second.assignment)
    assert torch.equal(first.centroids, second.centroids)
    assert first.objective == second.objective
    assert not torch.equal(first.centroids, third.centroids)


def test_starts_are_distinct_points():
    points = random_points(1, n=30)
    found = run(points, 29, iterations=0)
    assert len({tuple(c) for c in found.centroids.tolist()}) == 29
    assert {tuple(c) for c in found.centroids.tolist()} <= {tuple(p) for p in points.tolist()}


def test_as_many_clusters_as_points():
    points = random_points(6, n=20)
    found = run(points, 20)
    assert sorted(found.assignment.tolist()) == list(range(20))
    # squared distances of a point to itself, by |x|^2 - 2 x.c + |c|^2 in float32
    assert found.objective[-1] == pytest.approx(0, abs=1e-5)


def test_one_cluster_is_the_mean():
    points = random_points(6)
    found = run(points, 1, iterations=1)
    torch.testing.assert_close(found.centroids[0], points.mean(dim=0), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.assignment, 0)


@pytest.mark.parametrize("empty", ["split", "keep"])
def test_all_points_equal(empty):
    found = run(torch.ones(12, 3), 5, empty=empty)
    assert torch.isfinite(found.centroids).all()
    np.testing.assert_allclose(found.objective, 0, atol=1e-5)


@pytest.mark.parametrize("k", [-1, 0, 21])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=f"k = {k} clusters on 20 points"):
        run(random_points(0, n=20), k)


def test_points_are_left_alone():
    points = many_duplicates(0)
    before = points.clone()
    run(points, 9)
    assert torch.equal(points, before)
