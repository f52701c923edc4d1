"""Small results with figures, and a report of them, for the tests of report.html."""

import contextlib
from types import SimpleNamespace

import numpy as np
from figures_of_results import table_of
from grids_of_results import POOLS, plan, runs_of
from matplotlib.figure import Figure

from wholepool.report import fragment, html, style
from wholepool.report.accuracy import to_csv
from wholepool.report.results import Results

ODD = "<script>alert(1)</script>"


class Page(dict):
    """A page as the registry gives it, whose `show` is a function."""

    def __init__(self, name, place, show, people=0, title=None):
        declared = {"PLACE": place, "PEOPLE_PLACE": people, "TITLE": title or f"Of {name}"}
        super().__init__(declared)
        self.name, self.path, self.show = name, f"{name}.py", show

    def load(self):
        return SimpleNamespace(show=self.show)


def small(folder, experiment="digits"):
    """Results of one experiment, with one figure and its tables."""
    some = ["random", "jlp"]
    grid = {
        "experiments": {experiment: plan("digits", {"baseline": some, "pre+semi": some})},
        "ablation_strategies": some,
    }
    (folder / "tables").mkdir(parents=True)
    runs_of(grid).to_csv(folder / "tables/runs.csv", index=False)
    (folder / "tables/accuracy.csv").write_text(to_csv(table_of(grid)))
    results = Results(
        *(folder, grid, POOLS, folder / "tables/runs.csv", folder / "tables/accuracy.csv"),
        source=folder,
    )
    with style.style():
        figure = Figure(figsize=(7, 2.5), layout="constrained")
        for axes in figure.subplots(1, 2):
            for place, color in enumerate(style.COLORS[:8]):
                axes.plot([0, 1, 2], [place, 1, 2], color=color, marker="o", mec="white")
            axes.set_xlabel("number of labels", color=style.GRAY)
    style.save(figure, folder / "figures/curves")
    return results


def first(results):
    names = ", ".join(results.grid["experiments"])
    return fragment.paragraph(f"{len(results.runs)} cells of {names}")


def second(results):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    images = "".join(fragment.image(one, f"image {number}") for number, one in enumerate(pixels))
    return (
        fragment.figure(results, "figures/curves.svg", "Accuracy against cycle.")
        + fragment.table(results.accuracy.head(30), "Accuracy in percent, and more columns")
        + fragment.csv_link(results, "tables/accuracy.csv")
        + f"<h3>Images</h3><p>{images}</p>"
    )


#: two show the same figure, whose ids must differ
PAGES = (Page("first", 10, first), Page("second", 20, second), Page("third", 30, second))


@contextlib.contextmanager
def only(*pages):
    """The report has these pages, and no other."""
    before, html.plugins = html.plugins, lambda kind: {page.name: page for page in pages}
    try:
        yield
    finally:
        html.plugins = before


def report(results, out, pages=PAGES, **more):
    with only(*pages):
        html.write_report(results, out, **more)
    return out.read_text(encoding="utf-8")
