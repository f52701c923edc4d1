"""Unsupervised pre-training (PRE), one file each.

    @pretraining("deepcluster")
    def deepcluster(network, views, classes, settings, rng, report, keep) -> Pretrained: ...

A PRE trains the network in place on the pool's images alone. What it hands to the cycles is the
trunk: convolutions, batch-norm parameters and running statistics. `keep` holds the job's
checkpoints, see resume.py: it goes on from them, to the same bits. The file has the PRE's name.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wholepool.job.checkpoints import Checkpoints
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.training import Report
from wholepool.learn.views import Views


@dataclass(frozen=True)
class Pretrained:
    """`history`, a row an epoch; and the `clusters` that were learned, for diagnosis.

    `clusters` is integer (r, n): the assignment of every image at each of r clusterings, which
    were made at the beginning of the epochs `cluster_epochs` (r,).
    """

    history: list[dict[str, Any]]
    clusters: np.ndarray
    cluster_epochs: list[int]


Pretraining = Callable[
    [
        Network,
        Views,
        int,
        Mapping[str, Any],
        np.random.Generator,
        Report | None,
        Checkpoints | None,
    ],
    Pretrained,
]

PRETRAININGS: dict[str, Pretraining] = {}


def pretraining(name: str) -> Callable[[Pretraining], Pretraining]:
    """Register a PRE under the name that the config uses."""

    def register(function: Pretraining) -> Pretraining:
        PRETRAININGS[name] = function
        return function

    return register


for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
