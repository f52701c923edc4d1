"""What each result says of what made it, and what a resolved config wants it to say.

Snakemake keeps records of this too, but beside the folder where it was run, by the name of the
file: they do not come along when results are copied or moved. What a file says of itself does.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wholepool.grid import joblist, plan, slices, versions
from wholepool.grid.cells import cold, initial_size
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.files import read_object
from wholepool.job.provenance import differences

#: what stands beside the tables and says which settings they are of
SETTINGS = "settings.json"
Config = Mapping[str, Any]
Told = dict[str, Any]
#: (key, what a file says, what it should say) of what differs
Difference = tuple[str, str, str]


def of_results(config: Config) -> Iterator[tuple[str, str, Told]]:
    """Every result of a resolved config that says what made it, with what it should say.

    Yields (path below the results, data set, {key: value}). Labeled sets but the initial ones, and
    weights, say nothing: trainings that read them would run again for a word that has changed.
    """
    for job in joblist.planned(config):
        if job.rule in TELLING:
            name, told = TELLING[job.rule](config, job)
            yield job.outputs[name], job.dataset, told


def of_data(config: Config, job: joblist.Job) -> tuple[str, Told]:
    dataset = config["datasets"][job.dataset]
    return "made", {"settings": slices.data(dataset), "version": versions.of_data(dataset)}


def of_initial(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    size = initial_size(config["experiments"][job.cell.experiment]["initial"])
    return "out", {"seed": str(job.cell.seed), "size": str(size)}


def of_ask(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    experiment = config["experiments"][job.cell.experiment]
    start = cold(experiment)
    assert start
    return "out", {
        "settings": slices.acquire(experiment, start["strategy"], config["threads"]),
        "budget": str(start["size"]),
        "strategy": start["strategy"],
        "pre": plan.pre_of(experiment, start, job.cell.seed),
        "version": versions.of_acquire(start["strategy"], "ask"),
    }


def of_pretrain(config: Config, job: joblist.Job) -> tuple[str, Told]:
    dataset = config["datasets"][job.dataset]
    settings = slices.pretrain(dataset, job.pre, config["threads"])
    told = {"settings": settings, "version": versions.of_pretrain(dataset, job.pre)}
    return "history", told if job.seed is None else {**told, "seed": str(job.seed)}


def of_features(config: Config, job: joblist.Job) -> tuple[str, Told]:
    settings = slices.pretrain(config["datasets"][job.dataset], job.pre, config["threads"])
    return "history", {"settings": settings, "version": versions.of_features(job.pre)}


def of_train(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    dataset, words = config["datasets"][job.dataset], plan.words_of(config, job.cell)
    experiment = config["experiments"][job.cell.experiment]
    return "history", {
        "settings": slices.train(dataset, experiment, words, config["threads"]),
        "draw_seed": str(slices.draw_seed(experiment, job.cell.seed)),
        "pre": plan.pre_of(experiment, words, job.cell.seed),
        "joined": str("pseudo_labels" in job.inputs),
        "version": versions.of_train(dataset, words["semi"]),
    }


def of_fit(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    dataset, words = config["datasets"][job.dataset], plan.words_of(config, job.cell)
    experiment = config["experiments"][job.cell.experiment]
    name, told = of_train(config, job)
    return name, {
        **told,
        "settings": slices.fit(dataset, experiment, words, config["threads"]),
        "joined": str("joining" in job.inputs),
        "version": versions.of_fit(dataset, words["semi"]),
    }


def of_propagate(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    experiment = config["experiments"][job.cell.experiment]
    settings = slices.propagate(experiment, config["threads"])
    semi = plan.propagating(plan.words_of(config, job.cell))
    return "out", {"settings": settings, "version": versions.of_propagate(semi)}


def of_acquire(config: Config, job: joblist.Job) -> tuple[str, Told]:
    assert job.cell
    experiment, strategy = config["experiments"][job.cell.experiment], job.cell.strategy
    return "out", {
        "settings": slices.acquire(experiment, strategy, config["threads"]),
        "budget": str(experiment["budget"]),
        "draw_seed": str(slices.draw_seed(experiment, job.cell.seed)),
        "version": versions.of_acquire(strategy),
    }


def of_measuring(config: Config, job: joblist.Job) -> tuple[str, Told]:
    return "out", {"version": versions.version(job.rule)}


#: the file of a job that says what made it, by its name in the rule, and what it should say
TELLING = {
    "data": of_data,
    "data_of_people": of_data,
    "ask": of_ask,
    "initial": of_initial,
    "pretrain": of_pretrain,
    "features": of_features,
    "diagnose": of_measuring,
    "train": of_train,
    "fit": of_fit,
    "propagate": of_propagate,
    "propagate_initial": of_propagate,
    "evaluate": of_measuring,
    "acquire": of_acquire,
    "acquire_with_pseudo_labels": of_acquire,
}


def said(path: str | Path) -> Told:
    """What a result says of itself: a Parquet file's metadata, or a JSON file's content.

    Raises UserError if it is missing or torn.
    """
    if Path(path).suffix == ".json":
        return read_object(path)
    from wholepool.data.indexsets import read_metadata

    found: Told = dict(read_metadata(path))
    if "settings" in found:
        found["settings"] = json.loads(found["settings"])
    return found


def gathered(config: Config) -> Told:
    """What settings.json says of the tables and figures beside it, but for the pools' sizes.

    Their settings, and the version of what gathers and of each page.
    """
    used = dict.fromkeys(one["dataset"] for one in config["experiments"].values())
    pages = registry.plugins("page").values()
    stages = ("runs", "pretraining", "tables", "figures", "statistics", "report")
    return {
        "datasets": {name: config["datasets"][name] for name in used},
        "experiments": config["experiments"],
        "tables": config["tables"],
        "version": ", ".join([*map(versions.version, stages), *(page.version for page in pages)]),
    }


def gathered_otherwise(config: Config, path: Path) -> bool:
    """Whether a settings.json says something else than a config; not if there is none, or torn."""
    try:
        then = said(path)
    except UserError:
        return False  # who reads it will say so
    datasets = {name: dict(own) for name, own in then.get("datasets", {}).items()}
    for own in datasets.values():
        own.pop("info", None)
    return bool(otherwise({**then, "datasets": datasets}, gathered(config)))


def made_otherwise(config: Config, results: Path, wanted: Iterable[str]) -> dict[str, Difference]:
    """Of results (paths below `results`), those that say another thing than a config wants.

    {path: the first difference}. What is missing or torn is left out: it is made, or who reads it
    says so.
    """
    looked, prints, found = set(wanted), {}, {}
    for below, dataset, told in of_results(config):
        if below not in looked or not (results / below).exists():
            continue
        if dataset not in prints:
            info = results / plan.of_dataset(dataset, "info")["info"]
            prints[dataset] = said(info).get("fingerprint") if info.exists() else None
        if prints[dataset] is not None:
            told = told | {"fingerprint": prints[dataset]}
        try:
            faults = otherwise(said(results / below), told)
        except UserError:
            continue
        if faults:
            found[below] = faults[0]
    return found


def otherwise(then: Told, now: Told) -> list[Difference]:
    """Where a result's words `then` differ from those that a config wants `now`.

    What an earlier version did not say is taken as it is.
    """
    return [
        (key.removeprefix("settings."), str(old), str(new))
        for name, value in now.items()
        if name in then
        for key, old, new in differences(then[name], value, name)
    ]
