"""What the grid took: jobs, hours and memory of each stage."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.report.fragment import fill, note, paragraph
from wholepool.report.names import method_name
from wholepool.report.pages.run import values_of
from wholepool.report.results import Results
from wholepool.report.wording import joined, several, time_of

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What it took"
PLACE = 80

_EMPTY = ("", "-", "NA")


@dataclass
class Taken:
    """The jobs of a stage: how many, their seconds, and the most memory of one in MB."""

    stage: str
    jobs: int = 0
    seconds: float = 0.0
    memory: float = 0.0


def show(results: Results) -> str:
    """A row per stage with a bar, the total, and what computed it."""
    stages = of_benchmarks((results.source or results.folder) / "benchmarks")
    source = "Made of Snakemake's benchmark files, in benchmarks/ of the results folder."
    if not stages:
        stages = of_runs(results.runs)
        source = "Made of the column seconds of tables/runs.csv, which times trainings alone."
    if not stages:
        return paragraph("No job has told its time.")
    stages.sort(key=lambda one: -one.seconds)
    return told(stages, results.runs) + table(stages) + note(source)


def of_benchmarks(folder: Path) -> list[Taken]:
    """The stages that Snakemake has timed: benchmarks/STAGE/... or benchmarks/STAGE.tsv.

    A file that is torn, as of a job that was stopped, is left out; so is the report's own, which is
    not there when Snakemake makes the report, and is when somebody makes it again.
    """
    found: dict[str, Taken] = {}
    for path in sorted(folder.rglob("*.tsv")):
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        if stage == "report":
            continue
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        own = found.setdefault(stage, Taken(stage))
        for row in rows:
            if seconds := number(row.get("s")):
                own.jobs += 1
                own.seconds += seconds
                own.memory = max(own.memory, number(row.get("max_rss")))
    return [one for one in found.values() if one.jobs]


def number(text: str | None) -> float:
    """A number of a benchmark file; 0 where it was not measured."""
    try:
        return 0.0 if text is None or text in _EMPTY else float(text)
    except ValueError:
        return 0.0


def of_runs(runs: pd.DataFrame) -> list[Taken]:
    """The trainings of each method, of runs.csv."""
    if "seconds" not in runs.columns:
        return []
    known = runs[runs["seconds"].notna()]
    return [
        Taken(
            f"training, {method_name(method)}", len(own), float(own["seconds"].astype(float).sum())
        )
        for method, own in known.groupby("method", sort=False)
    ]


def told(stages: Iterable[Taken], runs: pd.DataFrame) -> str:
    """The total, the largest share, and the machine."""
    stages = list(stages)
    total = sum(one.seconds for one in stages)
    first = stages[0]
    text = (
        f"{several(sum(one.jobs for one in stages), 'job')} took {time_of(total)} in all, "
        f"{first.stage} {first.seconds / total:.0%} of it. Jobs may run side by side, so this is "
        "the time of one after the other."
    )
    devices, threads = values_of(runs, "device"), values_of(runs, "threads")
    if devices:
        counts = joined(several(int(float(one)), "thread") for one in threads)
        text += f" Trained on {joined(devices)}" + (f" with {counts} a job." if counts else ".")
    return paragraph(text)


def table(stages: list[Taken]) -> str:
    """A row per stage, the longest bar for the longest stage."""
    longest = max(one.seconds for one in stages)
    rows = [
        {
            "stage": one.stage,
            "jobs": f"{one.jobs:,}",
            "time": time_of(one.seconds),
            "each": time_of(one.seconds / one.jobs),
            "memory": f"{one.memory:,.0f} MB" if one.memory else "–",
            "width": f"{100 * one.seconds / longest:.1f}",
        }
        for one in stages
    ]
    template = """<div class="wide"><table class="bars">
<thead><tr><th>Stage</th><th>Jobs</th><th>Time</th><th>Each</th><th>Most memory</th><th></th></tr>
</thead><tbody>{% for row in rows %}<tr><td>{{ row.stage }}</td><td>{{ row.jobs }}</td>
<td>{{ row.time }}</td><td>{{ row.each }}</td><td>{{ row.memory }}</td>
<td class="bar"><svg width="100%" height="10" role="img" aria-label="{{ row.time }}">
<rect width="{{ row.width }}%" height="10" fill="currentColor"/></svg></td></tr>
{% endfor %}</tbody></table></div>"""
    return fill(template, rows=rows)
