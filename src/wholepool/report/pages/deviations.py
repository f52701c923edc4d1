"""Which settings of the grid are not the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import is_full
from wholepool.grid.protocol import METHODS, as_yaml, protocol, settings_of
from wholepool.grid.readings import ADDRESS, NO_RESULT, PAPERS
from wholepool.grid.sections import word_of
from wholepool.job.registry import plugins
from wholepool.report.fragment import note, paragraph, table
from wholepool.report.names import dataset_name
from wholepool.report.results import Results
from wholepool.report.wording import joined, several

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Where this is not the paper"
PLACE = 100

COLUMNS = ("Key", "Here", "In the paper", "Experiments")
_NOWHERE = "–"
_SIZES = ("pool.n", "pool.n_test")
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
        "accuracies here and in the paper are not of the same protocol. A value of its public code "
        "that its text does not have is marked as such."
    )
    end = "docs/deviations.md tells why, and what single keys are worth. – : not in the paper."
    return paragraph(lead) + table(rows) + note(end)


def differing(results: Results) -> pd.DataFrame:
    """A frame of text with COLUMNS, a row per key and value, in the order of the grid."""
    import pandas as pd

    found: dict[Difference, dict[str, None]] = {}
    for name in results.settings["experiments"]:
        for difference in of_experiment(results, name):
            found.setdefault(difference, {})[name] = None
    every = len(results.settings["experiments"])
    rows = [
        (*difference, "all" if len(names) == every else joined(names))
        for difference, names in found.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def of_experiment(results: Results, name: str) -> Iterator[Difference]:
    """What differs in an experiment, over its methods and strategies."""
    plan = results.settings["experiments"][name]
    source = word_of(results.settings["datasets"][plan["dataset"]]["source"])
    if source not in PAPERS:
        yield "data set", dataset_name(source), joined(map(dataset_name, PAPERS))
    for words in plan["methods"].values():
        does = words["labels"], words["pre"], words["semi"]
        if does not in METHODS:
            for key, value in (("pre", "deepcluster"), ("semi", "label_propagation")):
                if words[key] not in ("none", value):
                    yield f"methods.{key}", words[key], value
    if source not in plugins("source") or plan["dataset"] not in results.pools:
        return
    for method, words in plan["methods"].items():
        for strategy in [""] if is_full(words) else words["strategies"]:
            yield from of_cell(results, name, method, strategy, source)


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
    allowed = protocol(source, plan["budget"], "semi.epochs" in flat)
    skipped = (ADDRESS | NO_RESULT) - allowed.keys()
    if source not in PAPERS:  # another data set is told as one, not by its size and its files
        skipped |= {*_SIZES, *(key for key in flat if key.startswith("source."))}
    for key, value in flat.items():
        choices = allowed.get(key, ())
        if key in skipped or (choices and value == choices[0]):
            continue
        text = str(dict(value)) if isinstance(value, Mapping) else as_yaml(value)
        mark = " (a reading of the public code)" if value in choices else ""
        yield key, text + mark, as_yaml(choices[0]) if choices else _NOWHERE
