"""A figure inside the page: small, its own ids, the reader's colors, and drawn as it was."""

import re
import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure

from wholepool.report import style, vector

LABEL = 'Accuracy <b>&</b> "cycle"'


@pytest.fixture(scope="module")
def svg(tmp_path_factory):
    path = tmp_path_factory.mktemp("figure") / "figure"
    with style.style():
        figure = Figure(figsize=(3.5, 2))
        axes = figure.subplots()
        axes.plot([0, 1, 2], [3.14159, 2, 1], color=style.COLORS[0], marker="o", mec="white")
        axes.plot([0, 1, 2], [1, 2, 3], color=style.COLORS[1], label="light")
        axes.plot([0, 1, 2], [1, 1, 3], color=style.COLORS[7], label="dark")
        axes.axhline(2, color=style.GRAY)
        axes.text(1, 2, "on a color", color="white")
        axes.imshow([[0, 1], [1, 0]], extent=(0, 1, 0, 1))
        axes.legend()
    style.save(figure, path)
    return path.with_suffix(".svg").read_text()


@pytest.fixture(scope="module")
def inside(svg):
    return vector.inline(svg, "figure_9", LABEL)


def test_it_is_one_element_with_a_label_and_its_shape(inside):
    root = ET.fromstring(inside)
    assert root.tag == "svg" and root.get("role") == "img" and root.get("aria-label") == LABEL
    assert root.get("viewBox") == "0 0 252 144"  # 3.5 × 2 inches, in points
    assert root.get("style") == "min-width:302px;max-width:454px"  # 0.9 and 1.35 of 336


def test_nothing_is_left_that_a_page_must_not_have(inside):
    for gone in ("<?xml", "<!DOCTYPE", "<!--", "<metadata", "<style", "xmlns", "xlink:", "http"):
        assert gone not in inside, gone


def test_ids_are_its_own_and_each_leads_somewhere(inside):
    ids = re.findall(r' id="([^"]*)"', inside)
    leads = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', inside)
    leads = {one or other for one, other in leads}
    assert ids and len(ids) == len(set(ids)) and set(ids) == leads
    assert all(name.startswith(f"{vector.IDS}figure-9-") for name in ids)


def test_ink_is_the_readers_and_data_keep_their_colors(svg, inside):
    assert all(color in svg for color in ("#000000", "#666666", "#e5e5e5", "#ffffff"))
    for color in ("#000000", "#666666", "#e5e5e5"):
        assert color not in inside
    for word in ("currentColor", "var(--muted)", "var(--rule)", "var(--page)", "#e69f00"):
        assert word in inside, word
    dark = style.COLORS[7].lower()
    assert f"light-dark({dark},{vector.lifted(dark)})" in inside
    # letters in white stand on a color
    assert re.findall(r'<(\w+) style="fill:#ffffff', inside) == ["g"]


def test_colors_of_strategies_are_seen_on_a_dark_page_and_kept_apart():
    found = [vector.lifted(color) for color in style.COLORS[1:]]
    assert len(set(found)) == len(found)
    for color, raised in zip(style.COLORS[1:], found, strict=True):
        assert vector.contrast(raised, vector.DARK) >= 3
        assert (raised == color.lower()) == (vector.contrast(color, vector.DARK) >= 3)


def test_contrast_is_that_of_the_standard():
    assert vector.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert vector.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WCAG's own
    assert vector.contrast("#123456", "#123456") == 1


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def test_it_is_smaller_and_no_point_moves_by_more_than_half_a_hundredth(svg, inside):
    assert len(inside) < 0.9 * len(svg)
    paths = [re.findall(r'<path[^>]*? d="([^"]*)"', text) for text in (svg, inside)]
    assert len(paths[0]) == len(paths[1]) > 20
    for old, new in zip(*paths, strict=True):
        assert re.findall("[A-Za-z]", old) == re.findall("[A-Za-z]", new)
        before, after = ([float(n) for n in NUMBER.findall(text)] for text in (old, new))
        assert after == pytest.approx(before, abs=0.00501)


def test_what_is_no_svg_is_refused():
    with pytest.raises(ValueError, match="x is no SVG"):
        vector.inline("<p>no</p>", "x", "")
