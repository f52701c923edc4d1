"""How figures look: all told apart, nothing overlaps, the same bytes everywhere."""

import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from figures_of_results import (
    METHODS,
    figure1,
    grid_of_figures,
    table_of,
)
from grids_of_results import STRATEGIES, plan, runs_of
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from wholepool.report import build, style
from wholepool.report.pages.figure3 import figure3
from wholepool.report.results import Results


@pytest.fixture
def grid():
    return grid_of_figures()


@pytest.fixture
def accuracy(grid):
    return table_of(
        grid, lambda experiment, method, **_: (experiment, method) != ("cifar", "pre+semi")
    )


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


@pytest.mark.parametrize("n", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.long), 7])
def test_nothing_overlaps_whatever_the_number_of_panels(grid, n):
    """Of one row, of two, and of three; five, with two in the last row, are left to `long`."""
    pattern = grid["experiments"]["cifar"]
    grid["experiments"] = {f"e{i}": pattern | {"budget": 10 + i} for i in range(n)}
    check_layout(figure3(table_of(grid), grid), n)


def test_nothing_overlaps_with_many_strategies_and_long_names(grid):
    names = [f"a_strategy_of_a_long_name_{number}" for number in range(13)]
    # one strategy in each other method: the legend is as long, with a third of the lines
    methods = dict.fromkeys(METHODS, names[:1]) | {METHODS[0]: names}
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
        runs_of(only).to_csv(tmp_path / name / "tables/runs.csv", index=False)
    tables = tmp_path / "a/tables"
    given = only, {}, tables / "runs.csv", tables / "accuracy.csv"
    build.write("figures", Results(tmp_path / "a", *given))
    time.sleep(1.1)  # a date in a file has a resolution of one second
    # Another process, another hash seed.
    code = (
        "import json, pathlib, sys; from wholepool.report import build, results; "
        "p = pathlib.Path(sys.argv[1]); grid = json.loads(sys.argv[2]);"
        "given = grid, {}, p / 'tables/runs.csv', p / 'tables/accuracy.csv';"
        "build.write('figures', results.Results(p, *given))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b"), json.dumps(only)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    stems = [*(f"figure{number}" for number in (1, 2, 3, 4)), "pseudo_labels"]
    names = [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "pdf")]
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
