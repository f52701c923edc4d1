"""A training that diverges says where, and which key to lower, in the same words everywhere.

The processor decides where it shows first: with AVX-512, a loss that is NaN elsewhere was 7e28.
"""

import math

import numpy as np
import pytest
import torch
from toys import toy_pool
from trainings import build, fake_semi, run, settings

from wholepool.job.errors import UserError
from wholepool.learn import training
from wholepool.learn.embedding import embed
from wholepool.learn.loop import DivergenceError, check_weights
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.semi import label_propagation
from wholepool.learn.views import Views

torch.set_num_threads(1)


def pretrained(logit_scale=1.0, **changes):
    config = {
        **{"epochs": 4, "batch_size": 16, "lr": 0.02, "lr_decay": "constant", "momentum": 0.9},
        **{"nesterov": True, "weight_decay": 2e-4, "clusters_per_class": 2},
        **{"kmeans_iterations": 4, "empty_clusters": "split", "kmeans_start": "new"},
        **{"drop_last": False, "head": "reset", "sampling": "clusters", "pca": None},
        **{"whiten": False, "pixel_epochs": 0, "reassign_steps": 0},
    }
    network, views = build(logit_scale=logit_scale), Views(toy_pool(48, 12)[0], 1, False)
    rng = np.random.default_rng(0)
    return deepcluster.pretrain(network, views, 4, {"deepcluster": config | changes}, rng)


def said(phase, key, rate, sign=""):
    """What is said wherever it shows."""
    return rf"diverged in {phase} epoch \d+, at learning rate {rate}: .*{sign}.*Make {key} smaller"


def in_sup():
    run(settings(sup={"lr": 1e30, "epochs": 5, "cosine_period": 1e9}))


def in_semi():
    run(settings(sup={"epochs": 0}, semi={"lr": 1e30, "cosine_period": 1e9}), fake_semi())


def in_pretraining():
    pretrained(lr=1e32, logit_scale=10.0)


DIVERGE = {
    "sup": (in_sup, said("sup", r"sup\.lr", r"1e\+30")),
    "semi": (in_semi, said("semi", r"semi\.lr", r"1e\+30")),
    "pretrain": (in_pretraining, said("pretrain", r"deepcluster\.lr", r"1e\+32")),
}


@pytest.mark.parametrize("phase", DIVERGE)
def test_it_is_explained(phase):
    diverge, words = DIVERGE[phase]
    with pytest.raises(UserError, match=words):
        diverge()


@pytest.mark.parametrize("phase", DIVERGE)
def test_it_is_explained_where_no_loss_shows_it(phase, monkeypatch):
    """As on a processor whose sums do not overflow: weights or predictions are what shows it."""
    cross_entropy = torch.nn.functional.cross_entropy

    def finite(*arguments, **options):
        return torch.nan_to_num(cross_entropy(*arguments, **options))

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", finite)
    diverge, words = DIVERGE[phase]
    with pytest.raises(UserError, match=words) as caught:
        diverge()
    assert "the loss is" not in str(caught.value)


LAST = {"lr": math.inf, "epochs": 1, "batch_size": 10}  # one step, whose loss is finite


def test_at_the_very_last_step_of_sup():
    """The only step's loss is finite; the weights after it are not, on any processor."""
    with pytest.raises(UserError, match=said("sup", r"sup\.lr", "(inf|nan)", "is not finite")):
        run(settings(sup=LAST))


def test_at_the_very_last_step_of_pretraining():
    """No model must come out."""
    with pytest.raises(UserError, match=said("pretrain", r"deepcluster\.lr", "inf", "not finite")):
        pretrained(lr=math.inf, epochs=1, batch_size=64)


def test_just_before_label_propagation_it_is_laid_to_sup():
    """SUP ends with useless weights: label propagation has nothing to work on."""
    words = said("sup", r"sup\.lr", "(inf|nan)", "predictions are not finite")
    with pytest.raises(UserError, match=words):
        run(settings(sup=LAST), label_propagation)


def test_in_a_later_epoch_of_semi_it_is_laid_to_the_epoch_before(monkeypatch):
    passes = []

    def spoiled(*arguments):
        passes.append(embed(*arguments))
        if len(passes) == 2:
            raise DivergenceError("an embedding is zero or not finite")
        return passes[-1]

    monkeypatch.setattr(training, "embed", spoiled)
    with pytest.raises(UserError, match=r"in semi epoch 0, .*an embedding is zero.*semi\.lr"):
        run(settings(), fake_semi())


def test_a_network_that_was_given_so_is_laid_to_no_phase():
    config = settings(sup={"epochs": 0})
    with pytest.raises(UserError, match=r"diverged: the network's predictions are not finite") as e:
        run(config, fake_semi(), network=build(logit_scale=math.nan))
    assert "epoch" not in str(e.value)


def test_predictions_that_are_not_finite_are_refused():
    """Of finite weights, so that no other check finds them."""
    network, views = build(logit_scale=10.0, weight_norm=False), Views(toy_pool(8, 12)[0], 0, False)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.fill_(3e38)
    check_weights(network)
    with pytest.raises(UserError, match=r"diverged: .*predictions.*learning rate.*sup\.lr"):
        embed(network, views)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_embeddings_without_a_direction_are_refused(monkeypatch, value):
    network, views = build(), Views(toy_pool(8, 12)[0], 0, False)
    monkeypatch.setattr(network, "embed", lambda images: torch.full((len(images), 8), value))
    monkeypatch.setattr(network, "classify", lambda embeddings: torch.zeros(len(embeddings), 4))
    with pytest.raises(UserError, match=r"diverged: an embedding is zero or not finite"):
        embed(network, views)
