"""A cost estimate beside the run that it foretold: seconds of jobs by rule, and bytes on disk.

    python -m wholepool throughput --config GRID.yaml --out rates.json
    python benchmarks/cost_check.py GRID.yaml rates.json RESULTS

RESULTS is the finished grid's folder: its benchmarks/**/*.tsv hold what each job took.
"""

import sys
from collections import defaultdict
from pathlib import Path

import yaml

from wholepool.cost.estimate import job_seconds, read_rates, schedule
from wholepool.cost.work import jobs
from wholepool.grid.config import resolve
from wholepool.paper.evidence import benchmarks

#: rules that share the benchmark folder of another, as their `use rule` has it
FOLDER = {
    "embed_initial": "embed",
    "features": "pretrain",
    "propagate_initial": "propagate",
    "acquire_with_pseudo_labels": "acquire",
}


def main(grid: str, rates_path: str, results: str) -> None:
    plan = jobs(resolve(yaml.safe_load(Path(grid).read_text(encoding="utf-8"))))
    rates = read_rates(rates_path)
    estimated: dict[str, float] = defaultdict(float)
    durations = [job_seconds(job, rates, {}) for job in plan]
    for job, seconds in zip(plan, durations, strict=True):
        if job.rule != "all":
            estimated[FOLDER.get(job.rule, job.rule)] += seconds
    measured = benchmarks(Path(results))[0]
    print("| rule | estimated, s | measured, s | ratio |\n|---|---|---|---|")
    rules = [rule for rule in estimated if rule in measured]
    for rule in sorted(rules, key=lambda rule: -measured[rule]):
        ratio = estimated[rule] / measured[rule]
        print(f"| {rule} | {estimated[rule]:.0f} | {measured[rule]:.0f} | {ratio:.2f} |")
    total = sum(estimated[rule] for rule in rules), sum(measured[rule] for rule in rules)
    print(f"| total | {total[0]:.0f} | {total[1]:.0f} | {total[0] / total[1]:.2f} |")
    end = schedule(plan, durations, 1).end
    found = sum(path.stat().st_blocks * 512 for path in Path(results).rglob("*"))
    records = Path(results).parents[1] / ".snakemake" / "metadata"
    found += sum(path.stat().st_blocks * 512 for path in records.rglob("*"))
    print(f"| disk at the end, MB | {end / 1e6:.0f} | {found / 1e6:.0f} | {end / found:.2f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
