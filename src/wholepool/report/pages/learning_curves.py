"""The figures of test accuracy against cycle, and how to read them."""

from wholepool.report.curves import methods_of
from wholepool.report.fragment import figure, paragraph
from wholepool.report.pages import figure1, figure2, figure3, figure4
from wholepool.report.results import Results

TITLE = "Learning curves"
PLACE = 30

_READ = (
    "Each panel is an experiment; below each cycle stands its number of labels. Color and marker "
    "are the strategy, dashes the method. A line is the mean over seeds, its band one sample "
    "standard deviation to each side; a gap is a cycle that was not run."
)
#: figure -> the kinds of its methods, and its caption
_SHOWN = {
    "figure3": (
        (*figure3.KINDS, (False, True)),
        f"All paradigms together. {_READ} Gray lines are full supervision, on all labels: compare "
        "the distance between paradigms (dashes) with that between strategies (colors).",
    ),
    "figure1": (
        figure1.KINDS,
        "Without pre-training (PRE) and without pseudo-labels (SEMI): what the choice of images "
        "is worth when training sees the labeled ones alone.",
    ),
    "figure2": (
        figure2.KINDS,
        "With PRE alone: where lines come together here that were apart without it, the unlabeled "
        "images have already given what the strategies gained.",
    ),
    "figure4": (
        figure4.KINDS,
        "With and without SEMI, in the experiments that ask for one label per class and cycle, or "
        "in all if none does: how far pseudo-labels carry very few labels.",
    ),
}


def show(results: Results) -> str:
    """The figures that hold something."""
    known = results.accuracy[results.accuracy["mean"].notna()]
    curves = set(zip(known["experiment"], known["method"], strict=True))
    parts = []
    for name, (kinds, caption) in _SHOWN.items():
        methods = methods_of(results.grid, *kinds)
        if any((e, m) in curves for e, names in methods.items() for m in names):
            parts.append(figure(results, f"figures/{name}.svg", caption))
    if any(parts):
        return "".join(parts)
    if parts:
        return paragraph("The curves are not drawn yet: snakemake --cores 1 all_figures does it.")
    if not any(names for names in methods_of(results.grid, *_every()).values()):
        return paragraph("No method of this grid asks for labels, so there is no curve.")
    if len(results.accuracy):
        return paragraph("There is no test set, so there is no accuracy to draw.")
    return paragraph("Nothing was run yet, so there is no curve.")


def _every() -> tuple[tuple[bool, bool], ...]:
    return tuple((pre, semi) for pre in (False, True) for semi in (False, True))
