"""A figure of one sentence, where there is nothing to draw."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from wholepool.report import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def saying(text: str) -> Figure:
    """Half a page wide, the sentence in gray."""
    from matplotlib.figure import Figure

    lines = textwrap.wrap(text, 60)
    with style.style():
        figure = Figure(figsize=(3.5, 0.3 + 0.16 * len(lines)))
        place: Any = {"ha": "center", "va": "center", "fontsize": 8, "color": style.GRAY}
        figure.text(0.5, 0.5, "\n".join(lines), **place)
    return figure
