"""Rows of points with a mean and an interval, under headings: what the figures of pairs are of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wholepool.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches: what a figure of a page's width is wide, a row and what stands around the rows high
PAGE, ROW, AROUND = 7.16, 0.15, 0.75


class Row(NamedTuple):
    """A row: its label, a point for each seed, the mean with its interval (NaN: none), its look.

    A `filled` mean is one that is told from 0.
    """

    label: str
    points: Sequence[float]
    mean: float
    low: float
    high: float
    look: style.Look
    filled: bool = True


#: rows, and headings between them
Rows = Sequence[Row | str]


class Panel(NamedTuple):
    """Its title, its rows, what its axis measures, and where a line stands (None: no line)."""

    title: str
    rows: Rows
    axis: str
    line: float | None = 0.0


def panels(parts: Sequence[Panel], together: bool = False) -> Figure:
    """A panel beside another; where they are `together`, their rows have one label each."""
    from matplotlib.figure import Figure

    with style.style():
        most = max(len(part.rows) for part in parts)
        figure = Figure(figsize=(PAGE, most * ROW + AROUND), layout="constrained")
        shared = together and len({part.axis for part in parts}) == 1
        every = figure.subplots(1, len(parts), squeeze=False, sharex=shared)[0]
        for number, (axes, part) in enumerate(zip(every, parts, strict=True)):
            draw(axes, part.rows)
            # rows are as far apart in all panels, also in one of few rows
            axes.set_ylim(most - 0.4, -0.6)
            axes.set_title(part.title)
            axes.set_xlabel(part.axis)
            if part.line is not None:
                axes.axvline(part.line, color="#000000", linewidth=0.6, zorder=1)
            if not together or number == 0:
                _headings(axes, part.rows)
            else:
                axes.set_yticklabels([])
    return figure


def draw(axes: Axes, rows: Rows) -> None:
    """The rows, from the top down; a heading's is left empty."""
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    for y, row in enumerate(rows):
        if isinstance(row, str) or math.isnan(row.mean):
            continue
        color, marker, size = row.look
        axes.plot(row.points, [y] * len(row.points), ".", color=color, alpha=0.45, markersize=3)
        axes.plot([row.low, row.high], [y, y], color=color, linewidth=1.1, solid_capstyle="butt")
        inside = color if row.filled else "#FFFFFF"
        axes.plot(
            *([row.mean], [y], marker),
            markersize=size,
            markerfacecolor=inside,
            markeredgecolor=color,
            markeredgewidth=0.9,
            zorder=3,
        )
    labels = ["" if isinstance(row, str) else row.label for row in rows]
    axes.set_yticks(range(len(rows)), labels)


def _headings(axes: Axes, rows: Rows) -> None:
    for y, row in enumerate(rows):
        if isinstance(row, str):
            at: Any = axes.get_yaxis_transform()  # a fraction across, a row down
            axes.text(0.01, y, row, fontsize=6, color=style.GRAY, va="center", transform=at)
