"""Images of a pool inside a page: PNG as text, small enough that a section stays light."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wholepool.report.fragment import fill

#: pixels of the longer side that an image may have, tried from the first on
SIDES = (96, 64, 48, 32, 24, 16)
#: bytes that the images of a section may take
MOST = 600_000
#: an image is shown this many pixels wide
SHOWN = 72


@dataclass(frozen=True)
class Picture:
    """An image uint8 (H, W, C), C 1 or 3, what stands under it, and its file, if it has one."""

    pixels: np.ndarray
    caption: str
    file: str = ""


@dataclass(frozen=True)
class Row:
    """Pictures under one title."""

    title: str
    pictures: Sequence[Picture]


def png(pixels: np.ndarray, side: int) -> str:
    """An image uint8 (H, W, C) as a data URI, made smaller where its longer side is above `side`.

    One channel is gray, three are red, green and blue; of any other number the first is shown.
    """
    from PIL import Image

    shown = pixels if pixels.shape[2] == 3 else pixels[..., 0]
    picture = Image.fromarray(np.ascontiguousarray(shown))
    if max(picture.size) > side:
        picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def rows(shown: Sequence[Row], most: int = MOST) -> str:
    """HTML of rows of pictures, of the largest of SIDES at which all take at most `most` bytes.

    If they do not at the last either, rows are cut after the pictures that fit.
    """
    every = [picture for row in shown for picture in row.pictures]
    for side in SIDES:
        texts = [png(picture.pixels, side) for picture in every]
        if sum(map(len, texts)) <= most:
            break
    room, source, body = most, iter(texts), []
    for row in shown:
        cells = []
        for picture in row.pictures:
            uri = next(source)
            room -= len(uri)
            if room >= 0:
                cells.append((uri, picture))
        body.append((row.title, cells))
    template = """{% for title, cells in body %}{% if cells %}<h4>{{ title }}</h4>
<div class="examples">{% for uri, picture in cells %}<figure class="example">
<img src="{{ uri }}" width="{{ width }}" alt="{{ picture.caption }}"
{%- if picture.file %} title="{{ picture.file }}"{% endif %}>
<figcaption>{{ picture.caption }}</figcaption></figure>{% endfor %}</div>{% endif %}{% endfor %}"""
    return fill(template, body=body, width=SHOWN)
