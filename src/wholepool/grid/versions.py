"""The version of each stage: raised when its results change on purpose.

Snakemake passes it to the stage's job as a parameter, so that a raised version makes the jobs of
that stage, and what depends on them, run again. Edits that change no result leave it. A plug-in has
a version of its own, in its module; one that did not come with the package has its content as well.
(A job that needs an embedding which was temporary has it made again, and then whatever else reads
it runs again too.)
"""

from collections.abc import Mapping
from typing import Any

from wholepool.grid.sections import word_of
from wholepool.job import registry

Settings = Mapping[str, Any]

VERSIONS = {
    "data": 1,
    "ask": 1,
    "initial": 1,
    "answered": 1,
    "label_all": 1,
    "pretrain": 1,
    "features": 1,
    "embed_pool": 1,
    "diagnose": 1,
    "graph": 1,
    "fit": 1,
    "train": 1,
    "embed": 1,
    "read_head": 1,
    "propagate": 1,
    "evaluate": 1,
    "acquire": 1,
    "predict_pool": 1,
    "batch": 3,
    "standing": 2,
    "label": 1,
    "runs": 4,
    "pretraining": 2,
    "tables": 2,
    "figures": 2,
    "statistics": 1,
    "report": 1,
    "compare_with_paper": 3,
}


def version(stage: str, **plugins: str) -> str:
    """The version of a stage with the plug-ins that it runs, a name by kind; "none" is none."""
    parts = [f"{stage} {VERSIONS[stage]}"]
    for kind, name in plugins.items():
        if name != "none":
            parts.append(registry.get(kind, name).version)
    return ", ".join(parts)


def of_data(dataset: Settings) -> str:
    """Of the stage data; `dataset` is a data set of a resolved config, or a slice of it."""
    return version("data", source=word_of(dataset["source"]))


def of_answers(stage: str, dataset: Settings) -> str:
    """Of a stage that asks the oracle: initial, label, label_all."""
    return version(stage, oracle=word_of(dataset["oracle"]))


def of_pretrain(dataset: Settings, pre: str) -> str:
    """Of the stage pretrain: raised with the PRE's or the network's too."""
    return version("pretrain", pretrain=pre, network=word_of(dataset["network"]))


def of_features(pre: str) -> str:
    """Of the stage features."""
    return version("features", pretrain=pre)


def of_train(dataset: Settings, semi: str) -> str:
    """Of the stage train: raised with the network's or the SEMI's too."""
    return version("train", network=word_of(dataset["network"]), semi=semi)


def of_fit(dataset: Settings, semi: str) -> str:
    """Of the stage fit: as `of_train`."""
    return version("fit", network=word_of(dataset["network"]), semi=semi)


def of_embed(dataset: Settings, stage: str = "embed") -> str:
    """Of a stage that runs the network, or reads its weights: embed, embed_pool, read_head."""
    return version(stage, network=word_of(dataset["network"]))


def of_propagate(semi: str) -> str:
    """Of the stage propagate: raised with the SEMI's too, unless it is label propagation."""
    return version("propagate", semi="none" if semi == "label_propagation" else semi)


def of_acquire(strategy: str, stage: str = "acquire") -> str:
    """Of a stage that runs a strategy: ask, acquire."""
    return version(stage, strategy=strategy)
