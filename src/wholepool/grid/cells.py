"""The grid as paths: where each cell's files stand, for the workflow and for the tables alike."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from wholepool.grid.sections import word_of
from wholepool.job import registry

#: the strategy part of cycle 0's path: no acquisition has happened yet, so all strategies share it
INITIAL = "initial"
#: the strategy part of a cell that trains on every label of the pool: nothing is left to acquire
ALL = "all"


class Cell(NamedTuple):
    """One training of the grid: experiment x method x strategy x seed x cycle."""

    experiment: str
    method: str
    strategy: str
    seed: int
    cycle: int

    @property
    def name(self) -> str:
        """As commands and log lines name it."""
        return f"{self.experiment}/{self.method}/{self.strategy}/{self.seed}/{self.cycle}"

    @property
    def path(self) -> str:
        """The cell's folder below the results."""
        trajectory = f"{self.experiment}/{self.method}/{self.strategy}/seed{self.seed}"
        return f"runs/{trajectory}/cycle{self.cycle}"


def before(cell: Cell) -> Cell:
    """The cell one cycle earlier, of the same strategy: where the queries stand that led to it."""
    return cell._replace(cycle=cell.cycle - 1)


def cells(experiments: dict[str, Any]) -> Iterator[Cell]:
    """All cells of resolved experiments; cycle 0 once per method and seed.

    A method with all labels is one cell per seed.
    """
    for name, experiment in experiments.items():
        for method, words in experiment["methods"].items():
            for seed in experiment["seeds"]:
                if is_full(words):
                    yield Cell(name, method, ALL, seed, 0)
                    continue
                if experiment["cycles"] == 0:  # people have closed none yet
                    continue
                yield Cell(name, method, INITIAL, seed, 0)
                for strategy in words["strategies"]:
                    for cycle in range(1, experiment["cycles"]):
                        yield Cell(name, method, strategy, seed, cycle)


def is_full(words: Mapping[str, Any]) -> bool:
    """Whether a method, given its words, trains on all labels: full supervision."""
    return words["labels"] == "all"


def initial_size(initial: int | Mapping[str, Any]) -> int:
    """How many labels L_0 has; `initial` is an experiment's, resolved."""
    size: int = initial if isinstance(initial, int) else initial["size"]
    return size


def cold(experiment: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a resolved experiment starts from zero labels: strategy, size, pre; None: it does not."""
    initial = experiment["initial"]
    return None if isinstance(initial, int) else initial


def sup_of(experiment: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a method's SUP: the experiment's, and what the method has of its own."""
    return {**experiment["sup"], **words.get("sup", {})}


def summary(config: dict[str, Any]) -> dict[str, Any]:
    """What tables and figures need to know of a resolved config: the plan, not the settings.

    `answers` says whether the oracle of an experiment's data set answers "all" queries, or "some".
    """
    oracles = {name: word_of(own["oracle"]) for name, own in config["datasets"].items()}
    first = ("dataset", "budget", "initial", "cycles", "seeds")  # of initial the size alone
    experiments = {
        name: {
            **{key: experiment[key] for key in first},
            "initial": initial_size(experiment["initial"]),
            "batch_size": experiment["sup"]["batch_size"],
            "semi_batch_size": experiment["semi"]["batch_size"],
            "answers": registry.get("oracle", oracles[experiment["dataset"]])["KNOWS"],
            "published_accuracy": experiment["published_accuracy"],
            "pre_drawn": {
                method: experiment["pre_drawn"]
                for method, words in experiment["methods"].items()
                if words["pre"] != "none"
                and registry.get("pretrain", words["pre"])["GIVES"] == "weights"
            },
            "methods": experiment["methods"],
        }
        for name, experiment in config["experiments"].items()
    }
    strategies = config["tables"]["ablation_strategies"]
    dropped = config["tables"].get("drop_seeds", [])
    return {
        "experiments": experiments,
        "ablation_strategies": strategies,
        "drop_seeds": dropped,
    }
