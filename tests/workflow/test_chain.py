"""The driver without Snakemake leaves what Snakemake leaves; interrupted, it goes on."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT, TINY, contents, planned, snakemake

PATH = ROOT / "tools" / "chain.py"
spec = importlib.util.spec_from_file_location("chain", PATH)
chain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chain)
EMBED = "results/runs/tiny/pre+semi/random/seed0/cycle1/embeddings.npy"
PSEUDO = EMBED.replace("embeddings.npy", "pseudo_labels.parquet")
TESTED = EMBED.replace("embeddings.npy", "test_probabilities.npy")


def drive(*arguments):
    """Run the driver in a process of its own; returns the finished process."""
    command = [sys.executable, str(PATH), *map(str, arguments)]
    return subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ)
    )


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    process = drive("plan", "--configfile", TINY, "--out", path)
    assert process.returncode == 0, process.stdout
    return path


@pytest.fixture
def jobs(plan, tmp_path, monkeypatch):
    """The plan, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return json.loads(plan.read_text())


@pytest.fixture
def stages(jobs, monkeypatch):
    """The stages replaced by touching outputs; those in the set of first outputs `fail`."""
    by_argv = {json.dumps(job["argv"]): job for job in jobs}
    ran, fail = [], set()

    def call(argv):
        job = by_argv[json.dumps(argv)]
        missing = [file for file in job["inputs"] if not Path(file).exists()]
        assert not missing, (job["rule"], missing)
        if chain.name(job) in fail:
            return 2
        for file in job["outputs"]:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).touch()
        ran.append(job)
        return 0

    monkeypatch.setattr(chain, "call", call)
    return ran, fail


def run_all(jobs, *patterns, minutes=60.0, careful=True):
    return chain.run(jobs, chain.selected(jobs, patterns or ["*"]), minutes, careful, {})


def test_a_grid_filled_in_two_calls_is_the_one_that_snakemake_makes(run, plan, tmp_path):
    begun = ("run", plan, "--results-under", tmp_path)
    first = drive(*begun, "--only", "tiny/pre+semi/random/seed0/*", "--minutes", 60)
    assert first.returncode == 0, first.stdout
    trained = sorted(path.parent for path in tmp_path.rglob("metrics.json"))
    assert [str(path.relative_to(tmp_path / "results/runs/tiny")) for path in trained] == [
        "pre+semi/initial/seed0/cycle0",
        "pre+semi/random/seed0/cycle1",
    ]
    second = drive(*begun)
    assert second.returncode == 0, second.stdout
    assert "nothing left" in second.stdout
    left = planned(tmp_path, "all")
    rules = {"diagnose", "pretraining", "runs", "tables", "figures", "statistics", "report", "all"}
    assert {job.rule for job in left} == rules and len(left) == len(rules)
    snakemake(tmp_path, "--cores", "1", "all")
    assert contents(tmp_path) == contents(run)
    assert files(tmp_path / "results/benchmarks") == files(run / "results/benchmarks")
    assert files(tmp_path / "results/logs") == files(run / "results/logs")


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_without_time_nothing_starts_and_what_is_left_is_listed(plan, tmp_path):
    process = drive("run", plan, "--results-under", tmp_path, "--minutes", 0)
    assert process.returncode == 3
    assert "69 jobs left" in process.stdout
    assert "tiny/baseline/initial: train 2, embed_initial 2" in process.stdout
    assert files(tmp_path) == set()


def test_a_pattern_that_matches_nothing_is_refused(plan, tmp_path):
    process = drive("run", plan, "--results-under", tmp_path, "--only", "tiny/semi/*")
    assert process.returncode == 1
    assert "--only tiny/semi/* matches no cell of the plan" in process.stdout


def test_patterns_run_in_their_order_and_cells_whole(jobs, stages):
    ran, _ = stages
    assert run_all(jobs, "tiny/pre+semi/random/seed1/*", "tiny/full/*") == 0
    cells = list(dict.fromkeys(filter(None, map(chain.cell_of, ran))))
    assert cells[-2:] == ["tiny/full/all/seed0/cycle0", "tiny/full/all/seed1/cycle0"]
    assert set(cells[:-2]) == {
        "tiny/pre+semi/initial/seed1/cycle0",
        "tiny/pre+semi/random/seed1/cycle0",
        "tiny/pre+semi/random/seed1/cycle1",
    }
    rules = [job["rule"] for job in ran if "/initial/seed1/cycle0/" in chain.name(job)]
    assert sorted(rules) == ["embed_initial", "evaluate", "propagate_initial", "train"]


def test_temporary_files_go_with_their_last_reader_and_others_stay(jobs, stages):
    ran, _ = stages
    assert run_all(jobs) == 0
    left = {Path(file).name: 0 for file in ("embeddings.npy", "probabilities.npy")}
    for path in files(Path("results/runs")):
        if path.name in left:
            assert path.parts[2] == "initial"
            left[path.name] += 1
    assert all(left.values())
    ran.clear()
    assert run_all(jobs) == 0 and ran == []


def test_a_temporary_file_that_is_still_to_be_read_is_made_again(jobs, stages):
    ran, fail = stages
    fail.add(PSEUDO)
    assert run_all(jobs) == 1
    assert Path(EMBED).exists() and Path(TESTED).exists()
    Path(EMBED).unlink()
    fail.clear()
    ran.clear()
    assert run_all(jobs) == 0
    assert [job["rule"] for job in ran] == ["embed", "propagate", "evaluate"]
    assert not Path(EMBED).exists() and Path(PSEUDO).exists()


def test_a_failure_stops_only_what_depends_on_it(jobs, stages, capsys):
    ran, fail = stages
    fail.add("results/datasets/digits/pretrain/deepcluster/history.parquet")
    assert run_all(jobs) == 1
    assert sum(job["rule"] == "evaluate" for job in ran) == 2 * (1 + 2) + 2
    assert not any("pre+semi" in chain.name(job) and job["rule"] == "train" for job in ran)
    said = capsys.readouterr().out
    assert "failed, see results/logs/pretrain/digits/deepcluster.log" in said
    assert "tiny/pre+semi/random: " in said
    fail.clear()
    assert run_all(jobs) == 0


def test_a_job_that_was_asked_to_stop_ends_the_call(jobs, stages, monkeypatch, capsys):
    ran, _ = stages
    call = chain.call

    def stopped(argv):
        return os.EX_TEMPFAIL if argv[0] == "train" else call(argv)

    monkeypatch.setattr(chain, "call", stopped)
    assert run_all(jobs) == 3
    assert "left a checkpoint" in capsys.readouterr().out
    done = len(ran)
    monkeypatch.setattr(chain, "call", call)
    assert run_all(jobs) == 0 and len(ran) > done


def test_a_job_that_took_too_long_elsewhere_is_not_started(jobs, stages, capsys):
    ran, _ = stages
    slow = next(job for job in jobs if "train/tiny/pre+semi" in job["benchmark"])
    chain.write_benchmark(slow["benchmark"], 3600.0)
    assert Path(slow["benchmark"]).read_text().splitlines()[1] == "3600.0000\t1:00:00"
    assert run_all(jobs, minutes=59) == 3
    assert "no time, one took 1:00 h" in capsys.readouterr().out
    trained = {chain.cell_of(job).split("/")[1] for job in ran if job["rule"] == "train"}
    assert trained == {"baseline", "full"}
    assert run_all(jobs, minutes=59, careful=False) == 0


def test_what_snakemake_prints_is_read_whole():
    said = (
        "Building DAG of jobs...\n\n[Wed Nov 25 02:00:25 2026]\nlocalrule runs:\n"
        "    input: a/x, a/y\n    output: b/z, b/t\n    log: l\n    jobid: 3\n"
        "    benchmark: m\n    resources: tmpdir=/tmp\n"
        "Shell command: python -m wholepool runs --grid '{\"it'\"'\"'s\":\n\n 1}' --theta "
        " --out b/z\n"
        "Would remove temporary output b/t\n\n[Wed Nov 25 02:00:25 2026]\nrule all:\n"
        "    input: b/z\n    jobid: 0\nShell command: None\nJob stats:\njob count\n"
    )
    (job,) = chain.parsed(said)
    assert job["argv"] == ["runs", "--grid", '{"it\'s":\n\n 1}', "--theta", "--out", "b/z"]
    assert (job["rule"], job["inputs"], job["outputs"]) == ("runs", ["a/x", "a/y"], ["b/z", "b/t"])
    assert (job["temporary"], job["log"], job["benchmark"]) == (["b/t"], "l", "m")
