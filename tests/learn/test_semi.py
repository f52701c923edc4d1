"""SEMI on pseudo-labels: which images reach the batches, drawn how, with which labels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import toy_pool
from trainings import CLASSES, LABELED, SIZE, N, SpyViews, build, fake_semi, run, settings

from wholepool.learn import training
from wholepool.learn.embedding import embed
from wholepool.learn.optimizer import cosine
from wholepool.learn.semi import PseudoLabels
from wholepool.learn.training import train

torch.set_num_threads(1)


def semi_batches(result, sup_steps):
    return result.views.batches[sup_steps:]


def test_semi_batches_are_labeled_and_pseudo_labeled(spied):
    pseudo = np.random.default_rng(5).integers(CLASSES, size=N)
    result = run(settings(), fake_semi(pseudo))
    batches = semi_batches(result, 4)
    # U has 34 images, 17 draws an epoch, 5 a batch: 5, 5, 5, 2
    assert [len(batch) for batch in batches] == [8, 8, 8, 5] * 2
    targets = spied.targets[4:]
    for batch, target in zip(batches, targets, strict=True):
        assert set(batch[:3]) <= set(LABELED)
        assert not set(batch[3:]) & set(LABELED)
        assert np.array_equal(target[:3], result.truth[batch[:3]])
        assert np.array_equal(target[3:], pseudo[batch[3:]])
    assert [row["images"] for row in result.history[2:]] == [17 + 4 * 3] * 2
    labeled = np.concatenate([batch[:3] for batch in batches])
    assert np.bincount(labeled, minlength=N)[LABELED].tolist() == [4] * 6  # 24 draws of 6


@pytest.mark.parametrize(
    ("count", "share", "draws"),
    [(6, 0.5, 17), (7, 0.5, 16), (9, 0.5, 16), (6, 1.0, 34), (6, 0.1, 3)],
)
def test_an_epoch_ends_after_its_share_of_the_unlabeled(count, share, draws):
    config = settings(sup={"epochs": 0}, semi={"epochs": 1, "epoch_share": share})
    result = run(config, fake_semi(), labeled=np.arange(count))
    drawn = sum(len(batch) - 3 for batch in result.views.batches)
    assert drawn == draws == round(share * (N - count))


def test_pseudo_labeled_draws_follow_the_weights():
    weights = np.zeros(N)
    weights[[20, 21, 22]] = [0.6, 0.3, 0.1]
    weights[LABELED] = 1  # labeled images are no part of the draw, whatever they weigh
    config = settings(sup={"epochs": 0}, semi={"epochs": 60, "lr": 1e-6})
    result = run(config, fake_semi(weights=weights))
    drawn = np.concatenate([batch[3:] for batch in result.views.batches])
    assert len(drawn) == 60 * 17
    counts = np.bincount(drawn, minlength=N)[[20, 21, 22]]
    assert counts.sum() == len(drawn)
    expected = len(drawn) * np.array([0.6, 0.3, 0.1])
    assert ((counts - expected) ** 2 / expected).sum() < 13.8  # 2 degrees of freedom, p = 0.001


def test_distinct_draws_within_an_epoch():
    config = settings(sup={"epochs": 0}, semi={"draw": "distinct"})
    result = run(config, fake_semi(weights=np.linspace(0, 1, N)))
    for epoch in (slice(0, 4), slice(4, 8)):
        drawn = np.concatenate([batch[3:] for batch in result.views.batches[epoch]])
        assert len(set(drawn)) == len(drawn) == 17


def test_an_epoch_without_evidence_trains_on_nothing_and_says_so(caplog):
    result = run(settings(semi={"epochs": 3}), fake_semi(weights=np.zeros(N)))
    assert semi_batches(result, 4) == []
    after = result.history[2:]
    assert [(row["images"], row["loss"]) for row in after] == [(0, None)] * 3
    assert "no label reaches any unlabeled image" in caplog.text
    assert "propagation.k" in caplog.text


@pytest.mark.parametrize("how", ["replacement", "distinct"])
def test_images_without_evidence_are_never_trained_on(how):
    """Few labels reach, and an epoch asks for more images than that."""
    weights = np.zeros(N)
    weights[20:26] = 0.5
    config = settings(sup={"epochs": 0}, semi={"draw": how, "epoch_share": 1, "epochs": 4})
    result = run(config, fake_semi(weights=weights))
    drawn = np.concatenate([batch[3:] for batch in result.views.batches])
    assert set(drawn) <= set(range(20, 26))


def test_pseudo_labels_are_made_before_every_epoch_from_the_present_network():
    calls, found = [], []
    pool, truth = toy_pool(N, SIZE)
    views = SpyViews(pool)
    network = build()
    inner = fake_semi(calls=calls)

    def pseudo_label(state):
        embeddings, probabilities = embed(network, views)
        assert np.array_equal(state.embeddings, embeddings)
        assert np.array_equal(state.probabilities, probabilities)
        assert network.training
        found.append((len(views.batches), embeddings))
        return inner.pseudo_label(state)

    labels = truth[LABELED]
    config = settings(semi={"epochs": 3})
    semi = SimpleNamespace(pseudo_label=pseudo_label)
    train(network, views, LABELED, labels, config, np.random.default_rng(0), semi)
    assert [batches for batches, _ in found] == [4, 8, 12]  # before the first step of each epoch
    assert not np.allclose(found[0][1], found[1][1], atol=1e-4)
    assert not np.allclose(found[1][1], found[2][1], atol=1e-4)
    for state in calls:
        assert np.array_equal(state.labeled, LABELED)
        assert np.array_equal(state.labels, labels)
        assert state.options["propagation"]["k"] == 5
        assert state.device == "cpu"


def test_pseudo_labels_of_an_epoch_are_that_epochs(spied):
    answers = iter([np.zeros(N), np.full(N, 3)])

    def pseudo_label(state):
        return PseudoLabels(next(answers).astype(np.int32), np.ones(N, np.float32), {})

    run(settings(sup={"epochs": 0}), SimpleNamespace(pseudo_label=pseudo_label))
    assert [set(targets[3:]) for targets in spied.targets] == [{0}] * 4 + [{3}] * 4


def test_semi_report_is_in_the_history():
    calls = []
    result = run(settings(), fake_semi(calls=calls))
    assert [row.get("calls") for row in result.history] == [None, None, 1, 2]


def test_rates_restart_for_semi(spied):
    run(settings(), fake_semi())
    sup = [cosine(0.2, epoch + step / 2, 2.5) for epoch in range(2) for step in range(2)]
    semi = [cosine(0.1, epoch + step / 4, 3) for epoch in range(2) for step in range(4)]
    assert spied.rates == pytest.approx(sup + semi, rel=1e-12)
    assert spied.rates[4] == 0.1


@pytest.mark.parametrize("epochs", [0, 2, 3])
def test_the_share_done_counts_the_work_of_each_phase(epochs):
    shares = []
    result = run(
        settings(sup={"epochs": epochs}),
        fake_semi(),
        report=lambda row, share, speed: shares.append(share),
    )
    phases = ["sup"] * epochs + ["semi"] * 2
    assert [row["phase"] for row in result.history] == phases
    # in images trained on: 6 labels a SUP epoch; 17 draws of 5 beside 3 labels, and 40 embedded
    works = [6 if phase == "sup" else 17 * 8 / 5 + N / 3 for phase in phases]
    assert shares == pytest.approx(np.cumsum(works) / sum(works))


def test_report_gets_every_epoch_and_a_speed():
    rows, speeds = [], []

    def report(row, share, speed):
        rows.append(row)
        speeds.append(speed)

    result = run(settings(sup={"epochs": 3}), fake_semi(), report=report)
    epochs = {"sup": 3, "semi": 2}
    assert rows == [row | {"epochs": epochs[row["phase"]]} for row in result.history]
    assert min(speeds) > 0


def test_loss_is_a_plain_mean_by_default(spied):
    weights = np.linspace(0.01, 1, N)
    run(settings(sup={"epochs": 0}), fake_semi(weights=weights))
    for total, losses in zip(spied.totals, spied.losses, strict=True):
        assert total == pytest.approx(losses.mean(), rel=1e-5)


def test_weighted_loss_multiplies_the_pseudo_labeled_part_only(spied):
    weights = np.linspace(0.01, 0.5, N).astype(np.float32)
    config = settings(sup={"epochs": 0}, semi={"weighted_loss": True})
    result = run(config, fake_semi(weights=weights))
    for batch, total, losses in zip(result.views.batches, spied.totals, spied.losses, strict=True):
        factors = np.concatenate([np.ones(3), weights[batch[3:]]])
        assert total == pytest.approx((factors * losses).sum() / len(batch), rel=1e-5)


def test_augmented_embedding_view_is_random(monkeypatch):
    generators = []

    def spy(network, views, rng=None):
        generators.append(rng)
        return embed(network, views, rng)

    monkeypatch.setattr(training, "embed", spy)
    run(settings(), fake_semi())
    assert generators == [None, None]
    calls = []
    result = run(settings(), fake_semi(calls=calls), view="augmented")
    assert all(isinstance(rng, np.random.Generator) for rng in generators[2:])
    whole = [batch for batch in result.views.batches if len(batch) == N]
    assert len(whole) == 2
    assert all(np.array_equal(batch, np.arange(N)) for batch in whole)


@pytest.mark.parametrize(("first", "asked"), [(1, 4), (2, 3), (3, 2), (9, 1)])
def test_first_epochs_share_the_first_pseudo_labels_and_draws(first, asked):
    """The public code propagates before its first epoch, and then again only after its second."""
    calls = []
    config = settings(
        sup={"epochs": 0},
        semi={"epochs": 4, "first_epochs": first, "draw": "distinct", "cosine_period": 1.25},
    )
    result = run(config, fake_semi(calls=calls))
    assert len(calls) == asked
    per_epoch = len(result.views.batches) // 4
    epochs = [
        np.concatenate([batch[3:] for batch in result.views.batches[at : at + per_epoch]])
        for at in range(0, 4 * per_epoch, per_epoch)
    ]
    for epoch, drawn in enumerate(epochs[1:], start=1):
        same_set = sorted(drawn) == sorted(epochs[epoch - 1])
        assert same_set == (epoch < first), epoch
        assert not np.array_equal(drawn, epochs[epoch - 1])


@pytest.mark.parametrize(
    ("share", "drop", "lengths"),
    # 17 draws of 34 unlabeled images, 5 of them in a batch beside 3 labeled ones
    [(0.5, False, [8, 8, 8, 5]), (0.5, True, [8, 8, 8]), (0.05, True, [5])],
)
def test_semi_drops_a_smaller_last_batch_unless_it_is_the_only_one(share, drop, lengths):
    semi = {"epochs": 1, "epoch_share": share, "drop_last": drop}
    result = run(settings(sup={"epochs": 0}, semi=semi), fake_semi())
    assert N - len(LABELED) == 34
    assert [len(batch) for batch in result.views.batches] == lengths
    assert result.history[-1]["images"] == sum(lengths)


def test_a_pool_that_is_labeled_entirely_trains_on():
    """The last cycle of a grid may have labeled all images: U is empty, not an error."""
    result = run(settings(semi={"epochs": 1}), fake_semi(), labeled=np.arange(N))
    assert (result.history[-1]["loss"], result.history[-1]["images"]) == (None, 0)


def test_one_unlabeled_image():
    result = run(settings(semi={"epoch_share": 1.0}), fake_semi(), labeled=np.arange(1, N))
    assert [batch[3:].tolist() for batch in result.views.batches[-2:]] == [[0], [0]]
