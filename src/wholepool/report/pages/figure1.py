"""The paper's Figure 1: accuracy against cycle without PRE and SEMI."""

from wholepool.report.curves import curves, methods_of
from wholepool.report.results import Results
from wholepool.report.style import save

FILES = ("figures/figure1.png", "figures/figure1.svg", "figures/figure1.pdf")
#: of its methods, whether they have PRE and SEMI
KINDS = ((False, False),)


def make(results: Results) -> None:
    """One panel per experiment."""
    methods = methods_of(results.grid, *KINDS)
    save(curves(results.accuracy, results.grid, methods), results.folder / "figures/figure1")
