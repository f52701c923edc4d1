"""Which page makes each table and figure, of what, and by which command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.report.build import OURS, STAGES, pages
from wholepool.report.fragment import note, paragraph, table
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Make each figure again"
PLACE = 110

#: what every page is given; one of statistics may read tables of others
_MADE_OF = "tables/runs.csv, tables/accuracy.csv"
COLUMNS = ("Files", "Page", "Stage", "Made of", "Command")


def show(results: Results) -> str:
    """The table, and where the numbers of every run are."""
    lead = (
        "Everything above is made of tables/runs.csv: a row per training, with every metric and "
        "what made it; tables/settings.json has the settings. A page is a module of wholepool "
        "(src/wholepool/report/pages/NAME.py, or of another package); the same runs.csv gives the "
        "same bytes. The commands want --configfile with the grid's config, where that is not "
        "config.yaml."
    )
    end = (
        "Without Snakemake each stage is a command of its own: python -m wholepool STAGE --help. "
        "Written by stages themselves, not by pages: "
        f"{', '.join(name for name in OURS if name.startswith('tables/'))}."
    )
    return paragraph(lead) + table(listing()) + note(end)


def listing() -> pd.DataFrame:
    """A row of text per page that writes files, by stage and name: a frame of COLUMNS."""
    import pandas as pd

    rows = [
        (
            together(names),
            page.name if page.is_ours else f"{page.name} ({page.module})",
            stage,
            _MADE_OF,
            f"snakemake --cores 1 all_{stage}",
        )
        for stage in STAGES
        for page, names in pages(stage).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def together(names: list[str]) -> str:
    """File names, those that differ in their ending alone as one: "tables/table1.csv, .md"."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stem, _, ending = name.rpartition(".")
        stems.setdefault(stem, []).append(f".{ending}")
    return "; ".join(stem + ", ".join(endings) for stem, endings in stems.items())
