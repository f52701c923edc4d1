"""The slice of the configuration that decides each job's result.

The workflow gives it to the job, as JSON on its command line, and makes the job again when it
changes; the tables compare it with what a finished job was given. A key that is in no slice redoes
nothing.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from wholepool.grid import is_full
from wholepool.strategies import STRATEGIES

Settings = Mapping[str, Any]
Seed = TypeVar("Seed", str, int)

#: whose random draws all seeds have where a seed moves the initial labels alone (public code)
PUBLIC_CODE_SEED = 7


def as_json(settings: Settings) -> str:
    """A slice as a job is given it. Other bytes for the same slice would make every job again."""
    return json.dumps(settings, separators=(",", ":"))


def data(dataset: Settings) -> Settings:
    """Of the stage data; `dataset` is a data set of a resolved config, here and below."""
    return sections(dataset, "source", "pool")


def pretrain(dataset: Settings) -> Settings:
    """Of the stage pretrain."""
    return sections(dataset, "network", "augment", "pretrain")


def train(dataset: Settings, experiment: Settings, words: Settings) -> Settings:
    """Of the stage train; `experiment` is a resolved one, and `words` are one of its methods'."""
    names = ["network", "augment", "optimizer", "sup"]
    if words["semi"] != "none":
        names += ["semi", "propagation"]
    both = {**dataset, **experiment}
    if is_full(words):
        both["sup"] = experiment["sup"] | experiment["full"]
    return sections(both, *names)


def embed(dataset: Settings) -> Settings:
    """Of the stage embed."""
    return sections(dataset, "network", "augment")


def propagate(experiment: Settings) -> Settings:
    """Of the stage propagate."""
    return sections(experiment, "propagation")


def acquire(experiment: Settings, strategy: str) -> Settings:
    """Of the stage acquire: what the strategy declares that it reads."""
    return sections(experiment, *STRATEGIES[strategy].options)


def draw_seed(experiment: Settings, seed: Seed) -> Seed | int:
    """Whose random draws a seed's cells have: its own, or (public code) one's for all.

    The seed comes back as it was given, text or number: Snakemake tells them apart.
    """
    return seed if experiment["seed_moves"] == "all" else PUBLIC_CODE_SEED


def sections(settings: Settings, *names: str) -> Settings:
    return {name: settings[name] for name in names}
