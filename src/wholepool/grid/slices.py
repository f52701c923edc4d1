"""The slice of the configuration that decides each job's result.

The workflow gives it to the job, as JSON on its command line, and makes the job again when it
changes; the tables compare it with what a finished job was given. A key that is in no slice redoes
nothing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from wholepool.grid.cells import ALL, INITIAL, before, cells, sup_of
from wholepool.grid.plan import pre_folder, pre_seed
from wholepool.grid.sections import given_to, reads
from wholepool.job import registry

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


def answers(dataset: Settings) -> Settings:
    """Of the stages that ask the oracle."""
    return sections(dataset, "oracle")


def pretrain(dataset: Settings, pre: str) -> Settings:
    """Of the stage pretrain; features do not depend on the network that eats them."""
    plugin = registry.get("pretrain", pre)
    network = ("network", "augment") if plugin["GIVES"] == "weights" else ()
    return sections(dataset, *dict.fromkeys((*network, *reads(plugin))))


def train(dataset: Settings, experiment: Settings, words: Settings) -> Settings:
    """Of the stage train; `experiment` is a resolved one, and `words` are one of its methods'."""
    names = ["network", "augment", "optimizer", "sup"]
    if words["semi"] != "none":
        names += reads(registry.get("semi", words["semi"]))
    both = {**dataset, **experiment, "sup": sup_of(experiment, words)}
    return sections(both, *dict.fromkeys(names))


def embed(dataset: Settings) -> Settings:
    """Of the stage embed."""
    return sections(dataset, "network", "augment")


def read_head(dataset: Settings) -> Settings:
    """Of the stage read_head."""
    return sections(dataset, "network")


def propagate(experiment: Settings) -> Settings:
    """Of the stage propagate."""
    return sections(experiment, "propagation")


def acquire(experiment: Settings, strategy: str) -> Settings:
    """Of the stage acquire: what the strategy declares that it reads."""
    return given_to(registry.get("strategy", strategy), experiment)


def draw_seed(experiment: Settings, seed: Seed) -> Seed | int:
    """Whose random draws a seed's cells have: its own, or (public code) one's for all.

    The seed comes back as it was given, text or number: Snakemake tells them apart.
    """
    return seed if experiment["seed_moves"] == "all" else PUBLIC_CODE_SEED


def of_results(config: Settings) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every result of a resolved config that says what made it, with what it should say.

    Yields (path below the results, data set, {"settings": the slice, "draw_seed": text, of
    trainings only}): each cell's history, the history of each pre-training, and the queries that
    led to a cell.
    """
    pretrained: dict[str, tuple[str, dict[str, Any]]] = {}
    for cell in cells(dict(config["experiments"])):
        experiment = config["experiments"][cell.experiment]
        name, words = experiment["dataset"], experiment["methods"][cell.method]
        dataset, seed = config["datasets"][name], str(draw_seed(experiment, cell.seed))
        own = {"settings": train(dataset, experiment, words), "draw_seed": seed}
        yield f"{cell.path}/history.parquet", name, own
        if words["pre"] != "none":
            drawn = pre_seed(experiment, words, cell.seed)
            path = f"{pre_folder(name, words['pre'], drawn)}/history.parquet"
            drew = {} if drawn is None else {"seed": str(drawn)}
            pretrained[path] = name, {"settings": pretrain(dataset, words["pre"]), **drew}
        if cell.strategy not in (INITIAL, ALL):
            asked = {"settings": acquire(experiment, cell.strategy)}
            yield f"{before(cell).path}/queries.parquet", name, asked
    for path, (name, told) in pretrained.items():
        yield path, name, told


def sections(settings: Settings, *names: str) -> Settings:
    return {name: settings[name] for name in names}
