"""Data sets whose labels come from people, by an oracle that closes cycles (see data/oracles).

How many cycles there are is read when the grid is planned. A person is asked about one batch, so
such an experiment has one method, one strategy and one seed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.grid.cells import INITIAL, Cell
from wholepool.grid.sections import own_of, word_of
from wholepool.job import registry

Settings = Mapping[str, Any]
Config = dict[str, Any]

#: the class of a pool while nobody has made one
NONE_YET = "not known yet"


def closes(dataset: Settings) -> bool:
    """Whether a resolved data set's oracle closes cycles. One that is unknown does not."""
    known, name = registry.plugins("oracle"), word_of(dataset["oracle"])
    return name in known and bool(known[name]["CLOSES"])


def asking(config: Settings) -> dict[str, Settings]:
    """The experiments of a resolved config in which people are asked, by name."""
    return {
        name: one
        for name, one in config["experiments"].items()
        if closes(config["datasets"][one["dataset"]])
    }


def module_of(dataset: Settings) -> Any:
    """The module of its oracle; no plan without people imports what answers."""
    from wholepool.data.oracles import of_people

    return of_people(word_of(dataset["oracle"]))


def as_it_stands(config: Config) -> Config:
    """A resolved config with as many cycles, where people are asked, as are closed now.

    A source that must be told the classes, and was not, is told that none is known yet: the stage
    answered knows those that people have made.
    """
    data_dir, datasets = Path(config["data_dir"]), config["datasets"]
    for dataset in datasets.values():
        source: Any = dataset["source"]
        if closes(dataset) and isinstance(source, dict) and asks_for_classes(source):
            source["classes"] = [NONE_YET]
    for name in asking(config):
        dataset = datasets[config["experiments"][name]["dataset"]]
        closed = module_of(dataset).closed(own_of(dataset["oracle"]), data_dir)
        config["experiments"][name]["cycles"] = len(closed)
    return config


def asks_for_classes(source: Settings) -> bool:
    """Whether a folder's classes are neither named nor to be found in its subfolders."""
    given = source.get("labels"), source.get("classes", ()), source.get("test")
    return given == ("none", None, None)


def faults(config: Settings) -> list[str]:
    """What cannot be where people are asked."""
    found = []
    for name, one in asking(config).items():
        where, methods = f"experiments.{name}", one["methods"]
        strategies = [word for words in methods.values() for word in words["strategies"]]
        counts = {"method": len(methods), "strategy": len(strategies), "seed": len(one["seeds"])}
        found += [
            f"{where}: people answer one batch at a time, so it must have one {word}, but it has "
            f"{count}: leave one, or compare on labels that are known, with the oracle hidden"
            for word, count in counts.items()
            if count != 1
        ]
        if isinstance(one["initial"], int):
            found.append(
                f"{where}: initial is {one['initial']}, a draw that is balanced over classes, but "
                "before people are asked no class is known: write initial: {strategy: typiclust}"
            )
        if config["datasets"][one["dataset"]]["pool"]["size"] is not None:
            found.append(
                f"datasets.{one['dataset']}: pool.size must be null where people are asked, since "
                "images may come later: leave it out"
            )
        lister = registry.get("source", word_of(config["datasets"][one["dataset"]]["source"]))
        if "grown" not in registry.defined(lister):
            found.append(
                f"datasets.{one['dataset']}: people are asked about files, but source "
                f"{lister.name} lists none: take source: {{name: folder, path: ...}}"
            )
    return found


def digest(config: Settings, name: str, closed: int) -> str:
    """What says that other answers count when so many cycles are closed; "" before the first."""
    dataset = config["datasets"][config["experiments"][name]["dataset"]]
    found = module_of(dataset).closed(own_of(dataset["oracle"]), Path(config["data_dir"]))
    return str(found[closed - 1]) if closed else ""


def last_cell(name: str, experiment: Settings) -> Cell | None:
    """The cell of the last closed cycle, whose model asks next; None before the first."""
    ((method, words),) = experiment["methods"].items()
    cycle = experiment["cycles"] - 1
    strategy = INITIAL if cycle == 0 else words["strategies"][0]
    seed = experiment["seeds"][0]
    return Cell(name, method, strategy, seed, cycle) if cycle >= 0 else None


def strategy_of(experiment: Settings) -> str:
    """Its one strategy; before the first answers, the one that starts it."""
    ((_, words),) = experiment["methods"].items()
    first: str = experiment["initial"]["strategy"]
    return words["strategies"][0] if experiment["cycles"] else first


def folder(experiment: str, closed: int | str) -> str:
    """Where the answers stand as they were when so many cycles were closed."""
    return f"runs/{experiment}/answered/closed{closed}"
