"""Running the real Snakefile on a small grid, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny.yaml"


def command(folder, *arguments, config=TINY, root=ROOT):
    """The command line of `snakemake` with the project's Snakefile in `folder`."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")),
        *("--directory", str(folder), "--configfile", str(config)),
        *arguments,
    ]


def environment():
    """This process's environment, in which jobs find this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


def snakemake(folder, *arguments, config=TINY, check=True, root=ROOT):
    """Run `snakemake` with the project's Snakefile in `folder`; returns the finished process."""
    process = subprocess.run(
        command(folder, *arguments, config=config, root=root),
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if check and process.returncode != 0:
        raise AssertionError(f"snakemake {arguments} failed:\n{process.stdout[-8000:]}")
    return process


def contents(folder):
    """The bytes of every result in `folder`, by its path; logs and benchmarks tell of times."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
    }


class Job(NamedTuple):
    """A job of the plan."""

    rule: str
    inputs: list[str]
    outputs: list[str]
    shell: str


def planned(folder, *arguments, config=TINY, root=ROOT):
    """The jobs that a dry-run would run; nothing is run."""
    jobs = []
    arguments = ("--dry-run", "--printshellcmds", *arguments)
    output = snakemake(folder, *arguments, config=config, root=root).stdout
    for line in output.splitlines():
        start = re.fullmatch(r"(?:local)?rule (\w+):", line)
        if start:
            jobs.append(Job(start[1], [], [], ""))
        name, _, value = line.strip().partition(": ")
        if jobs and name in ("input", "output"):
            (jobs[-1].inputs if name == "input" else jobs[-1].outputs).extend(value.split(", "))
        if jobs and name == "Shell command":
            jobs[-1] = jobs[-1]._replace(shell=value)
    return jobs
