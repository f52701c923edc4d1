"""Tables, figures and report of runs that have landed in evidence/, without running anything.

    python studies/landed.py evidence/one_label_per_class results/landed

README's picture is the first screen of the report: docs/images/report.png, see
tools/readme_picture.py.
"""

import argparse
import shutil
from pathlib import Path

from wholepool.grid.cells import summary
from wholepool.paper.evidence import read_evidence
from wholepool.report import build
from wholepool.report.html import write_report
from wholepool.report.results import Results, of_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("evidence", type=Path, help="a folder with runs.csv and settings.json")
    parser.add_argument("out", type=Path, help="where tables/, figures/ and report.html go")
    args = parser.parse_args()
    make(args.evidence, args.out)


def make(evidence: Path, out: Path) -> None:
    """Tables, figures and report of a landing, below `out`."""
    results = opened(evidence, out)
    build.write_tables(results.runs_csv, out, results.grid, results.pools)
    for stage in ("figures", "statistics"):
        build.write(stage, results)
    write_report(results, out / "report.html")


def opened(evidence: Path, out: Path) -> Results:
    """What the pages are given of a landing; its runs.csv is copied below `out`."""
    landed = read_evidence(evidence)
    settings = landed.settings
    order = dict.fromkeys(landed.runs["experiment"])  # settings.json has sorted keys
    experiments = {name: settings["experiments"][name] for name in order}
    datasets = {name: {"oracle": "hidden"} | data for name, data in settings["datasets"].items()}
    strategies = {
        strategy: None
        for experiment in experiments.values()
        for words in experiment["methods"].values()
        for strategy in words["strategies"]
    }
    shown = {
        **settings,
        "experiments": experiments,
        "datasets": datasets,
        "tables": {"ablation_strategies": list(strategies)},
    }
    pools = {name: data["info"] for name, data in datasets.items()}
    (out / "tables").mkdir(parents=True, exist_ok=True)
    shutil.copy(evidence / "runs.csv", out / "tables" / "runs.csv")
    return of_folder(out, summary(shown), pools, shown)


if __name__ == "__main__":
    main()
