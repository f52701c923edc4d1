"""What the bars say, without a terminal."""

import io
import logging
import os
import time
from collections import Counter
from types import SimpleNamespace

import pytest

from wholepool.job.log import clock, logger, start_logging
from wholepool.learn.epoch_report import EpochReport

pytest.importorskip("rich")
from rich.console import Console

from wholepool.job.progress import (
    Board,
    Display,
    Job,
    drawing,
    end_of,
    ending,
    name_of,
    newest,
    reason,
    seconds_left,
    time_left,
)

pytestmark = pytest.mark.usefixtures("restored_logger")
CELL = {"experiment": "one", "method": "pre+semi", "strategy": "jlp", "seed": "0", "cycle": "1"}


def job(rule="train", log="none.log", began=0.0):
    return Job(rule, f"{rule} {log}", str(log), began)


def board(**rules):
    """A board of rules given as (jobs, done, seconds that those took)."""
    return Board(
        Counter({rule: total for rule, (total, _, _) in rules.items()}),
        Counter({rule: done for rule, (_, done, _) in rules.items()}),
        {rule: seconds for rule, (_, _, seconds) in rules.items()},
    )


@pytest.mark.parametrize(
    ("rule", "wildcards", "name"),
    [
        ("train", CELL, "train one/pre+semi/jlp seed 0 cycle 1"),
        ("pretrain", {"dataset": "digits", "pre": "deepcluster"}, "pretrain digits/deepcluster"),
        ("initial", {"experiment": "one", "seed": "3"}, "initial one seed 3"),
        ("tables", {}, "tables"),
    ],
)
def test_a_job_in_words(rule, wildcards, name):
    assert name_of(rule, wildcards) == name


def test_time_left_is_each_rules_mean_over_the_jobs_that_run():
    state = board(train=(5, 2, 200.0), evaluate=(4, 4, 8.0), tables=(1, 0, 0.0))
    state.running = {1: job(began=0.0), 2: job(began=970.0)}
    # 3 trainings of 100 s; one has run longer than that, one for 30 s; two run at a time
    assert time_left(state, {}, 1000.0) == "about 1:25 min left"
    state.running = {}
    assert time_left(state, {}, 1000.0) == "about 5:00 min left"


def test_time_left_is_more_than_what_is_known():
    state = board(train=(5, 4, 40.0), embed=(5, 0, 0.0))
    assert time_left(state, {}, 0.0) == "more than 10 s left"
    state = board(train=(5, 4, 40.0), pretrain=(1, 0, 0.0))
    assert time_left(state, {}, 0.0) == "about 10 s left"
    state.running = {1: job("pretrain")}
    assert time_left(state, {}, 0.0) == "more than 10 s left"
    assert time_left(board(train=(5, 0, 0.0)), {}, 0.0) == ""


def test_time_left_of_a_rule_of_which_none_is_done_is_what_its_jobs_say():
    state = board(train=(5, 0, 0.0))
    state.running = {1: job(began=0.0), 2: job(began=0.0)}
    said = {1: "sup epoch 3 of 50, 10 % done, 1:40 min left", 2: ""}
    # a training takes 120 s: one has 100 s left, one all but 20 s, and 3 wait
    assert time_left(state, said, 20.0) == "about 4:40 min left"


@pytest.mark.parametrize("seconds", [0, 45, 60, 185, 3599, 3600, 9000, 36060])
def test_seconds_left_is_the_clock_backwards(seconds):
    assert seconds_left(f"sup epoch 1 of 9, 3 % done, {clock(seconds)} left") == seconds


def test_who_does_not_know_its_end_has_none():
    assert seconds_left("sup epoch 1 of 9, 3 % done, going on") is None


def test_newest_words_of_a_training_are_its_epoch(tmp_path):
    log = tmp_path / "log"
    assert newest(job(log=log)) == ""
    start_logging("train", str(log))
    assert newest(job(log=log)) == ""
    logger.info("waits\nfor another")
    assert newest(job(log=log)) == "waits"
    row = {"phase": "sup", "epoch": 33, "lr": 0.1, "loss": 1.25, "images": 9, "epochs": 50}
    EpochReport()(row | {"clusters": 7}, 0.92, 1000.0)
    assert newest(job(log=log)).startswith("sup epoch 34 of 50, loss 1.25, 92 % done, ")
    assert newest(job(log=log)).endswith(" left")


def test_an_earlier_attempts_log_says_nothing(tmp_path):
    start_logging("train", str(tmp_path / "log"))
    logger.error("of yesterday")
    os.utime(tmp_path / "log", (1e9, 1e9))
    assert newest(job(log=tmp_path / "log", began=time.time())) == ""
    assert "yesterday" not in reason(job(log=tmp_path / "log", began=time.time()))


def test_the_reason_is_the_last_error_and_not_what_was_whispered_after_it(tmp_path):
    log = tmp_path / "log"
    start_logging("train", str(log))
    assert reason(job(log=log)) == ""
    logger.warning("slow disk")
    logger.info("goes on")
    assert reason(job(log=log)) == "slow disk"
    logger.error("no space in\nresults")
    logger.debug("a traceback, for the file alone")
    assert reason(job(log=log)) == "no space in\nresults"


def test_a_long_traceback_is_told_by_its_ends(tmp_path):
    start_logging("train", str(tmp_path / "log"))
    logger.error("failed\n%s", "\n".join(map(str, range(50))))
    lines = reason(job(log=tmp_path / "log")).splitlines()
    assert lines == ["failed", "...", *map(str, range(38, 50))]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("died with <Signals.SIGKILL: 9>", "it was killed, as happens when the machine is out of"),
        ("returned non-zero exit status 137.", "it was killed, as happens when the machine is out"),
        (
            "x died with <Signals.SIGSEGV: 11>",
            "its log has no error; died with <Signals.SIGSEGV",
        ),
        (
            "x returned non-zero exit status 3.",
            "its log has no error; returned non-zero exit",
        ),
        ("SLURM status is: 'TIMEOUT'", "its log has no error; SLURM status is: 'TIMEOUT'"),
        ("", "its log has no error; it said nothing"),
    ],
)
def test_a_job_that_says_nothing_is_told_by_its_end(status, words):
    assert end_of(status).startswith(words)


def test_a_retried_job_has_not_failed():
    state = board(train=(1, 0, 0.0))
    state.failed = {1: job()}
    state.running = {1: job(began=5.0)}
    state.finish(1, 25.0)
    assert (state.failed, state.running, state.seconds["train"]) == ({}, {}, 20.0)
    assert ending(state, 60.0) == "All 1 jobs done in 1:00 min."


def test_last_words_say_what_to_do():
    state = board(train=(30, 3, 9.0))
    assert ending(state, 5.0) == (
        "Stopped with 3 of 30 jobs done. Run the same command again: finished work is kept."
    )
    state.failed = {1: job(log="a.log")}
    assert ending(state, 5.0) == (
        "1 job failed, 3 of 30 done. Run the same command again: finished work is kept. "
        "The logs of what failed:\n  train a.log: a.log"
    )
    state.failed = {number: job() for number in range(12)}
    assert ending(state, 5.0).endswith("\n  and 2 more")


def lines_of(state, width, height):
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(drawing(state, width, height, 0.0))
    return capture.get().splitlines()


def test_drawing_fits_in_the_terminal(tmp_path):
    start_logging("train", str(tmp_path / "log"))
    logger.info("a line %s", "that goes on and on " * 10)
    state = board(**{f"rule_{number}": (14, number, 9.0) for number in range(15)})
    state.running = {number: job("rule_9", tmp_path / "log") for number in range(16)}
    for width, height in ((60, 20), (120, 30), (40, 8)):
        lines = lines_of(state, width, height)
        assert len(lines) <= height and max(map(len, lines)) <= width
        assert lines[0].startswith("all jobs") and lines[0].rstrip().endswith("105 of 210")
        assert lines[1].startswith("rule 9") and lines[1].rstrip().endswith("9 of 14")
        assert any(line.startswith("16 running, more than ") for line in lines)
        assert lines[-1].startswith("  a line") and lines[-1].endswith("…")


def test_a_bar_is_drawn_of_several_jobs_or_of_one_that_runs():
    state = board(train=(4, 1, 9.0), tables=(1, 0, 0.0), data=(1, 0, 0.0))
    state.running = {7: job("data", "digits")}
    names = [line.split()[0] for line in lines_of(state, 80, 30)]
    assert names == ["all", "data", "train", "1", "data"]


def test_when_the_display_breaks_the_plain_log_goes_on(monkeypatch):
    said = []
    plain = logging.Handler()
    plain.emit = lambda record: said.append(record.getMessage())
    display = Display(plain, lambda: True, True)
    monkeypatch.setattr(display, "tell", lambda record: 1 / 0)
    for text in ("one", "two"):
        display.emit(logging.LogRecord("", logging.INFO, "", 0, text, (), None))
    assert said == ["one", "two"]


def event(name, level=logging.INFO, message="", **told):
    """A log record as Snakemake makes it."""
    record = logging.LogRecord("", level, "", 0, message, (), None)
    vars(record).update(event=SimpleNamespace(value=name) if name else None, **told)
    return record


@pytest.fixture
def shown():
    """A display that draws on a console of its own, and all that it said there."""
    display = Display(logging.NullHandler(), lambda: False, True)
    console = Console(file=io.StringIO(), width=300)
    display.board.total = Counter({"train": 2})
    display.live = SimpleNamespace(console=console)
    yield display, console.file.getvalue
    display.live = None


def group(display, folder, **more):
    """Two jobs of a group, submitted to a cluster; returns their failures."""
    failures = []
    for number in (1, 2):
        told = {"jobid": number, "rule_name": "train", "log": [str(folder / f"{number}.log")]}
        display.emit(event("job_info", wildcards={"seed": str(number)}, **told))
        told |= {"rule_msg": None, "indent": True} | more
        failures.append(event("job_error", logging.ERROR, **told))
    return failures


def test_of_a_group_that_failed_the_job_that_knows_why_is_told(shown, tmp_path):
    display, text = shown
    failures = group(display, tmp_path)
    assert len(display.board.running) == 2
    start_logging("train", str(tmp_path / "2.log"))
    logger.error("no space left")
    display.emit(event("group_error", logging.ERROR, "Error in group g", aux_logs=["slurm/7.log"]))
    for failure in failures:
        display.emit(failure)
    assert text().splitlines() == [
        "Error in group g",
        "  its log: slurm/7.log",
        "train seed 2 failed: no space left",
        f"  its log: {tmp_path}/2.log",
    ]
    assert set(display.board.failed) == {1, 2} and display.board.running == {}


def test_of_ctrl_c_no_job_fails_though_it_is_told_first(shown, tmp_path):
    """The signal reaches the job and Snakemake in either order."""
    display, text = shown
    failures = group(display, tmp_path, indent=False)
    start_logging("train", str(tmp_path / "1.log"))
    logger.warning("stopped by SIGINT: to be resumed. The same command goes on")
    for failure in failures[:1]:
        display.emit(failure)
    assert "failed" not in text() and display.board.failed == {}
    assert len(display.board.running) == 1


def test_a_cluster_says_how_a_job_ended_that_could_not(shown, tmp_path):
    display, text = shown
    display.emit(group(display, tmp_path, indent=False, rule_msg="SLURM status: TIMEOUT. ")[0])
    assert "train seed 1 failed: its log has no error; SLURM status: TIMEOUT." in text()


def test_of_what_snakemake_says_the_little_that_matters_is_shown(shown):
    display, text = shown
    info, bad = logging.INFO, logging.ERROR
    for record in (
        event("", info, "Select jobs to execute..."),
        event("progress", info, "3 of 9 steps"),
        event("shellcmd", info, "python -m wholepool train"),
        event("", logging.WARNING, "--keep-incomplete mode is set, so"),
        event("error", bad, "RuleException:\nCalledProcessError in file"),
        event("error", bad, "WorkflowError:\nAt least one job did not complete successfully."),
    ):
        display.emit(record)
    assert text() == ""
    display.emit(event("", info, "Complete log(s): /a/b.log"))
    display.emit(event("error", bad, "WorkflowError:\nresults is in use"))
    assert text().splitlines() == [
        "Complete log(s): /a/b.log",
        "WorkflowError:",
        "results is in use",
    ]
