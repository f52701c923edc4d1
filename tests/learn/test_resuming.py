"""A training that stops at any step, and goes on, ends in the same bits."""

import signal

import consistency
import numpy as np
import pytest
import torch
from bits import same
from toys import PROPAGATION

from wholepool.data.pool import Pool, channel_statistics
from wholepool.job.checkpoints import Checkpoints, packed, unpacked
from wholepool.job.errors import Interrupted
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.semi import label_propagation
from wholepool.learn.training import train
from wholepool.learn.views import Views

torch.set_num_threads(1)


class Stopping(Checkpoints):
    """Stops by a signal before the `last`-th step; counts them."""

    def __init__(self, folder, last=None):
        super().__init__(folder, {"settings": "a"}, 3600)
        self.steps, self.last = 0, last

    def reached(self, state):
        self.steps += 1
        if self.steps == self.last:
            self.signal = signal.SIGTERM
        super().reached(state)


N, CLASSES = 40, 4


def toy_pool():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, size=(N, 12, 12, 1), dtype=np.uint8)
    mean, std = channel_statistics(images)
    return Pool(images, "toy", tuple("abcd"), tuple(mean), tuple(std), "")


SEMI = {
    **{"epochs": 4, "batch_size": 9, "labeled_size": 4, "lr": 0.1},
    **{"labeled_draw": "permutations", "cosine_period": 1.05, "epoch_share": 0.5},
    **{"draw": "replacement", "first_epochs": 2, "drop_last": True, "weighted_loss": True},
}
SETTINGS = {
    "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4},
    "sup": {"epochs": 3, "batch_size": 4, "lr": 0.1, "cosine_period": 1.05, "drop_last": False},
    "semi": SEMI,
    "propagation": PROPAGATION,
}


def trained(keep, semi=label_propagation, view="augmented"):
    """Weights and history of a training from the same start, on what `keep` has."""
    torch.manual_seed(1)
    network = Network(1, CLASSES, width=1 / 16, dropout=0.5)
    views = Views(toy_pool(), 1, True, view)
    labeled = np.array([0, 1, 2, 3, 8, 9])
    history = train(
        *(network, views, labeled, (labeled % CLASSES).astype(np.int32), SETTINGS),
        *(np.random.default_rng(2), semi),
        pseudo_labeled=(np.array([20, 21]), np.array([1, 2])),
        keep=keep,
    )
    return network.state_dict(), history


PRETRAIN = {
    **{"epochs": 5, "batch_size": 16, "lr": 0.05, "lr_decay": "cosine", "momentum": 0.9},
    **{"nesterov": True, "weight_decay": 2e-4, "clusters_per_class": 2, "kmeans_iterations": 3},
    **{"empty_clusters": "split", "kmeans_start": "new", "drop_last": False, "head": "reset"},
    **{"sampling": "clusters", "pca": None, "whiten": False, "pixel_epochs": 0},
    "reassign_steps": 0,
}
SCHEDULES = {
    "every epoch": {},
    "pixels first": {"pixel_epochs": 2, "head": "keep", "kmeans_start": "same"},
    "by steps": {"reassign_steps": 5, "drop_last": True, "sampling": "images"},
}


def pretrained(keep, **changes):
    torch.manual_seed(1)
    network = Network(1, CLASSES, width=1 / 16, dropout=0.5)
    views = Views(toy_pool(), 1, True, "augmented")
    settings = {"deepcluster": PRETRAIN | changes}
    result = deepcluster.pretrain(
        *(network, views, CLASSES, settings, np.random.default_rng(2), None, keep)
    )
    return network.state_dict(), (result.history, list(result.clusters), result.cluster_epochs)


WORK = {
    "sup": lambda keep: trained(keep, semi=None),
    "semi": trained,
    "consistency": lambda keep: trained(keep, consistency),
} | {
    f"pretrain, {name}": lambda keep, changes=changes: pretrained(keep, **changes)
    for name, changes in SCHEDULES.items()
}


#: what it does, "pixels first" and "by steps" do between them
REST = {"pretrain, every epoch": pytest.mark.long}


@pytest.mark.parametrize("name", [pytest.param(one, marks=REST.get(one, ())) for one in WORK])
def test_a_training_that_stops_before_any_step_ends_in_the_same_bits(tmp_path, name):
    whole = Stopping(tmp_path / "whole")
    expected = [list(part) if isinstance(part, tuple) else part for part in WORK[name](whole)]
    assert whole.steps > 5
    for last in range(1, whole.steps + 1):
        folder = tmp_path / str(last)
        with pytest.raises(Interrupted):
            WORK[name](Stopping(folder, last))
        again = Stopping(folder)
        found = [list(part) if isinstance(part, tuple) else part for part in WORK[name](again)]
        assert again.resumed == 1
        # the step that it stopped before is the first that is done
        assert again.steps == whole.steps - last + 1
        assert same(found, expected), f"stopped before step {last}"


def test_a_training_that_stops_before_every_step_ends_in_the_same_bits(tmp_path):
    expected = list(trained(Stopping(None)))
    attempts = 0
    while True:
        attempts += 1
        try:
            found = list(trained(Stopping(tmp_path, 2)))
            break
        except Interrupted:
            pass
    assert attempts > 15
    assert same(found, expected)


def test_the_optimizers_memory_is_needed(tmp_path):
    """The test above would notice a state that is not put back: here, the momenta."""
    expected = trained(Stopping(None))[0]
    with pytest.raises(Interrupted):
        trained(Stopping(tmp_path, 6))
    (path,) = tmp_path.iterdir()
    header, found = unpacked(path.read_bytes())
    for buffer in found["phase"]["optimizer"]["buffers"]:
        buffer.zero_()
    path.write_bytes(packed(header, found))
    assert not same(trained(Stopping(tmp_path))[0], expected)
