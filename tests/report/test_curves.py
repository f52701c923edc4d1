"""Figures 1 to 4: what they show is the accuracy table, and what it looks like."""

import itertools
import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from grids_of_results import STRATEGIES, plan
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from wholepool.report import build, style
from wholepool.report.accuracy import COLUMNS
from wholepool.report.curves import curves, methods_of
from wholepool.report.names import METHOD_NAMES
from wholepool.report.pages.figure3 import figure3
from wholepool.report.pages.figure4 import figure4

METHODS = ("baseline", "pre", "semi", "pre+semi")


def figure1(accuracy, grid):
    return curves(accuracy, grid, methods_of(grid, (False, False)))


def figure2(accuracy, grid):
    return curves(accuracy, grid, methods_of(grid, (True, False)))


FIGURES = {
    "figure1": figure1,
    "figure2": figure2,
    "figure3": figure3,
    "figure4": lambda accuracy, grid: figure4(accuracy, grid, {}),
}


@pytest.fixture
def grid():
    some = ["random", "jlp"]
    return {
        "experiments": {
            "digits": plan(
                "digits", {"baseline": STRATEGIES, "pre": some, "semi": some, "pre+semi": some}
            ),
            # Planned with PRE + SEMI, which is then not run.
            "cifar": plan(
                "cifar100",
                {"baseline": STRATEGIES, "semi": some, "pre+semi": some},
                published_accuracy=76.43,
            ),
        },
        "ablation_strategies": some,
    }


def table_of(grid, keep=lambda **cell: True):
    """An accuracy table with another number in every cell."""
    rows = []
    for experiment, p in grid["experiments"].items():
        for method, parts in p["methods"].items():
            for strategy in parts["strategies"]:
                for cycle in range(p["cycles"]):
                    if keep(experiment=experiment, method=method, strategy=strategy, cycle=cycle):
                        mean = 41.0 + 6 * cycle + 5 * METHODS.index(method) + len(rows) / 50
                        rows.append(
                            (
                                experiment,
                                p["dataset"],
                                p["budget"],
                                cycle,
                                p["initial"] + cycle * p["budget"],
                                method,
                                strategy,
                                mean,
                                1 + len(rows) / 100,
                                2,
                            )
                        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def accuracy(grid):
    return table_of(
        grid, lambda experiment, method, **_: (experiment, method) != ("cifar", "pre+semi")
    )


def dash_of(artist):
    """A line's dashes, comparable: None where it is solid."""
    return artist._unscaled_dash_pattern[1] and tuple(artist._unscaled_dash_pattern[1])


def lines_of(axes, grid):
    """ "method/strategy" → its line, told by its look alone: color, marker and dashes."""
    strategies = {look[:2]: name for name, look in style.looks(grid).items()}
    methods = {dash[1]: name for name, dash in style.dashes(grid).items()}
    drawn = [line for line in axes.get_lines() if line.get_marker() not in ("", "None")]
    title = legend_texts(axes.figure)[0]
    if title.startswith("method: "):  # a method that stands alone is solid
        named = {shown: name for name, shown in METHOD_NAMES.items()}
        shown = title.removeprefix("method: ")
        methods = {None: named.get(shown, shown)}
    found = {}
    for line in drawn:
        strategy = strategies[to_hex(line.get_color()).upper(), line.get_marker()]
        name = f"{methods[dash_of(line)]}/{strategy}"
        assert name not in found
        found[name] = line
    return found


def cell(accuracy, experiment, method, strategy, cycle, column):
    for row in accuracy.itertuples():
        if (row.experiment, row.method, row.strategy, row.cycle) == (
            experiment,
            method,
            strategy,
            cycle,
        ):
            return getattr(row, column)
    raise KeyError((experiment, method, strategy, cycle))


def legend_texts(figure):
    """All texts below the panels: titles, entries, and at last the note."""
    return [text.get_text() for text in figure.legends[0].findobj(Text) if text.get_text()]


EXPECTED_METHODS = [
    ("figure1", {"digits": ["baseline"], "cifar": ["baseline"]}),
    ("figure2", {"digits": ["pre"], "cifar": []}),
    ("figure3", {"digits": ["baseline", "pre", "pre+semi"], "cifar": ["baseline", "semi"]}),
    ("figure4", {"digits": ["baseline", "semi", "pre+semi"], "cifar": ["baseline", "semi"]}),
]


@pytest.mark.parametrize(("name", "methods"), EXPECTED_METHODS)
def test_lines_and_bands_are_the_table(grid, accuracy, name, methods):
    figure = FIGURES[name](accuracy, grid)
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


def test_labels_of_axes_panels_and_cycles(grid, accuracy):
    figure = figure1(accuracy, grid)
    first, second = figure.axes
    assert first.get_title() == "(a) Digits, b = 10"
    assert second.get_title() == "(b) CIFAR-100, b = 10"
    assert first.get_ylabel() == "test accuracy (%)"
    assert [text.get_text() for text in first.get_xticklabels()] == ["0\n20", "1\n30", "2\n40"]
    assert "cycle" in first.get_xlabel() and "labels" in first.get_xlabel()


def test_color_and_marker_are_the_strategys_line_style_is_the_methods(grid, accuracy):
    figure = figure3(accuracy, grid)
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
    other = lines_of(figure1(accuracy, grid).axes[0], grid)["baseline/jlp"]
    assert looks["jlp"] == {(to_hex(other.get_color()), other.get_marker())}


def test_legend_is_complete_and_shows_only_what_is_drawn(grid, accuracy):
    names = ["Random", "Uncertainty", "CEAL", "CoreSet", "jLP"]
    assert legend_texts(figure1(accuracy, grid))[:-1] == ["method: Baseline", *names]
    assert legend_texts(figure2(accuracy, grid))[:-1] == ["method: + PRE", "Random", "jLP"]
    assert legend_texts(figure3(accuracy, grid))[:-1] == [
        *names,
        "Baseline",
        "+ PRE",
        "+ SEMI",
        "+ PRE + SEMI",
    ]


def test_legend_shows_the_looks_of_the_lines(grid, accuracy):
    figure = figure3(accuracy, grid)
    handles = [h for h in figure.legends[0].findobj(Line2D) if h.get_label() != "_nolegend_"]
    looks, dashes = style.looks(grid), style.dashes(grid)
    shown = [(to_hex(h.get_color()).upper(), h.get_marker()) for h in handles[:5]]
    assert shown == [looks[name][:2] for name in STRATEGIES]
    assert [dash_of(h) for h in handles[5:]] == [dashes[name][1] for name in METHODS]


def test_full_supervision_is_drawn_in_figure_3_only_where_it_is_known(grid, accuracy):
    def references(axes):
        lines = [line for line in axes.get_lines() if line.get_color() == style.GRAY]
        return [line.get_ydata()[0] for line in lines]

    figure = figure3(accuracy, grid)
    assert [references(axes) for axes in figure.axes] == [[], [76.43]]
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "full supervision, published 76.43"
    ]
    assert figure.axes[1].get_ylim()[1] > 76.43
    assert [references(axes) for axes in figure1(accuracy, grid).axes] == [[], []]

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
    for make in (figure1, figure2, FIGURES["figure4"]):
        assert [references(axes) for axes in make(accuracy, grid).axes] == [[], []]
    for make in (figure1, figure3):
        # the 50,000 labels are not those of cycle 0
        ticks = [label.get_text() for label in make(accuracy, grid).axes[1].get_xticklabels()]
        assert ticks == ["0\n20", "1\n30", "2\n40"]


def test_panel_without_runs_says_so(grid, accuracy):
    first, second = figure2(accuracy, grid).axes
    assert [text.get_text() for text in second.texts] == ["not run"]
    assert not second.get_lines()
    assert [text.get_text() for text in first.texts] == []
    nothing = figure3(accuracy.iloc[:0], grid)
    assert [axes.texts[0].get_text() for axes in nothing.axes] == ["not run", "not run"]


def test_cycle_that_was_not_run_leaves_a_gap(grid):
    accuracy = table_of(grid, lambda strategy, cycle, **_: (strategy, cycle) != ("jlp", 1))
    line = lines_of(figure1(accuracy, grid).axes[0], grid)["baseline/jlp"]
    y = list(line.get_ydata())
    assert math.isnan(y[1]) and not math.isnan(y[0]) and not math.isnan(y[2])


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
        "strategies": ["badge"],
    }
    row = ("digits", "digits", 10, 1, 30, "rotation", "badge", 55.0, 1.0, 2)
    accuracy = pd.concat(
        [
            table_of({**grid, "experiments": {"cifar": grid["experiments"]["cifar"]}}),
            pd.DataFrame([row], columns=list(COLUMNS)),
        ]
    )
    for make, there in ((figure2, True), (figure3, True), (figure1, False)):
        assert ("rotation/badge" in lines_of(make(accuracy, grid).axes[0], grid)) is there
    assert "rotation/badge" not in lines_of(figure4(accuracy, grid, {}).axes[0], grid)
    assert "badge" in legend_texts(figure2(accuracy, grid))


MANY = [*STRATEGIES, *(f"strategy_{letter}" for letter in "abcdefghijk")]


def test_many_strategies_and_methods_all_look_different(grid):
    names = [*METHODS, *(f"simclr_{number}" for number in range(4))]
    words = {"labels": "acquired", "pre": "simclr", "semi": "none", "strategies": MANY}
    grid["experiments"]["digits"]["methods"] = dict.fromkeys(names, words)
    looks, dashes = style.looks(grid), style.dashes(grid)
    for part in (0, 1):
        found = [look[part] for look in looks.values()]
        # fifteen markers: of sixteen strategies the last has the first one's, in another color
        assert len(set(found[: 15 + (part == 0)])) == 15 + (part == 0)
    assert len({look[:2] for look in looks.values()}) == len(MANY) == 16
    assert len({dash[1] for dash in dashes.values()}) == len(names)
    # the paper's strategies look as in a grid of them alone
    grid["experiments"] = {"digits": plan("digits", {"baseline": ["jlp"]})}
    assert style.looks(grid)["jlp"][:2] == looks["jlp"][:2]


def test_colors_differ_for_the_color_blind():
    """Distances of all pairs, seen as by Machado et al. (2009) at full severity, in CIE Lab."""
    views = {
        "normal": np.eye(3),
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216]]
        + [[-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]]
        + [[-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602]]
        + [[0.004733, 0.691367, 0.303900]],
    }
    white = np.array([0.9505, 1.0, 1.089])
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    rgb = np.array([to_rgb(color) for color in style.COLORS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for view in views.values():
        xyz = np.clip(linear @ np.array(view).T, 0, 1) @ np.array(to_xyz).T / white
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = np.stack(
            [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
        )
        distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)
        assert distances[np.triu_indices(len(lab), 1)].min() > 16.9


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
def test_nothing_overlaps_whatever_the_number_of_panels(grid, n):
    pattern = grid["experiments"]["cifar"]
    grid["experiments"] = {f"e{i}": pattern | {"budget": 10 + i} for i in range(n)}
    check_layout(figure3(table_of(grid), grid), n)


def test_nothing_overlaps_with_many_strategies_and_long_names(grid):
    names = [f"a_strategy_of_a_long_name_{number}" for number in range(13)]
    methods = dict.fromkeys(METHODS, names)
    grid["experiments"] = {f"e{i}": plan("digits", methods, cycles=12) for i in range(2)}
    check_layout(figure3(table_of(grid), grid), 2)
    grid["experiments"].popitem()
    check_layout(figure3(table_of(grid), grid), 1)


def check_layout(figure, n):
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    (legend,) = figure.legends
    texts = [text for text in legend.findobj(Text) if text.get_text()]
    boxes += [text.get_window_extent() for text in texts]
    assert len(boxes) > n + 3 and not figure.texts
    width, height = figure.bbox.width, figure.bbox.height
    for i, a in enumerate(boxes):
        assert a.x0 >= 0 and a.y0 >= 0 and a.x1 <= width + 1 and a.y1 <= height, i
        for j, b in enumerate(boxes[:i]):
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (i, j)
    # At most three in a row, and none squeezed.
    assert len({round(axes.get_position().x0, 2) for axes in figure.axes}) <= 3
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert box.height > 1.4 * figure.dpi and box.width > 1.5 * figure.dpi
        ticks = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(ticks))


def test_files_exist_in_three_kinds_and_are_the_same_bytes_twice(grid, tmp_path):
    only = {**grid, "experiments": {"digits": plan("digits", {"baseline": ["random", "jlp"]})}}
    for name in "ab":
        (tmp_path / name / "tables").mkdir(parents=True)
        table_of(only).to_csv(tmp_path / name / "tables/accuracy.csv", index=False)
    build.write_figures(tmp_path / "a", only, {})
    time.sleep(1.1)  # a date in a file has a resolution of one second
    # Another process, another hash seed.
    code = (
        "import json, pathlib, sys; from wholepool.report import build; "
        "build.write_figures(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), {})"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b"), json.dumps(only)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    names = [f"figure{number}.{kind}" for number in (1, 2, 3, 4) for kind in ("png", "svg", "pdf")]
    assert sorted(os.listdir(tmp_path / "a/figures")) == sorted(names)
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for name in names:
        content = (tmp_path / "a/figures" / name).read_bytes()
        assert content.startswith(starts[name[-3:]]) and len(content) > 4000, name
        assert content == (tmp_path / "b/figures" / name).read_bytes(), name
    pdf = (tmp_path / "a/figures/figure1.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf  # TrueType, embedded
    svg = (tmp_path / "a/figures/figure1.svg").read_text(encoding="utf-8")
    assert "<text" not in svg and "<dc:date>" not in svg  # outlines, no date


def test_settings_of_the_user_do_not_show_and_are_left_alone(grid, accuracy):
    import matplotlib

    plain = figure1(accuracy, grid)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        changed = figure1(accuracy, grid)
        assert matplotlib.rcParams["font.size"] == 30
    for one, other in zip(plain.axes, changed.axes, strict=True):
        assert one.title.get_fontsize() == other.title.get_fontsize()
        assert one.get_facecolor() == other.get_facecolor()


def test_importing_the_module_imports_no_seaborn():
    code = (
        "import sys, wholepool.report.curves, wholepool.report.pages.figure3;"
        "print([name for name in ('matplotlib', 'seaborn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_figure_needs_no_display_and_leaves_none_open(grid, accuracy):
    import matplotlib.pyplot

    with_none = matplotlib.pyplot.get_fignums()
    figure1(accuracy, grid)
    assert matplotlib.pyplot.get_fignums() == with_none
    assert not figure1(accuracy.iloc[:0], {"experiments": {}}).axes
