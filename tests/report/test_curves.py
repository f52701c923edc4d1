"""Figures 1 to 4 show the accuracy table."""

import math
from functools import cache

import pandas as pd
import pytest
from figures_of_results import (
    FIGURES,
    METHODS,
    cell,
    dash_of,
    figure1,
    figure2,
    grid_of_figures,
    legend_texts,
    lines_of,
    table_of,
)
from grids_of_results import STRATEGIES
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wholepool.report import style
from wholepool.report.accuracy import COLUMNS
from wholepool.report.pages.figure3 import figure3
from wholepool.report.pages.figure4 import figure4


@pytest.fixture
def grid():
    return grid_of_figures()


def some_of(grid):
    return table_of(
        grid, lambda experiment, method, **_: (experiment, method) != ("cifar", "pre+semi")
    )


@pytest.fixture
def accuracy(grid):
    return some_of(grid)


@cache
def drawn(name):
    """A figure of the fixtures as they come, drawn once: tests only look at it."""
    grid = grid_of_figures()
    return FIGURES[name](some_of(grid), grid)


EXPECTED_METHODS = [
    ("figure1", {"digits": ["baseline"], "cifar": ["baseline"]}),
    ("figure2", {"digits": ["pre"], "cifar": []}),
    ("figure3", {"digits": ["baseline", "pre", "pre+semi"], "cifar": ["baseline", "semi"]}),
    ("figure4", {"digits": ["baseline", "semi", "pre+semi"], "cifar": ["baseline", "semi"]}),
]


@pytest.mark.parametrize(("name", "methods"), EXPECTED_METHODS)
def test_lines_and_bands_are_the_table(grid, accuracy, name, methods):
    figure = drawn(name)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    for axes, experiment in zip(figure.axes, grid["experiments"], strict=True):
        expected = {
            f"{method}/{strategy}"
            for method in methods[experiment]
            for strategy in grid["experiments"][experiment]["methods"][method]["strategies"]
        }
        lines = lines_of(axes, grid)
        assert set(lines) == expected
        bands = [(to_hex(band.get_facecolor()), corners(band)) for band in axes.patches]
        assert len(bands) == len(lines)
        for label, line in lines.items():
            where = (experiment, *label.split("/"))
            means = [cell(accuracy, *where, cycle, "mean") for cycle in range(3)]
            stds = [cell(accuracy, *where, cycle, "std") for cycle in range(3)]
            assert list(line.get_xdata()) == [0, 1, 2]
            assert list(line.get_ydata()) == means
            # One standard deviation to each side, in the line's color.
            band = set()
            for cycle, (mean, std) in enumerate(zip(means, stds, strict=True)):
                band |= {(cycle, round(mean - std, 6)), (cycle, round(mean + std, 6))}
            assert (to_hex(line.get_color()), band) in bands
            low, high = axes.get_ylim()
            assert all(low < y < high for _, y in band)
    assert "± one sample standard deviation" in legend_texts(figure)[-1]


def corners(band):
    return {(x, round(y, 6)) for x, y in band.get_xy()}


def test_figure3_prefers_pre_and_semi_where_both_were_run(grid):
    figure = figure3(table_of(grid), grid)
    assert {label.split("/")[0] for label in lines_of(figure.axes[1], grid)} == {
        "baseline",
        "pre+semi",
    }


def test_labels_of_axes_panels_and_cycles():
    figure = drawn("figure1")
    first, second = figure.axes
    assert first.get_title() == "(a) Digits, b = 10"
    assert second.get_title() == "(b) CIFAR-100, b = 10"
    assert first.get_ylabel() == "test accuracy (%)"
    assert [text.get_text() for text in first.get_xticklabels()] == ["0\n20", "1\n30", "2\n40"]
    assert "cycle" in first.get_xlabel() and "labels" in first.get_xlabel()


def test_color_and_marker_are_the_strategys_line_style_is_the_methods(grid):
    figure = drawn("figure3")
    looks, dashes = {}, {}
    for axes in figure.axes:
        for label, line in lines_of(axes, grid).items():
            method, strategy = label.split("/")
            looks.setdefault(strategy, set()).add((to_hex(line.get_color()), line.get_marker()))
            dashes.setdefault(method, set()).add(dash_of(line))
    assert all(len(found) == 1 for found in [*looks.values(), *dashes.values()])
    colors, markers = zip(*(next(iter(found)) for found in looks.values()), strict=True)
    assert len(set(colors)) == len(set(markers)) == len(STRATEGIES)
    assert len({next(iter(found)) for found in dashes.values()}) == len(dashes) == 4
    # The same strategy looks the same in another figure.
    other = lines_of(drawn("figure1").axes[0], grid)["baseline/jlp"]
    assert looks["jlp"] == {(to_hex(other.get_color()), other.get_marker())}


def test_legend_is_complete_and_shows_only_what_is_drawn():
    names = ["Random", "Uncertainty", "CEAL", "CoreSet", "jLP"]
    assert legend_texts(drawn("figure1"))[:-1] == ["method: Baseline", *names]
    assert legend_texts(drawn("figure2"))[:-1] == ["method: + PRE", "Random", "jLP"]
    assert legend_texts(drawn("figure3"))[:-1] == [
        *names,
        "Baseline",
        "+ PRE",
        "+ SEMI",
        "+ PRE + SEMI",
    ]


def test_legend_shows_the_looks_of_the_lines(grid):
    figure = drawn("figure3")
    handles = [h for h in figure.legends[0].findobj(Line2D) if h.get_label() != "_nolegend_"]
    looks, dashes = style.looks(grid), style.dashes(grid)
    shown = [(to_hex(h.get_color()).upper(), h.get_marker()) for h in handles[:5]]
    assert shown == [looks[name][:2] for name in STRATEGIES]
    assert [dash_of(h) for h in handles[5:]] == [dashes[name][1] for name in METHODS]


def test_full_supervision_is_drawn_in_figure_3_only_where_it_is_known(grid, accuracy):
    def references(axes):
        lines = [line for line in axes.get_lines() if line.get_color() == style.GRAY]
        return [line.get_ydata()[0] for line in lines]

    figure = drawn("figure3")
    assert [references(axes) for axes in figure.axes] == [[], [76.43]]
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "full supervision, published 76.43"
    ]
    assert figure.axes[1].get_ylim()[1] > 76.43
    assert [references(axes) for axes in drawn("figure1").axes] == [[], []]

    grid["experiments"]["cifar"]["methods"]["full"] = {
        "labels": "all",
        "pre": "none",
        "semi": "none",
        "strategies": [],
    }
    row = {"experiment": "cifar", "dataset": "cifar100", "budget": 10, "cycle": 0}
    row |= {"n_labels": 50000, "method": "full", "strategy": "all"}
    measured = pd.DataFrame([row | {"mean": 95.25, "std": 0.5, "n_seeds": 2}])
    accuracy = pd.concat([accuracy, measured], ignore_index=True)
    figure = figure3(accuracy, grid)
    assert [references(axes) for axes in figure.axes] == [[], [95.25, 76.43]]
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["full supervision 95.2", "published 76.43"]
    # it is a line, not a curve of its own, and no panel's strategies or methods change
    assert len(lines_of(figure.axes[1], grid)) == len(figure.axes[1].get_lines()) - 2
    others = [make(accuracy, grid) for make in (figure1, figure2, FIGURES["figure4"])]
    for other in others:
        assert [references(axes) for axes in other.axes] == [[], []]
    for one in (others[0], figure):
        # the 50,000 labels are not those of cycle 0
        ticks = [label.get_text() for label in one.axes[1].get_xticklabels()]
        assert ticks == ["0\n20", "1\n30", "2\n40"]


def test_panel_without_runs_says_so(grid, accuracy):
    first, second = drawn("figure2").axes
    assert [text.get_text() for text in second.texts] == ["not run"]
    assert not second.get_lines()
    assert [text.get_text() for text in first.texts] == []
    nothing = figure3(accuracy.iloc[:0], grid)
    assert [axes.texts[0].get_text() for axes in nothing.axes] == ["not run", "not run"]


def test_cycle_that_was_not_run_leaves_a_gap(grid):
    accuracy = table_of(grid, lambda strategy, cycle, **_: (strategy, cycle) != ("jlp", 1))
    axes = figure1(accuracy, grid).axes[0]
    line = lines_of(axes, grid)["baseline/jlp"]
    y = list(line.get_ydata())
    assert math.isnan(y[1]) and not math.isnan(y[0]) and not math.isnan(y[2])
    # nor does its band go on from cycle 0 to cycle 2
    own = [b for b in axes.patches if to_hex(b.get_facecolor()) == to_hex(line.get_color())]
    assert [{x for x, _ in band.get_xy()} for band in own] == [{0}, {2}]


def test_no_test_set_is_said_and_leaves_the_other_panel(grid, accuracy):
    accuracy.loc[accuracy["experiment"] == "cifar", ["mean", "std"]] = math.nan
    for figure in (figure1(accuracy, grid), figure3(accuracy, grid)):
        first, second = figure.axes
        assert [text.get_text() for text in second.texts] == ["no test set"]
        assert lines_of(first, grid)
    accuracy.loc[accuracy["cycle"] == 1, ["mean", "std"]] = math.nan
    line = lines_of(figure1(accuracy, grid).axes[0], grid)["baseline/jlp"]
    assert [math.isnan(y) for y in line.get_ydata()] == [False, True, False]


def test_one_seed_has_no_band_and_the_note_does_not_promise_one(grid, accuracy):
    single = accuracy.assign(std=math.nan, n_seeds=1)
    figure = figure1(single, grid)
    lines = lines_of(figure.axes[0], grid)
    assert len(lines) == 5 and not figure.axes[0].patches
    assert legend_texts(figure)[-1] == "One seed, so no band of standard deviations."
    low, high = figure.axes[0].get_ylim()
    for line in lines.values():
        assert all(low < y < high for y in line.get_ydata())


def test_figure4_shows_one_label_per_class_where_there_is_such_an_experiment(grid, accuracy):
    def titles(pools):
        figure = figure4(accuracy, grid, pools)
        return [axes.get_title() for axes in figure.axes]

    both = ["(a) Digits, b = 10", "(b) CIFAR-100, b = 10"]
    assert titles({"digits": {"classes": 10}, "cifar100": {"classes": 100}}) == ["Digits, b = 10"]
    assert titles({"digits": {"classes": 7}, "cifar100": {"classes": 100}}) == both
    assert titles({}) == both


def test_methods_belong_to_figures_by_what_they_do(grid):
    methods = grid["experiments"]["digits"]["methods"]
    methods["rotation"] = {
        "labels": "acquired",
        "pre": "rotation",
        "semi": "none",
        "strategies": ["novelty"],
    }
    row = ("digits", "digits", 10, 1, 30, "rotation", "novelty", 55.0, 1.0, 2)
    accuracy = pd.concat(
        [
            table_of({**grid, "experiments": {"cifar": grid["experiments"]["cifar"]}}),
            pd.DataFrame([row], columns=list(COLUMNS[:10])),
        ]
    )
    second = figure2(accuracy, grid)
    others = figure3(accuracy, grid), figure1(accuracy, grid)
    for figure, there in zip((second, *others), (True, True, False), strict=True):
        assert ("rotation/novelty" in lines_of(figure.axes[0], grid)) is there
    assert "rotation/novelty" not in lines_of(figure4(accuracy, grid, {}).axes[0], grid)
    assert "novelty" in legend_texts(second)
