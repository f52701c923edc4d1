"""Pieces of HTML: every text is escaped, every picture is inside, every box can be read out."""

import base64
import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError
from PIL import Image

from wholepool.report import fragment
from wholepool.report.results import Results

ODD = "<script>alert('1')</script>"
SAFE = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path, {}, {}, tmp_path / "runs.csv", tmp_path / "accuracy.csv")


def test_texts_are_escaped_and_pieces_are_not():
    assert fragment.paragraph(ODD) == f"<p>{SAFE}</p>"
    assert fragment.note(ODD) == f'<p class="note">{SAFE}</p>'
    piece = fragment.paragraph("inside")
    assert fragment.fill("<div>{{ a }}{{ b }}</div>", a=piece, b=ODD) == f"<div>{piece}{SAFE}</div>"
    # what a piece is made into by hand is a text like any other
    assert fragment.fill("{{ a }}", a=piece + ODD).count("&lt;") == 4
    assert fragment.notice(ODD, piece).count("<p>inside</p>") == 1
    with pytest.raises(UndefinedError, match="forgotten"):
        fragment.fill("{{ forgotten }}")


def test_a_table_of_texts_and_numbers():
    frame = pd.DataFrame(
        {
            ODD: ["a", ODD],
            "mean": ["81.2 [80.1, 82.3]", "+3.5"],
            "n": [1, 12],
            "std": [0.5, math.nan],
            "none": ["–", "–"],
        }
    )
    html = fragment.table(frame, ODD)
    assert ODD not in html and html.count(SAFE) == 4  # head, cell, caption, what is read out
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    assert cells[:5] == ["a", "81.2 [80.1, 82.3]", "1", "0.5", "–"] and cells[8:] == ["–", "–"]
    assert re.findall(r'<th scope="col"( class="n")?>', html) == ["", *[' class="n"'] * 3, ""]
    assert html.count('<td class="n">') == 6 and 'tabindex="0"' in html
    assert html.count("<figcaption>") == 1 and "<figcaption>" not in fragment.table(frame)


def test_a_table_without_rows_has_its_head():
    html = fragment.table(pd.DataFrame(columns=["a", "b"]))
    assert html.count("<th ") == 2 and "<td" not in html


SVG = '<?xml version="1.0"?><svg viewBox="0 0 72 36"><path d="M 0 0 L 1 1"/>{}</svg>'


def test_a_figure_is_inside_with_its_caption_and_label(results):
    assert fragment.figure(results, "figures/x.svg", "c") == ""
    (results.folder / "figures").mkdir()
    (results.folder / "figures/x.svg").write_text(SVG.format(""))
    html = fragment.figure(results, "figures/x.svg", ODD)
    assert html.count(SAFE) == 2 and ODD not in html and html.count("<svg") == 1
    html = fragment.figure(results, "figures/x.svg", "caption", label="what is read out")
    assert 'aria-label="what is read out"' in html and "<figcaption>caption<" in html


def test_a_figure_of_too_many_points_is_a_picture(results, monkeypatch):
    monkeypatch.setattr(fragment, "LARGEST_FIGURE", 5000)
    (results.folder / "figures").mkdir()
    many = '<path d="M 0 0"/>' * 500
    (results.folder / "figures/x.svg").write_text(SVG.format(many))
    assert "<svg" in fragment.figure(results, "figures/x.svg", "caption")  # there is no PNG
    Image.new("RGB", (3000, 1500)).save(results.folder / "figures/x.png")
    html = fragment.figure(results, "figures/x.svg", "caption")
    assert "<svg" not in html and 'class="paper" width="1432" height="716" alt="caption"' in html


def opened(html):
    found = re.search(r'src="data:image/(\w+);base64,([^"]+)"', html)
    return found[1], Image.open(io.BytesIO(base64.b64decode(found[2])))


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 1), (8, 6, 3)])
def test_an_image_of_an_array_holds_its_pixels(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    html = fragment.image(pixels, ODD)
    assert 'class="pixels" width="6" height="8"' in html and f'alt="{SAFE}"' in html
    kind, found = opened(html)
    assert kind == "png"
    np.testing.assert_array_equal(np.asarray(found).reshape(shape), pixels)


def test_a_large_image_is_scaled_down_and_stays_of_its_kind():
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 500), "red").save(buffer, "JPEG")
    html = fragment.image(buffer.getvalue(), "red")
    kind, found = opened(html)
    assert kind == "jpeg" and found.size == (320, 160) and 'class="photo"' in html
    with pytest.raises(TypeError, match="uint8, not float64"):
        fragment.image(np.zeros((2, 2)), "")


def test_the_name_of_a_table_leads_to_it_where_it_is(results):
    assert 'href="tables/x.csv"' in fragment.csv_link(results, "tables/x.csv")
    half = Results(results.folder, {}, {}, results.runs_csv, results.accuracy_csv, partial=True)
    assert fragment.csv_link(half, "tables/x.csv") == "<code>tables/x.csv</code>"
