"""The paper's Figure 2: accuracy against cycle with PRE alone."""

from wholepool.report.curves import curves, methods_of
from wholepool.report.results import Results
from wholepool.report.style import save

FILES = ("figures/figure2.png", "figures/figure2.svg", "figures/figure2.pdf")
#: of its methods, whether they have PRE and SEMI
KINDS = ((True, False),)


def make(results: Results) -> None:
    """One panel per experiment."""
    methods = methods_of(results.grid, *KINDS)
    save(curves(results.accuracy, results.grid, methods), results.folder / "figures/figure2")
