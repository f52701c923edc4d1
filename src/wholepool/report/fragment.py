"""Pieces of HTML that pages of the report are made of; every text in them is escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd


def fill(template: str, **values: Any) -> str:
    """A Jinja2 template's text with its values, escaped; pieces of this module are not."""
    from jinja2 import Environment

    return Environment(autoescape=True).from_string(template).render(**values)


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return fill("<p>{{ text }}</p>", text=text)


def note(text: str) -> str:
    """Small print under a figure or a table."""
    return fill('<p class="note">{{ text }}</p>', text=text)


def table(frame: pd.DataFrame, caption: str = "") -> str:
    """A frame of texts and numbers as a table: its columns are the head, its index is left out.

    Numbers are printed as they are: round them before. NaN is "–".
    """
    template = """<div class="wide"><table>
{% if caption %}<caption>{{ caption }}</caption>{% endif %}
<thead><tr>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>"""
    rows = [
        ["–" if value != value else value for value in row]  # NaN alone differs from itself
        for row in frame.astype(object).itertuples(index=False)
    ]
    return fill(template, names=list(frame.columns), rows=rows, caption=caption)


def figure(results: Results, name: str, caption: str) -> str:
    """An SVG that a page has made ("figures/x.svg") inside the page, in the reader's colors.

    Empty where the file is not there.
    """
    from markupsafe import Markup

    path = results.folder / name
    if not path.exists():
        return ""
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r"^.*?<svg", "<svg", svg, count=1, flags=re.S)
    template = "<figure>{{ svg }}<figcaption>{{ caption }}</figcaption></figure>"
    return fill(template, svg=Markup(svg), caption=caption)
