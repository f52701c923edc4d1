"""The comparison as a figure."""

import pytest
from evidence_of_tests import ONE, compared, folder_of, points_of
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from wholepool.paper.figure import comparison_figure


def test_panels_say_how_much_was_run(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path, [ONE]))
    figure = comparison_figure(table)
    assert [axes.get_title() for axes in figure.axes] == [
        "(a) MNIST, b = 10: 0 of 1 cells run",
        "(b) SVHN, b = 100: 0 of 59 cells run",
        "(c) CIFAR-10, b = 100: 1 of 65 cells run",
        "(d) CIFAR-10, b = 1000: 0 of 38 cells run",
        "(e) CIFAR-100, b = 1000: 0 of 65 cells run",
    ]
    points = points_of(figure)
    assert [p for p in points if p[2] == "ours"] == [(2, pytest.approx(37.1667, abs=1e-4), "ours")]
    # the paper's cells, each once, at their means
    blocks = [("mnist", 10), ("svhn", 100), ("cifar10", 100), ("cifar10", 1000), ("cifar100", 1000)]
    cells = table[(table["verdict"] != "not compared") & (table["method"] != "full")]
    for number, (dataset, budget) in enumerate(blocks):
        own = cells[(cells["dataset"] == dataset) & (cells["budget"] == budget)]
        shown = sorted(y for where, y, whose in points if (where, whose) == (number, "paper"))
        assert shown == sorted(own["paper_mean"])


def test_bars_are_one_deviation_to_each_side(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path, [ONE]))
    axes = comparison_figure(table).axes[2]
    bars = {
        tuple(round(float(y), 4) for y in segment[:, 1])
        for lines in axes.collections
        if isinstance(lines, LineCollection)
        for segment in lines.get_segments()
    }
    block = table[(table["dataset"] == "cifar10") & (table["budget"] == 100)]
    block = block[block["verdict"] != "not compared"]
    expected = {
        (round(row.paper_mean - row.paper_std, 4), round(row.paper_mean + row.paper_std, 4))
        for row in block.itertuples()
    }
    (ours,) = block[block["verdict"] == "within"].itertuples()
    expected.add((round(ours.mean - ours.std, 4), round(ours.mean + ours.std, 4)))
    assert bars == expected


def test_other_settings_are_drawn_open(paper, tmp_path):
    def inside(changes, name):
        table, _ = compared(paper, folder_of(tmp_path / name, [ONE], changes))
        (points,) = (
            c for c in comparison_figure(table).axes[2].collections if isinstance(c, PathCollection)
        )
        both = zip(points.get_edgecolors(), points.get_facecolors(), strict=True)
        return [to_hex(face) for edge, face in both if to_hex(edge) != "#9a9a9a"]

    assert inside({}, "one") == ["#000000"]
    assert inside({"augment.embedding_view": "augmented"}, "two") == ["#ffffff"]


def test_full_supervision_is_a_line_of_both(paper, tmp_path):
    def lines(runs, name):
        table, _ = compared(paper, folder_of(tmp_path / name, runs))
        axes = comparison_figure(table).axes[1]
        levels = [
            line.get_ydata()[0] for line in axes.get_lines() if len(set(line.get_ydata())) == 1
        ]
        return levels, axes.texts[0].get_text()

    assert lines([], "none") == ([96.97], "full supervision: paper 96.97, not run here")
    run = ("svhn-b100", "full", "all", 0, {0: 96.9, 1: 97.1})
    levels, text = lines([run], "run")
    assert levels == [96.97, pytest.approx(97.0)]
    assert text == "full supervision: paper 96.97, ours 97.00"


def test_nothing_overlaps(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path, [ONE], {"network.width": 0.5}))
    figure = comparison_figure(table)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [t.get_window_extent() for t in legend.findobj(Text) if t.get_text()]
    assert len(boxes) > 5 + 12
    for i, a in enumerate(boxes):
        assert a.x0 >= 0 and a.y0 >= 0, i
        assert a.x1 <= figure.bbox.width + 1 and a.y1 <= figure.bbox.height, i
        for j, b in enumerate(boxes[:i]):
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (i, j)
