"""The log file gets every epoch, a person at most a line an interval."""

import logging
from types import SimpleNamespace

import pytest

from wholepool.job import log as progress
from wholepool.job.log import EpochReport, clock, logger, start_logging

pytestmark = pytest.mark.usefixtures("restored_logger")


class Time:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def row(epoch):
    return {"phase": "sup", "epoch": epoch, "lr": 0.123456, "loss": 1.5, "images": 64, "epochs": 60}


def test_file_gets_every_epoch_and_the_terminal_one_an_interval(tmp_path, monkeypatch, capsys):
    watch = Time(monkeypatch)
    path = tmp_path / "deep" / "job.log"
    start_logging("train semi/jlp/0/1", str(path))
    report = EpochReport()
    for epoch in range(60):
        watch.now += 1
        report(row(epoch), (epoch + 1) / 60, 1000.0)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 60
    for epoch, line in enumerate(lines):
        assert f"sup epoch {epoch}:" in line
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 60 / progress.SECONDS_BETWEEN_LINES
    assert all(line.startswith("[train semi/jlp/0/1] sup epoch") for line in shown)


def test_a_short_training_says_nothing_to_the_terminal(tmp_path, monkeypatch, capsys):
    watch = Time(monkeypatch)
    start_logging("train", str(tmp_path / "log"))
    report = EpochReport()
    for epoch in range(9):
        watch.now += 1
        report(row(epoch), (epoch + 1) / 9, 1000.0)
    assert capsys.readouterr().err == ""
    assert len((tmp_path / "log").read_text().splitlines()) == 9


def test_slow_epochs_are_all_shown(monkeypatch, capsys):
    watch = Time(monkeypatch)
    start_logging("train", None)
    report = EpochReport()
    for epoch in range(3):
        watch.now += 30
        report(row(epoch), (epoch + 1) / 3, 1000.0)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_with_a_driver_that_tells_the_terminal_gets_warnings_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(progress.TOLD_BY_DRIVER, "1")
    start_logging("train", None)
    logger.error("before there is a log file")
    start_logging("train", str(tmp_path / "log"))
    logger.info("an epoch")
    logger.warning("a warning")
    logger.error("an error")
    assert capsys.readouterr().err.splitlines() == [
        "[train] before there is a log file",
        "[train] a warning",
    ]
    said = [line.split(" ", 2)[2] for line in (tmp_path / "log").read_text().splitlines()]
    assert said == ["INFO an epoch", "WARNING a warning", "ERROR an error"]


def test_line_holds_the_numbers_and_the_time_left(tmp_path, monkeypatch):
    watch = Time(monkeypatch)
    path = tmp_path / "log"
    start_logging("train", str(path))
    report = EpochReport()
    watch.now += 20
    report(row(3) | {"reached": 0.98765}, 0.25, 1234.4)
    line = path.read_text()
    assert "sup epoch 3: lr 0.1235 loss 1.5 reached 0.9876" in line or "reached 0.9877" in line
    assert "1234 images/s, 4 of 60 epochs, 25 % done, 1:00 min left" in line


def test_after_a_resume_the_time_left_is_told_from_there(tmp_path, monkeypatch):
    clock, path = Time(monkeypatch), tmp_path / "job.log"
    start_logging("job", str(path))
    report = EpochReport(SimpleNamespace(resumed=1))
    for seconds, share in ((5, 0.5), (15, 0.6), (25, 0.7)):
        clock.now = 100.0 + seconds
        report(row(3), share, 100.0)
    first, second, third = path.read_text().splitlines()
    assert first.endswith("50 % done, going on")
    assert second.endswith("60 % done, 40 s left")
    assert third.endswith("70 % done, 30 s left")


def test_a_second_start_does_not_say_things_twice(tmp_path, capsys):
    start_logging("one", str(tmp_path / "log"))
    for handler in logger.handlers[1:]:
        handler.close()
    start_logging("two", str(tmp_path / "log"))
    logger.info("hello")
    assert capsys.readouterr().err == "[two] hello\n"
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_debug_lines_go_to_the_file_only(tmp_path, capsys):
    start_logging("job", str(tmp_path / "log"))
    logger.log(logging.DEBUG, "whispered")
    assert capsys.readouterr().err == ""
    assert "whispered" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1:00 min"),
        (185, "3:05 min"),
        (3599, "59:59 min"),
        (3600, "1:00 h"),
        (9000, "2:30 h"),
        (36060, "10:01 h"),
    ],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.7, "1:00 min"), (119.7, "2:00 min"), (3599.8, "1:00 h")]
)
def test_clock_carries_when_it_rounds(seconds, text):
    assert clock(seconds) == text
