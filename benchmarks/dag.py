"""What Snakemake's driver costs on this workflow, beside a bare one of the same shape and size.

    python benchmarks/dag.py                       # 3 to 4 minutes on two cores
    python benchmarks/dag.py --parts run --seeds 5     # the whole paper: 20 minutes

Three parts, on grids of the paper's five settings:

- plan: `snakemake -n -q` of nothing done, real and bare in turn; per job, less the plan of one job;
- run: the real rules with a stub for `python`, which makes the outputs that the command names, with
  the sizes of a data set of 50,000 images; then `-n -q` with all done. The driver's own CPU time,
  without that of the jobs;
- stages: `python -m wholepool STAGE` on the tiny grid of the tests: seconds, and what it imports.

The bare workflow has the rules, wildcards and input functions of such a grid and nothing else: no
params, logs, benchmarks, resources or environments, and two inputs a job.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "workflow" / "grids" / "paper.yaml"
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"
HEAVY = ("torch", "torchvision", "scipy", "pandas", "pyarrow", "sklearn", "matplotlib", "numpy")

BARE = """
SETUPS, METHODS, STRATEGIES = range(5), range(4), range(5)
SEEDS, CYCLES = range({seeds}), 5
RUN = "r/{{setup}}/{{method}}/{{strategy}}/s{{seed}}/c{{cycle}}"


def at(w, name, back=0, own=False):
    cycle = int(w.cycle) - back
    strategy = "initial" if cycle == 0 and not own else w.strategy
    return f"r/{{w.setup}}/{{w.method}}/{{strategy}}/s{{w.seed}}/c{{cycle}}/{{name}}"


def labeled(w, back=0):
    if int(w.cycle) == back:
        return f"r/{{w.setup}}/initial/s{{w.seed}}/labeled"
    return at(w, "labeled", back)


def metrics():
    for setup in SETUPS:
        for method in METHODS:
            for seed in SEEDS:
                yield f"r/{{setup}}/{{method}}/initial/s{{seed}}/c0/metrics"
                for strategy in STRATEGIES:
                    for cycle in range(1, CYCLES):
                        yield f"r/{{setup}}/{{method}}/{{strategy}}/s{{seed}}/c{{cycle}}/metrics"


wildcard_constraints:
    seed=r"\\d+",
    cycle=r"\\d+",


rule table:
    input: list(metrics())
    output: "r/table"
    shell: "touch {{output}}"
rule figure:
    input: "r/table"
    output: "r/figure"
    shell: "touch {{output}}"
rule pretrain:
    output: "r/{{setup}}/pretrain/model"
    shell: "touch {{output}}"
rule initial:
    output: "r/{{setup}}/initial/s{{seed}}/labeled"
    shell: "touch {{output}}"
rule train:
    input: labeled, "r/{{setup}}/pretrain/model"
    output: f"{{RUN}}/model"
    shell: "touch {{output}}"
rule propagate:
    input: f"{{RUN}}/model", labeled
    output: f"{{RUN}}/pseudo"
    shell: "touch {{output}}"
rule evaluate:
    input: f"{{RUN}}/model", f"{{RUN}}/pseudo"
    output: f"{{RUN}}/metrics"
    shell: "touch {{output}}"
rule acquire:
    input: lambda w: at(w, "pseudo"), lambda w: at(w, "metrics")
    output: f"{{RUN}}/queries"
    shell: "touch {{output}}"
rule label:
    input: lambda w: at(w, "queries", 1, own=True), lambda w: labeled(w, 1)
    output: f"{{RUN}}/labeled"
    shell: "touch {{output}}"
"""

#: makes what the command names and what is not there: its outputs
STUB = """#!/bin/bash
for name in "$@"; do
  case "$name" in
    results/*/pool.npy) size=153600128 ;;
    results/*/test_images.npy) size=30720128 ;;
    results/*/embeddings.npy) size=25600128 ;;
    results/*/graph.npz) size=20000000 ;;
    results/*/probabilities.npy) size=2000128 ;;
    results/*/model.safetensors) size=12500000 ;;
    results/*.log) continue ;;
    results/*) size=2000 ;;
    *) continue ;;
  esac
  [ -e "$name" ] || truncate --size $size "$name"
done
"""

COUNT = """
import sys, yaml
from wholepool.grid.config import resolve
from wholepool.cost.work import jobs
grid = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
print(sum(1 for _ in jobs(resolve(grid))))
"""

WATCH = """
import os, runpy, sys
leave = os._exit
def told(status):
    heavy = [name for name in {heavy!r} if name in sys.modules]
    print("imports", *heavy, flush=True)
    leave(status)
os._exit = told
sys.argv[0] = "wholepool"
runpy.run_module("wholepool", run_name="__main__", alter_sys=True)
"""


def bare(folder: Path, seeds: int) -> tuple[list[str], int]:
    """Write the bare workflow; its Snakemake arguments and number of jobs."""
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE.format(seeds=seeds), encoding="utf-8")
    per_seed = 5 * (1 + 4 * (3 + 5 * 4 * 5))
    return ["--directory", str(folder), "--snakefile", str(folder / "Snakefile")], (
        seeds * per_seed + 5 + 2
    )


def real(folder: Path, seeds: int) -> tuple[list[str], int]:
    """Write the paper's grid with a number of seeds; its Snakemake arguments and number of jobs."""
    folder.mkdir()
    grid = yaml.safe_load(PAPER.read_text(encoding="utf-8"))
    grid |= {"seeds": seeds, "results_dir": "results", "device": "cpu", "threads": 1}
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump(grid), encoding="utf-8")
    arguments = ["--directory", str(folder), "--snakefile", str(ROOT / "Snakefile")]
    # in a process of its own: a child's peak of memory is at least what its parent had
    command = [sys.executable, "-c", COUNT, str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    count = int(subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True).stdout)
    return [*arguments, "--configfile", str(path)], count


def driver(*arguments: str, path: str | None = None, log: Path | None = None) -> dict[str, float]:
    """Run Snakemake; its wall seconds, own CPU seconds and peak MB, without those of its jobs."""
    environment = os.environ | ({"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"} if path else {})
    began = time.perf_counter()
    with open(log or os.devnull, "w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # still there, as a zombie
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"snakemake {' '.join(arguments)} failed" + (f", see {log}" if log else ""))
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return {"wall": time.perf_counter() - began, "cpu": cpu, "mb": usage.ru_maxrss / 1024}


def in_turn(repeat: int, *runs: list[str]) -> Iterator[dict[str, float]]:
    """The medians of each of several dry runs, which take turns: others use the machine too."""
    found = [[driver(*run, "-n", "-q") for run in runs] for _ in range(repeat)]
    for same in zip(*found, strict=True):
        yield {name: statistics.median(row[name] for row in same) for name in same[0]}


def plan(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Planning a grid of which nothing is done."""
    workflows = {
        "bare": (*bare(folder / "bare", options.plan_seeds), "r/0/pretrain/model", "r/figure"),
        "real": (
            *real(folder / "real", options.plan_seeds),
            "results/datasets/mnist/pool.npy",
            "all",
        ),
    }
    dry = [[target, *given] for given, _, *targets in workflows.values() for target in targets]
    found = in_turn(options.repeat, *dry)
    rows = []
    for name, (_, jobs, _, _) in workflows.items():
        one, whole = next(found), next(found)
        rows.append(row("plan", name, jobs, whole, one))
    return rows


def row(
    part: str, name: str, jobs: int, whole: dict[str, float], one: dict[str, float]
) -> dict[str, Any]:
    """What a run of a number of jobs took, and per job above what one takes."""
    per_job = 1000 * (whole["cpu"] - one["cpu"]) / jobs
    return {"part": part, "workflow": name, "jobs": jobs, **whole, "ms_per_job": per_job}


def execute(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Running a grid whose stages do nothing, then planning it with all done."""
    stub = folder / "stub"
    stub.mkdir()
    (stub / "python").write_text(STUB)
    (stub / "python").chmod(0o755)
    profile = ROOT / "profiles" / "default"
    scheduling = ["--cores", "2", "--workflow-profile", str(profile)]
    rows, dry = [], []
    for name, write, one, target in (
        ("bare", bare, "r/0/pretrain/model", "r/figure"),
        ("real", real, "results/datasets/mnist/pool.npy", "pretrain"),
    ):
        given, jobs = write(folder / name, options.seeds)
        log = folder / f"{name}.log"
        first = driver(one, *given, *scheduling, path=str(stub), log=log)
        if name == "real":  # tables and figures name folders, which the stub does not make
            given, jobs = [*given, "--until", "evaluate"], jobs - 13
            target = "all"
        whole = driver(target, *given, *scheduling, path=str(stub), log=log)
        rows.append(row("run", name, jobs, whole, first))
        dry += [[one, *given], [target, *given]]
    found = in_turn(options.repeat, *dry)
    for name, jobs in [(done["workflow"], done["jobs"]) for done in rows]:
        one, whole = next(found), next(found)
        rows.append(row("nothing to do", name, jobs, whole, one))
    return rows


def stages(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Each stage of the tiny grid as a process: seconds, and what it has imported at its end."""
    path = ROOT / "tools" / "chain.py"
    spec = importlib.util.spec_from_file_location("chain", path)
    assert spec is not None and spec.loader is not None
    chain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chain)
    grid = yaml.safe_load(TINY.read_text(encoding="utf-8")) | {"seeds": 1}
    for section in (
        grid["methods"]["full"]["sup"],
        *(grid[n] for n in ("sup", "semi", "deepcluster")),
    ):
        section["epochs"] = 1
    grid["deepcluster"]["pixel_epochs"] = 0
    grid["methods"]["baseline"]["strategies"] += ["random", "uncertainty", "coreset"]
    folder.mkdir()
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    with contextlib.redirect_stdout(None):
        chain.plan(str(folder / "grid.yaml"), str(folder / "plan.json"), ["all"])
    found: dict[str, list[dict[str, Any]]] = {}
    for job in json.loads((folder / "plan.json").read_text()):
        name = job["argv"][0]
        if name == "acquire":
            name += " " + job["argv"][job["argv"].index("--strategy") + 1]
        if name == "train":
            name += " SEMI" if "label_propagation" in job["argv"] else " SUP"
        found.setdefault(name, []).append(stage(job["argv"], folder))
    return [
        {"part": "stage", "stage": name, "imports": took[0]["imports"]}
        | {key: statistics.median(one[key] for one in took) for key in ("wall", "cpu", "mb")}
        for name, took in found.items()
    ]


def stage(argv: list[str], folder: Path) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH.format(heavy=HEAVY), *argv],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    said = process.stdout.read()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(argv)} failed:\n{errors}")
    return {
        "imports": said.splitlines()[-1].split()[1:],
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "mb": usage.ru_maxrss / 1024,
    }


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows of the parts that are asked for."""
    rows = []
    for name, part in (("plan", plan), ("run", execute), ("stages", stages)):
        if name in options.parts:
            with tempfile.TemporaryDirectory() as folder:
                rows += part(Path(folder) / "grid" if name == "stages" else Path(folder), options)
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    driven = [row for row in rows if row["part"] != "stage"]
    ran = [row for row in rows if row["part"] == "stage"]
    lines = []
    if driven:
        lines += ["| | workflow | jobs | wall, s | CPU, s | peak, MB | CPU-ms a job |"]
        lines += ["|---|---|---|---|---|---|---|"]
    for row in driven:
        lines.append(
            f"| {row['part']} | {row['workflow']} | {row['jobs']:,} | {row['wall']:.1f} "
            f"| {row['cpu']:.1f} | {row['mb']:.0f} | {row['ms_per_job']:.2f} |"
        )
    if ran:
        lines += ["", "| stage | wall, s | CPU, s | peak, MB | imports |", "|---|---|---|---|---|"]
    for row in ran:
        lines.append(
            f"| {row['stage']} | {row['wall']:.2f} | {row['cpu']:.2f} | {row['mb']:.0f} "
            f"| {', '.join(row['imports'])} |"
        )
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("plan", "run", "stages")
    arguments.add_argument("--parts", nargs="+", choices=parts, default=parts)
    arguments.add_argument("--plan-seeds", type=int, default=5, help="5 is the paper's grid")
    arguments.add_argument("--seeds", type=int, default=1, help="of the grid that is run")
    arguments.add_argument("--repeat", type=int, default=2, help="dry runs, of which the median")
    arguments.add_argument("--out", help="JSON")
    options = arguments.parse_args()
    rows = run(options)
    print(markdown(rows))
    if options.out:
        Path(options.out).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
