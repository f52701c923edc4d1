"""Running the real Snakefile on a small grid, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny.yaml"


def snakemake(folder, *arguments, config=TINY, check=True):
    """Run `snakemake` with the project's Snakefile in `folder`; returns the finished process."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    process = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(folder), "--configfile", str(config)),
            *arguments,
        ],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if check and process.returncode != 0:
        raise AssertionError(f"snakemake {arguments} failed:\n{process.stdout[-8000:]}")
    return process


class Job(NamedTuple):
    """A job of the plan."""

    rule: str
    inputs: list[str]
    outputs: list[str]
    shell: str


def planned(folder, *arguments, config=TINY):
    """The jobs that a dry-run would run; nothing is run."""
    jobs = []
    output = snakemake(folder, "--dry-run", "--printshellcmds", *arguments, config=config).stdout
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
