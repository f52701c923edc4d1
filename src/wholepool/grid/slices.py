"""The slice of the configuration that decides each job's result.

The workflow gives it to the job, as JSON on its command line, and makes the job again when it
changes; the tables compare it with what a finished job was given. A key that is in no slice redoes
nothing.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from wholepool.grid.cells import sup_of
from wholepool.grid.sections import given_to, reads
from wholepool.job import registry

Settings = Mapping[str, Any]
Seed = TypeVar("Seed", str, int)
#: whose random draws all seeds have where a seed moves the initial labels alone (public code)
PUBLIC_CODE_SEED = 7
#: the keys of `propagation` that decide the graph (graph/affinity.py)
GRAPH_KEYS = ("k", "gamma", "graph", "clip", "search", "recall")
#: keys that came after results were made, with the values that change nothing: these stand in no
#: slice, so that what was made before stays
LATER = {"propagation.balance": "none"}


def as_json(settings: Settings) -> str:
    """A slice as a job is given it. Other bytes for the same slice would make every job again."""
    return json.dumps(settings, separators=(",", ":"))


def data(dataset: Settings) -> Settings:
    """Of the stage data; `dataset` is a data set of a resolved config, here and below."""
    return sections(dataset, "source", "pool")


def answers(dataset: Settings) -> Settings:
    """Of the stages that ask the oracle."""
    return sections(dataset, "oracle")


def pretrain(dataset: Settings, pre: str, threads: int = 1) -> Settings:
    """Of the stage pretrain; features do not depend on the network that eats them.

    `threads` is the config's, here and below: see `computed`.
    """
    plugin = registry.get("pretrain", pre)
    network = ("network", "augment") if plugin["GIVES"] == "weights" else ()
    return computed(sections(dataset, *dict.fromkeys((*network, *reads(plugin)))), threads)


def train(dataset: Settings, experiment: Settings, words: Settings, threads: int = 1) -> Settings:
    """Of the stage train; `experiment` is a resolved one, and `words` are one of its methods'."""
    names = ["network", "augment", "optimizer", "sup"]
    if words["semi"] != "none":
        names += reads(registry.get("semi", words["semi"]))
    both = {**dataset, **experiment, "sup": sup_of(experiment, words)}
    return computed(sections(both, *dict.fromkeys(names)), threads)


def fit(dataset: Settings, experiment: Settings, words: Settings, threads: int = 1) -> Settings:
    """Of the stage fit: nothing of training step by step."""
    names = ["network"]
    if words["semi"] != "none":
        names += [name for name in reads(registry.get("semi", words["semi"])) if name != "semi"]
    return computed(sections({**dataset, **experiment}, *names), threads)


def graph(experiment: Settings, threads: int = 1) -> Settings:
    """Of the stage graph."""
    keys = {key: experiment["propagation"][key] for key in GRAPH_KEYS}
    return computed(keys, threads)


def embed(dataset: Settings, threads: int = 1) -> Settings:
    """Of the stage embed."""
    return computed(sections(dataset, "network", "augment"), threads)


def read_head(dataset: Settings) -> Settings:
    """Of the stage read_head."""
    return sections(dataset, "network")


def propagate(experiment: Settings, threads: int = 1) -> Settings:
    """Of the stage propagate."""
    return computed(sections(experiment, "propagation"), threads)


def acquire(experiment: Settings, strategy: str, threads: int = 1) -> Settings:
    """Of the stage acquire: what the strategy declares that it reads."""
    return computed(given_to(registry.get("strategy", strategy), experiment), threads)


def computed(settings: Settings, threads: int) -> Settings:
    """The slice of a stage that computes: its sections, and the number of threads unless it is 1.

    Sums are split among threads, so their number moves the last bits, and training makes another
    draw of them: 1, 2 and 4 threads gave three different networks.
    """
    return settings if threads == 1 else {**settings, "threads": threads}


def draw_seed(experiment: Settings, seed: Seed) -> Seed | int:
    """Whose random draws a seed's cells have: its own, or (public code) one's for all.

    The seed comes back as it was given, text or number: Snakemake tells them apart.
    """
    return seed if experiment["seed_moves"] == "all" else PUBLIC_CODE_SEED


def sections(settings: Settings, *names: str) -> dict[str, Any]:
    """These sections, as the jobs are given them."""
    found = {name: settings[name] for name in names}
    for key, default in LATER.items():
        section, _, one = key.partition(".")
        if found.get(section, {}).get(one) == default:
            found[section] = {name: found[section][name] for name in found[section] if name != one}
    return found
