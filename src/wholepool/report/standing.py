"""The report of a grid as it stands now: never started, half finished, of people, or whole.

Nothing is run. What is gathered on the way stands in a folder that is thrown away: tables of half a
grid among the results would be taken for whole.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.data.pool import DESCRIPTION
from wholepool.grid import joblist, plan
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve
from wholepool.job.files import read_object, write_text
from wholepool.job.yaml import read_yaml
from wholepool.report import build, labelers, missing
from wholepool.report.html import write_report
from wholepool.report.results import Results
from wholepool.report.runs import gather, write_pretraining


def written(config: Path, out: Path | None = None) -> Path:
    """Write the report of a config, by default into its results folder; returns where it is.

    Raises UserError as `resolve`, `gather` and the pages do.
    """
    settings = resolve(read_yaml(config))
    source = Path(settings["results_dir"])
    out = out or source / "report.html"
    with tempfile.TemporaryDirectory(prefix="wholepool-report-") as folder:
        if labelers.only(settings):
            write_report(of_folder_labeled(settings, source, Path(folder)), out)
        else:
            results = made(settings, source, Path(folder))
            write_report(results, out, missing.told(settings, source, command(config)))
    return out


def of_folder_labeled(settings: Mapping[str, Any], source: Path, folder: Path) -> Results:
    """What the pages for people are given: they need no table of a grid, and none is made."""
    grid, infos = summary(dict(settings)), described(settings, source)
    given = grid, infos, folder / "tables/runs.csv", folder / build.ACCURACY
    return Results(folder, *given, settings=settings, source=source, partial=True)


def made(settings: Mapping[str, Any], source: Path, folder: Path) -> Results:
    """The tables, figures and statistics of what stands in `source`, made in another folder."""
    infos = described(settings, source)
    partial = bool(missing.lacking(settings, source)) or len(infos) < len(plan.infos(settings))
    grid, tables = summary(dict(settings)), folder / "tables"
    runs = gather(source, settings, infos, partial)
    write_text(tables / "runs.csv", runs.to_csv(index=False, lineterminator="\n"))
    if diagnoses := diagnosed(settings, source):
        write_pretraining(diagnoses, tables / "pretraining.csv")
    build.write_tables(tables / "runs.csv", folder, grid, infos, partial)
    given = grid, infos, tables / "runs.csv", folder / build.ACCURACY
    results = Results(folder, *given, settings=settings, source=source, partial=partial)
    if len(runs):  # of nothing they are empty axes, which take longer than all the rest
        build.write("figures", results)
    build.write("statistics", results)
    return results


def described(settings: Mapping[str, Any], source: Path) -> dict[str, dict[str, Any]]:
    """The descriptions of the data sets, as far as they are there."""
    return {
        name: read_object(source / path, *DESCRIPTION, "n_test")
        for name, path in plan.infos(settings).items()
        if (source / path).exists()
    }


def diagnosed(settings: Mapping[str, Any], source: Path) -> list[Path]:
    """The diagnoses of pre-trainings that are there."""
    used = dict.fromkeys(one["dataset"] for one in settings["experiments"].values())
    return [
        source / path
        for dataset in used
        for job in joblist.dataset_jobs(settings, dataset)
        if job.rule == "diagnose"
        for path in job.outputs.values()
        if (source / path).exists()
    ]


def command(config: Path) -> str:
    """The command that runs what is missing."""
    if config == Path("config.yaml"):
        return "snakemake --cores all"
    return f"snakemake --cores all --configfile {shlex.quote(str(config))}"
