"""The counted jobs and files of a grid are those that Snakemake plans and leaves."""

import collections
import re

import pytest
import yaml
from running import ROOT, TINY, snakemake

from wholepool.cost.estimate import schedule
from wholepool.cost.work import jobs
from wholepool.grid.config import resolve


def plan(path):
    return jobs(resolve(yaml.safe_load(path.read_text(encoding="utf-8"))))


#: the paper's grid, which takes longest, is counted where it is planned: test_plan.py
@pytest.mark.parametrize(
    "path",
    [TINY, ROOT / "config.yaml", ROOT / "workflow/grids/one_label_per_class.yaml"],
    ids=lambda path: path.stem,
)
def test_the_jobs_are_those_of_a_dry_run(tmp_path, path):
    output = snakemake(tmp_path, "--dry-run", "--quiet", "rules", "--", "all", config=path).stdout
    planned = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.M)}
    del planned["total"]
    assert dict(collections.Counter(job.rule for job in plan(path))) == planned


def test_the_files_and_the_disk_are_those_of_a_real_run(run):
    results = run / "results"
    made = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    made = {file for file in made if not file.startswith(("logs/", "benchmarks/"))}
    made = {file for file in made if not file.endswith(".snakemake_timestamp")}
    counted = {file for job in plan(TINY) for file in set(job.outputs) - job.temporary}
    assert counted == made
    end = schedule(plan(TINY), [1.0] * len(plan(TINY)), 2).end
    folders = [results, run / ".snakemake" / "metadata"]
    found = sum(path.stat().st_blocks * 512 for folder in folders for path in folder.rglob("*"))
    assert 0.7 < end / found < 1.3
