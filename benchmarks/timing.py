"""Two ways of doing the same, timed in turn, so that whatever else a machine does slows both."""

import time
from collections.abc import Callable
from typing import Any


def interleaved(
    peer: Callable[[], Any], ours: Callable[[], Any], repetitions: int
) -> tuple[list[float], list[float], Any, Any]:
    """Seconds of each call of `peer` and of `ours`, one after the other, and their last results.

    Nothing is warmed up here: a caller whose first call is slower makes one before.
    """
    times: tuple[list[float], list[float]] = ([], [])
    results: list[Any] = [None, None]
    for _ in range(repetitions):
        for at, run in enumerate((peer, ours)):
            began = time.perf_counter()
            results[at] = run()
            times[at].append(time.perf_counter() - began)
    return *times, *results
