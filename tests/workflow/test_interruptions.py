"""A grid that is interrupted comes back by the same command and ends in the same bytes."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from running import ROOT, command, contents, environment, planned, snakemake


def start(folder, config):
    """The grid's driver, with its output in a file."""
    with open(folder / "said", "a") as said:
        return subprocess.Popen(
            command(folder, "--cores", "2", "all", config=config),
            env=environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def jobs_of(folder):
    """The processes of stages that write below `folder`, by pid, with their command lines."""
    found = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode().split("\0")
            if words[1:3] == ["-m", "wholepool"] and os.readlink(f"/proc/{name}/cwd") == str(
                folder
            ):
                found[int(name)] = " ".join(words)
        except OSError:  # it has ended
            pass
    return found


def wait_for(condition, driver, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, "the driver ended before"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def checkpointing(varied):
    """The tiny grid, with a checkpoint at every step."""
    return varied(checkpoint_seconds=0)


def hidden(folder):
    """What a killed process might leave: locks, temporary files, checkpoints."""
    names = [path.name for path in (folder / "results").rglob("*")]
    return [n for n in names if n.endswith((".lock", ".part", ".checkpoints", ".set-aside"))]


def test_a_killed_driver_takes_its_jobs_along_and_the_same_command_goes_on(
    run, tmp_path, checkpointing
):
    driver = start(tmp_path, checkpointing)
    trained = tmp_path / "results" / "runs" / "tiny"

    def training():
        return any(" train " in words for words in jobs_of(tmp_path).values())

    def evaluated():
        """Metrics whose jobs' ends the driver has written down; {} while one is between."""
        there = {path: path.stat().st_mtime_ns for path in trained.rglob("metrics.json")}
        ends = re.findall(r"Finished jobid: .*evaluate", (tmp_path / "said").read_text())
        return there if len(ends) == len(there) else {}

    there = {}

    def far_enough():
        there.update(evaluated())
        return len(there) >= 2 and training()

    wait_for(far_enough, driver)
    driver.kill()
    driver.wait()
    time.sleep(3)  # a job that was just being started asks only then
    assert jobs_of(tmp_path) == {}
    left = planned(tmp_path, "all", config=checkpointing)
    again = {file for job in left for file in job.outputs}
    assert not {str(path.relative_to(tmp_path)) for path in there} & again
    process = snakemake(tmp_path, "--cores", "2", "all", config=checkpointing)
    assert f"the run before, process {driver.pid} on " in process.stdout
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert contents(tmp_path) == contents(run)
    assert hidden(tmp_path) == []


def test_two_drivers_in_one_folder_are_one_too_many(run, tmp_path, checkpointing):
    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    for path in (folder / "results" / "tables").iterdir():
        path.unlink()
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time; from wholepool.job.locks import claim_results;"
            "claim = claim_results('results'); print(flush=True); time.sleep(300)",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    before = contents(folder)
    process = snakemake(folder, "--cores", "1", "all_tables", check=False)
    holder.kill()
    holder.wait()
    assert process.returncode != 0
    assert f"results is in use: Snakemake runs there as process {holder.pid}" in process.stdout
    assert "Wait until it ends, or stop it" in process.stdout
    assert contents(folder) == before
    snakemake(folder, "--cores", "1", "all")
    assert contents(folder) == contents(run)


def test_touched_code_and_files_of_another_age_redo_nothing(run, tmp_path):
    """As in a fresh clone of the code, or results that were copied without their times."""
    folder, rng = tmp_path / "copy", random.Random(0)
    shutil.copytree(run, folder)
    for path in (folder / "results").rglob("*"):
        moment = rng.uniform(1e9, 1.7e9)
        os.utime(path, (moment, moment))
    assert planned(folder, "all") == []
    code = tmp_path / "clone"
    code.mkdir()
    for part in ("Snakefile", "rules", "workflow", "profiles", "envs", "evidence", "src"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, code / part)
    for path in (code / "src").rglob("*.py"):
        path.write_text(path.read_text() + "\n# a comment\n")
    for path in (code / "rules").glob("*.smk"):
        path.write_text("# a comment\n" + path.read_text())
    assert planned(folder, "all", root=code) == []


def ended(pid):
    """Whether a child has ended; it can still be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def soak(folder, config, rng, kills):
    """Run the grid while its driver and its jobs are killed at random.

    Returns how often that was, and the peak memory, in MB, of every driver that ended and its jobs.
    """
    killed, peaks = 0, []
    while True:
        driver = start(folder, config)
        while not ended(driver.pid) and killed < kills:
            time.sleep(rng.uniform(0.5, 8))
            victims = sorted(jobs_of(folder)) if rng.random() < 0.5 else [driver.pid]
            if victims and not ended(driver.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(victims), signal.SIGKILL)
                    killed += 1
                if victims == [driver.pid]:
                    break
        status, used = os.wait4(driver.pid, 0)[1:]
        driver.returncode = os.waitstatus_to_exitcode(status)
        peaks.append(used.ru_maxrss / 1024)
        if driver.returncode == 0:
            return killed, peaks


def test_a_grid_whose_driver_and_jobs_are_killed_ends_in_the_same_bytes(
    run, tmp_path, checkpointing
):
    killed, _ = soak(tmp_path, checkpointing, random.Random(0), 4)
    assert killed == 4
    assert contents(tmp_path) == contents(run)
    assert hidden(tmp_path) == []


@pytest.mark.long
def test_ten_grids_in_a_row_under_fire(run, tmp_path, checkpointing):
    memory = []
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        killed, peaks = soak(folder, checkpointing, random.Random(number), 8)
        assert killed == 8
        assert contents(folder) == contents(run)
        assert hidden(folder) == []
        memory.append(max(peaks))
        shutil.rmtree(folder)
    # the first half sets the measure: later grids take no more
    assert max(memory[5:]) < 1.1 * max(memory[:5]), memory
