"""Running the real Snakefile on a small grid, in a folder of its own."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from wholepool.job.provenance import TIMES

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
    """Every result in `folder`, by its path, as bytes that another run of the grid has too.

    Three things tell of times and are compared without: the metadata of a history, the last
    columns of runs.csv, and two sections of the report. Logs and benchmarks are left out.
    """
    results = folder / "results"
    found = {}
    for path in sorted(results.rglob("*")):
        inside = path.relative_to(results)
        if path.is_file() and inside.parts[0] not in ("logs", "benchmarks"):
            timeless = TIMELESS.get(path.name, Path.read_bytes)
            found[str(inside)] = timeless(path)
    return found


def timeless_history(path):
    """A history, table and metadata, written again without its times."""
    table = pq.read_table(path)
    metadata = {k: v for k, v in table.schema.metadata.items() if k.decode() not in TIMES}
    assert len(metadata) == len(table.schema.metadata) - len(TIMES), path
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


def timeless_report(path):
    """report.html without the sections that tell when it was made, and in which time."""
    text = path.read_text(encoding="utf-8")
    for name in ("cost_of_run", "provenance"):
        text, n = re.subn(rf'<section id="{name}".*?</section>', "", text, flags=re.S)
        assert n == 1, name
    return text.encode()


def timeless_runs(path):
    """runs.csv without its times, which are the last columns."""
    rows = list(csv.reader(io.StringIO(path.read_text())))
    assert tuple(rows[0][-len(TIMES) :]) == TIMES
    return "\n".join(",".join(row[: -len(TIMES)]) for row in rows).encode()


TIMELESS = {
    "history.parquet": timeless_history,
    "runs.csv": timeless_runs,
    "report.html": timeless_report,
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
