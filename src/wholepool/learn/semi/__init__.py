"""Semi-supervised learning, one file each: what gives pseudo-labels before every SEMI epoch.

@semi("label_propagation", options=("propagation",))
def label_propagation(state: State) -> PseudoLabels: ...
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class State:
    """What a SEMI may see before an epoch. It never holds a hidden label.

    `embeddings` float32 (n, d), l2-normalized; `probabilities` float32 (n, c); the labeled set
    `labeled` int64 (|L|,) with its `labels` int (|L|,); the declared sections of the config.
    """

    embeddings: np.ndarray
    probabilities: np.ndarray
    labeled: np.ndarray
    labels: np.ndarray
    options: Mapping[str, Any]
    device: str = "cpu"


@dataclass(frozen=True)
class PseudoLabels:
    """`labels` int32 (n,) and certainty `weights` float32 (n,) in [0, 1] of all images.

    `report` is what the training log says of them.
    """

    labels: np.ndarray
    weights: np.ndarray
    report: dict[str, float]


@dataclass(frozen=True)
class Semi:
    """A registered SEMI: its function and the sections of the config that it reads."""

    name: str
    pseudo_label: Callable[[State], PseudoLabels]
    options: tuple[str, ...]


SEMIS: dict[str, Semi] = {}


def semi(
    name: str, options: tuple[str, ...] = ()
) -> Callable[[Callable[[State], PseudoLabels]], Callable[[State], PseudoLabels]]:
    """Register a SEMI under the name that the config uses."""

    def register(function: Callable[[State], PseudoLabels]) -> Callable[[State], PseudoLabels]:
        SEMIS[name] = Semi(name, function, options)
        return function

    return register


for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
