"""An SVG of matplotlib inside an HTML page: small, in the reader's colors, with ids of its own.

What is inlined is no picture beside the page but a piece of it: a style in it would hold for the
whole page, an id would stand twice, and black would vanish on a dark screen.
"""

from __future__ import annotations

import re

from wholepool.report.style import COLORS, GRAY

#: starts every id; the report puts the page's name in its place, since two may show one figure
IDS = "in-page-"
#: the ink of all figures (see style.py) and what it is in the page; black that is left out too
_INK = {
    "#000000": "currentColor",
    GRAY: "var(--muted)",
    "#e5e5e5": "var(--rule)",
}
_WHITE = "var(--page)"
#: what a dark page is, in static/report.css: --page
DARK = "#15181d"
#: the least contrast of a line to its ground, WCAG 2.2, 1.4.11
_LEAST = 3.0
_POINT = 96 / 72  # of a point, in CSS pixels


def luminance(color: str) -> float:
    """The relative luminance of #RRGGBB, 0 to 1 (WCAG 2.2)."""
    found = 0.0
    for at, weight in ((1, 0.2126), (3, 0.7152), (5, 0.0722)):
        part = int(color[at : at + 2], 16) / 255
        found += weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors #RRGGBB, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lifted(color: str) -> str:
    """A color mixed with as little white as it takes to be seen on a dark page."""
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    for share in range(0, 101, 5):
        mixed = [round(part + (255 - part) * share / 100) for part in parts]
        found = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(found, DARK) >= _LEAST:
            break
    return found


def colors() -> dict[str, str]:
    """Color in a file of matplotlib (#rrggbb) → what stands for it in the page.

    Colors of strategies stay, but for those too dark for a dark page: these are lifted there.
    """
    found = {
        color.lower(): f"light-dark({color.lower()},{lifted(color)})"
        for color in COLORS
        if contrast(color, DARK) < _LEAST
    }
    return found | _INK


def inline(svg: str, name: str, label: str) -> str:
    """The text of an SVG file as an element of a page.

    `name` tells its ids from those of other figures, `label` is read out instead of it (plain
    text). It is as wide as its box, but neither so narrow that its letters cannot be read nor so
    wide that they shout. Coordinates have two decimals, hundredths of a point.
    """
    from markupsafe import escape

    svg = re.sub(r"^.*?(?=<svg)", "", svg, count=1, flags=re.S)
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style\b.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r'(?<= d=")[^"]*', lambda found: _path(found[0]), svg)
    svg = re.sub(r'(?<= [xy]=")[^"]*', lambda found: _rounded(found[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", re.sub(r">\s+<", "><", svg)).strip()
    svg = _recolored(_own_ids(svg, name))
    head = re.match(r"<svg\b[^>]*>", svg)
    box = re.search(r'viewBox="([^"]*)"', head[0]) if head else None
    if not head or not box:
        raise ValueError(f"{name} is no SVG with a viewBox")
    width = float(box[1].split()[2]) * _POINT
    shape = f"min-width:{width * 0.9:.0f}px;max-width:{width * 1.35:.0f}px"
    start = f'<svg viewBox="{box[1]}" role="img" aria-label="{escape(label)}" style="{shape}">'
    return start + svg[head.end() :]


def _path(text: str) -> str:
    """The data of a path, without the spaces and decimals that show nothing."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(text)).strip()


def _rounded(text: str) -> str:
    def short(found: re.Match[str]) -> str:
        return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")

    return re.sub(r"-?\d+\.\d+(?:e-?\d+)?", short, text)


def _own_ids(svg: str, name: str) -> str:
    """Ids that are pointed at get a name of their own, and the others go."""
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    wanted = {one or other for one, other in used}
    prefix = f"{IDS}{re.sub(r'[^A-Za-z0-9]+', '-', name)}-"

    def own(found: re.Match[str]) -> str:
        return f' id="{prefix}{found[1]}"' if found[1] in wanted else ""

    svg = re.sub(r' id="([^"]+)"', own, svg)
    # every browser that knows light-dark() takes href without its old prefix
    return re.sub(r'(?:xlink:)?(href="#|url\(#)', rf"\g<1>{prefix}", svg).replace("xlink:", "")


def _recolored(svg: str) -> str:
    """Ink follows the reader's colors; letters in white stand on a color, and stay."""
    known = colors()

    def in_style(found: re.Match[str]) -> str:
        tag, text = found[1], found[2]
        white = {} if tag == "g" else {"#ffffff": _WHITE}
        text = re.sub(
            r"#[0-9a-fA-F]{6}\b",
            lambda one: (known | white).get(one[0].lower(), one[0]),
            text,
        )
        return found[0].replace(found[2], re.sub(r"\s*([:;])\s*", r"\1", text))

    return re.sub(r'<(\w+)\b[^>]*? style="([^"]*)"', in_style, svg)
