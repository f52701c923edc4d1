"""A SEMI that brings a phase of its own, and a network and rows that are not the paper's."""

import dataclasses
import math

import consistency
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from toys import toy_pool
from trainings import CLASSES, LABELED, SIZE, N, build, run, same_weights, settings

from wholepool.job.errors import UserError
from wholepool.learn.embedding import embed
from wholepool.learn.networks import conv13
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.semi import label_propagation
from wholepool.learn.training import train
from wholepool.learn.views import Views
from wholepool.learn.weights import load_network, save_weights, trunk_state

torch.set_num_threads(1)


def test_a_phase_of_its_own_is_trained_after_sup():
    result = run(settings(), consistency)
    assert [row["phase"] for row in result.history] == ["sup"] * 2 + ["semi"] * 2
    assert [row["images"] for row in result.history[2:]] == [N + 3 * 6] * 2
    assert all(row["distance"] > 0 for row in result.history[2:])
    plain = run(settings(), None)
    assert result.history[:2] == plain.history
    assert not same_weights(result.network, plain.network)


def test_the_network_ends_with_the_weights_that_the_phase_offers(monkeypatch):
    phases = []

    def remembered(context):
        phases.append(consistency.Consistency(context))
        return phases[-1]

    monkeypatch.setattr(consistency, "phase", remembered)
    result = run(settings(), consistency)
    assert same_weights(result.network, phases[0].teacher)
    monkeypatch.setattr(consistency.Consistency, "result", lambda self: None)
    student = run(settings(), consistency)
    assert same_weights(student.network, phases[1].here.network)
    assert not same_weights(student.network, result.network)


def test_a_phase_of_its_own_that_diverges_names_its_key():
    config = settings(sup={"epochs": 0}, semi={"lr": 1e30, "cosine_period": 1e9})
    with pytest.raises(UserError, match=r"in semi epoch \d, .*1e\+30.*Make semi\.lr smaller"):
        run(config, consistency)


class Linear(nn.Module):
    """A network of whatever rows: flattened, projected, classified."""

    logit_scale, precision = 5.0, "float32"

    def __init__(self, shape, classes):
        super().__init__()
        self.embedding_dim = 8
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 8))
        self.classifier = nn.Linear(8, classes)

    def embed(self, rows):
        return functional.normalize(self.trunk(rows), dim=1)

    def classify(self, embeddings):
        return self.classifier(self.logit_scale * embeddings)

    def forward(self, rows):
        return self.classify(self.embed(rows))


def feature_pool(n=N, d=12):
    """Features around a direction for each class."""
    pool, labels = toy_pool(n, SIZE)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(CLASSES, d))[labels] + 0.3 * rng.normal(size=(n, d))
    return dataclasses.replace(pool, images=features.astype(np.float32)), labels


def of_features(memory_mb=None, semi=label_propagation):
    pool, labels = feature_pool()
    torch.manual_seed(0)
    network, views = Linear((12,), CLASSES), Views(pool, 4, True, "augmented", memory_mb=memory_mb)
    config = settings(sup={"epochs": 20, "cosine_period": 1})
    rng = np.random.default_rng(0)
    history = train(network, views, LABELED, labels[LABELED], config, rng, semi)
    return network, views, labels, history


@pytest.mark.parametrize("semi", [None, label_propagation, consistency])
def test_features_are_learned_by_any_network(semi):
    network, views, labels, _ = of_features(semi=semi)
    embeddings, probabilities = embed(network, views)
    assert embeddings.shape == (N, 8)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9


def test_streamed_features_give_the_same_weights():
    network, views, _, history = of_features()
    streamed, streamed_views, _, streamed_history = of_features(memory_mb=0)
    assert views.rows is not None and streamed_views.rows is None
    assert same_weights(network, streamed) and history == streamed_history


def test_features_have_one_view():
    pool, _ = feature_pool()
    views, rng = Views(pool, 4, True, "augmented"), np.random.default_rng(0)
    before = rng.bit_generator.state
    rows = np.array([3, 1, 1])
    for found in (views.plain(rows), views.augmented(rows, rng)):
        assert found.dtype == torch.float32
        assert np.array_equal(found.numpy(), pool.images[rows])
    assert np.array_equal(views.plain(slice(2, 5)).numpy(), pool.images[2:5])
    assert rng.bit_generator.state == before  # nothing is drawn
    assert views.embedding_rng(rng) is None
    assert len(views) == N and views.classes == CLASSES


def test_the_trunk_of_any_network_is_pretrained_saved_and_loaded(tmp_path):
    pool, _ = toy_pool(48, SIZE)
    torch.manual_seed(0)
    network, other = Linear((SIZE, SIZE, 1), CLASSES), Linear((SIZE, SIZE, 1), 7)
    config = {
        **{"epochs": 2, "batch_size": 16, "lr": 0.02, "lr_decay": "cosine", "momentum": 0.9},
        **{"nesterov": True, "weight_decay": 2e-4, "clusters_per_class": 2},
        **{"kmeans_iterations": 4, "empty_clusters": "split", "kmeans_start": "new"},
        **{"drop_last": False, "head": "reset", "sampling": "clusters", "pca": None},
        **{"whiten": False, "pixel_epochs": 0, "reassign_steps": 0},
    }
    rng = np.random.default_rng(0)
    result = deepcluster.pretrain(
        network, Views(pool, 1, True), CLASSES, {"deepcluster": config}, rng
    )
    assert result.clusters.shape == (2, 48)
    save_weights(tmp_path / "theta", trunk_state(network.state_dict()))
    head = other.classifier.weight.clone()
    load_network(other, tmp_path / "theta", trunk_only=True)
    assert same_weights(network.trunk, other.trunk)
    assert torch.equal(head, other.classifier.weight)
    with pytest.raises(UserError, match="another network"):
        load_network(build(), tmp_path / "theta", trunk_only=True)


def test_conv13_is_built_and_described():
    section = {"width": 1 / 16, "dropout": 0.0}
    torch.manual_seed(0)
    network = conv13.build((SIZE, SIZE, 1), CLASSES, section)
    assert same_weights(network, build())
    state = network.state_dict().values()
    assert conv13.describe((SIZE, SIZE, 1), CLASSES, section) == {
        "dimensions": network.embedding_dim,
        "flops": conv13.flops(SIZE, 1, CLASSES, 1 / 16),
        "bytes": sum(value.numel() * value.element_size() for value in state),
    }
