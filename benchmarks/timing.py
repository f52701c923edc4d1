"""Ways of doing one thing, timed in turn, so that a machine that slows down slows them all."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def in_turn(
    runs: Sequence[Callable[[], Any]], repetitions: int
) -> tuple[list[list[float]], list[Any]]:
    """Seconds of each call of each run, one run after the other, and their last results.

    Nothing is warmed up: of five calls the median is no first one.
    """
    seconds: list[list[float]] = [[] for _ in runs]
    results: list[Any] = [None for _ in runs]
    for _ in range(repetitions):
        for place, run in enumerate(runs):
            one, results[place] = timed(run)
            seconds[place].append(one)
    return seconds, results


def interleaved(
    peer: Callable[[], Any], ours: Callable[[], Any], repetitions: int
) -> tuple[list[float], list[float], Any, Any]:
    """`in_turn` of two: the peer's seconds and ours, the peer's last result and ours."""
    seconds, results = in_turn((peer, ours), repetitions)
    return *seconds, *results


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and its result."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def row(
    name: str,
    size: str,
    peer: str,
    peer_seconds: list[float],
    our_seconds: list[float],
    equal: str,
    scale: float = 1.0,
) -> dict[str, Any]:
    """A line of the table. `scale`: the peer did 1 / scale of the work, and is extrapolated."""
    peer_seconds = [seconds * scale for seconds in peer_seconds]
    ratios = sorted(a / b for a, b in zip(peer_seconds, our_seconds, strict=True))
    line = {
        "row": name,
        "size": size,
        "peer": peer + (f" (1/{scale:g} of it, extrapolated)" if scale != 1 else ""),
        "peer_seconds": peer_seconds,
        "our_seconds": our_seconds,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "equal": equal,
    }
    print(
        f"{name} | {size} | peer {statistics.median(peer_seconds):.3f} s, "
        f"ours {statistics.median(our_seconds):.3f} s | {line['ratio']:.1f}x | {equal}",
        flush=True,
    )
    return line
