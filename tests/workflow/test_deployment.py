"""The workflow in the hands of others: parsed without our package, deployed from another folder."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from running import ROOT, TINY, environment

MODULE = """
configfile: "config/config.yaml"


module wholepool:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from wholepool
"""
#: what a machine must have that plans our workflow
PLANNER = ("snakemake",)


def requirements(names):
    """These distributions and all that they require here, by their canonical names."""
    found, todo = {}, list(names)
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found:
            continue
        found[name] = distribution = importlib.metadata.distribution(name)
        wanted = map(Requirement, distribution.requires or ())
        todo += [r.name for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def without_us(tmp_path_factory):
    """Run Snakemake in an environment that holds it and what it needs, and no wholepool."""
    folder = tmp_path_factory.mktemp("site")
    for distribution in requirements(PLANNER).values():
        tops = {file.parts[0] for file in distribution.files if ".." not in file.parts}
        for top in tops - {"__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(distribution.locate_file(top)))
    variables = {k: v for k, v in environment().items() if not k.startswith("PYTHON")}
    variables["PYTHONPATH"] = str(folder)

    def run(*arguments, cwd=ROOT):
        # -S: without this environment's own packages
        return subprocess.run(
            [sys.executable, "-S", "-m", *arguments],
            **{"cwd": cwd, "env": variables, "text": True},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT},
        )

    gone = run("wholepool")
    assert gone.returncode != 0 and "No module named wholepool" in gone.stdout
    return run


@pytest.fixture
def deployed(tmp_path):
    """A folder of somebody else's, which has the tiny grid and takes the workflow as a module."""

    def write(snakefile):
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.yaml").write_text(TINY.read_text())
        (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=snakefile))
        return tmp_path

    return write


def jobs_of(output):
    """How many jobs a dry run plans, by rule."""
    rows = (line.split() for line in output.splitlines())
    counted = [row for row in rows if len(row) == 2 and row[1].isdigit()]
    return {name: int(count) for name, count in counted}


def plan(folder, *arguments):
    process = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "reason", *arguments],
        **{"cwd": folder, "env": environment(), "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT},
    )
    assert process.returncode == 0, process.stdout
    return jobs_of(process.stdout)


def test_it_is_planned_and_linted_without_our_package(without_us, tmp_path):
    process = without_us("snakemake", "--lint")
    assert process.returncode == 0 and "Congratulations" in process.stdout, process.stdout
    line = ("--dry-run", "--quiet", "reason", "--directory", tmp_path, "--configfile", TINY)
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        process = without_us("snakemake", "--snakefile", ROOT / snakefile, *line)
        assert process.returncode == 0, process.stdout
        assert jobs_of(process.stdout)["train"] == 14


def test_the_standard_place_plans_what_the_top_does(tmp_path):
    line = ("--directory", tmp_path, "--configfile", TINY)
    top = plan(ROOT, "--snakefile", ROOT / "Snakefile", *line)
    standard = plan(ROOT, "--snakefile", ROOT / "workflow" / "Snakefile", *line)
    assert top.pop("all") == standard.pop("whole") == 1
    assert top == standard


def test_a_module_of_it_plans_all_jobs(deployed, tmp_path_factory):
    here = tmp_path_factory.mktemp("top")
    line = ("--directory", here, "--configfile", TINY)
    whole = plan(ROOT, "--snakefile", ROOT / "workflow" / "Snakefile", *line)
    assert plan(deployed(ROOT / "workflow" / "Snakefile")) == whole
    assert whole["total"] == 77


@pytest.mark.long
def test_a_module_of_it_runs(deployed):
    folder = deployed(ROOT / "workflow" / "Snakefile")
    process = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        **{"cwd": folder, "env": environment(), "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT},
    )
    assert process.returncode == 0, process.stdout[-8000:]
    assert (folder / "results" / "tables" / "table3.md").exists()
    assert (folder / "results" / "figures" / "figure3.png").exists()
