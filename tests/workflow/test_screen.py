"""Bars for a person at a terminal, plain lines for all others."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest
from running import command, environment, snakemake

pytest.importorskip("rich")
METHODS = {"baseline": {"pre": "none", "semi": "none", "strategies": ["random"]}}
AGAIN = "Run the same command again: finished work is kept."


def at_a_terminal(folder, *arguments, config, then=None, columns=100, **variables):
    """Run snakemake at a terminal of `columns`; returns what it wrote there and its exit code.

    `then(process, text)` is called with all that it has written so far, each time it writes.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = subprocess.Popen(
        command(folder, *arguments, config=config),
        env=environment() | {"TERM": "xterm-256color"} | variables,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    text = ""
    while True:
        try:
            new = os.read(ours, 65536)
        except OSError:  # Linux says that the last writer is gone with EIO
            break
        if not new:
            break
        text += new.decode(errors="replace")
        if then is not None:
            then(process, text)
    os.close(ours)
    return text.replace("\r\n", "\n"), process.wait()


def words(text):
    """The text without colors and movements of the cursor, its spaces made one."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


@pytest.fixture
def long_training(varied):
    """A grid of one training that takes seconds, so that its epochs are seen."""
    sup = {"epochs": 200, "batch_size": 10, "lr": 0.01, "cosine_period": 1.1}
    return varied(methods=METHODS, cycles=1, seeds=1, sup=sup)


def test_a_person_sees_bars_and_epochs(tmp_path, long_training):
    text, status = at_a_terminal(tmp_path, "--cores", "2", "all_tables", config=long_training)
    assert status == 0, text[-4000:]
    assert (tmp_path / "results/tables/table1.md").exists()
    shown = words(text)
    name = "train tiny/baseline/initial seed 0 cycle 0"
    assert re.search(name + r":? sup epoch \d+ of 200, loss [\d.e-]+, \d+ % done, ", shown)
    assert re.search(r"all jobs \S+ 2 of \d+ ", shown) and "1 running" in shown
    assert (
        "Finished jobid" not in shown and "Select jobs" not in shown and "rule train" not in shown
    )
    assert "[train" not in shown  # the job itself keeps silent
    assert re.search(r"All (\d+) jobs done in ", shown)
    assert "\x1b[?25l" not in text  # the cursor is never hidden
    log = next((tmp_path / ".snakemake/log").glob("*.log")).read_text()
    assert "Finished jobid" in log and "rule train" in log
    for arguments, said in (
        (("--cores", "2"), "Nothing to be done"),
        (("--dry-run", "--forcerun", "train"), "This was a dry-run"),
    ):
        text, status = at_a_terminal(tmp_path, *arguments, "all_tables", config=long_training)
        assert status == 0 and said in text and "all jobs" not in text


def test_a_failure_is_told_in_our_words(tmp_path, varied):
    sup = {"epochs": 9, "batch_size": 10, "lr": 1e30, "cosine_period": 1.1}
    config = varied(methods=METHODS, cycles=1, seeds=1, sup=sup)
    text, status = at_a_terminal(tmp_path, "--cores", "2", "all_tables", config=config, columns=60)
    assert status == 1
    shown = words(text)
    assert "train tiny/baseline/initial seed 0 cycle 0 failed: " in shown
    assert "Make sup.lr smaller" in shown
    assert "its log: results/logs/train/tiny/baseline/initial/seed0-cycle0.log" in shown
    assert re.search(r"1 job failed, \d+ of \d+ done\. " + re.escape(AGAIN), shown)
    assert "Error in rule" not in shown and "CalledProcessError" not in shown


def test_ctrl_c_gives_the_terminal_back(tmp_path, long_training):
    sent = []

    def interrupt(process, text):
        if "sup epoch" in text and not sent:
            sent.append(time.monotonic())
            os.killpg(process.pid, signal.SIGINT)

    text, status = at_a_terminal(
        tmp_path, "--cores", "2", "all_tables", config=long_training, then=interrupt
    )
    assert sent and status == 1
    shown = words(text)
    assert "stopped by SIGINT" in shown and "failed" not in shown
    last = shown[shown.rindex("Stopped with") :]
    assert re.match(r"Stopped with \d+ of \d+ jobs done\. " + re.escape(AGAIN), last)
    assert "running" not in last  # no bar is drawn after the last words


@pytest.mark.parametrize("asked", [{"TERM": "dumb"}, {}])
def test_whoever_wants_it_plain_gets_it_plain(tmp_path, long_training, asked):
    arguments = () if asked else ("--verbose",)
    config = long_training
    text, status = at_a_terminal(
        tmp_path,
        "--cores",
        "2",
        *arguments,
        "results/datasets/digits/pool.npy",
        config=config,
        **asked,
    )
    assert status == 0
    assert "Finished jobid" in text and "all jobs" not in text


def test_without_a_terminal_there_are_plain_lines(tmp_path, long_training):
    target = "results/datasets/digits/pool.npy"
    output = snakemake(tmp_path, "--cores", "1", target, config=long_training).stdout
    assert "\x1b" not in output and "all jobs" not in output
    assert "[data] digits: a pool of 200 images" in output and "Finished jobid" in output
