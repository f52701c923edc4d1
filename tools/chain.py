"""Fills a grid on a machine where Snakemake cannot be installed, over as many calls as it takes.

    python tools/chain.py plan --configfile workflow/grids/paper.yaml --out plan.json
    python tools/chain.py run plan.json --results-under . --only 'mnist-b10/semi/random/*'

`plan` asks Snakemake for its jobs; `run` needs only the package: it calls the same stages with the
same arguments, in one process, and leaves the files that Snakemake would have left. Everything it
knows of a job stands in the plan. docs/chain.md says how the two go together.
"""

import argparse
import collections
import datetime
import fnmatch
import gc
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing can be installed on such a machine

from wholepool.grid.cells import INITIAL  # noqa: E402
from wholepool.job.log import clock  # noqa: E402

#: the folder of a cell, in the path of a file: experiment, method, strategy, seed, cycle
CELL = re.compile("/runs/([^/]+/[^/]+/[^/]+/seed[0-9]+/cycle[0-9]+)/")
Job = dict[str, Any]
ONLY = "such as 'cifar10-b100/pre+semi/random/*': seeds and cycles too, in the order to run them in"
CARELESS = "start a job even if one of its kind took longer than what is left of the minutes"


def plan(configfile: str, out: str, targets: list[str]) -> int:
    """Write the jobs of a dry run as JSON, a line a job, in an order in which they can run."""
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", empty, "--configfile", str(Path(configfile).resolve())]
        command += ["--dry-run", "--printshellcmds", "--", *targets]
        process = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    if process.returncode != 0:
        sys.exit(f"no plan of {configfile}, since Snakemake's dry run failed:\n{process.stdout}")
    jobs = ordered(parsed(process.stdout))
    absolute = next((file for job in jobs for file in job["outputs"] if os.path.isabs(file)), None)
    if absolute:
        sys.exit(
            f"{configfile}: the plan would make {absolute}, which another machine has elsewhere: "
            "give results_dir relative to the folder that the grid runs in"
        )
    Path(out).write_text("[\n" + ",\n".join(map(json.dumps, jobs)) + "\n]\n", encoding="utf-8")
    print(f"{out}: {len(jobs)} jobs")
    return 0


def parsed(output: str) -> list[Job]:
    """The package's stages among the jobs that `snakemake --dry-run --printshellcmds` prints."""
    jobs: list[Job] = []
    removed = set(re.findall(r"^Would remove temporary output (.+)$", output, flags=re.MULTILINE))
    for block in re.split(r"^(?=(?:local)?rule \w+:$)", output, flags=re.MULTILINE)[1:]:
        # a command may go over several lines: what Snakemake says next ends it
        head, _, rest = block.partition("\nShell command: ")
        words = shlex.split(re.split(r"\n(?:\n\[|Would remove |Job stats:)", rest)[0])
        if words[:3] != ["python", "-m", "wholepool"]:
            continue
        fields = dict(re.findall(r"^    (\w+): (.*)$", head, flags=re.MULTILINE))
        outputs = fields["output"].split(", ")
        jobs.append(
            {
                "rule": re.match(r"\w+ (\w+):", block)[1],
                "inputs": fields["input"].split(", ") if "input" in fields else [],
                "outputs": outputs,
                "temporary": [file for file in outputs if file in removed],
                "argv": words[3:],
                "log": fields["log"],
                "benchmark": fields["benchmark"],
            }
        )
    return jobs


def ordered(jobs: list[Job]) -> list[Job]:
    """The jobs cell by cell in the order of their paths, each after those that it needs."""
    maker = makers(jobs)
    placed: dict[str, Job] = {}
    waiting = sorted(jobs, key=place, reverse=True)
    while waiting:
        job = waiting[-1]
        first = [maker[file] for file in job["inputs"] if file in maker]
        first = [other for other in first if name(other) not in placed]
        if first:
            waiting += sorted(first, key=place, reverse=True)
        else:
            placed.setdefault(name(waiting.pop()), job)
    return list(placed.values())


def place(job: Job) -> tuple[bool, list[str | int]]:
    """Sorts jobs by cell, the shared cycle 0 first, seed 10 after seed 2; no cell comes last."""
    cell = cell_of(job)
    words = re.split(r"(\d+)", (cell or "").replace(f"/{INITIAL}/", "//"))
    return cell is None, [int(word) if word.isdigit() else word for word in words]


def makers(jobs: Iterable[Job]) -> dict[str, Job]:
    """The job that makes each file."""
    return {file: job for job in jobs for file in job["outputs"]}


def name(job: Job) -> str:
    """What tells a job from all others: its first output."""
    return job["outputs"][0]


def cell_of(job: Job) -> str | None:
    """experiment/method/strategy/seedN/cycleN of the cell whose folder a job writes into."""
    found = CELL.search(name(job))
    return found[1] if found else None


def selected(jobs: list[Job], patterns: list[str]) -> list[Job]:
    """The cells that match the patterns, and all that they need, pattern after pattern.

    Cells are taken whole, with their measurement, and with the cycle 0 that all strategies share
    and that Random would not need.
    """
    maker = makers(jobs)
    cells: dict[str | None, list[Job]] = collections.defaultdict(list)
    for job in jobs:
        cells[cell_of(job)].append(job)
    chosen: dict[str, Job] = {}
    for pattern in patterns:
        matching = [cell for cell in cells if cell and fnmatch.fnmatchcase(cell, pattern)]
        if not matching:
            sys.exit(
                f"--only {pattern} matches no cell of the plan, whose first is "
                f"{next(filter(None, cells), 'none')}: write experiment/method/strategy/seedN/"
                "cycleN, with * for any part"
            )
        wanted: set[str] = set()
        first = [re.sub(r"[^/]+/(seed\d+)/.*", rf"{INITIAL}/\1/cycle0", cell) for cell in matching]
        waiting = [job for cell in [*first, *matching] for job in cells.get(cell, [])]
        while waiting:
            job = waiting.pop()
            if name(job) not in wanted:
                wanted.add(name(job))
                waiting += [maker[file] for file in job["inputs"] if file in maker]
                waiting += cells[cell_of(job)] if cell_of(job) else []
        chosen |= {name(job): job for job in jobs if name(job) in wanted.difference(chosen)}
    return list(chosen.values())


def unmade(jobs: list[Job]) -> set[str]:
    """The jobs that have to run, by Snakemake's rule: files that nothing reads any more may miss.

    Those are temporary ones whose readers are done, and whatever was not carried along.
    """
    read = {file for job in jobs for file in job["inputs"]}
    left: set[str] = set()
    needed = {file for job in jobs for file in job["outputs"] if file not in read}
    needed.difference_update(file for job in jobs for file in job["temporary"])
    for job in reversed(jobs):
        if not all(map(os.path.exists, needed.intersection(job["outputs"]))):
            left.add(name(job))
            needed.update(job["inputs"])
    return left


def run(
    jobs: list[Job], todo: list[Job], minutes: float, careful: bool, changes: dict[str, str]
) -> int:
    """Run those of `todo` that have to run: 0 if none is left, 1 if one failed, 3 for lack of time.

    `jobs` is the whole plan: a temporary file stays as long as any job of it has to read the file.
    """
    began = time.monotonic()
    left, maker = unmade(jobs), makers(jobs)
    todo = [job for job in todo if name(job) in left]
    readers: dict[str, set[str]] = collections.defaultdict(set)
    temporary = {file for job in jobs for file in job["temporary"]}
    longest: dict[str, float] = collections.defaultdict(float)
    for job in jobs:
        for file in temporary.intersection(job["inputs"]):
            readers[file].add(name(job))
        if os.path.exists(job["benchmark"]):
            line = Path(job["benchmark"]).read_text(encoding="utf-8").splitlines()[1]
            longest[kind(job)] = max(longest[kind(job)], float(line.split("\t")[0]))

    def remove_unread(files: Iterable[str]) -> None:
        for file in temporary.intersection(files):
            if left.isdisjoint(readers[file]):
                Path(file).unlink(missing_ok=True)

    remove_unread(temporary)  # an earlier call may have been stopped just before
    failed: list[Job] = []
    for number, job in enumerate(todo, start=1):
        spent = time.monotonic() - began
        if spent >= 60 * minutes:
            break
        if any(name(maker[file]) in left for file in job["inputs"] if file in maker):
            continue  # that one failed, or there was no time for it
        title = f"{number} of {len(todo)}: {job['rule']} {cell_of(job) or name(job)}"
        if careful and spent + longest[kind(job)] > 60 * minutes:
            print(f"{title}: no time, one took {clock(longest[kind(job)])}", flush=True)
            continue
        status = call([changes.get(a, b) for a, b in itertools.pairwise(["", *job["argv"]])])
        seconds = time.monotonic() - began - spent
        if status == os.EX_TEMPFAIL:
            print(f"{title} was asked to stop and left a checkpoint: so ends this call", flush=True)
            break
        done = status == 0 and all(map(os.path.exists, job["outputs"]))
        if done:
            left.remove(name(job))
            write_benchmark(job["benchmark"], seconds)
            longest[kind(job)] = max(longest[kind(job)], seconds)
            remove_unread([*job["inputs"], *job["outputs"]])
        else:
            failed.append(job)
        how = "took" if done else f"failed, see {job['log']}, after"
        print(f"{title} {how} {clock(seconds)}; {clock(spent + seconds)} in all", flush=True)
    todo = [job for job in todo if name(job) in left]
    print(summary(todo))
    return 1 if failed else 3 if todo else 0


def call(argv: list[str]) -> int:
    """Run a stage in this process; returns its exit status."""
    from wholepool.__main__ import main

    try:
        return main(argv)
    except SystemExit:  # argparse: a plan of another version of the package
        return 2
    finally:
        gc.collect()  # a network and its pool on the GPU may hang in a cycle


def kind(job: Job) -> str:
    """Jobs that take about as long: of a rule, and of an experiment and a method."""
    return "/".join([job["rule"], *(cell_of(job) or name(job)).split("/")[:2]])


def write_benchmark(path: str, seconds: float) -> None:
    """Write a job's duration where, and as, Snakemake does."""
    from wholepool.job.files import write_text

    wall = datetime.timedelta(seconds=int(seconds))
    write_text(path, f"s\th:m:s\n{seconds:.4f}\t{wall}\n")


def summary(jobs: list[Job]) -> str:
    """What is left, a line per experiment, method and strategy."""
    groups: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for job in jobs:
        cell = cell_of(job)
        groups["/".join(cell.split("/")[:3]) if cell else name(job)][job["rule"]] += 1
    lines = [f"{len(jobs)} jobs left" if jobs else "nothing left"]
    for group, rules in groups.items():
        lines.append(f"  {group}: " + ", ".join(f"{rule} {n}" for rule, n in rules.items()))
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("plan", help="with Snakemake: write the list of jobs")
    sub.add_argument("--configfile", required=True, help="the grid")
    sub.add_argument("--out", required=True, help="the plan, JSON")
    sub.add_argument("targets", nargs="*", metavar="TARGET", help="default: the whole grid")
    sub = commands.add_parser("run", help="without Snakemake: run what is not there yet")
    sub.add_argument("plan", help="the plan, JSON")
    sub.add_argument("--results-under", required=True, help="folder that the paths start from")
    sub.add_argument("--only", nargs="+", default=["*"], metavar="CELLS", help=ONLY)
    sub.add_argument("--minutes", type=float, default=float("inf"), help="then start no more jobs")
    sub.add_argument("--careless", action="store_true", help=CARELESS)
    sub.add_argument("--device", choices=("auto", "cpu", "cuda"), help="instead of the plan's")
    sub.add_argument("--data-dir", help="where the data is, instead of the plan's")
    args = top.parse_args()
    if args.command == "plan":
        return plan(args.configfile, args.out, args.targets)
    jobs = json.loads(Path(args.plan).read_text(encoding="utf-8"))
    changes = {"--device": args.device} if args.device else {}
    if args.data_dir:
        changes["--data-dir"] = os.path.abspath(args.data_dir)
    Path(args.results_under).mkdir(parents=True, exist_ok=True)
    os.chdir(args.results_under)
    return run(jobs, selected(jobs, args.only), args.minutes, not args.careless, changes)


if __name__ == "__main__":
    sys.exit(main())
