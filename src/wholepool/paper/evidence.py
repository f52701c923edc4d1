"""Evidence: runs.csv and settings.json in one folder, and its landing in evidence/.

`settings.json` holds the settings that made the runs, in full:
    {"datasets": {name: {"source", "oracle", "pool", "network", "augment", a section per PRE,
                         "info": {"n", "n_test", "height", "width", "channels", "classes"}}},
     "experiments": {name: the resolved experiment}, "tables": {...}, "version": "..."}
A landing is a copy of the two with a third file, provenance.json: by which command, commit and
device they were made, and how long it took.
"""

import csv
import datetime
import logging
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from wholepool.grid.cells import is_full
from wholepool.grid.made import SETTINGS, gathered
from wholepool.grid.sections import word_of
from wholepool.job import registry
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic, read_object, write_json
from wholepool.job.hardware import processor
from wholepool.job.provenance import checkout
from wholepool.report.accuracy import RUN_COLUMNS

logger = logging.getLogger("wholepool")

RUNS, PROVENANCE = "runs.csv", "provenance.json"
INFO = ("n", "n_test", "height", "width", "channels", "classes")


class Evidence(NamedTuple):
    """A folder: a short name, its path, runs.csv (but no data without a test set), settings.json"""

    name: str
    folder: Path
    runs: pd.DataFrame
    settings: Mapping[str, Any]


def read_evidence(folder: str | Path) -> Evidence:
    """One folder of evidence.

    Raises UserError if a file is missing or torn, if the runs lack a column or hold an accuracy
    outside 0 ... 100, and if runs and settings do not belong together.
    """
    folder = Path(folder)
    runs = read_csv(folder / RUNS, RUN_COLUMNS)
    path = folder / SETTINGS
    settings = in_todays_words(read_object(path, "datasets", "experiments"))
    for name, plan in settings["experiments"].items():
        data = settings["datasets"].get(plan["dataset"], {})
        if "info" not in data or word_of(data.get("source", "")) not in registry.plugins("source"):
            raise UserError(
                f"{path} does not describe the pool of experiment {name}, data set "
                f"{plan['dataset']}, or its source is unknown: make it again with the stage runs"
            )
    tested = []
    for row in runs.itertuples():
        plan = settings["experiments"].get(row.experiment)
        if plan is None or row.method not in plan["methods"]:
            raise UserError(
                f"{folder / RUNS} has runs of experiment {row.experiment}, method {row.method}, "
                f"which its {SETTINGS} does not know: make both again with the stage runs"
            )
        tested.append(bool(settings["datasets"][plan["dataset"]]["info"]["n_test"]))
        if tested[-1] and not 0 <= float(row.accuracy) <= 100:  # NaN too
            raise UserError(
                f"{folder / RUNS}: the accuracy of experiment {row.experiment}, method "
                f"{row.method}, strategy {row.strategy}, seed {row.seed}, cycle {row.cycle} is "
                f"{row.accuracy}, but must be a percentage: make this run's metrics again"
            )
    own = folder.resolve()
    name = f"{own.parent.name}/{own.name}" if own.name == "tables" else own.name
    return Evidence(name, folder, runs.loc[tested], settings)


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV file with at least `columns`; UserError where it is missing, torn or lacks one."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a folder or a file that has it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV file ({error}): {AGAIN}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    return table


def settings_beside(runs: str | Path) -> dict[str, Any] | None:
    """settings.json of a runs.csv, or of a folder that has both; None where there is none."""
    path = Path(runs)
    folder = path if path.is_dir() else path.parent
    for found in (folder / SETTINGS, folder / "tables" / SETTINGS):
        if found.exists():
            return in_todays_words(read_object(found, "datasets", "experiments"))
    return None


def of_pre(settings: Mapping[str, Any] | None) -> str:
    """Whether the spread over seeds has PRE's own variance, in a sentence; "" without settings."""
    plans = settings["experiments"].values() if settings else []
    drawn = {
        plan["pre_drawn"]
        for plan in plans
        if any(words["pre"] != "none" for words in plan["methods"].values())
    }
    if not drawn:
        return ""
    if drawn == {"per_seed"}:
        return "Each seed has a PRE of its own."
    if drawn == {"once"}:
        return "All seeds share one PRE: its own variance is in no interval and no deviation."
    return "In some experiments all seeds share one PRE, whose variance is then in no interval."


def in_todays_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """settings.json as it is written today.

    Until November 2026 it had the section `pretrain` for DeepCluster's, no name of the network,
    `full_supervision` for a published accuracy, `cosine_epochs` in epochs, and a method's own SUP
    in `semi.sup_epochs` and in the section `full`; all seeds shared one PRE, jLP had the graph of
    `propagation`, whose search was exact, and copies of an image stayed in the pool.
    """
    datasets = {
        name: {
            "oracle": "hidden",
            **{"deepcluster" if key == "pretrain" else key: value for key, value in data.items()},
            "network": {"name": "conv13", "precision": "float32", **data["network"]},
            "pool": {"copies": "keep", **data["pool"]},
        }
        for name, data in settings["datasets"].items()
    }
    experiments = {}
    for name, plan in settings["experiments"].items():
        plan = {"pre_drawn": "once", "jlp": {"graph": plan["propagation"]["graph"]}} | {
            "published_accuracy" if key == "full_supervision" else key: value
            for key, value in plan.items()
        }
        plan["propagation"] = {"search": "exact", "recall": 0.99, **plan["propagation"]}
        if "cosine_epochs" in plan["sup"]:
            own = {key: value for key, value in plan.pop("full", {}).items() if value is not None}
            semi = dict(plan["semi"])
            epochs = semi.pop("sup_epochs", None)
            before = {} if epochs is None else {"epochs": epochs}
            methods = dict(plan["methods"])
            for method, does in plan["methods"].items():
                changed = own if is_full(does) else before if does["semi"] != "none" else {}
                if changed:
                    methods[method] = {**does, "sup": _with_period(plan["sup"] | changed)}
            plan |= {"sup": _with_period(plan["sup"]), "semi": _with_period(semi)}
            plan["methods"] = methods
        experiments[name] = plan
    return {**settings, "datasets": datasets, "experiments": experiments}


def _with_period(section: Mapping[str, Any]) -> dict[str, Any]:
    """`cosine_epochs` as a multiple of the epochs; without epochs there is no cosine."""
    kept = dict(section)
    cosine, epochs = kept.pop("cosine_epochs"), kept["epochs"]
    return {**kept, "cosine_period": round(cosine / epochs, 9) if epochs else 1.05}


def write_settings(
    settings: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]], out: str | Path
) -> None:
    """Write settings.json: `made.gathered`, and with each data set what its pool is.

    `settings` is a resolved config; `infos` is {dataset: the content of its pool.json}. Equal
    settings give equal bytes.
    """
    found = gathered(settings)
    for name, dataset in found["datasets"].items():
        found["datasets"][name] = {**dataset, "info": {key: infos[name][key] for key in INFO}}
    write_json(out, found)


def land(
    results: str | Path,
    command: str,
    out: str | Path,
    commit: str | None = None,
    replace: bool = False,
) -> None:
    """Copy a finished grid's runs.csv and settings.json to `out`, with provenance.json.

    Nothing else is copied. `command` is what made the grid, as the user gives it. Land on the
    machine that ran it, before the code is edited: commit and CPU are those found now. `commit`
    names it where there is no git to ask. A landing of the same runs and settings is left alone.
    Raises UserError if the grid is not finished, if `out` has another landing and not `replace`,
    and if the commit is not known.
    """
    results, out = Path(results), Path(out)
    tables = results / "tables"
    read_evidence(tables)  # complete and of one grid
    new = {out / name: (tables / name).read_bytes() for name in (RUNS, SETTINGS)}
    if out.exists() and not replace:
        same = all(path.exists() and path.read_bytes() == now for path, now in new.items())
        if same and (out / PROVENANCE).exists():
            logger.info("%s holds these very runs already; it is left as it is", out)
            return
        if any(out.iterdir()):
            raise UserError(f"{out} holds another landing: choose another --out or give --replace")
    provenance = provenance_of(results, command, commit)
    for path, content in new.items():
        with atomic(path) as temporary:
            temporary.write_bytes(content)
    write_json(out / PROVENANCE, provenance)
    logger.info("landed %s in %s", tables, out)


def provenance_of(results: Path, command: str, commit: str | None = None) -> dict[str, Any]:
    """What a reader needs to make the runs again, and to judge their cost.

    "commit" is that of the code that lands the runs, "runs_commits" are those that trained them.
    "job_seconds" is the running time of all jobs by rule, from Snakemake's benchmark files.
    "wall_seconds" is from the start of the first job to the last metrics or benchmark, pauses
    included. Both are null where there are no such files.
    """
    with open(results / "tables" / RUNS, encoding="utf-8", newline="") as file:
        runs = list(csv.DictReader(file))

    def made(column: str) -> list[str]:
        return sorted({run[column] for run in runs if run.get(column)})

    seconds, spans = benchmarks(results)
    spans += [(path.stat().st_mtime,) * 2 for path in (results / "runs").rglob("metrics.json")]
    wall = max(end for _, end in spans) - min(start for start, _ in spans) if spans else None
    found, dirty = (commit, None) if commit else (checkout() or (None, None))
    if found is None:
        raise UserError(
            f"The commit of the code is not known, as {Path(__file__).parent} is in no git "
            "checkout: give it with --commit"
        )
    return {
        "command": command,
        "commit": found,
        "dirty": dirty,
        "runs_commits": made("commit"),
        "devices": made("device"),
        "threads": made("threads"),
        "precision": made("precision"),
        "versions": {
            "torch": made("torch"),
            "wholepool": made("wholepool"),
            "python": platform.python_version(),
        },
        "cpu": processor(),
        "job_seconds": {rule: round(total, 1) for rule, total in sorted(seconds.items())},
        "job_seconds_total": round(sum(seconds.values()), 1) if seconds else None,
        "wall_seconds": None if wall is None else round(wall, 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def benchmarks(results: Path) -> tuple[dict[str, float], list[tuple[float, float]]]:
    """Seconds by rule, and start and end (seconds since 1970) of every job of a cell or data set.

    Jobs that gather (benchmarks/tables.tsv and the like) count in the first only: they may be done
    again long after.
    """
    top = results / "benchmarks"
    seconds: dict[str, float] = {}
    spans = []
    for path in sorted(top.rglob("*.tsv")):
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        try:
            took = sum(float(row["s"]) for row in rows)
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path} is no benchmark of Snakemake: delete it") from None
        parts = path.relative_to(top).parts
        rule = parts[0].removesuffix(".tsv")
        seconds[rule] = seconds.get(rule, 0.0) + took
        if len(parts) > 1:
            end = path.stat().st_mtime
            spans.append((end - took, end))
    return seconds, spans
