"""Time and disk of a grid: the work of its jobs, at measured rates, told in one page."""

import heapq
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wholepool.cost.throughput import FORMAT, NUMBERS, PART_OF, SAME, Facts, facts_of, unlike
from wholepool.cost.work import SHARED, Job, around, on_disk
from wholepool.job.errors import UserError
from wholepool.job.log import clock

Rates = Mapping[str, Any]
#: what was not measured and so scaled: what, and from what
Scaled = dict[str, str]

#: what runs on the device; the graph does too, if it is a GPU
ON_DEVICE = ("pretrain", "features", "embed_pool", "train", "embed", "embed_initial", "predict")
#: what a job imports; the others are light
START = {
    **dict.fromkeys(("data", "read_head", *ON_DEVICE), "torch"),
    **dict.fromkeys(("propagate", "propagate_initial", "graph"), "scipy"),
    **{"fit": "fitted", "features": "features"},
    **dict.fromkeys(("tables", "figures"), "tables"),
}
#: the power of the number of rows with which a search grows: an approximate one took 23 us a row of
#: 4,000 (one core, 128 dimensions, 10 classes), 32 of 20,000, 58 of 60,000 and 96 of 120,000
GROWTH = {"exact": 2.0, "approximate": 1.4}
#: seconds between two jobs in a slot, which are Snakemake's own: the mean of 937 jobs, two slots
BETWEEN = 0.03
MEASURE = "python -m wholepool throughput --config GRID.yaml --out FILE.json"


@dataclass(frozen=True)
class Schedule:
    """A grid on some slots: seconds until its end, of its longest chain; bytes at peak and end."""

    seconds: float
    chain: float
    peak: float
    end: float


def read_rates(path: str | Path) -> Rates:
    """A file that `throughput` wrote. Raises UserError if it is not one."""
    try:
        rates: Rates = json.loads(Path(path).read_text(encoding="utf-8"))
        wrong = "" if rates["format"] == FORMAT else f"its format is not {FORMAT}"
    except (OSError, ValueError, TypeError, KeyError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        raise UserError(
            f"{path} is no file of measured rates ({wrong}): make one on the device in question "
            f"with {MEASURE}"
        )
    return rates


def nearest(rates: Rates, kind: str, facts: Facts, scaled: Scaled) -> Mapping[str, Any]:
    """The measured row of a kind that is least unlike some facts; `scaled` gets what differs."""
    what = facts.get("strategy")
    rows = [row for row in rates[PART_OF.get(kind, kind)] if row.get("strategy") == what]
    if not rows:
        raise UserError(
            f"the rates of {rates['device']} hold no {kind}{f', {what}' if what else ''}, but the "
            f"grid has some: measure with {MEASURE}"
        )
    row: Mapping[str, Any] = min(rows, key=lambda row: unlike(row, facts))
    if unlike(row, facts) != SAME:
        differ = [name for name in facts if name != "n" and row.get(name) != facts[name]]
        asked, known = (
            ", ".join(f"{name} {one.get(name)}" for name in differ) for one in (facts, row)
        )
        scaled[f"{kind} of {asked}"] = f"{known}, in proportion"
    return row


def step_seconds(row: Mapping[str, Any], size: int) -> float:
    """Seconds of a step on `size` rows: linear between measured batches, in proportion above."""
    sizes = sorted(map(int, row["steps"]))
    times = [row["steps"][str(known)] for known in sizes]
    return float(np.interp(size, sizes, times)) * max(1.0, size / sizes[-1])


def seconds_of(kind: str, row: Mapping[str, Any], facts: Facts, job: Job) -> float:
    """Seconds of what a job does once, in proportion to a row's rates; of a search, see GROWTH."""
    ratio = {name: facts[name] / row[name] for name in ("n", *NUMBERS) if name in facts}
    if kind == "networks":
        trained = sum(count * step_seconds(row, size) for size, count in job.work.steps.items())
        return ratio["flops"] * (trained + job.work.embedded * float(row["embed"]))
    if kind in ("graphs", "searches", "solves"):
        search = row["search_seconds"] * ratio["n"] ** GROWTH[facts["search"]]
        solve = row["solve"] * ratio["n"] * ratio["k"] * ratio["classes"]
        return float(search * (kind != "solves") + solve * (kind != "searches"))
    if kind == "features":
        return float(row["seconds"])
    if kind == "fits":
        return float(row["seconds"] * ratio["n"] * ratio["dimensions"] * ratio["classes"])
    if kind == "kmeans":
        return float(row["seconds"] * ratio["n"] * ratio["clusters"] * ratio["dimensions"])
    fixed, picks = float(row["fixed"]), float(row["pick"]) * (job.budget - 1) * ratio["n"]
    # a search for neighbors alone grows with more than n
    return fixed * ratio["n"] ** (GROWTH[facts["search"]] if "search" in facts else 1) + picks


def job_seconds(job: Job, rates: Rates, scaled: Scaled) -> float:
    """Seconds of a job, from start to end, without what is unknown of its work."""
    if job.rule == "all":
        return 0.0
    start = START.get(job.rule, "light")
    if job.rule == "embed_pool" and job.pool and job.pool.fitted:
        start = "light"
    if job.strategy and "search" in job.options.get("propagation", {}):
        start = "scipy"
    if start == "scipy" and job.work.propagations and rates["kind"] == "cuda":
        start = "torch"  # the search is the GPU's
    total: float = rates["start"][start]
    for kind, facts, times in facts_of(job):
        total += times * seconds_of(kind, nearest(rates, kind, facts, scaled), facts, job)
    return total


def schedule(plan: list[Job], durations: list[float], slots: int) -> Schedule:
    """The plan on `slots` jobs at a time, in Snakemake's order, and what is on disk meanwhile.

    Of the jobs that may start, pre-training goes first, then those that read temporary files. A
    temporary file goes when its last reader has ended.
    """
    maker = {file: at for at, job in enumerate(plan) for file in job.outputs}
    temporary = {name: job.outputs[name] for job in plan for name in job.temporary}
    readers = Counter(file for job in plan for file in job.inputs)
    before = [{maker[file] for file in job.inputs} for job in plan]
    waits = list(map(len, before))
    followers: dict[int, list[int]] = defaultdict(list)
    longest: list[float] = []
    for at, makers in enumerate(before):
        longest.append(durations[at] + max((longest[maker] for maker in makers), default=0.0))
        for made_by in makers:
            followers[made_by].append(at)

    def order(at: int) -> tuple[bool, bool, int]:
        return plan[at].rule != "pretrain", temporary.keys().isdisjoint(plan[at].inputs), at

    ready = sorted(order(at) for at, left in enumerate(waits) if left == 0)
    running: list[tuple[float, int]] = []
    now = used = peak = 0.0
    while ready or running:
        while ready and len(running) < slots:
            at = heapq.heappop(ready)[-1]
            heapq.heappush(running, (now + durations[at] + BETWEEN, at))
        now, at = heapq.heappop(running)
        job = plan[at]
        used += sum(map(on_disk, job.outputs.values()))
        peak = max(peak, used)
        readers.subtract(job.inputs)
        gone = [file for file in (*job.inputs, *job.temporary) if readers[file] == 0]
        used -= sum(on_disk(temporary[file]) for file in gone if file in temporary)
        for after in followers[at]:
            waits[after] -= 1
            if waits[after] == 0:
                heapq.heappush(ready, order(after))
    records = around(plan)
    return Schedule(now, max(longest, default=0.0), peak + records, used + records)


def report(plan: list[Job], rates: Rates, slots: int, name: str) -> str:
    """The page on the grid `name`: a row per experiment and pre-training, totals, disk, doubts."""
    scaled: Scaled = {}
    durations = [job_seconds(job, rates, scaled) for job in plan]
    frame = pd.DataFrame(
        {
            "group": [job.group for job in plan],
            "method": [job.method for job in plan],
            "trainings": [job.rule in ("train", "fit", "pretrain") for job in plan],
            "trained": [job.work.trained for job in plan],
            "embedded": [job.work.embedded + job.work.featured for job in plan],
            "graphs": [job.work.propagations + job.work.graphs for job in plan],
            "seconds": durations,
        }
    )
    methods = frame["method"][frame["method"] != ""].unique()
    groups = frame["group"].unique()
    last = sorted(groups, key=lambda group: (group == SHARED, group.startswith("PRE of ")))
    rows = [["", "trainings", "jobs", "trained", "embedded", "graphs", *methods, "hours"]]
    for label in (*last, "total"):
        mine = frame if label == "total" else frame[frame["group"] == label]
        spent = mine.groupby("method")["seconds"].sum()
        row = [label, str(mine["trainings"].sum()), f"{len(mine):,}"]
        row += [count(mine[key].sum()) for key in ("trained", "embedded", "graphs")]
        row += [clock(spent[method]) if method in spent else "–" for method in methods]
        rows.append([*row, clock(mine["seconds"].sum())])
    times = schedule(plan, durations, slots)
    gpu = rates["kind"] == "cuda"
    device = rates["device"] if gpu else f"CPU ({rates['processor']})"
    on_device = sum(s for job, s in zip(plan, durations, strict=True) if job.rule in ON_DEVICE)
    lines = [
        f"# What {name} costs",
        "",
        f"Rates of: {device}, {rates['threads']} thread(s) a job, torch {rates['torch']}.",
        "",
        *markdown(rows),
        "",
        "trained: images passed forward and backward; embedded: forward only; graphs: kNN",
        "searches, each with a propagation.",
        "",
        f"- time: {clock(sum(durations))} of jobs, {clock(on_device)} of them in training "
        "and embedding" + (" (the GPU's)" if gpu else ""),
        f"- {slots} job(s) at a time: {clock(times.seconds)}; no number of jobs makes it less "
        f"than {clock(times.chain)}, the longest chain",
        f"- disk: {count(times.end)}B at the end, {count(times.peak)}B at the peak",
    ]
    if slots > 1:
        lines.append(
            "- rates are those of a job that runs alone: jobs that share a GPU, or the memory of "
            "the CPU cores, are slower"
        )
    if joined := [job.joining for job in plan if job.joining]:
        lines.append(
            f"- not counted: the pseudo-labels that a strategy adds to {len(joined)} trainings, "
            "which nobody knows before. At most the whole pool joins, which is "
            f"{count(sum(joined))} more images trained"
        )
    unknown = Counter(job.work.unknown for job in plan if job.work.unknown)
    lines += [f"- not estimated: {what}, in {jobs} job(s)" for what, jobs in unknown.items()]
    lines += [f"- scaled, not measured: {what}, from {source}" for what, source in scaled.items()]
    return "\n".join(lines) + "\n"


def markdown(rows: list[list[str]]) -> list[str]:
    """A Markdown table whose columns also line up as plain text; the first is left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append(f"| {' | '.join([first.ljust(widths[0]), *cells])} |")
    ruled = "|".join("-" * (width + 1) + ":" for width in widths[1:])
    return [lines[0], f"|:{'-' * (widths[0] + 1)}|{ruled}|", *lines[1:]]


def count(value: float) -> str:
    """A number to three digits: 950, 12.3 k, 4.56 M, 7.89 G; before a B, bytes."""
    value = float(f"{value:.3g}")
    power = min(int(math.log10(max(value, 1))) // 3, 4)
    return f"{value / 1000**power:.3g} {('', 'k', 'M', 'G', 'T')[power]}".strip()
