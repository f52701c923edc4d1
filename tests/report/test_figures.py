import json
import math
import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from plans import PARTS, plan

from wholepool.report import figures, tables

ALL = ["random", "uncertainty", "ceal", "coreset", "jlp"]


@pytest.fixture
def grid():
    some = ["random", "jlp"]
    return {
        "experiments": {
            "digits": plan(
                "digits", {"baseline": ALL, "pre": some, "semi": some, "pre+semi": some}
            ),
            # Planned with PRE + SEMI, which is then not run.
            "cifar": plan(
                "cifar100",
                {"baseline": ALL, "semi": some, "pre+semi": some},
                full_supervision=76.43,
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
                        mean = 41.0 + 6 * cycle + 5 * list(PARTS).index(method) + len(rows) / 50
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
    return pd.DataFrame(rows, columns=tables.ACCURACY_COLUMNS)


@pytest.fixture
def accuracy(grid):
    return table_of(
        grid, lambda experiment, method, **_: (experiment, method) != ("cifar", "pre+semi")
    )


def lines_of(axes):
    """ "method/strategy" → the line of that label."""
    return {line.get_label(): line for line in axes.get_lines() if "/" in str(line.get_label())}


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
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(figure):
    return [text.get_text() for text in figure.texts]


EXPECTED_METHODS = [
    ("figure1", {"digits": ["baseline"], "cifar": ["baseline"]}),
    ("figure2", {"digits": ["pre"], "cifar": []}),
    ("figure3", {"digits": ["baseline", "pre", "pre+semi"], "cifar": ["baseline", "semi"]}),
    ("figure4", {"digits": ["baseline", "semi", "pre+semi"], "cifar": ["baseline", "semi"]}),
]


@pytest.mark.parametrize(("name", "methods"), EXPECTED_METHODS)
def test_lines_and_bands_are_the_table(grid, accuracy, name, methods):
    figure = getattr(figures, name)(accuracy, grid)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    for axes, experiment in zip(figure.axes, grid["experiments"], strict=True):
        expected = {
            f"{method}/{strategy}"
            for method in methods[experiment]
            for strategy in grid["experiments"][experiment]["methods"][method]["strategies"]
        }
        lines = lines_of(axes)
        assert set(lines) == expected
        bands = [band.get_paths()[0].get_extents() for band in axes.collections]
        assert len(bands) == len(lines)
        for (label, line), band in zip(lines.items(), bands, strict=True):
            where = (experiment, *label.split("/"))
            means = [cell(accuracy, *where, cycle, "mean") for cycle in range(3)]
            stds = [cell(accuracy, *where, cycle, "std") for cycle in range(3)]
            assert list(line.get_xdata()) == [0, 1, 2]
            assert list(line.get_ydata()) == means
            # One standard deviation to each side.
            assert band.y0 == pytest.approx(min(m - s for m, s in zip(means, stds, strict=True)))
            assert band.y1 == pytest.approx(max(m + s for m, s in zip(means, stds, strict=True)))
            low, high = axes.get_ylim()
            assert low < band.y0 and band.y1 < high
    assert any("± one sample standard deviation" in text for text in texts(figure))


def test_figure3_prefers_pre_and_semi_where_both_were_run(grid):
    figure = figures.figure3(table_of(grid), grid)
    assert {label.split("/")[0] for label in lines_of(figure.axes[1])} == {"baseline", "pre+semi"}


def test_labels_of_axes_panels_and_cycles(grid, accuracy):
    figure = figures.figure1(accuracy, grid)
    first, second = figure.axes
    assert first.get_title() == "(a) Digits, b = 10"
    assert second.get_title() == "(b) CIFAR-100, b = 10"
    assert first.get_ylabel() == "test accuracy (%)"
    assert [text.get_text() for text in first.get_xticklabels()] == ["0\n20", "1\n30", "2\n40"]
    assert "cycle" in first.get_xlabel() and "labels" in first.get_xlabel()


def test_color_and_marker_are_the_strategys_line_style_is_the_methods(grid, accuracy):
    figure = figures.figure3(accuracy, grid)
    looks, dashes = {}, {}
    for axes in figure.axes:
        for label, line in lines_of(axes).items():
            method, strategy = label.split("/")
            looks.setdefault(strategy, set()).add((to_hex(line.get_color()), line.get_marker()))
            dashes.setdefault(method, set()).add(str(line._unscaled_dash_pattern))
    assert all(len(found) == 1 for found in [*looks.values(), *dashes.values()])
    colors, markers = zip(*(next(iter(found)) for found in looks.values()), strict=True)
    assert len(set(colors)) == len(set(markers)) == len(ALL)
    assert len({next(iter(found)) for found in dashes.values()}) == len(dashes) == 4
    # The same strategy looks the same in another figure.
    other = lines_of(figures.figure1(accuracy, grid).axes[0])["baseline/jlp"]
    assert looks["jlp"] == {(to_hex(other.get_color()), other.get_marker())}


def test_legend_is_complete_and_shows_only_what_is_drawn(grid, accuracy):
    names = ["Random", "Uncertainty", "CEAL", "CoreSet", "jLP"]
    assert legend_texts(figures.figure1(accuracy, grid)) == names
    assert figures.figure1(accuracy, grid).legends[0].get_title().get_text() == "method: Baseline"
    assert legend_texts(figures.figure2(accuracy, grid)) == ["Random", "jLP"]
    assert legend_texts(figures.figure3(accuracy, grid)) == [
        *names,
        "Baseline",
        "+ PRE",
        "+ SEMI",
        "+ PRE + SEMI",
    ]


def test_full_supervision_is_drawn_in_figure_3_only_where_it_is_known(grid, accuracy):
    def references(axes):
        lines = [line for line in axes.get_lines() if "full supervision" in line.get_label()]
        return [line.get_ydata()[0] for line in lines]

    figure = figures.figure3(accuracy, grid)
    assert [references(axes) for axes in figure.axes] == [[], [76.43]]
    assert [text.get_text() for text in figure.axes[1].texts] == [
        "full supervision, published 76.43"
    ]
    assert figure.axes[1].get_ylim()[1] > 76.43
    assert [references(axes) for axes in figures.figure1(accuracy, grid).axes] == [[], []]

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
    figure = figures.figure3(accuracy, grid)
    assert [references(axes) for axes in figure.axes] == [[], [95.25, 76.43]]
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["full supervision 95.2", "full supervision, published 76.43"]
    # it is a line, not a curve of its own, and no panel's strategies or methods change
    assert "full/all" not in {line.get_label() for line in figure.axes[1].get_lines()}
    for make in (figures.figure1, figures.figure2, figures.figure4):
        assert [references(axes) for axes in make(accuracy, grid).axes] == [[], []]
    for make in (figures.figure1, figures.figure3):
        # the 50,000 labels are not those of cycle 0
        ticks = [label.get_text() for label in make(accuracy, grid).axes[1].get_xticklabels()]
        assert ticks == ["0\n20", "1\n30", "2\n40"]


def test_panel_without_runs_says_so(grid, accuracy):
    first, second = figures.figure2(accuracy, grid).axes
    assert [text.get_text() for text in second.texts] == ["not run"]
    assert not second.get_lines()
    assert [text.get_text() for text in first.texts] == []
    nothing = figures.figure3(accuracy.iloc[:0], grid)
    assert [axes.texts[0].get_text() for axes in nothing.axes] == ["not run", "not run"]


def test_cycle_that_was_not_run_leaves_a_gap(grid):
    accuracy = table_of(grid, lambda strategy, cycle, **_: (strategy, cycle) != ("jlp", 1))
    line = lines_of(figures.figure1(accuracy, grid).axes[0])["baseline/jlp"]
    y = list(line.get_ydata())
    assert math.isnan(y[1]) and not math.isnan(y[0]) and not math.isnan(y[2])


def test_one_seed_has_no_band_and_the_note_does_not_promise_one(grid, accuracy):
    single = accuracy.assign(std=math.nan, n_seeds=1)
    figure = figures.figure1(single, grid)
    lines = lines_of(figure.axes[0])
    assert len(lines) == 5
    assert not any("±" in text for text in texts(figure))
    low, high = figure.axes[0].get_ylim()
    for line in lines.values():
        assert all(low < y < high for y in line.get_ydata())


def test_figure4_shows_one_label_per_class_where_there_is_such_an_experiment(grid, accuracy):
    def titles(pools):
        figure = figures.figure4(accuracy, grid, pools)
        return [axes.get_title() for axes in figure.axes]

    both = ["(a) Digits, b = 10", "(b) CIFAR-100, b = 10"]
    assert titles({"digits": {"classes": 10}, "cifar100": {"classes": 100}}) == ["Digits, b = 10"]
    assert titles({"digits": {"classes": 7}, "cifar100": {"classes": 100}}) == both
    assert titles(None) == both


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
            pd.DataFrame([row], columns=tables.ACCURACY_COLUMNS),
        ]
    )
    assert "rotation/badge" in lines_of(figures.figure2(accuracy, grid).axes[0])
    assert "rotation/badge" in lines_of(figures.figure3(accuracy, grid).axes[0])
    assert "rotation/badge" not in lines_of(figures.figure1(accuracy, grid).axes[0])
    assert "rotation/badge" not in lines_of(figures.figure4(accuracy, grid).axes[0])
    assert "badge" in legend_texts(figures.figure2(accuracy, grid))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
def test_nothing_overlaps_whatever_the_number_of_panels(grid, n):
    pattern = grid["experiments"]["cifar"]
    grid["experiments"] = {f"e{i}": pattern | {"budget": 10 + i} for i in range(n)}
    figure = figures.figure3(table_of(grid), grid)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    boxes += [text.get_window_extent() for text in figure.texts]
    assert len(boxes) == n + 3
    width, height = figure.bbox.width, figure.bbox.height
    for i, a in enumerate(boxes):
        assert a.x0 >= 0 and a.y0 >= 0 and a.x1 <= width + 1 and a.y1 <= height, i
        for j, b in enumerate(boxes[:i]):
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (i, j)
    # At most three in a row.
    assert len({round(axes.get_position().x0, 6) for axes in figure.axes}) <= 3


def test_files_exist_in_three_kinds_and_are_the_same_bytes_twice(grid, tmp_path):
    only = {**grid, "experiments": {"digits": plan("digits", {"baseline": ["random", "jlp"]})}}
    table_of(only).to_csv(tmp_path / "accuracy.csv", index=False)
    figures.write_figures(tmp_path / "accuracy.csv", only, tmp_path / "a")
    time.sleep(1.1)  # a date in a file has a resolution of one second
    # Another process, another hash seed.
    code = (
        "import json, pathlib, sys; from wholepool.report import figures; "
        "p = pathlib.Path(sys.argv[1]);"
        "figures.write_figures(p / 'accuracy.csv', json.loads(sys.argv[2]), p / 'b')"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), json.dumps(only)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    names = [f"figure{number}.{kind}" for number in (1, 2, 3, 4) for kind in ("png", "svg", "pdf")]
    assert sorted(os.listdir(tmp_path / "a")) == sorted(names)
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content.startswith(starts[name[-3:]]) and len(content) > 4000, name
        assert content == (tmp_path / "b" / name).read_bytes(), name
    pdf = (tmp_path / "a" / "figure1.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf  # TrueType, embedded
    svg = (tmp_path / "a" / "figure1.svg").read_text(encoding="utf-8")
    assert "<text" not in svg and "<dc:date>" not in svg  # outlines, no date


def test_settings_of_the_user_do_not_show_and_are_left_alone(grid, accuracy):
    import matplotlib

    plain = figures.figure1(accuracy, grid)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        changed = figures.figure1(accuracy, grid)
        assert matplotlib.rcParams["font.size"] == 30
    for one, other in zip(plain.axes, changed.axes, strict=True):
        assert one.title.get_fontsize() == other.title.get_fontsize()
        assert one.get_facecolor() == other.get_facecolor()


def test_importing_the_module_imports_neither_matplotlib_nor_pandas():
    code = (
        "import sys, wholepool.report.figures;"
        "print([name for name in ('matplotlib', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pyplot_is_never_imported(grid, tmp_path):
    code = (
        "import sys, wholepool.report.figures as f, wholepool.report.tables as t, pandas as pd;"
        "f.figure1(pd.DataFrame(columns=t.ACCURACY_COLUMNS), {'experiments': {}});"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
