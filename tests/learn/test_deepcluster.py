"""DeepCluster: when clusters are made again, and that it learns."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import toy_pool

from wholepool.learn.embedding import embed
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.optimizer import Sgd, cosine
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.pretrain.deepcluster import pixels, prepare
from wholepool.learn.views import Views
from wholepool.report.metrics import normalized_mutual_information

torch.set_num_threads(1)
CLASSES, SIZE = 4, 12


def settings(**changes):
    return {
        "epochs": 4,
        "batch_size": 16,
        "lr": 0.02,
        "lr_decay": "cosine",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 2e-4,
        "clusters_per_class": 2,
        "kmeans_iterations": 4,
        "empty_clusters": "split",
        "kmeans_start": "new",
        "drop_last": False,
        "head": "reset",
        "sampling": "clusters",
        "pca": None,
        "whiten": False,
        "pixel_epochs": 0,
        "reassign_steps": 0,
    } | changes


def run(seed=0, n=48, report=None, logit_scale=1.0, view="plain", memory_mb=None, **changes):
    pool, labels = toy_pool(n, SIZE)
    torch.manual_seed(seed)
    network = Network(1, CLASSES, width=1 / 16, dropout=0.0, logit_scale=logit_scale)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    views = Views(pool, 1, False, view, memory_mb=memory_mb)
    result = deepcluster.pretrain(
        network,
        views,
        CLASSES,
        {"deepcluster": settings(**changes)},
        np.random.default_rng(seed),
        report,
    )
    return SimpleNamespace(
        result=result, network=network, before=before, labels=labels, views=views
    )


@pytest.fixture
def spied(monkeypatch):
    """The points and arguments of each clustering, new heads, and the rates of each step."""
    record = SimpleNamespace(points=[], arguments=[], heads=[], rates=[], starts=[])

    def kmeans(points, k, iterations, rng, empty):
        record.points.append(points.clone())
        record.arguments.append((k, iterations, empty))
        record.starts.append(copy.deepcopy(rng).choice(len(points), k, replace=False).tolist())
        return deepcluster.kmeans.__wrapped__(points, k, iterations, rng, empty)

    kmeans.__wrapped__ = deepcluster.kmeans
    new_head = deepcluster.new_head

    def spy_head(network, k, options):
        head, optimizer = new_head(network, k, options)
        record.heads.append(head)
        assert head.weight.std() < 0.05
        assert not head.bias.any()
        return head, optimizer

    class SpySgd(Sgd):
        def apply(self, gradients, rate):
            record.rates.append(rate)
            super().apply(gradients, rate)

    monkeypatch.setattr(deepcluster, "kmeans", kmeans)
    monkeypatch.setattr(deepcluster, "new_head", spy_head)
    monkeypatch.setattr(deepcluster, "Sgd", SpySgd)
    return record


# the schedule


def test_clusters_are_made_anew_every_epoch_by_default(spied):
    out = run().result
    assert out.cluster_epochs == [0, 1, 2, 3]
    assert spied.arguments == [(8, 4, "split")] * 4
    assert all(points.shape == (48, 8) for points in spied.points)


@pytest.mark.parametrize(
    ("steps", "epochs"),  # an epoch has 3 steps
    [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 1, 2, 3, 4, 5, 6]), (4, [0, 2, 4, 6]), (9, [0, 3, 6])],
)
def test_reassign_steps_space_the_clusterings(spied, steps, epochs):
    out = run(epochs=7, reassign_steps=steps).result
    assert out.cluster_epochs == epochs
    assert len(spied.points) == len(epochs)


@pytest.mark.parametrize(
    ("pixel_epochs", "steps", "epochs"),
    [(2, 0, [0, 2, 3, 4]), (3, 4, [0, 3]), (2, 4, [0, 2, 4]), (9, 0, [0])],
)
def test_pixel_epochs_cluster_the_pixels_once(spied, pixel_epochs, steps, epochs):
    out = run(epochs=5, pixel_epochs=pixel_epochs, reassign_steps=steps)
    assert out.result.cluster_epochs == epochs
    expected = prepare(pixels(out.views), None, False)
    assert torch.allclose(spied.points[0], expected, atol=1e-6)
    assert all(points.shape == (48, 8) for points in spied.points[1:])


def test_clusters_have_the_declared_shape():
    result = run(reassign_steps=4).result
    assert result.clusters.shape == (len(result.cluster_epochs), 48)
    assert np.issubdtype(result.clusters.dtype, np.integer)
    assert result.clusters.min() >= 0
    assert result.clusters.max() < 8
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3]


def test_more_clusters_than_images_are_cut(spied):
    run(n=12, clusters_per_class=10, epochs=1)
    assert spied.arguments[0][0] == 12


def test_a_cut_of_the_clusters_is_said(caplog):
    with caplog.at_level("WARNING", "wholepool"):
        run(n=20, clusters_per_class=30)
    assert "120 clusters of 20 images are 20" in caplog.text
    caplog.clear()
    run(n=20, clusters_per_class=2)
    assert "clusters of" not in caplog.text


def test_options_reach_kmeans(spied):
    run(epochs=1, clusters_per_class=3, kmeans_iterations=7, empty_clusters="keep")
    assert spied.arguments == [(12, 7, "keep")]


@pytest.mark.parametrize(("start", "distinct"), [("new", 4), ("same", 1)])
def test_kmeans_starts_from_new_images_or_from_the_same(spied, start, distinct):
    run(kmeans_start=start)
    assert len(spied.starts) == 4
    assert len({tuple(images) for images in spied.starts}) == distinct
    run(seed=1, kmeans_start=start)
    assert spied.starts[4] != spied.starts[0]  # the seed still decides which


@pytest.mark.parametrize(
    ("n", "drop", "images"), [(48, True, 48), (47, False, 47), (47, True, 32), (12, True, 12)]
)
def test_drop_last_drops_an_incomplete_batch_unless_it_is_the_only_one(n, drop, images):
    result = run(n=n, epochs=1, drop_last=drop, sampling="images").result
    assert result.history[0]["images"] == images


def test_kmeans_sees_the_embedding_view(monkeypatch):
    generators = []

    def spy(network, views, rng=None):
        generators.append(rng)
        return embed(network, views, rng)

    monkeypatch.setattr(deepcluster, "embed", spy)
    run(epochs=2)
    assert generators == [None, None]
    run(epochs=2, view="augmented")
    assert all(isinstance(rng, np.random.Generator) for rng in generators[2:])


@pytest.mark.parametrize(("head", "heads"), [("reset", 4), ("keep", 1)])
def test_head_is_reset_or_kept(spied, head, heads):
    run(head=head)
    assert len(spied.heads) == heads


def test_head_lives_as_long_as_its_clusters(spied):
    run(epochs=6, reassign_steps=6)  # an epoch has 3 steps
    assert len(spied.heads) == 3


@pytest.mark.parametrize("head", ["reset", "keep"])
def test_head_learns(spied, head):
    run(head=head)
    assert all(module.bias.any() for module in spied.heads)


def test_rates(spied):
    history = run(epochs=3).result.history
    expected = [cosine(0.02, epoch + step / 3, 3) for epoch in range(3) for step in range(3)]
    assert spied.rates[::2] == pytest.approx(expected)  # trunk
    assert spied.rates[1::2] == pytest.approx(expected)  # head
    assert [row["lr"] for row in history] == pytest.approx(expected[2::3])


def test_constant_rate(spied):
    run(epochs=2, lr_decay="constant", lr=0.03)
    assert set(spied.rates) == {0.03}


def test_batches_are_as_large_as_asked_at_most(monkeypatch):
    sizes = []
    augmented = Views.augmented
    monkeypatch.setattr(
        Views,
        "augmented",
        lambda self, indices, rng: sizes.append(len(indices)) or augmented(self, indices, rng),
    )
    history = run(epochs=1, batch_size=20).result.history
    assert sum(sizes) == 48
    assert max(sizes) <= 20
    assert len(sizes) == 3
    assert history[0]["images"] == 48


# what it does to the network


def test_trunk_moves_and_head_of_the_network_does_not():
    out = run()
    after = out.network.state_dict()
    for name, value in out.before.items():
        same = torch.equal(value, after[name])
        assert same == name.startswith("head."), name


def test_repeatable():
    one, other, third = run(seed=3), run(seed=3), run(seed=4)
    pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert np.array_equal(one.result.clusters, other.result.clusters)
    assert one.result.history == other.result.history
    assert not np.array_equal(one.result.clusters, third.result.clusters)


def test_report_gets_every_epoch():
    rows, shares = [], []

    def report(row, share, speed):
        assert speed > 0
        rows.append(row)
        shares.append(share)

    history = run(report=report).result.history
    assert rows == [row | {"epochs": 4} for row in history]
    assert shares == [0.25, 0.5, 0.75, 1.0]
    assert all(1 <= row["clusters"] <= 8 for row in rows)


def test_learned_clusters_tell_the_classes():
    out = run(
        epochs=12, lr=0.05, logit_scale=10.0, clusters_per_class=1, pixel_epochs=8, batch_size=8
    )
    agreement = normalized_mutual_information(out.result.clusters[-1], out.labels)
    rng = np.random.default_rng(0)
    chance = max(
        normalized_mutual_information(rng.permutation(out.result.clusters[-1]), out.labels)
        for _ in range(50)
    )
    assert agreement > 0.7
    assert agreement > chance + 0.3


def test_loss_falls_while_clusters_stay():
    losses = [
        row["loss"]
        for row in run(
            epochs=10, pixel_epochs=10, lr=0.05, logit_scale=10.0, clusters_per_class=1
        ).result.history
    ]
    assert losses[-1] < 0.6 * losses[0]


# a pool that stays on disk


def test_a_streamed_pool_gives_the_same_weights(monkeypatch):
    """From pixels, gathered batch by batch, and from embeddings."""
    monkeypatch.setattr(deepcluster, "BATCH", 7)
    resident = run(epochs=3, pixel_epochs=1)
    streamed = run(epochs=3, pixel_epochs=1, memory_mb=0)
    assert streamed.views.rows is None
    assert np.array_equal(streamed.result.clusters, resident.result.clusters)
    for one, other in zip(
        streamed.network.state_dict().values(), resident.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
