"""The pages that the stages tables, figures and statistics make: found, checked and made.

A page is a plug-in of the kind `page`, in `wholepool.report.pages` or in another installed package.
"""

from __future__ import annotations

from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.job.files import write_text
from wholepool.job.registry import Plugin, plugins
from wholepool.report.accuracy import accuracy_table, to_csv
from wholepool.report.results import Grid, Pools, Results

FOLDERS = ("tables", "figures")
#: the stages that make pages
STAGES = (*FOLDERS, "statistics")
ACCURACY = "tables/accuracy.csv"
#: what the stages write there themselves
OURS = (
    *(ACCURACY, "tables/runs.csv", "tables/settings.json", "tables/pretraining.csv"),
    *(f"tables/compare_with_paper.{kind}" for kind in ("csv", "md")),
    *(f"figures/compare_with_paper.{kind}" for kind in ("png", "svg", "pdf")),
)


def pages(stage: str) -> dict[Plugin, list[str]]:
    """The pages whose FILES a stage of STAGES makes, with these, by name; imports none.

    Raises UserError for a page that declares no file and no place in the report, a file elsewhere,
    files in both folders but no STAGE, or a file that another page or a stage writes.
    """
    found = {}
    writers = dict.fromkeys(OURS, "a stage of wholepool")
    for page in plugins("page").values():
        where = f"{page.path}: the page {page.name}"
        if not page["FILES"] and not (page["PLACE"] or page["PEOPLE_PLACE"]):
            raise UserError(
                f"{where} declares no FILES and no PLACE: name what it writes, or where it stands "
                "in the report"
            )
        for name in page["FILES"]:
            parts = str(name).split("/")
            if parts[0] not in FOLDERS or len(parts) != 2 or not parts[1]:
                raise UserError(
                    f"{where} has {name!r} in FILES, but must write to tables/NAME or figures/NAME"
                )
            if name in writers:
                raise UserError(
                    f"{where} declares {name}, which {writers[name]} writes: rename it, or "
                    "uninstall one of the two"
                )
            writers[name] = f"the page {page.name} ({page.path})"
        folders = {name.split("/")[0] for name in page["FILES"]}
        if len(folders) > 1 and page["STAGE"] != "statistics":
            raise UserError(
                f"{where} has FILES in tables/ and in figures/, which two stages make: split "
                'it, or declare STAGE = "statistics"'
            )
        if page["FILES"] and (page["STAGE"] or folders.pop()) == stage:
            found[page] = list(page["FILES"])
    return found


def of_stage(stage: str) -> list[Plugin]:
    """The pages that a stage of STAGES makes; of the stage report those that have a place in it."""
    if stage == "report":
        every = plugins("page").values()
        return [page for page in every if page["PLACE"] or page["PEOPLE_PLACE"]]
    return list(pages(stage))


def files(stage: str) -> list[str]:
    """What a stage of STAGES writes, below the results folder, for the workflow."""
    first = [ACCURACY] if stage == "tables" else []
    return sum(pages(stage).values(), first)


def write_tables(runs: Path, folder: Path, grid: Grid, pools: Pools, partial: bool = False) -> None:
    """Write accuracy.csv, and make all pages in tables/, below a results folder.

    Of a grid half finished (`partial`) a data set's description may be missing.

    The same `runs` (a runs.csv), in any order, and the same grid give the same bytes. Raises
    UserError as `accuracy_table`, `read_runs`, `pages` and the pages do.
    """
    results = Results(folder, grid, pools, runs, folder / ACCURACY, partial=partial)
    try:
        accuracy = accuracy_table(results.runs, grid)
    except UserError as error:
        raise UserError(f"{runs}: {error}") from error
    write_text(results.accuracy_csv, to_csv(accuracy))
    _make(results, "tables")


def write(stage: str, results: Results) -> None:
    """Make all pages of the stage figures or statistics. Raises UserError as `pages` does."""
    _make(results, stage)


def _make(results: Results, stage: str) -> None:
    for page, names in pages(stage).items():
        before = {name: _state(results.folder / name) for name in names}
        page.load().make(results)
        for name, state in before.items():
            if _state(results.folder / name) in (None, state):
                raise UserError(
                    f"{page.path}: the page {page.name} declares {name}, but did not write it: "
                    "write it, or take it out of FILES"
                )


def _state(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.is_file() else None
