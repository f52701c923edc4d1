"""What a stage says: everything to its log file, and the more important lines to a person.

Every line of a job begins with the name of its cell, so that parallel jobs can be told apart.
"""

import logging
import os
import sys
from pathlib import Path

FILE_FORMAT = "%(asctime)s %(levelname)s %(message)s"
# Set in the environment of jobs whose log files Snakemake shows: once a job has its log file, only
# its warnings go to the terminal.
TOLD_BY_DRIVER = "WHOLEPOOL_TOLD_BY_DRIVER"

logger = logging.getLogger("wholepool")


def start_logging(name: str, path: str | None) -> None:
    """Send the log of this process to the terminal and, all of it, to the file `path`."""
    logger.setLevel(logging.DEBUG)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.INFO)
    terminal.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    for handler in logger.handlers:  # of the stage before, in a process that runs many
        handler.close()
    logger.handlers = [terminal]
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter(FILE_FORMAT))
        logger.addHandler(file)
        if TOLD_BY_DRIVER in os.environ:
            terminal.setLevel(logging.WARNING)
            terminal.addFilter(lambda record: record.levelno < logging.ERROR)


def clock(seconds: float) -> str:
    """Seconds as 45 s, 3:05 min, 2:30 h or 1,234 h."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"
    if seconds >= 360_000:
        return f"{seconds / 3600:,.0f} h"
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f} h"


def pace(done: int, total: int, seconds: float, unit: str) -> str:
    """How far a job is that has done so many of a total in so many seconds, and how fast."""
    speed = done / max(seconds, 1e-9)
    more = "done" if done == total else f"{clock((total - done) / speed)} left"
    return f"{done} of {total} {unit}, {speed:.0f} {unit}/s, {more}"
