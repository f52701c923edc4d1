"""What a stage says: everything to its log file, and at most a line every few seconds to a person.

Every line of a job begins with the name of its cell, so that parallel jobs can be told apart.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

SECONDS_BETWEEN_LINES = 10.0

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
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(file)


class EpochReport:
    """Logs each epoch of a training: its numbers, images a second, and the time left."""

    def __init__(self) -> None:
        self.began = self.said = time.monotonic()

    def __call__(self, row: dict[str, Any], share: float, speed: float) -> None:
        """`row` is the epoch's history, `share` of all work is done, `speed` in images/s."""
        now = time.monotonic()
        left = (now - self.began) * (1 - share) / share
        numbers = " ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in row.items()
            if name not in ("phase", "epoch", "images")
        )
        loud = now - self.said >= SECONDS_BETWEEN_LINES
        if loud:
            self.said = now
        logger.log(
            logging.INFO if loud else logging.DEBUG,
            "%s epoch %d: %s, %.0f images/s, %.0f %% done, %s left",
            row["phase"],
            row["epoch"],
            numbers,
            speed,
            100 * share,
            clock(left),
        )


def clock(seconds: float) -> str:
    """Seconds as 45 s, 3:05 min or 2:30 h."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f} h"
