"""SUP and SEMI: which images and labels reach the batches, at what rate, drawn how often."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from wholepool.data.pool import Pool, channel_statistics
from wholepool.job.errors import UserError
from wholepool.learn import training
from wholepool.learn.embedding import embed
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.optimizer import Sgd, cosine
from wholepool.learn.semi import SEMIS, PseudoLabels, Semi
from wholepool.learn.training import cut, draw, take, train
from wholepool.learn.views import Views

torch.set_num_threads(1)
N, CLASSES, SIZE = 40, 4, 16


def toy_pool(n=N, classes=CLASSES, seed=0):
    """Class j has its own bright row; image i is of class i % classes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, size=(n, SIZE, SIZE, 1), dtype=np.uint8)
    labels = np.arange(n) % classes
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] += 180
    mean, std = channel_statistics(images)
    names = tuple(map(str, range(classes)))
    return Pool(images, "toy", names, tuple(mean), tuple(std), ""), labels


class SpyViews(Views):
    """Views that remember the indices of every augmented batch."""

    def __init__(self, pool, translate=1, flip=False, embedding_view="plain"):
        super().__init__(pool, translate, flip, embedding_view)
        self.batches = []

    def augmented(self, indices, rng):
        self.batches.append(np.array(indices))
        return super().augmented(indices, rng)


def build(seed=0, **changes):
    torch.manual_seed(seed)
    return Network(1, CLASSES, **{"width": 1 / 16, "dropout": 0.0} | changes)


def settings(sup=None, semi=None):
    return {
        "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4},
        "sup": {"epochs": 2, "batch_size": 4, "lr": 0.2, "cosine_epochs": 2.5, "drop_last": False}
        | (sup or {}),
        "semi": {
            "epochs": 2,
            "sup_epochs": None,
            "batch_size": 8,
            "labeled_size": 3,
            "labeled_draw": "permutations",
            "lr": 0.1,
            "cosine_epochs": 3,
            "epoch_share": 0.5,
            "draw": "replacement",
            "first_epochs": 1,
            "drop_last": False,
            "weighted_loss": False,
        }
        | (semi or {}),
        "propagation": {
            "k": 5,
            "search": "exact",
            "recall": 0.99,
            "gamma": 3,
            "clip": True,
            "graph": "reciprocal",
            "alpha": 0.99,
            "labels": "onehot",
            "tolerance": 1e-6,
            "max_iterations": 100,
            "normalize_weights": False,
        },
    }


LABELED = np.array([0, 1, 2, 3, 8, 9])


def fake_semi(labels=None, weights=None, calls=None):
    """Pseudo-labels that are given, and a list of the states that asked for them."""
    labels = np.full(N, 2) if labels is None else labels
    weights = np.ones(N) if weights is None else weights

    def pseudo_label(state):
        if calls is not None:
            calls.append(state)
        return PseudoLabels(
            labels.astype(np.int32), weights.astype(np.float32), {"calls": len(calls or ())}
        )

    return Semi("fake", pseudo_label, ())


@pytest.fixture
def spied(monkeypatch):
    """What reaches the loss (targets, losses' weights) and the optimizer (rates)."""
    record = SimpleNamespace(targets=[], rates=[], totals=[], losses=[])

    def cross_entropy(logits, targets, **options):
        assert options == {"reduction": "none"}
        record.targets.append(targets.numpy().copy())
        losses = functional.cross_entropy(logits, targets, **options)
        record.losses.append(losses.detach().numpy().copy())
        return losses

    class SpySgd(Sgd):
        def step(self, loss, rate):
            record.rates.append(rate)
            record.totals.append(loss.item())
            super().step(loss, rate)

    monkeypatch.setattr(training, "functional", SimpleNamespace(cross_entropy=cross_entropy))
    monkeypatch.setattr(training, "Sgd", SpySgd)
    return record


def run(config, semi=None, pseudo=None, labeled=LABELED, seed=0, view="plain", **more):
    pool, truth = toy_pool()
    views = SpyViews(pool, embedding_view=view)
    network = build()
    rng = np.random.default_rng(seed)
    labels = truth[labeled].astype(np.int32)
    history = train(network, views, labeled, labels, config, rng, semi, pseudo, **more)
    return SimpleNamespace(history=history, views=views, network=network, truth=truth)


# the parts


@pytest.mark.parametrize(("size", "batch_size"), [(10, 3), (9, 3), (2, 5), (1, 1)])
def test_batches_hold_every_image_once(size, batch_size):
    batches = cut(np.random.default_rng(0).permutation(size), batch_size, False)
    assert sorted(np.concatenate(batches)) == list(range(size))
    assert len(batches) == math.ceil(size / batch_size)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert len(batches[-1]) == (size % batch_size or batch_size)


@pytest.mark.parametrize(
    ("size", "batch_size", "lengths"),
    [(10, 3, [3, 3, 3]), (9, 3, [3, 3, 3]), (2, 5, [2]), (5, 5, [5]), (6, 5, [5])],
)
def test_drop_last_drops_an_incomplete_batch_unless_it_is_the_only_one(size, batch_size, lengths):
    batches = cut(np.random.default_rng(0).permutation(size), batch_size, True)
    assert [len(batch) for batch in batches] == lengths
    assert len(set(np.concatenate(batches))) == sum(lengths)


def taken(count, *arguments):
    """`count` labeled parts of SEMI's batches, one after the other."""
    rng, waiting, parts = np.random.default_rng(0), np.empty(0, dtype=np.int64), []
    for _ in range(count):
        part, waiting = take(waiting, *arguments, rng)
        parts.append(part)
    return parts


@pytest.mark.parametrize(("size", "batch_size"), [(7, 3), (3, 7), (5, 5), (1, 4)])
def test_chained_permutations_use_all_equally_often(size, batch_size):
    drawn = taken(4 * size, size, batch_size, "permutations")
    assert {len(batch) for batch in drawn} == {batch_size}
    chain = np.concatenate(drawn)
    for start in range(0, len(chain), size):
        assert sorted(chain[start : start + size]) == list(range(size))


def test_replacement_draws_are_independent_and_uniform():
    drawn = np.concatenate(taken(1000, 5, 10, "replacement"))
    counts = np.bincount(drawn, minlength=5)
    assert len(counts) == 5
    assert ((counts - 2000) ** 2 / 2000).sum() < 18.5  # 4 degrees of freedom, p = 0.001
    assert (counts != 2000).any()  # permutations would be exactly even


def test_draw_frequencies_follow_the_normalized_weights():
    weights = np.array([0.5, 0.0, 0.1, 1.0, 0.0, 0.03, 0.37])
    size = 20_000
    drawn = draw(weights, size, "replacement", np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=7)
    expected = size * weights / weights.sum()
    assert counts[weights == 0].tolist() == [0, 0]
    used = weights > 0
    chi_square = ((counts - expected)[used] ** 2 / expected[used]).sum()
    assert chi_square < 18.5  # 4 degrees of freedom, p = 0.001


def test_draw_with_replacement_repeats():
    weights = np.array([0.0, 2.0, 0.0])
    assert draw(weights, 6, "replacement", np.random.default_rng(0)).tolist() == [1] * 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draw_takes_tiny_weights(dtype):
    weights = np.full(100, 1e-30, dtype=dtype)
    weights[:50] = 0
    drawn = draw(weights, 500, "replacement", np.random.default_rng(0))
    assert drawn.min() >= 50
    distinct = draw(weights, 50, "distinct", np.random.default_rng(0))
    assert sorted(distinct) == list(range(50, 100))


def test_distinct_draws_never_repeat():
    weights = np.random.default_rng(1).random(30)
    drawn = draw(weights, 15, "distinct", np.random.default_rng(0))
    assert len(set(drawn)) == 15
    assert set(drawn) <= set(range(30))


def test_distinct_draws_prefer_heavy_weights():
    weights = np.array([1.0, 1.0, 10.0, 10.0])
    rng = np.random.default_rng(0)
    counts = np.zeros(4)
    for _ in range(2000):
        counts[draw(weights, 1, "distinct", rng)] += 1
    expected = 2000 * weights / weights.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 16.3  # 3 degrees of freedom, p = 0.001


def test_distinct_draws_are_topped_up_uniformly():
    weights = np.zeros(12)
    weights[[3, 7]] = [0.9, 1e-6]
    rng = np.random.default_rng(0)
    counts = np.zeros(12)
    for _ in range(1000):
        drawn = draw(weights, 7, "distinct", rng)
        assert len(set(drawn)) == 7
        counts[drawn] += 1
    assert counts[3] == counts[7] == 1000
    others = np.delete(counts, [3, 7])
    assert abs(others - 500).max() < 80  # five standard deviations


def test_topped_up_draws_come_in_random_order():
    weights = np.array([1.0, 1.0] + [0.0] * 8)
    rng = np.random.default_rng(0)
    firsts = {draw(weights, 10, "distinct", rng)[0] for _ in range(100)}
    assert len(firsts) > 4


@pytest.mark.parametrize("how", ["replacement", "distinct"])
def test_draw_without_any_weight_is_uniform(how):
    rng = np.random.default_rng(0)
    counts = np.zeros(6)
    for _ in range(1000):
        drawn = draw(np.zeros(6), 3, how, rng)
        assert len(drawn) == 3
        np.add.at(counts, drawn, 1)
    assert ((counts - 500) ** 2 / 500).sum() < 20.5  # 5 degrees of freedom, p = 0.001


@pytest.mark.parametrize("how", ["replacement", "distinct"])
def test_draw_nothing(how):
    assert len(draw(np.zeros(0), 0, how, np.random.default_rng(0))) == 0
    assert len(draw(np.ones(3), 0, how, np.random.default_rng(0))) == 0


def test_distinct_draw_can_take_all():
    assert sorted(draw(np.array([1.0, 0, 2]), 3, "distinct", np.random.default_rng(0))) == [0, 1, 2]


# SUP


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
    batches = run(settings(sup={"epochs": 5, "cosine_epochs": 5.25})).views.batches
    orders = {tuple(np.concatenate(batches[at : at + 2])) for at in range(0, 10, 2)}
    assert len(orders) == 5


def test_sup_drops_the_last_batch_if_asked(spied):
    result = run(settings(sup={"drop_last": True}))
    assert [len(batch) for batch in result.views.batches] == [4, 4]
    assert [row["images"] for row in result.history] == [4, 4]


def test_sup_rates_follow_the_cosine_at_every_step(spied):
    result = run(settings(sup={"epochs": 3, "cosine_epochs": 3.15}))
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


# SEMI


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


def test_weightless_pseudo_labels_are_drawn_uniformly():
    result = run(settings(semi={"epochs": 30}), fake_semi(weights=np.zeros(N)))
    drawn = np.concatenate([batch[3:] for batch in semi_batches(result, 4)])
    assert len(set(drawn)) == N - len(LABELED)
    assert all(math.isfinite(row["loss"]) for row in result.history)


def test_pseudo_labels_are_made_before_every_epoch_from_the_present_network():
    calls, found = [], []
    pool, truth = toy_pool()
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
    semi = Semi("fake", pseudo_label, ("propagation",))
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

    run(settings(sup={"epochs": 0}), Semi("fake", pseudo_label, ()))
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


@pytest.mark.parametrize(
    ("sup_epochs", "phases"),
    [(0, ["semi"] * 2), (None, ["sup"] * 2 + ["semi"] * 2), (3, ["sup"] * 3 + ["semi"] * 2)],
)
def test_sup_before_semi_has_its_own_length(sup_epochs, phases):
    shares = []
    result = run(
        settings(semi={"sup_epochs": sup_epochs}),
        fake_semi(),
        report=lambda row, share, speed: shares.append(share),
    )
    assert [row["phase"] for row in result.history] == phases
    # in images trained on: 6 labels a SUP epoch; 17 draws of 5 beside 3 labels, and 40 embedded
    works = [6 if phase == "sup" else 17 * 8 / 5 + N / 3 for phase in phases]
    assert shares == pytest.approx(np.cumsum(works) / sum(works))


def test_sup_epochs_of_semi_do_not_matter_without_semi():
    result = run(settings(semi={"sup_epochs": 0}))
    assert [row["phase"] for row in result.history] == ["sup", "sup"]


def test_report_gets_every_epoch_and_a_speed():
    rows, speeds = [], []

    def report(row, share, speed):
        rows.append(row)
        speeds.append(speed)

    result = run(settings(), fake_semi(), report=report)
    assert rows == [row | {"epochs": 2} for row in result.history]
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
        semi={"epochs": 4, "first_epochs": first, "draw": "distinct", "cosine_epochs": 5},
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
    assert math.isfinite(result.history[-1]["loss"])


def test_one_unlabeled_image():
    result = run(settings(semi={"epoch_share": 1.0}), fake_semi(), labeled=np.arange(1, N))
    assert [batch[3:].tolist() for batch in result.views.batches[-2:]] == [[0], [0]]


# the whole


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_training_is_repeatable_bit_for_bit():
    pool, truth = toy_pool()
    networks = []
    for seed in (1, 1, 2):
        network = build(dropout=0.5)
        torch.manual_seed(11)  # dropout
        views = Views(pool, 1, True)
        rng = np.random.default_rng(seed)
        train(network, views, LABELED, truth[LABELED], settings(), rng, SEMIS["label_propagation"])
        networks.append(network)
    assert same_weights(networks[0], networks[1])
    assert not same_weights(networks[0], networks[2])


@pytest.mark.parametrize("view", ["plain", "augmented"])
def test_a_streamed_pool_gives_the_same_weights(tmp_path, view):
    pool, truth = toy_pool()
    np.save(tmp_path / "pool.npy", pool.images)
    mapped = dataclasses.replace(pool, images=np.load(tmp_path / "pool.npy", mmap_mode="r"))
    networks = []
    for images, limit in ((pool, None), (mapped, 0)):
        network = build()
        views = Views(images, 1, True, view, memory_mb=limit)
        assert (views.images is None) == (limit == 0)
        rng = np.random.default_rng(1)
        train(network, views, LABELED, truth[LABELED], settings(), rng, SEMIS["label_propagation"])
        networks.append(network)
    assert same_weights(*networks)


def test_real_label_propagation_runs_and_reports():
    result = run(settings(), SEMIS["label_propagation"])
    for row in result.history[2:]:
        assert 0 <= row["mean_weight"] <= 1
        assert 0 < row["reached"] <= 1
        assert row["residual"] <= 1e-4


def test_divergence_in_sup_is_explained():
    config = settings(sup={"lr": 1e30, "epochs": 3})
    with pytest.raises(UserError, match=r"sup epoch \d.*learning rate .*sup\.lr"):
        run(config)


def test_divergence_names_the_rate_and_the_epoch():
    network_rate = {"lr": 1e30, "epochs": 5, "cosine_epochs": 1e9}
    with pytest.raises(UserError, match=r"sup epoch [01]:.*1e\+30"):
        run(settings(sup=network_rate))


def test_divergence_in_semi_is_explained():
    config = settings(sup={"epochs": 0}, semi={"lr": 1e30})
    with pytest.raises(UserError, match=r"semi epoch \d.*semi\.lr"):
        run(config, fake_semi())


def test_divergence_at_the_very_last_step_is_explained():
    """The only step's loss is finite; what the weights after it give is not."""
    config = settings(sup={"lr": 1e30, "epochs": 1, "batch_size": 10})
    with pytest.raises(UserError, match=r"diverged"):
        result = run(config)
        embed(result.network, result.views)


def test_divergence_just_before_label_propagation_is_explained():
    """SUP ends with useless weights: label propagation has nothing to work on."""
    config = settings(sup={"lr": 1e30, "epochs": 1, "batch_size": 10})
    with pytest.raises(UserError, match=r"diverged"):
        run(config, SEMIS["label_propagation"])


def accuracy(network, views, truth):
    _, probabilities = embed(network, views)
    return (probabilities.argmax(axis=1) == truth).mean()


@pytest.mark.parametrize("with_semi", [False, True])
def test_learning_happens(with_semi):
    pool, truth = toy_pool()
    views = Views(pool, 0, False)
    network = build(logit_scale=10.0)
    before = accuracy(network, views, truth)
    config = settings(
        sup={"epochs": 40, "cosine_epochs": 42, "lr": 0.05}, semi={"epochs": 3, "lr": 0.05}
    )
    semi = SEMIS["label_propagation"] if with_semi else None
    rng = np.random.default_rng(0)
    history = train(network, views, LABELED, truth[LABELED], config, rng, semi)
    assert before < 0.5
    assert accuracy(network, views, truth) > 0.9
    assert history[39]["loss"] < 0.5 * history[0]["loss"]
