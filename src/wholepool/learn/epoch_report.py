"""What a training says of its epochs: at most a line every few seconds to a person."""

import logging
import time
from typing import TYPE_CHECKING, Any

from wholepool.job.log import clock, logger

if TYPE_CHECKING:
    from wholepool.job.checkpoints import Checkpoints

SECONDS_BETWEEN_LINES = 10.0


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
