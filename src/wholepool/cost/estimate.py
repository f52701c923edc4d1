"""Time and disk of a grid: the work of its jobs, at measured rates, told in one page."""

import heapq
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.cost.throughput import (
    STARTS,
    clusters,
    graph_key,
    network_key,
    settings_key,
    settings_of,
)
from wholepool.cost.work import Job, Pool, beside, on_disk
from wholepool.job.errors import UserError
from wholepool.learn.networks.conv13 import flops

#: what a job imports; the others are light
START = {
    **dict.fromkeys(("data", "pretrain", "train", "embed", "embed_initial", "predict"), "torch"),
    **dict.fromkeys(("propagate", "propagate_initial"), "scipy"),
    **dict.fromkeys(("tables", "figures"), "tables"),
}
#: what runs on the device; the graph does too, if it is a GPU
ON_DEVICE = ("pretrain", "train", "embed", "embed_initial", "predict")
#: seconds between two jobs in a slot, which are Snakemake's own: the mean of 937 jobs, two slots
BETWEEN = 0.03
#: what was not measured and so scaled: what, and from what
Scaled = dict[str, str]


@dataclass(frozen=True)
class Schedule:
    """A grid on some slots: seconds until its end, of its longest chain; bytes at peak and end."""

    seconds: float
    chain: float
    peak: float
    end: float


def read_rates(path: str | Path) -> dict[str, Any]:
    """A file that `throughput` wrote. Raises UserError if it is not one."""
    try:
        rates = json.loads(Path(path).read_text(encoding="utf-8"))
        missing = {"device", "kind", "start", "networks", "graphs", "kmeans", "strategies"} - set(
            rates
        )
        missing |= {f"start.{kind}" for kind in STARTS if kind not in rates.get("start", {})}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no file of measured rates ({error}): make one on the device in question "
            "with python -m wholepool throughput --config GRID.yaml --out FILE.json"
        ) from error
    if missing:
        raise UserError(
            f"{path} is no file of measured rates, for it lacks {', '.join(sorted(missing))}: make "
            "one with python -m wholepool throughput --config GRID.yaml --out FILE.json"
        )
    return rates


def network_of(pool: Pool, rates: Mapping[str, Any], scaled: Scaled) -> tuple[Any, float]:
    """The measured network of a data set, and 1; or the nearest in FLOPs, and their ratio.

    The nearest of its own precision, where there is one: FLOPs say nothing of another's speed.
    """
    key = network_key(pool)
    for row in rates["networks"]:
        if settings_of(row) == key:
            return row, 1.0
    if not rates["networks"]:
        raise UserError(
            f"the rates of {rates['device']} hold no network, but {pool.name} has one of width "
            f"{key[0]:g}: measure with python -m wholepool throughput --config GRID.yaml"
        )
    wanted = flops(pool.size, pool.channels, pool.classes, key[0])
    row = min(
        rates["networks"],
        key=lambda row: (settings_of(row)[-1] != key[-1], abs(np.log(row["flops"] / wanted))),
    )
    scaled[f"width {key[0]:g} at {pool.size} pixels, {pool.channels} channels, {key[-1]}"] = (
        f"width {row['width']:g} at {row['size']} pixels, {row['channels']} channels, "
        f"{settings_of(row)[-1]}, by FLOPs"
    )
    return row, wanted / row["flops"]


def step_seconds(row: Mapping[str, Any], size: int) -> float:
    """Seconds of a training step on `size` images: between measured batches, linear.

    Below the smallest batch a step takes as long as there; above the largest, in proportion.
    """
    sizes = sorted(map(int, row["steps"]))
    times = [row["steps"][str(known)] for known in sizes]
    if size > sizes[-1]:
        return times[-1] * size / sizes[-1]
    return float(np.interp(size, sizes, times))


def propagation_seconds(job: Job, rates: Mapping[str, Any], scaled: Scaled) -> float:
    """Seconds of one graph and its solve: search by n^2, all else by n."""
    pool = job.pool
    assert pool is not None
    wanted = {"dimensions": pool.dimensions, "classes": pool.classes}
    rows = rates["graphs"]
    if not rows:
        raise UserError(
            f"the rates of {rates['device']} hold no graph, but the grid builds some: measure with "
            "python -m wholepool throughput --config GRID.yaml"
        )
    key, k = graph_key(job), job.propagation["k"]
    same = [row for row in rows if row_key(row) == key]
    row = (same or sorted(rows, key=lambda row: abs(row["dimensions"] - pool.dimensions)))[0]
    factor = pool.n / row["n"]
    search, solve = row["search"] * factor**2, row["solve"] * factor
    if not same:
        known = row["settings"]["k"]
        scaled[f"a graph of k = {k} for {wanted['classes']} classes"] = (
            f"k = {known} for {row['classes']}, in proportion"
        )
        solve *= k * pool.classes / (known * row["classes"])
    return search + solve


def row_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A measured graph's key, as `graph_key` makes it."""
    return row["dimensions"], row["classes"], settings_key(row["settings"])


def clustering_seconds(pool: Pool, dimensions: int, rates: Mapping[str, Any]) -> float:
    """Seconds of one k-means: by points, clusters and dimensions from the nearest measured."""
    if not rates["kmeans"]:
        raise UserError(
            f"the rates of {rates['device']} hold no k-means, but the grid pre-trains: measure "
            "with python -m wholepool throughput --config GRID.yaml"
        )
    k = clusters(pool)
    row = min(rates["kmeans"], key=lambda row: abs(np.log(row["dimensions"] / dimensions)))
    factor = pool.n * k * dimensions / (row["n"] * row["clusters"] * row["dimensions"])
    return row["seconds"] * factor * (pool.settings["pretrain"]["kmeans_iterations"] + 1)


def acquisition_seconds(job: Job, rates: Mapping[str, Any]) -> float:
    """Seconds of one acquisition: in proportion to the pool, and to the images acquired."""
    pool = job.pool
    assert pool is not None
    rows = [row for row in rates["strategies"] if row["strategy"] == job.strategy]
    if not rows:
        raise UserError(
            f"the rates of {rates['device']} hold no strategy {job.strategy}: measure with python "
            "-m wholepool throughput --config GRID.yaml, with a grid that has it"
        )
    wanted = (pool.dimensions, pool.classes, job.propagation["k"])
    same = [row for row in rows if (row["dimensions"], row["classes"], row["k"]) == wanted]
    row = (same or rows)[0]
    return (row["fixed"] + row["pick"] * (job.budget - 1)) * pool.n / row["n"]


def job_seconds(job: Job, rates: Mapping[str, Any], scaled: Scaled) -> float:
    """Seconds of a job, from its start to its end."""
    if job.rule == "all":
        return 0.0
    start = START.get(job.rule, "light")
    if job.strategy and "graph" in job.inputs[-1]:
        start = "scipy"
    if start == "scipy" and job.propagations and rates["kind"] == "cuda":
        start = "torch"  # the search is the GPU's
    total = rates["start"][start]
    if job.pool is None:
        return total
    if job.steps or job.embedded:
        row, factor = network_of(job.pool, rates, scaled)
        trained = sum(count * step_seconds(row, size) for size, count in job.steps.items())
        total += factor * (trained + job.embedded * row["embed"])
    if job.propagations:
        total += job.propagations * propagation_seconds(job, rates, scaled)
    for count, dimensions in zip(
        job.clusterings, (job.pool.pixels, job.pool.dimensions), strict=True
    ):
        if count:
            total += count * clustering_seconds(job.pool, dimensions, rates)
    if job.strategy:
        total += acquisition_seconds(job, rates)
    return total


def schedule(plan: list[Job], durations: list[float], slots: int) -> Schedule:
    """The plan on `slots` jobs at a time, ordered as Snakemake does, and what is on disk meanwhile.

    Of the jobs that may start, pre-training goes first, then those that read temporary files. A
    temporary file goes when the last job that reads it has ended.
    """
    maker = {file: at for at, job in enumerate(plan) for file in (*job.kept, *job.temporary)}
    readers: dict[str, int] = defaultdict(int)
    waits = [0] * len(plan)
    followers: dict[int, list[int]] = defaultdict(list)
    longest = [0.0] * len(plan)
    for at, job in enumerate(plan):
        makers = {maker[file] for file in job.inputs}
        waits[at] = len(makers)
        for file in job.inputs:
            readers[file] += 1
        for before in makers:
            followers[before].append(at)
    for at in topological(waits, followers):
        makers = {maker[file] for file in plan[at].inputs}
        longest[at] = durations[at] + max((longest[before] for before in makers), default=0.0)
    temporary = {name: size for job in plan for name, size in job.temporary.items()}

    def order(at: int) -> tuple[bool, bool, int]:
        job = plan[at]
        return job.rule != "pretrain", not any(file in temporary for file in job.inputs), at

    ready = [order(at) for at in range(len(plan)) if waits[at] == 0]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = used = peak = 0.0
    while ready or running:
        while ready and len(running) < slots:
            at = heapq.heappop(ready)[-1]
            heapq.heappush(running, (now + durations[at] + BETWEEN, at))
        now, at = heapq.heappop(running)
        job = plan[at]
        used += sum(map(on_disk, (*job.kept.values(), *job.temporary.values())))
        peak = max(peak, used)
        used -= sum(on_disk(size) for name, size in job.temporary.items() if not readers[name])
        for file in job.inputs:
            readers[file] -= 1
            if file in temporary and readers[file] == 0:
                used -= on_disk(temporary[file])
        for after in followers[at]:
            waits[after] -= 1
            if waits[after] == 0:
                heapq.heappush(ready, order(after))
    records = beside(plan)
    return Schedule(now, max(longest, default=0.0), peak + records, used + records)


def topological(waits: list[int], followers: Mapping[int, list[int]]) -> list[int]:
    """The jobs, each after those that it waits for."""
    left = list(waits)
    result = [at for at, count in enumerate(left) if count == 0]
    for at in result:
        for after in followers.get(at, ()):
            left[after] -= 1
            if left[after] == 0:
                result.append(after)
    return result


def report(plan: list[Job], rates: Mapping[str, Any], slots: int, name: str) -> str:
    """The page: a row an experiment and a pre-training, then totals, disk, and what is not sure.

    `name` is the grid's; `slots` is how many jobs run at a time.
    """
    scaled: Scaled = {}
    durations = [job_seconds(job, rates, scaled) for job in plan]
    groups: dict[str, list[int]] = defaultdict(list)
    for at, job in enumerate(plan):
        owner = job.owner[0]
        pre = job.rule in ("pretrain", "diagnose")
        groups[f"PRE of {owner}" if pre else owner or "data, tables, figures"].append(at)
    methods = list(dict.fromkeys(
        job.owner[1] for job in plan if job.rule == "train"
    ))  # fmt: skip
    head = ["", "trainings", "jobs", "trained", "embedded", "graphs", *methods, "hours"]
    rows = [head]
    for label, members in [
        *sorted(groups.items(), key=rank(plan)),
        ("total", list(range(len(plan)))),
    ]:
        mine = [plan[at] for at in members]
        spent = [
            sum(durations[at] for at in members if is_of(plan[at], method)) for method in methods
        ]
        rows.append(
            [
                label,
                str(sum(job.rule in ("train", "pretrain") for job in mine)),
                f"{len(mine):,}",
                count(sum(job.trained for job in mine)),
                count(sum(job.embedded for job in mine)),
                count(sum(job.propagations for job in mine)),
                *(duration(value) if value else "–" for value in spent),
                duration(sum(durations[at] for at in members)),
            ]
        )
    times = schedule(plan, durations, slots)
    device = rates["device"] if rates["kind"] != "cpu" else f"CPU ({rates['processor']})"
    on_device = sum(
        value for job, value in zip(plan, durations, strict=True) if job.rule in ON_DEVICE
    )
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
        f"- time: {duration(sum(durations))} of jobs, {duration(on_device)} of them in training "
        "and embedding" + (" (the GPU's)" if rates["kind"] == "cuda" else ""),
        f"- {slots} job(s) at a time: {duration(times.seconds)}; no number of jobs makes it less "
        f"than {duration(times.chain)}, the longest chain",
        f"- disk: {size(times.end)} at the end, {size(times.peak)} at the peak",
    ]
    if slots > 1:
        lines.append(
            "- rates are those of a job that runs alone: jobs that share a GPU, or the memory of "
            "the CPU cores, are slower"
        )
    joined = sum(bool(job.unknown) for job in plan)
    if joined:
        lines.append(
            f"- not counted: the pseudo-labels that CEAL adds to {joined} trainings, which nobody "
            "knows before. At most the whole pool joins, which is "
            f"{count(ceal_bound(plan))} more images trained"
        )
    lines += [f"- scaled, not measured: {what}, from {source}" for what, source in scaled.items()]
    return "\n".join(lines) + "\n"


def is_of(job: Job, method: str) -> bool:
    """Whether a job belongs to a method of an experiment."""
    return job.owner[1] == method and job.rule not in ("pretrain", "diagnose")


def rank(plan: list[Job]) -> Any:
    """Order of the rows: the experiments, then PRE, then what all share."""

    def key(group: tuple[str, list[int]]) -> tuple[int, int]:
        label, members = group
        kind = 2 if not plan[members[0]].owner[0] else int(label.startswith("PRE of "))
        return kind, members[0]

    return key


def ceal_bound(plan: list[Job]) -> int:
    """Images trained on, if CEAL's pseudo-labels were the whole rest of the pool each time.

    An epoch over |L| images becomes one over n.
    """
    total = 0
    for job in plan:
        if job.unknown and job.pool is not None:
            total += job.pool.n * job.unknown - job.trained
    return total


def markdown(rows: list[list[str]]) -> list[str]:
    """A Markdown table whose columns also line up as plain text; the first is left-aligned."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|".join(
        ":" + "-" * (width + 1) if at == 0 else "-" * (width + 1) + ":"
        for at, width in enumerate(widths)
    )
    return [lines[0], f"|{rule}|", *lines[1:]]


def count(value: float) -> str:
    """A number to three digits: 950, 12.3 k, 4.56 M, 7.89 G."""
    for unit in ("", " k", " M", " G"):
        if value < 999.5 or unit == " G":
            break
        value /= 1000
    return (
        f"{value:.0f}" if not unit else f"{value:.3g}{unit}" if value < 999.5 else f"{value:,.0f} G"
    )


def duration(value: float) -> str:
    """Seconds in the unit that suits them: 12 s, 3.4 min, 5.6 h, 1,234 h."""
    if value < 60:
        return f"{value:.0f} s"
    if value < 3600:
        return f"{value / 60:.3g} min"
    hours = value / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def size(value: float) -> str:
    """Bytes: 12.3 MB, 4.5 GB."""
    return f"{value / 1e6:.3g} MB" if value < 999.5e6 else f"{value / 1e9:.3g} GB"
