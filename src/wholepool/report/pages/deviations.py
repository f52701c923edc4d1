"""Which settings of the grid are not the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import is_full
from wholepool.grid.protocol import as_yaml, protocol, settings_of
from wholepool.grid.readings import ADDRESS, NO_RESULT, PAPERS, readings
from wholepool.grid.sections import word_of
from wholepool.job.registry import plugins
from wholepool.report.fragment import note, paragraph, table
from wholepool.report.names import (
    PAPER_STRATEGIES,
    dataset_name,
    method_name,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.results import Results
from wholepool.report.wording import joined, several

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Where this is not the paper"
PLACE = 100

COLUMNS = ("Key", "Here", "In the paper", "Where")
_NOWHERE = "–"
_OF_DATA = ("pool.n", "pool.n_test", "pool.mean", "pool.std")
#: key, value here, value in the paper
Difference = tuple[str, str, str]


def show(results: Results) -> str:
    """The keys that differ, with both values."""
    if not results.settings.get("experiments"):
        return paragraph("The settings of these runs are not at hand, so this cannot be said.")
    rows = differing(results)
    if rows.empty:
        return paragraph(
            "All settings are the paper's, or what workflow/grids/paper.yaml takes where the paper "
            "is silent."
        )
    lead = (
        f"{several(len(rows), 'setting')} differ{'s' * (len(rows) == 1)} from the paper's own, so "
        "accuracies here and in the paper are not of the same protocol. In brackets: whose "
        "value it is, where the text is silent or its public code differs."
    )
    end = "– : the paper has no such key. docs/deviations.md tells why, and what keys are worth."
    return paragraph(lead) + table(rows) + note(end)


def differing(results: Results) -> pd.DataFrame:
    """A frame of text with COLUMNS, a row per key and value, in the order of the grid."""
    import pandas as pd

    found: dict[Difference, dict[tuple[str, str], None]] = {}
    if added := of_strategies(results):
        found[added] = dict.fromkeys((name, "") for name in results.settings["experiments"])
    for name in results.settings["experiments"]:
        for method, difference in of_experiment(results, name):
            found.setdefault(difference, {})[name, method] = None
    keys = [key for key, _, _ in found]
    rows = [
        (
            *difference,
            where(list(places), results.settings["experiments"], keys.count(difference[0])),
        )
        for difference, places in found.items()
    ]
    rows.sort(key=lambda row: keys.index(row[0]))  # the values of one key together
    return pd.DataFrame(rows, columns=list(COLUMNS))


def of_strategies(results: Results) -> Difference | None:
    """The strategies of the grid that are not the paper's."""
    others = [name for name in strategies_in_order(results.grid) if name not in PAPER_STRATEGIES]
    of_paper = joined(map(strategy_name, PAPER_STRATEGIES))
    return ("strategies", joined(map(strategy_name, others)), of_paper) if others else None


def where(places: list[tuple[str, str]], experiments: Mapping[str, Any], values: int) -> str:
    """The experiments of some (experiment, method); of a key with several values the methods too.

    The method is "" where all of an experiment's are meant.
    """
    names = list(dict.fromkeys(name for name, _ in places))
    text = "all" if len(names) == len(experiments) else joined(names)
    methods = dict.fromkeys(method for _, method in places if method)
    every = {method for name in names for method in experiments[name]["methods"]}
    if values > 1 and methods and set(methods) != every:
        text += f": {joined(map(method_name, methods))}"
    return text


def of_experiment(results: Results, name: str) -> Iterator[tuple[str, Difference]]:
    """What differs in an experiment, with the method; "" is all of them."""
    plan = results.settings["experiments"][name]
    source = word_of(results.settings["datasets"][plan["dataset"]]["source"])
    if source not in PAPERS:
        yield "", ("data set", dataset_name(source), joined(map(dataset_name, PAPERS)))
    for key, value in (("pre", "deepcluster"), ("semi", "label_propagation")):
        for words in plan["methods"].values():
            if words[key] not in ("none", value):
                yield "", (f"methods.{key}", words[key], value)
    if source not in plugins("source") or plan["dataset"] not in results.pools:
        return
    for method, words in plan["methods"].items():
        for strategy in [""] if is_full(words) else words["strategies"]:
            for difference in of_cell(results, name, method, strategy, source):
                yield method, difference


def of_cell(
    results: Results, experiment: str, method: str, strategy: str, source: str
) -> Iterator[Difference]:
    """What differs in the settings that decide a method and strategy's results."""
    plan = results.settings["experiments"][experiment]
    own = results.settings["datasets"][plan["dataset"]]
    whole: Mapping[str, Any] = {
        "datasets": {plan["dataset"]: {**own, "info": results.pools[plan["dataset"]]}},
        "experiments": {experiment: plan},
    }
    flat = settings_of(whole, experiment, method, strategy, 1 if strategy else 0)
    semi = "semi.epochs" in flat
    allowed, whose = protocol(source, plan["budget"], semi), readings(source, semi)
    skipped = (ADDRESS | NO_RESULT) - allowed.keys()
    if source not in PAPERS:  # another data set is told as one, not by its size and its files
        skipped |= {*_OF_DATA, *(key for key in flat if key.startswith("source."))}
    for key, value in flat.items():
        choices = allowed.get(key, ())
        if key in skipped or (choices and value == choices[0]):
            continue
        if not choices and of_a_word(key.partition(".")[0]):
            continue
        marks = [f" ({one.whose})" for one in whose.get(key, ()) if one.value == value]
        paper = as_yaml(choices[0]) if choices else _NOWHERE
        yield key, told(value) + "".join(marks[:1]), paper


def of_a_word(section: str) -> bool:
    """Whether a section belongs to a network, PRE, SEMI or strategy: where this is not the paper's,
    its word is told, and its keys tell no more."""
    kinds = ("pretrain", "semi", "strategy")
    return section == "network" or any(section in plugins(kind) for kind in kinds)


def told(value: Any) -> str:
    """A value as text; of a cold start its size and its strategy."""
    if isinstance(value, Mapping):
        return f"{value.get('size')} images, asked for by {value.get('strategy')}"
    return as_yaml(value)
