"""The stages that gather what was made: tables, figures, comparison, landing."""

from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.stages.common import pool_infos
from wholepool.stages.options import (
    GRID,
    INFOS,
    Arguments,
    from_json,
    option,
    optional,
    require,
    stage,
)

if TYPE_CHECKING:
    from wholepool.report.results import Results

CONFIG = option("config", type=from_json, help="the config, as JSON")


@stage(option("results", "settings-out", "out"), INFOS, CONFIG)
def runs(args: Arguments) -> None:
    """Gather every cell's metrics into one table, a row per cell, and write the settings of all."""
    from wholepool.grid.config import resolve
    from wholepool.paper.evidence import write_settings
    from wholepool.report.runs import write_runs

    settings = resolve(args.config)
    infos = pool_infos(args)
    write_runs(Path(args.results), settings, infos, Path(args.out))
    write_settings(settings, infos, args.settings_out)


@stage(option("diagnoses", nargs="+"), option("out"))
def pretraining(args: Arguments) -> None:
    """Gather the diagnoses of all pre-trainings into one table."""
    from wholepool.report.runs import write_pretraining

    write_pretraining([Path(path) for path in args.diagnoses], Path(args.out))


@stage(option("runs", "out"), INFOS, GRID, into=True)
def tables(args: Arguments) -> None:
    """Make accuracy.csv and the pages that stand in tables/: the paper's Tables I to III."""
    from wholepool.report.build import write_tables

    require("--grid", args.grid, "experiments", "ablation_strategies")
    write_tables(Path(args.runs), Path(args.out).parent, args.grid, pool_infos(args))


@stage(option("runs", "accuracy", "out"), INFOS, GRID, into=True)
def figures(args: Arguments) -> None:
    """Make the pages that stand in figures/: the paper's Figures 1 to 4."""
    from wholepool.report.build import write
    from wholepool.report.results import Results

    require("--grid", args.grid, "experiments", "ablation_strategies")
    runs, accuracy, folder = Path(args.runs), Path(args.accuracy), Path(args.out).parent
    write("figures", Results(folder, args.grid, pool_infos(args), runs, accuracy))


@stage(option("results"), INFOS, CONFIG, option("out"), into=True)
def statistics(args: Arguments) -> None:
    """Make the pages of statistics: intervals, tests, ranks, labels saved, with their figures."""
    from wholepool.report.build import write

    write("statistics", results_of(args))


@stage(option("results"), INFOS, CONFIG, option("out"))
def report(args: Arguments) -> None:
    """Write report.html, one file that holds all: answer, figures, statistics, provenance."""
    from wholepool.report.html import write_report

    write_report(results_of(args), Path(args.out))


def results_of(args: Arguments) -> "Results":
    """What the pages of a finished grid are given, with its settings."""
    from wholepool.grid.cells import summary
    from wholepool.grid.config import resolve
    from wholepool.report.results import of_folder

    settings = resolve(args.config)
    return of_folder(Path(args.results), summary(settings), pool_infos(args), settings)


@stage(
    option("evidence", nargs="+", help="folders with runs.csv"),
    option("paper", "paper-grid", "tables", "figures"),
    output="tables",
    into=True,
)
def compare(args: Arguments) -> None:
    """Compare evidence with the paper's printed figures: a table and a figure."""
    from wholepool.grid.config import resolve
    from wholepool.job.yaml import read_yaml
    from wholepool.paper.comparison import compare, read_paper
    from wholepool.paper.evidence import read_evidence
    from wholepool.paper.figure import write_comparison_figure
    from wholepool.paper.table import summary, write_comparison

    resolved = resolve(read_yaml(args.paper_grid, "--paper-grid"))
    evidence = [read_evidence(folder) for folder in args.evidence]
    table, others = compare(read_paper(args.paper), evidence, resolved)
    write_comparison(table, others, args.tables)
    write_comparison_figure(table, args.figures)
    logger.info("%s", summary(table).strip())


@stage(
    option("results", "command", "out"),
    optional("commit"),
    option("replace", action="store_true", default=False, help="overwrite another landing"),
    into=True,
)
def land(args: Arguments) -> None:
    """Copy a finished grid's runs, its settings and where they come from to a folder to keep."""
    from wholepool.paper.evidence import land

    land(args.results, args.command, args.out, args.commit, args.replace)


@stage(option("results"))
def show(args: Arguments) -> None:
    """Print the result table, and where the figures are."""
    from wholepool.report.accuracy import read_accuracy, read_runs
    from wholepool.report.runs import mixed
    from wholepool.report.terminal import first_gains, losses, summary

    accuracy = Path(args.results) / "tables" / "accuracy.csv"
    if not accuracy.exists():
        raise UserError(f"{accuracy} is missing: run snakemake --cores all all_tables first")
    table = read_accuracy(accuracy)
    print(summary(table), first_gains(table) + "\n" + losses(table), sep="\n\n", end="\n\n")
    if difference := mixed(read_runs(accuracy.with_name("runs.csv"))):
        print(difference, end="\n\n")
    for folder in (Path(args.results) / "tables", Path(args.results) / "figures"):
        print(f"{folder}: {', '.join(sorted(path.name for path in folder.glob('*')))}")
