"""SUP, and a whole training: which images and labels reach the batches, at what rate."""

import dataclasses

import numpy as np
import pytest
import torch
from toys import toy_pool
from trainings import LABELED, SIZE, N, build, run, same_weights, settings

from wholepool.learn.embedding import embed
from wholepool.learn.optimizer import cosine
from wholepool.learn.semi import label_propagation, poisson
from wholepool.learn.training import train
from wholepool.learn.views import Views

torch.set_num_threads(1)


def test_sup_sees_the_labeled_set_once_an_epoch(spied):
    result = run(settings())
    assert [len(batch) for batch in result.views.batches] == [4, 2, 4, 2]
    for epoch in range(2):
        seen = np.concatenate(result.views.batches[2 * epoch : 2 * epoch + 2])
        assert sorted(seen) == sorted(LABELED)
    for batch, targets in zip(result.views.batches, spied.targets, strict=True):
        assert np.array_equal(targets, result.truth[batch])
    assert [row["images"] for row in result.history] == [6, 6]
    assert [(row["phase"], row["epoch"]) for row in result.history] == [("sup", 0), ("sup", 1)]


def test_sup_shuffles_anew_in_every_epoch(spied):
    batches = run(settings(sup={"epochs": 5})).views.batches
    orders = {tuple(np.concatenate(batches[at : at + 2])) for at in range(0, 10, 2)}
    assert len(orders) == 5


def test_sup_drops_the_last_batch_if_asked(spied):
    result = run(settings(sup={"drop_last": True}))
    assert [len(batch) for batch in result.views.batches] == [4, 4]
    assert [row["images"] for row in result.history] == [4, 4]


def test_sup_rates_follow_the_cosine_at_every_step(spied):
    result = run(settings(sup={"epochs": 3, "cosine_period": 1.05}))
    expected = [cosine(0.2, epoch + step / 2, 3.15) for epoch in range(3) for step in range(2)]
    assert spied.rates == pytest.approx(expected, rel=1e-12)
    assert [row["lr"] for row in result.history] == pytest.approx(expected[1::2])


def test_history_holds_the_mean_loss(spied):
    result = run(settings())
    assert result.history[0]["loss"] == pytest.approx(np.mean(spied.totals[:2]), rel=1e-5)
    assert result.history[1]["loss"] == pytest.approx(np.mean(spied.totals[2:]), rel=1e-5)
    for total, losses in zip(spied.totals, spied.losses, strict=True):
        assert total == pytest.approx(losses.mean(), rel=1e-5)


def test_pseudo_labels_of_ceal_reach_the_batches(spied):
    indices = np.array([20, 33, 11])
    wrong = np.array([3, 0, 1], dtype=np.int32)  # not the truth: it must be these that are used
    result = run(settings(), pseudo=(indices, wrong))
    assert (result.truth[indices] != wrong).all()
    given = dict(zip(LABELED, result.truth[LABELED], strict=True))
    given |= dict(zip(indices, wrong, strict=True))
    for epoch in range(2):
        seen = np.concatenate(result.views.batches[3 * epoch : 3 * epoch + 3])
        assert sorted(seen) == sorted(given)
    for batch, targets in zip(result.views.batches, spied.targets, strict=True):
        assert targets.tolist() == [given[index] for index in batch]
    assert [row["images"] for row in result.history] == [9, 9]


def test_no_pseudo_labels_of_ceal_change_nothing():
    nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32))
    one, other = run(settings()), run(settings(), pseudo=nothing)
    assert same_weights(one.network, other.network)


# the whole


def test_training_is_repeatable_bit_for_bit():
    pool, truth = toy_pool(N, SIZE)
    networks = []
    for seed in (1, 1, 2):
        network = build(dropout=0.5)
        torch.manual_seed(11)  # dropout
        views = Views(pool, 1, True)
        rng = np.random.default_rng(seed)
        train(network, views, LABELED, truth[LABELED], settings(), rng, label_propagation)
        networks.append(network)
    assert same_weights(networks[0], networks[1])
    assert not same_weights(networks[0], networks[2])


@pytest.mark.parametrize("view", ["plain", "augmented"])
def test_a_streamed_pool_gives_the_same_weights(tmp_path, view):
    pool, truth = toy_pool(N, SIZE)
    np.save(tmp_path / "pool.npy", pool.images)
    mapped = dataclasses.replace(pool, images=np.load(tmp_path / "pool.npy", mmap_mode="r"))
    networks = []
    for images, limit in ((pool, None), (mapped, 0)):
        network = build()
        views = Views(images, 1, True, view, memory_mb=limit)
        assert (views.rows is None) == (limit == 0)
        rng = np.random.default_rng(1)
        train(network, views, LABELED, truth[LABELED], settings(), rng, label_propagation)
        networks.append(network)
    assert same_weights(*networks)


@pytest.mark.parametrize(("semi", "tolerance"), [(label_propagation, 1e-4), (poisson, 1e-3)])
def test_real_propagation_runs_and_reports(semi, tolerance):
    result = run(settings(), semi)
    for row in result.history[2:]:
        assert 0 <= row["mean_weight"] <= 1
        assert 0 < row["reached"] <= 1
        assert row["residual"] <= tolerance


def accuracy(network, views, truth):
    _, probabilities = embed(network, views)
    return (probabilities.argmax(axis=1) == truth).mean()


@pytest.mark.parametrize("semi", [None, label_propagation, poisson])
def test_learning_happens(semi):
    pool, truth = toy_pool(N, SIZE)
    views = Views(pool, 0, False)
    network = build(logit_scale=10.0)
    before = accuracy(network, views, truth)
    config = settings(
        sup={"epochs": 40, "cosine_period": 1.05, "lr": 0.05},
        semi={"epochs": 3, "cosine_period": 1, "lr": 0.05},
    )
    rng = np.random.default_rng(0)
    history = train(network, views, LABELED, truth[LABELED], config, rng, semi)
    assert before < 0.5
    assert accuracy(network, views, truth) > 0.9
    assert history[39]["loss"] < 0.5 * history[0]["loss"]
