"""One writer an output, one driver a folder, no orphans: with real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from processes import alive, until

from wholepool.job import locks
from wholepool.job.errors import UserError

pytestmark = pytest.mark.jobs


def python(code, *arguments, **environment):
    """A process of its own, whose output can be read while it runs."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


WRITE = """
import sys, time
from wholepool.job.locks import sole_writer
with sole_writer(sys.argv[1]) as waited:
    print("in", waited)
    time.sleep(float(sys.argv[2]))
    print("out")
"""


def test_a_second_writer_waits_and_knows_that_it_did(tmp_path, caplog):
    output = tmp_path / "model.safetensors"
    first = python(WRITE, output, 1.5)
    assert first.stdout.readline() == "in False\n"
    with caplog.at_level("WARNING", "wholepool"), locks.sole_writer(output) as waited:
        assert waited
        assert first.stdout.read() == "out\n"
    assert f"waiting: {output} is being written by process {first.pid} on " in caplog.text
    assert os.listdir(tmp_path) == []
    with locks.sole_writer(output) as waited:
        assert not waited


def test_a_killed_writer_leaves_no_lock(tmp_path):
    output = tmp_path / "model.safetensors"
    first = python(WRITE, output, 60)
    first.stdout.readline()
    assert locks.is_held(tmp_path / ".model.safetensors.lock")
    first.kill()
    first.wait()
    with locks.sole_writer(output) as waited:
        assert not waited
    assert os.listdir(tmp_path) == []


def test_other_outputs_are_free(tmp_path):
    with locks.sole_writer(tmp_path / "a"), locks.sole_writer(tmp_path / "b") as waited:
        assert not waited


COUNT = """
import sys
from pathlib import Path
from wholepool.job.locks import sole_writer
import wholepool.job.locks as locks
locks.SECONDS_BETWEEN_TRIES = 0.001
path = Path(sys.argv[1])
for _ in range(40):
    with sole_writer(path):
        path.write_text(str(int(path.read_text()) + 1))
"""


def test_many_writers_that_make_and_remove_the_lock_never_write_at_once(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    writers = [python(COUNT, path) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert path.read_text() == "160"


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, caplog):
    def flock(*_):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with caplog.at_level("WARNING", "wholepool"), locks.sole_writer(tmp_path / "a") as waited:
        assert not waited
    assert "has no locks" in caplog.text


# drivers


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setenv(locks.RUN, "")  # so that it is put back after the test
    monkeypatch.delenv(locks.RUN)
    monkeypatch.delenv(locks.PARENT, raising=False)


DRIVE = """
import sys, time
from wholepool.job.locks import claim_results
claim = claim_results(sys.argv[1])
print("claimed")
time.sleep(60)
"""


def test_two_drivers_do_not_share_a_folder(tmp_path):
    first = python(DRIVE, tmp_path / "results")
    assert first.stdout.readline() == "claimed\n"
    with pytest.raises(UserError, match=f"results is in use: .* process {first.pid} on .* Wait"):
        locks.claim_results(tmp_path / "results")
    assert locks.RUN not in os.environ
    locks.release_results(locks.claim_results(tmp_path / "others"))
    first.kill()
    first.wait()
    locks.release_results(locks.claim_results(tmp_path / "results"))
    assert os.listdir(tmp_path / "results") == []


def test_after_a_kill_the_next_driver_says_so_and_only_then(tmp_path, caplog):
    first = python(DRIVE, tmp_path)
    first.stdout.readline()
    first.kill()
    first.wait()
    with caplog.at_level("INFO", "wholepool"):
        locks.release_results(locks.claim_results(tmp_path))
    assert f"the run before, process {first.pid} on " in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", "wholepool"):
        locks.release_results(locks.claim_results(tmp_path))
    assert caplog.text == ""


def test_jobs_of_a_run_that_was_taken_over_are_superseded(tmp_path, monkeypatch):
    claim = locks.claim_results(tmp_path)
    assert not locks.superseded(tmp_path)
    monkeypatch.setenv(locks.RUN, "the run before")
    assert locks.superseded(tmp_path)
    monkeypatch.delenv(locks.RUN)  # started by hand
    assert not locks.superseded(tmp_path)
    monkeypatch.setenv(locks.RUN, "the run before")
    locks.release_results(claim)  # none is at work: nobody else does it
    assert not locks.superseded(tmp_path)


def test_the_orphans_of_a_killed_driver_are_cancelled_and_waited_for(tmp_path, monkeypatch, caplog):
    """`scancel` here ends, after a second, the writer that is of the run that it is given."""
    results = tmp_path / "results"
    orphan = python(WRITE, results / "runs" / "cell" / "model.safetensors", 60)
    orphan.stdout.readline()
    other = python(WRITE, results / "runs" / "cell" / "metrics.json", 60)  # on another machine, say
    other.stdout.readline()
    binaries = tmp_path / "bin"
    binaries.mkdir()
    scancel = binaries / "scancel"
    scancel.write_text(
        f"#!/bin/sh\necho $@ > {tmp_path}/cancelled\n(sleep 1; kill {orphan.pid}) >&- 2>&- &\n"
    )
    scancel.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    with caplog.at_level("INFO", "wholepool"):
        began = time.monotonic()
        locks.stop_orphans(results, "a-run", patience=3)
    assert (tmp_path / "cancelled").read_text() == "--name a-run\n"
    assert 3 <= time.monotonic() - began < 10
    assert orphan.poll() is not None or orphan.wait(5)
    assert f"process {other.pid} on " in caplog.text and "still writes" in caplog.text
    assert f"process {orphan.pid} on " not in caplog.text
    other.kill()
    other.wait()


def test_only_a_killed_driver_has_its_jobs_cancelled_and_by_its_own_name(tmp_path, monkeypatch):
    """Never by the number of a job: in an allocation, that would be the driver's own."""
    cancelled = []
    monkeypatch.setattr(locks.subprocess, "run", lambda line, **_: cancelled.append(line))
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    for name in ("first", "second"):
        locks.release_results(locks.claim_results(tmp_path, name))
    assert cancelled == []
    locks.claim_results(tmp_path, "third").close()  # killed: the lock is gone, the file is not
    locks.release_results(locks.claim_results(tmp_path, "fourth"))
    assert cancelled == [["scancel", "--name", "third"]]
    locks.claim_results(tmp_path).close()  # of one machine: it has no jobs elsewhere
    locks.release_results(locks.claim_results(tmp_path, "fifth"))
    assert len(cancelled) == 1


# jobs die with their driver

PARENT = """
import os, subprocess, sys, time
from wholepool.job.locks import announce
announce()
child = subprocess.Popen([sys.executable, "-u", "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid)
time.sleep(60)
"""
CHILD = """
import time
from wholepool.job.locks import die_with_driver
{early}
die_with_driver()
{then}
time.sleep(60)
"""


SHELL = """
import os, subprocess, sys, time
from wholepool.job.locks import announce
announce()
line = ["bash", "-c", '"$0" -u -c "$1"; true', sys.executable, sys.argv[1]]
child = subprocess.Popen(line, stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), end="")
time.sleep(60)
"""


def test_a_job_dies_with_its_driver_when_a_shell_stands_between():
    """As for a command that is too long for one word, or with an older bash."""
    child = "import os, time; from wholepool.job.locks import die_with_driver; die_with_driver();"
    parent = python(SHELL, child + "print(os.getpid()); time.sleep(60)")
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    until(lambda: not alive(pid))


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_job_dies_with_its_driver(late):
    """Also if the driver is dead before the job has got so far as to ask."""
    up = 'print("up")'
    words = {"early": f"{up}; time.sleep(1.5)", "then": ""} if late else {"early": "", "then": up}
    parent = python(PARENT, CHILD.format(**words))
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not alive(child))


def test_a_stage_that_is_run_by_hand_outlives_its_terminal():
    words = {"early": "import os; os.environ.pop('WHOLEPOOL_PARENT')", "then": 'print("up")'}
    parent = python(PARENT, CHILD.format(**words))
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    time.sleep(1)
    assert alive(child)
    os.kill(child, signal.SIGKILL)
