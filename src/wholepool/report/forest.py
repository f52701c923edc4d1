"""Rows of points with a mean and an interval, under headings: what the figures of pairs are of."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

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


def panels(parts: Sequence[tuple[str, Rows]], axis: str, zero: bool = True) -> Figure:
    """A panel beside another for each (title, rows); `axis` names what the points measure."""
    from matplotlib.figure import Figure

    with style.style():
        most = max(len(rows) for _, rows in parts)
        figure = Figure(figsize=(PAGE, most * ROW + AROUND), layout="constrained")
        every = figure.subplots(1, len(parts), squeeze=False)[0]
        for axes, (title, rows) in zip(every, parts, strict=True):
            draw(axes, rows)
            # panels of few rows keep their height: rows are as far apart in all
            axes.set_ylim(most - 0.4, -0.6)
            axes.set_title(title)
            axes.set_xlabel(axis)
            if zero:
                axes.axvline(0, color="#000000", linewidth=0.6, zorder=1)
    return figure


def draw(axes: Axes, rows: Rows) -> None:
    """The rows, from the top down."""
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    for y, row in enumerate(rows):
        if isinstance(row, str):
            place = {"xycoords": ("axes fraction", "data"), "ha": "left", "va": "center"}
            axes.annotate(row, (0.0, y), fontsize=6, color=style.GRAY, zorder=4, **place)
            continue
        color, marker, size = row.look
        axes.plot(row.points, [y] * len(row.points), ".", color=color, alpha=0.45, markersize=3)
        axes.plot([row.low, row.high], [y, y], color=color, linewidth=1.1, solid_capstyle="butt")
        inside = color if row.filled else "#FFFFFF"
        edge = {"markerfacecolor": inside, "markeredgecolor": color, "markeredgewidth": 0.8}
        if not math.isnan(row.mean):
            axes.plot([row.mean], [y], marker, markersize=size, zorder=3, **edge)
    labels = ["" if isinstance(row, str) else row.label for row in rows]
    axes.set_yticks(range(len(rows)), labels)


def sentence(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    from matplotlib.figure import Figure

    with style.style():
        figure = Figure(figsize=(PAGE / 2, 0.8), layout="constrained")
        figure.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", color=style.GRAY)
    return figure
