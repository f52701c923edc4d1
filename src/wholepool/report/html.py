"""report.html: one file that holds all pages which have a place in it.

It asks nobody for anything: styles, figures and images are in it, no script is, and its policy
(CSP) has the browser refuse whatever a page might slip in.
"""

from __future__ import annotations

import re
from pathlib import Path

from wholepool.grid import people
from wholepool.job.errors import UserError
from wholepool.job.files import write_text
from wholepool.job.registry import Plugin, plugins
from wholepool.report import labelers
from wholepool.report.fragment import Piece, environment
from wholepool.report.names import dataset_name
from wholepool.report.results import Results
from wholepool.report.vector import IDS
from wholepool.report.wording import joined

STATIC = Path(__file__).with_name("static")
#: bytes: what every mail server takes
LIMIT = 5_000_000
_DRAWN = re.compile(r"<svg\b.*?</svg>|<img\b[^>]*>", re.S)
LEFT_OUT = (
    '<p class="note">Left out: with this picture the report would be larger than 5 MB. '
    "It stands in the results folder.</p>"
)


def write_report(results: Results, out: Path, notice: str = "") -> None:
    """Write the report: the same results give the same bytes.

    `notice` is a piece of HTML that stands above all, as what is missing. Pictures, the largest
    first, are left out where the file would be larger than LIMIT. Raises UserError where a page
    fails, with its name.
    """
    pages = order(results)
    parts = [(page.name, page["TITLE"] or page.name, shown(page, results)) for page in pages]
    template = (STATIC / "report.html.jinja").read_text(encoding="utf-8")
    styles = (STATIC / "report.css").read_text(encoding="utf-8")
    text = (
        environment()
        .from_string(template)
        .render(
            title=title(results),
            styles=Piece(styles),
            notice=Piece(notice),
            parts=[(name, head, Piece(body)) for name, head, body in parts if body],
        )
    )
    write_text(out, within(text, LIMIT))


def order(results: Results) -> list[Plugin]:
    """The pages with a place in the report, in order: where people label, first those for them.

    Where every experiment asks people no other stands there: what compares methods, strategies and
    seeds has nothing to say of one of each.
    """
    asked = bool(results.settings) and bool(people.asking(results.settings))
    every = plugins("page").values()
    first = [page for page in every if asked and page["PEOPLE_PLACE"]]
    alone = labelers.only(results.settings)
    rest = [page for page in every if page["PLACE"] and page not in first and not alone]
    return [
        *sorted(first, key=lambda page: (page["PEOPLE_PLACE"], page.name)),
        *sorted(rest, key=lambda page: (page["PLACE"], page.name)),
    ]


def shown(page: Plugin, results: Results) -> str:
    """A page's part of the report, its ids made the page's own. UserError where it fails."""
    try:
        text = page.load().show(results)
    except UserError as error:
        raise UserError(f"the page {page.name} of the report: {error}") from error
    except Exception as error:
        raise UserError(
            f"{page.path}: the page {page.name} failed at its part of the report "
            f"({type(error).__name__}: {error}): mend it, or uninstall its package"
        ) from error
    return re.sub(rf'(id="|href="#|url\(#){IDS}', rf"\g<1>{page.name}-", text)


def title(results: Results) -> str:
    """The report's title, of the names of the data sets; of the folder that people label."""
    if labelers.only(results.settings):
        return f"Labels for {joined(labelers.folders(results.settings))}"
    used = dict.fromkeys(one["dataset"] for one in results.grid["experiments"].values())
    names = [dataset_name(name) for name in used]
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} other data sets"]
    return f"Active learning on {joined(names)}"


def within(text: str, limit: int) -> str:
    """A report of at most `limit` bytes: its largest pictures give way to a sentence.

    Raises UserError if it is larger without any.
    """
    size = len(text.encode())
    pictures = sorted(_DRAWN.findall(text), key=len, reverse=True)
    for picture in pictures:
        if size <= limit:
            return text
        text = text.replace(picture, LEFT_OUT, 1)
        size = len(text.encode())
    if size > limit:
        raise UserError(
            f"report.html would have {size} bytes without any picture, but may have {limit}: give "
            "the grid fewer experiments, or show less on a page of your own"
        )
    return text
