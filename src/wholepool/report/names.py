"""How names are printed, and in which order, in tables, figures and the terminal.

A strategy and a source have the title that their module declares, a method has one by what it does.
An unknown name is printed as it is. `grid` is the plan, see `wholepool.report.accuracy`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from wholepool.grid.cells import is_full
from wholepool.job.registry import plugins

#: the paper's own, in its order; others follow in the order of the grid
PAPER_STRATEGIES = ("random", "uncertainty", "ceal", "coreset", "jlp")
METHOD_NAMES = {
    "baseline": "Baseline",
    "pre": "+ PRE",
    "semi": "+ SEMI",
    "pre+semi": "+ PRE + SEMI",
    "full": "Full supervision",
}
ALL_STRATEGIES = "All strategies"
#: what stands in the place of a number that is not there
NOT_RUN = "–"


def strategy_name(name: str) -> str:
    """A strategy's title."""
    return _title("strategy", name)


def dataset_name(name: str) -> str:
    """A data set's title: that of the source of its name, if there is one."""
    return _title("source", name)


def method_name(name: str) -> str:
    """A method's title."""
    return METHOD_NAMES.get(name, name)


def _title(kind: str, name: str) -> str:
    plugin = plugins(kind).get(name)
    return plugin.title if plugin else name


def block_name(dataset: str, budget: int | None) -> str:
    """ "CIFAR-10, b = 100", or "CIFAR-10, full supervision" where there is no budget."""
    tail = "full supervision" if budget is None else f"b = {budget}"
    return f"{dataset_name(dataset)}, {tail}"


def experiment_labels(grid: Mapping[str, Any]) -> dict[str, str]:
    """Experiment → "data set, b = budget"; the experiment's name is added where two are alike."""
    labels = {e: block_name(p["dataset"], p["budget"]) for e, p in grid["experiments"].items()}
    plain = list(labels.values())
    return {e: f"{t} ({e})" if plain.count(t) > 1 else t for e, t in labels.items()}


def methods_in_order(grid: Mapping[str, Any]) -> list[str]:
    """All methods with cycles: the paper's first, in its order, then others as they appear."""
    methods = (item for plan in grid["experiments"].values() for item in plan["methods"].items())
    return _in_order(METHOD_NAMES, (method for method, words in methods if not is_full(words)))


def strategies_in_order(grid: Mapping[str, Any]) -> list[str]:
    """All strategies of the grid: the paper's first, in its order, then others as they appear."""
    methods = (m for plan in grid["experiments"].values() for m in plan["methods"].values())
    return _in_order(PAPER_STRATEGIES, (s for method in methods for s in method["strategies"]))


def _in_order(known: Iterable[str], names: Iterable[str]) -> list[str]:
    found = set(names := list(names))
    return list(dict.fromkeys([*(name for name in known if name in found), *names]))
