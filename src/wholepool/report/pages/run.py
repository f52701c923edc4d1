"""What was run, in one paragraph made of the config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wholepool.grid import people
from wholepool.grid.cells import is_full
from wholepool.report.accuracy import planned_labels
from wholepool.report.fragment import fill, note, paragraph, table
from wholepool.report.names import (
    dataset_name,
    experiment_labels,
    method_name,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.planned import progress
from wholepool.report.results import Results
from wholepool.report.runs import mixed
from wholepool.report.wording import joined, several

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What was run"
PLACE = 10

#: of more names than this the paragraph tells the number; they are listed below it
MANY = 6
#: of more rows than this a table is folded
FOLDED = 12


def show(results: Results) -> str:
    """The paragraph; what is missing, where cells are; a warning, where runs differ."""
    done = progress(results.runs, results.grid)
    parts = [paragraph(" ".join(sentences(results, done))), names(results)]
    parts.append(note(" ".join([*of_draws(results), *of_testing(results)])))
    if difference := mixed(results.runs):
        parts.append(fill('<p class="warning">{{ text }}.</p>', text=difference))
    return "".join(parts) + missing(results, done)


def sentences(results: Results, done: pd.DataFrame) -> Iterator[str]:
    """The paragraph's sentences."""
    yield from of_data(results)
    yield from of_experiments(results)
    yield from of_methods(results)
    yield of_trainings(results, done)


def of_data(results: Results) -> Iterator[str]:
    """Each data set: its pool, its test images, its classes."""
    used = (plan["dataset"] for plan in results.grid["experiments"].values())
    names = list(dict.fromkeys(used))
    for name in names:
        pool = results.pools.get(name)
        if pool is None:
            continue
        tested = several(pool["n_test"], "test image") if pool.get("n_test") else "no test images"
        yield (
            f"{dataset_name(name)}: a pool of {several(pool['n'], 'image')}, {tested}, "
            f"{pool['classes']} class{'es' * (pool['classes'] != 1)}."
        )
    if unread := [dataset_name(name) for name in names if name not in results.pools]:
        yield f"{joined(unread)} {'are' if len(unread) > 1 else 'is'} not read yet."


def of_experiments(results: Results) -> Iterator[str]:
    """Those of one data set and one course of labels together."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    for name, plan in results.grid["experiments"].items():
        if not all(map(is_full, plan["methods"].values())):
            course = tuple(plan[key] for key in ("dataset", "initial", "budget", "cycles"))
            alike.setdefault(course, []).append(name)
    asked = people.asking(results.settings) if results.settings else {}
    for (dataset, initial, budget, cycles), names in alike.items():
        who = f"The experiment{'s' * (len(names) > 1)} {joined(names)} on {dataset_name(dataset)}"
        if len(names) >= MANY:
            who = f"{len(names)} experiments on {dataset_name(dataset)}"
        s = "s" * (len(names) == 1)
        if set(names) <= set(asked):
            yield (
                f"{who} ask{s} people for {several(budget, 'label')} at a time; they have closed "
                f"{several(cycles, 'cycle')}."
            )
            continue
        yield (
            f"{who} start{s} with {several(initial, 'label')} and add{s} {budget:,} per cycle, to "
            f"{planned_labels({'initial': initial, 'budget': budget}, cycles - 1):,} in the last "
            f"of {several(cycles, 'cycle')}."
        )


def of_methods(results: Results) -> Iterator[str]:
    """Each method with its strategies; those with the same ones together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, strategies in asked_by(results).items():
        alike.setdefault(tuple(strategies), []).append(method_name(name))
    parts = []
    for names, methods in alike.items():
        which = f"the strateg{'ies' if len(names) > 1 else 'y'} {joined(map(strategy_name, names))}"
        with_them = f"{len(names)} strategies" if len(names) > MANY else which
        parts.append(f"{joined(methods)} with {with_them}")
    full = dict.fromkeys(
        name
        for plan in results.grid["experiments"].values()
        for name, words in plan["methods"].items()
        if is_full(words)
    )
    if full:
        parts.append(f"{joined(map(method_name, full))}, on all labels, to compare with")
    if parts:
        yield f"Methods: {'; '.join(parts)}."


def asked_by(results: Results) -> dict[str, list[str]]:
    """Method → its strategies, in any experiment; all in the order of the plan."""
    found: dict[str, dict[str, None]] = {}
    for plan in results.grid["experiments"].values():
        for name, words in plan["methods"].items():
            if not is_full(words):
                found.setdefault(name, {}).update(dict.fromkeys(words["strategies"]))
    order = strategies_in_order(results.grid)
    return {name: sorted(own, key=order.index) for name, own in found.items()}


def names(results: Results) -> str:
    """The names that the paragraph only counts, folded; empty where it tells all."""
    lists = {"Experiments": list(results.grid["experiments"])}
    for method, strategies in asked_by(results).items():
        lists[f"Strategies of {method_name(method)}"] = [*map(strategy_name, strategies)]
    lines = [f"{head}: {joined(own)}." for head, own in lists.items() if len(own) > MANY]
    if not lines:
        return ""
    template = """<details><summary>Their names</summary>
{% for line in lines %}<p>{{ line }}</p>{% endfor %}</details>"""
    return fill(template, lines=lines)


def of_trainings(results: Results, done: pd.DataFrame) -> str:
    """Seeds, trainings planned and done, and on which device."""
    counts = {len(plan["seeds"]) for plan in results.grid["experiments"].values()}
    seeds = several(max(counts, default=0), "seed")
    if len(counts) > 1:
        seeds = f"{min(counts)} to {seeds}"
    n, of = int(done["done"].sum()), int(done["planned"].sum())
    are = "is" if of == 1 else "are"
    text = f"Each cell is run with {seeds}: {n:,} of {several(of, 'training')} {are} done"
    if devices := values_of(results.runs, "device"):
        text += f", on {joined(devices)}"
    dropped = results.grid.get("drop_seeds", [])
    left = f" The comparisons leave out seed {joined(map(str, dropped))}." if dropped else ""
    return f"{text}.{left}"


def values_of(runs: pd.DataFrame, name: str) -> list[str]:
    """The values of a column of runs.csv, as text, in their order; without empty ones and none."""
    if name not in runs.columns:
        return []
    every = runs[name].dropna().astype(str).unique()
    return [value for value in every if value not in ("", "none")]


def of_draws(results: Results) -> Iterator[str]:
    """What moves with the seed, and what does not."""
    plans = results.grid["experiments"].values()
    drawn = {how for plan in plans for how in plan.get("pre_drawn", {}).values()}
    moves = {one.get("seed_moves") for one in results.settings.get("experiments", {}).values()}
    once = "pre-training (PRE) was drawn once for all seeds, so ± has nothing of its variance"
    if moves == {"all"}:
        every = (
            "Every random source moves with the seed (first labels, weights, batches, "
            "augmentation, the strategies' own draws)"
        )
        yield f"{every}, but {once}." if drawn == {"once"} else f"{every}."
    elif drawn == {"once"}:
        yield f"The {once}."
    if "initial" in moves:
        yield "Only the first labels move with the seed: all other draws are the same for all."
    if drawn == {"per_seed"}:
        yield "Each seed has a pre-training (PRE) of its own."
    elif len(drawn) > 1:
        yield "In some experiments PRE was drawn once for all seeds, in others for each seed."


def of_testing(results: Results) -> Iterator[str]:
    """The test protocol."""
    if any(pool.get("n_test") for pool in results.pools.values()):
        yield (
            "Accuracy is that of the network after its last epoch, on the test images; there are "
            "no validation labels, and no test label chose an epoch or a setting."
        )
    elif results.pools:
        yield "There is no test set, so no accuracy."


def missing(results: Results, done: pd.DataFrame) -> str:
    """Which trainings are not done, by experiment and method, and the command that does them."""
    left = done[done["done"] < done["planned"]]
    if left.empty:
        return ""
    labels = experiment_labels(results.grid)
    rows = left.assign(
        experiment=left["experiment"].map(labels),
        method=left["method"].map(method_name),
        missing=left["planned"] - left["done"],
    ).set_axis(["Experiment", "Method", "Done", "Planned", "Missing"], axis=1)
    caption = "Trainings that were not run: all that follows is said without them."
    again = (
        "To run what is missing, give the same command again, for example snakemake --cores all "
        "all --configfile YOUR.yaml: what is done stays."
    )
    listed = table(rows, caption)
    if len(rows) > FOLDED:
        template = "<details><summary>By experiment and method</summary>{{ rows }}</details>"
        listed = fill(template, rows=listed)
    return listed + note(again)
