"""Where the lines of a stage go: all to its log file, the more important ones to a person."""

import logging

import pytest

from wholepool.job import log
from wholepool.job.log import clock, logger, start_logging

pytestmark = pytest.mark.usefixtures("restored_logger")


def test_with_a_driver_that_tells_the_terminal_gets_warnings_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(log.TOLD_BY_DRIVER, "1")
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
