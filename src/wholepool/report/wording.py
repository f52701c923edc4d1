"""Words and numbers as the report's pages print them."""

from collections.abc import Iterable


def joined(names: Iterable[str]) -> str:
    """ "a", "a and b", or "a, b and c"."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def several(n: int, word: str) -> str:
    """A number, with commas by thousands, and what it counts: "1 seed", "1,410 trainings"."""
    return f"{n:,} {word}" + "s" * (n != 1)


def rounded(value: float, digits: int = 1, unit: str = "") -> str:
    """A number for readers; "–" for NaN."""
    return "–" if value != value else f"{value:.{digits}f}{unit}"  # NaN alone differs from itself


def time_of(seconds: float) -> str:
    """Seconds in the largest fitting unit: "35 s", "12 min", "3.4 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
