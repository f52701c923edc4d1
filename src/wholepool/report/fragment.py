"""Pieces of HTML that pages of the report are made of; every text in them is escaped."""

from __future__ import annotations

import base64
import functools
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.report.results import Results

if TYPE_CHECKING:
    import jinja2
    import numpy as np
    import pandas as pd

#: pixels of the longer side of an image in the report, and what is drawn with visible pixels
LARGEST, SMALL = 320, 96
#: characters of an SVG; a larger one (tens of thousands of points) stands there as a picture
LARGEST_FIGURE = 700_000
_NUMBER = re.compile(r"[<>≥≤≈]?\s?[-+−±]?[\d.,]+\s?(%|±.*|\[.*|to .*|h|s|min)?|[–-]|")


class Piece(str):
    """HTML that is escaped already: `fill` takes it as it is. With other text it is plain text."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@functools.cache
def environment() -> jinja2.Environment:
    """Jinja2 that escapes, and refuses a name that has no value."""
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def fill(template: str, **values: Any) -> str:
    """A Jinja2 template's text with its values, escaped; pieces of this module are not."""
    return Piece(environment().from_string(template).render(**values))


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return fill("<p>{{ text }}</p>", text=text)


def note(text: str) -> str:
    """Small print under a figure or a table."""
    return fill('<p class="note">{{ text }}</p>', text=text)


def notice(text: str, more: str = "") -> str:
    """A box that cannot be overlooked: a plain sentence, and a piece of HTML below it."""
    template = '<aside class="notice" aria-label="Notice"><p>{{ text }}</p>{{ more }}</aside>\n'
    return fill(template, text=text, more=Piece(more))


def table(frame: pd.DataFrame, caption: str = "") -> str:
    """A frame of texts and numbers as a table: its columns are the head, its index is left out.

    Numbers are printed as they are: round them before. NaN is "–". A column of numbers, also as
    text, stands to the right.
    """
    template = """<figure class="table">{% if caption %}<figcaption>{{ caption }}</figcaption>
{% endif %}<div class="wide" tabindex="0" role="group" aria-label="{{ caption or "Table" }}"><table>
<thead><tr>{% for name in names %}<th scope="col"{{ right[loop.index0] }}>{{ name }}</th>
{%- endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td{{ right[loop.index0] }}>{{ cell }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div></figure>
"""
    rows = [
        ["–" if value != value else value for value in row]  # NaN alone differs from itself
        for row in frame.astype(object).itertuples(index=False)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(frame.columns)
    right = [Piece(' class="n"' if _numbers(column) else "") for column in columns]
    names = list(frame.columns)
    return fill(template, names=names, rows=rows, caption=caption, right=right)


def _numbers(column: tuple[object, ...]) -> bool:
    """Whether all are numbers, at least one of them more than a dash."""
    texts = [str(value) for value in column]
    return all(map(_NUMBER.fullmatch, texts)) and any(re.search(r"\d", text) for text in texts)


def figure(results: Results, name: str, caption: str, label: str = "") -> str:
    """An SVG that a page has made ("figures/x.svg") inside the page, in the reader's colors.

    `label` is read out to who does not see it, else the caption is. Empty where the file is not
    there. One too large to be drawn by a phone stands there as its PNG.
    """
    from wholepool.report.vector import inline

    path = results.folder / name
    if not path.exists():
        return ""
    drawn = inline(path.read_text(encoding="utf-8"), Path(name).stem, label or caption)
    if len(drawn) > LARGEST_FIGURE and path.with_suffix(".png").exists():
        png = path.with_suffix(".png").read_bytes()
        drawn = image(png, label or caption, largest=1432, look="paper")
    template = """<figure><div class="wide" tabindex="0" role="group" aria-label="Figure">
{{- drawn }}</div><figcaption>{{ caption }}</figcaption></figure>
"""
    return fill(template, drawn=Piece(drawn), caption=caption)


def image(data: bytes | np.ndarray, alt: str, largest: int = LARGEST, look: str = "photo") -> str:
    """An image inside the page: a file's bytes, or uint8 of (h, w), (h, w, 1) or (h, w, 3).

    `alt` says what is in it. Scaled down to `largest` pixels of its longer side; small ones keep
    the edges of their pixels.
    """
    import numpy as np
    from PIL import Image

    if isinstance(data, bytes):
        picture: Image.Image = Image.open(io.BytesIO(data))
        kind = "JPEG" if picture.format == "JPEG" else "PNG"
    else:
        if data.dtype != np.uint8:
            raise TypeError(f"an image is uint8, not {data.dtype}")
        flat = data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data
        picture, kind = Image.fromarray(np.ascontiguousarray(flat)), "PNG"
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    picture.thumbnail((largest, largest))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": 85} if kind == "JPEG" else {"optimize": True}))
    text = base64.b64encode(buffer.getvalue()).decode()
    return fill(
        '<img class="{{ look }}" width="{{ size[0] }}" height="{{ size[1] }}" alt="{{ alt }}" '
        'src="data:image/{{ kind }};base64,{{ text }}">',
        **{"look": "pixels" if max(picture.size) <= SMALL else look, "size": picture.size},
        **{"alt": alt, "kind": kind.lower(), "text": text},
    )


def csv_link(results: Results, name: str) -> str:
    """The name of a table ("tables/x.csv"), which leads to it where it stands beside the report.

    Of a grid half finished there is none beside it: then it is the name alone.
    """
    if results.partial:
        return fill("<code>{{ name }}</code>", name=name)
    return fill('<a href="{{ name }}"><code>{{ name }}</code></a>', name=name)
