"""What a stage says: everything to its log file, and at most a line every few seconds to a person.

Every line of a job begins with the name of its cell, so that parallel jobs can be told apart.
"""

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wholepool.job.checkpoints import Checkpoints

SECONDS_BETWEEN_LINES = 10.0
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


class EpochReport:
    """Logs each epoch of a training: its numbers, images per second, and the time left."""

    def __init__(self, keep: "Checkpoints | None" = None) -> None:
        self.began = self.said = time.monotonic()
        self.keep, self.start = keep, 0.0

    def __call__(self, row: dict[str, Any], share: float, speed: float) -> None:
        """Log a history's `row`, with its phase's `epochs`; `share` done; `speed` in images/s."""
        now = time.monotonic()
        if self.keep is not None and self.keep.resumed and self.start == 0:
            # of what was done before nothing is known here: the time left is told from here on
            self.began, self.start = now, share
        rest = (now - self.began) * (1 - share) / max(share - self.start, 1e-9)
        left = clock(rest) + " left" if share > self.start else "going on"
        numbers = " ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in row.items()
            if name not in ("phase", "epoch", "epochs", "images")
        )
        loud = now - self.said >= SECONDS_BETWEEN_LINES
        if loud:
            self.said = now
        logger.log(
            logging.INFO if loud else logging.DEBUG,
            "%s epoch %d: %s, %.0f images/s, %d of %d epochs, %.0f %% done, %s",
            *(row["phase"], row["epoch"], numbers, speed, row["epoch"] + 1, row["epochs"]),
            *(100 * share, left),
        )


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
