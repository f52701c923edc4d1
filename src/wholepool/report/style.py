"""How figures look, and how they are saved: the same bytes everywhere.

Color and marker are the strategy's, dashes are the method's: a figure also reads without color.
seaborn and matplotlib are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wholepool.job.files import atomic
from wholepool.report.names import PAPER_STRATEGIES, methods_in_order, strategies_in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Dash = Any  # offset and lengths of dashes and gaps, in line widths; (0, None) is solid
Look = tuple[str, str, float]  # color, marker, and size of the marker in points

GRAY = "#666666"
SOLID: Dash = (0.0, None)
# The first five are of Okabe and Ito. Each of the others is the color farthest from all before it,
# for normal sight and for three kinds of color blindness (Machado et al. 2009). In each of these,
# any two of the sixteen are at least 17 apart (CIE 1976).
COLORS = (
    *("#000000", "#E69F00", "#009E73", "#0072B2", "#D55E00", "#9900FF", "#663311", "#331199"),
    *("#554455", "#99AACC", "#FF55FF", "#BBAA55", "#550066", "#DD0044", "#777788", "#7744CC"),
)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "<", "h", ">", "d", "8", "*", "H")
_DASHES: dict[str, Dash] = {
    "baseline": (0.0, (1.0, 1.3)),
    "pre": (0.0, (3.6, 1.6)),
    "semi": (0.0, (5.0, 1.3, 1.0, 1.3)),
    "pre+semi": SOLID,
}

RC: Any = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 7),
    **dict.fromkeys(("legend.fontsize", "legend.title_fontsize"), 7),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **{"axes.titlepad": 4, "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True},
    **{"grid.color": "#E5E5E5", "grid.linewidth": 0.5},
    **{"lines.linewidth": 1.1, "lines.markeredgewidth": 0.3},
    **{"legend.borderpad": 0.0, "legend.labelspacing": 0.3, "legend.handlelength": 3.0},
    **{"legend.handletextpad": 0.5, "legend.columnspacing": 1.4},
    # Fonts: outlines in SVG, so that it looks the same everywhere; TrueType in PDF, which
    # publishers ask for.
    **{"svg.fonttype": "path", "svg.hashsalt": "wholepool", "pdf.fonttype": 42},
}
_DPI = 200
_UNDATED: dict[str, Any] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def looks(grid: Mapping[str, Any]) -> dict[str, Look]:
    """Strategy → color, marker and its size in points, the same in all figures of a grid.

    The paper's strategies look the same in all grids.
    """
    order = strategies_in_order(grid)
    places = list(dict.fromkeys((*PAPER_STRATEGIES, *order)))
    found = {}
    for position, name in enumerate(order):
        place = places.index(name)
        size = max(5.0 - 0.35 * position, 3.4)  # where points coincide, the ones below are larger
        found[name] = (COLORS[place % len(COLORS)], _MARKERS[place % len(_MARKERS)], size)
    return found


def dashes(grid: Mapping[str, Any]) -> dict[str, Dash]:
    """Method → dashes of its lines, the same in all figures of a grid."""
    found = dict(_DASHES)
    for method in methods_in_order(grid):
        # a dash and two dots, a dash and three dots, ...
        found.setdefault(method, (0.0, (6.0, 1.3) + (1.0, 1.3) * (len(found) - 2)))
    return found


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's defaults, not the user's, with this module's changes."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def theme() -> dict[str, Any]:
    """`style` for a seaborn Plot, which would set a look of its own."""
    import matplotlib
    from seaborn import objects

    defaults = {name: matplotlib.rcParamsDefault[name] for name in objects.Plot.config.theme}
    return defaults | RC


def limits(axes: Axes, levels: Sequence[float], least: float = 0.5) -> None:
    """Limits and ticks of an axis of percents that shows `levels`, `least` points around them."""
    from matplotlib.ticker import MaxNLocator

    known = [level for level in levels if level == level]  # no NaN
    low, high = min(known), max(known)
    margin = max(0.04 * (high - low), least)
    axes.set_ylim(max(low - margin, 0.0), min(high + margin, 101.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))


def line_text(axes: Axes, text: str, level: float, side: Literal["left", "right"] = "left") -> None:
    """Small gray text under the level of a line across a panel."""
    at = (0.015 if side == "left" else 0.985, level)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axes.annotate(text, at, xytext=(0, -2), ha=side, va="top", fontsize=6, color=GRAY, **place)


def entry(label: str, color: str, **look: Any) -> Any:
    """A legend's marker, or line, with its text."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, color=color, **{"linestyle": "none", **look})


def legend_below(
    figure: Figure, groups: Sequence[tuple[str, Sequence[Any]]], columns: int, note: str
) -> None:
    """Legends of (title, handles) below the panels, then a note in gray; the layout makes room."""
    from matplotlib.legend import Legend
    from matplotlib.offsetbox import TextArea

    boxes: list[Any] = []
    for title, handles in groups:
        ncols = min(len(handles), columns)
        labels = [handle.get_label() for handle in handles]
        legend = Legend(figure, handles, labels, ncols=ncols, title=title or None)
        boxes += legend.get_children()[0].get_children()
    # Constrained layout makes room for one legend outside of the panels: it takes all boxes.
    whole = figure.legend(handles=[], loc="outside lower center", alignment="center")
    text = {"fontsize": 6, "color": GRAY, "ha": "center", "multialignment": "center"}
    box: Any = whole.get_children()[0]
    box.sep = 4
    box.get_children()[:] = [*boxes, TextArea(note, textprops=text)]
    box.set_figure(figure)


def save(figure: Figure, out: Path) -> None:
    """Write a figure to `out` with the endings .png (200 dots per inch), .svg and .pdf.

    Under one version of matplotlib the same figure gives the same bytes: no dates, fixed ids, and
    no setting of the user's own.
    """
    for kind, metadata in _UNDATED.items():
        with style(), atomic(out.with_suffix(f".{kind}")) as temporary:
            figure.savefig(temporary, format=kind, dpi=_DPI, metadata=metadata)
        settle(figure)


def settle(figure: Figure) -> None:
    """Keep the layout that was found: to find it takes most of the time, once is enough.

    Its solver's last digits differ from process to process, and names in SVG are made of them: they
    are rounded to what nobody sees.
    """
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(x, 4) for x in axes.get_position(True).bounds)
        axes.set_position((left, bottom, width, height))
