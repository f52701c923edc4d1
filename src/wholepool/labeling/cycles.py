"""Cycles of a journal: each ends with a line of the kind "close"; what came before it counts."""

import hashlib
from collections.abc import Sequence

from wholepool.labeling.lines import Line, encoded


def ends(lines: Sequence[Line]) -> list[int]:
    """Of each closed cycle how many lines stood before the one that closed it, ascending.

    Cycles are closed in their order: a line that closes another than the next has no effect, so two
    programs that close the same cycle at once close it once. To undo such a line has no effect.
    """
    found: list[int] = []
    for number, line in enumerate(lines):
        if line["kind"] == "close" and line["cycle"] == len(found):
            found.append(number)
    return found


def before(lines: Sequence[Line], closed: int) -> Sequence[Line]:
    """The lines that count when `closed` cycles are closed; none if none is."""
    return lines[: ends(lines)[closed - 1]] if closed else []


def digest(lines: Sequence[Line]) -> str:
    """A SHA-256 of lines, in hexadecimal: another one for other answers."""
    return hashlib.sha256(b"\n".join(map(encoded, lines))).hexdigest()
