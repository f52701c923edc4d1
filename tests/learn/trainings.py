"""Small trainings: a pool of four classes, settings, pseudo-labels that are given."""

from types import SimpleNamespace

import numpy as np
import torch
from toys import PROPAGATION, toy_pool

from wholepool.learn.networks.conv13 import Network
from wholepool.learn.semi import PseudoLabels
from wholepool.learn.training import train
from wholepool.learn.views import Views

N, CLASSES, SIZE = 40, 4, 16
LABELED = np.array([0, 1, 2, 3, 8, 9])


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
        "sup": {"epochs": 2, "batch_size": 4, "lr": 0.2, "cosine_period": 1.25, "drop_last": False}
        | (sup or {}),
        "semi": {
            "epochs": 2,
            "batch_size": 8,
            "labeled_size": 3,
            "labeled_draw": "permutations",
            "lr": 0.1,
            "cosine_period": 1.5,
            "epoch_share": 0.5,
            "draw": "replacement",
            "first_epochs": 1,
            "drop_last": False,
            "weighted_loss": False,
        }
        | (semi or {}),
        "propagation": PROPAGATION,
    }


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

    return SimpleNamespace(pseudo_label=pseudo_label)


def run(
    config, semi=None, pseudo=None, labeled=LABELED, seed=0, view="plain", network=None, **more
):
    pool, truth = toy_pool(N, SIZE)
    views = SpyViews(pool, embedding_view=view)
    network = network or build()
    rng = np.random.default_rng(seed)
    labels = truth[labeled].astype(np.int32)
    history = train(network, views, labeled, labels, config, rng, semi, pseudo, **more)
    return SimpleNamespace(history=history, views=views, network=network, truth=truth)


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
