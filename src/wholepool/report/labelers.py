"""What stands in results/people/ for the pages of grids whose labels come from people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid import made, people
from wholepool.grid.sections import own_of
from wholepool.grid.written import placed
from wholepool.job.files import read_object
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

Status = Mapping[str, Any]


def experiments(results: Results) -> list[str]:
    """The experiments in which people are asked."""
    return list(people.asking(results.settings)) if results.settings else []


def only(settings: Mapping[str, Any]) -> bool:
    """Whether people are asked in every experiment of a resolved config: a folder being labeled."""
    asked = people.asking(settings) if settings else {}
    return bool(asked) and len(asked) == len(settings["experiments"])


def folders(settings: Mapping[str, Any]) -> list[str]:
    """The names of the folders whose images people label, as they stand in the config."""
    used = dict.fromkeys(one["dataset"] for one in people.asking(settings).values())
    sources = [own_of(settings["datasets"][name]["source"]) for name in used]
    return [Path(source["path"]).name for source in sources]


def file(results: Results, experiment: str, rule: str, name: str) -> Path:
    """A file that the rule batch or standing makes for people."""
    below = placed(f"people/{experiment}", rule)[name]
    return (results.source or results.folder) / below


def labels_of(results: Results, experiment: str) -> str:
    """Where the label of every image is, as `wholepool next` says it."""
    return str(file(results, experiment, "standing", "out"))


def statuses(results: Results) -> dict[str, Status | None]:
    """Experiment -> its status.json; None where no cycle was closed and learned from yet."""
    found: dict[str, Status | None] = {}
    for name in experiments(results):
        path = file(results, name, "standing", "status")
        found[name] = read_object(path, "audit", "answers", "advice") if path.exists() else None
    return found


def trainings(results: Results) -> pd.DataFrame:
    """What each training on answers says of itself, a row for each closed cycle that is there."""
    import pandas as pd

    told = []
    for name, one in people.asking(results.settings).items():
        for closed in range(1, one["cycles"] + 1):
            cell = people.last_cell(name, {**one, "cycles": closed})
            assert cell is not None
            path = (results.source or results.folder) / placed(cell.path, "fit")["history"]
            if path.exists():
                told.append(made.said(path))
    return pd.DataFrame(told)


def headed(parts: Mapping[str, str]) -> str:
    """The parts of several experiments one below the other, each under its name."""
    from markupsafe import Markup

    from wholepool.report.fragment import fill

    if len(parts) < 2:
        return "".join(parts.values())
    template = "{% for name, part in parts %}<h3>{{ name }}</h3>{{ part }}{% endfor %}"
    return fill(template, parts=[(name, Markup(part)) for name, part in parts.items()])
