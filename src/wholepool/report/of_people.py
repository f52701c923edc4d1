"""What stands in results/people/ for the pages of grids whose labels come from people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.grid import people
from wholepool.grid.written import placed
from wholepool.job.files import read_object
from wholepool.report.results import Results

Status = Mapping[str, Any]


def experiments(results: Results) -> list[str]:
    """The experiments in which people are asked."""
    return list(people.asking(results.settings)) if results.settings else []


def file(results: Results, experiment: str, rule: str, name: str) -> Path:
    """A file that the rule batch or standing makes for people."""
    below = placed(f"people/{experiment}", rule)[name]
    return (results.source or results.folder) / below


def statuses(results: Results) -> dict[str, Status | None]:
    """Experiment -> its status.json; None where no cycle was closed and learned from yet."""
    found: dict[str, Status | None] = {}
    for name in experiments(results):
        path = file(results, name, "standing", "status")
        found[name] = read_object(path, "audit", "answers", "advice") if path.exists() else None
    return found


def headed(parts: Mapping[str, str]) -> str:
    """The parts of several experiments one below the other, each under its name."""
    from markupsafe import Markup

    from wholepool.report.fragment import fill

    if len(parts) < 2:
        return "".join(parts.values())
    template = "{% for name, part in parts %}<h3>{{ name }}</h3>{{ part }}{% endfor %}"
    return fill(template, parts=[(name, Markup(part)) for name, part in parts.items()])
