"""The log file gets every epoch, a person at most a line an interval."""

from types import SimpleNamespace

import pytest

from wholepool.job.log import start_logging
from wholepool.learn import epoch_report
from wholepool.learn.epoch_report import EpochReport

pytestmark = pytest.mark.usefixtures("restored_logger")


class Time:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(epoch_report.time, "monotonic", lambda: self.now)


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
    assert len(shown) == 60 / epoch_report.SECONDS_BETWEEN_LINES
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
