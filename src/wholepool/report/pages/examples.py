"""Images of the pool: surest and least sure pseudo-labels, wrong ones, and what was asked first.

The truth of an image is known here only if it was labeled: labeled.parquet tells. No hidden label
is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid import plan
from wholepool.grid.cells import Cell, is_full
from wholepool.grid.written import OUTPUTS, placed
from wholepool.report import pictures
from wholepool.report.fragment import fill, paragraph
from wholepool.report.names import dataset_name, experiment_labels, method_name, strategy_name
from wholepool.report.results import Results

if TYPE_CHECKING:
    import numpy as np

    from wholepool.data.indexsets import Columns
    from wholepool.data.pool import Pool

TITLE = "Images"
PLACE = 70

#: images of a row
EACH = 8


def show(results: Results) -> str:
    """For each data set whose pool is on disk, the images of one trajectory."""
    shown = {}
    for dataset, trajectory in chosen(results).items():
        if files := pool_of(results, trajectory):
            shown[dataset] = trajectory, files
    if not shown:
        return paragraph(
            "No pool stands in this results folder, so no image can be shown: datasets/NAME/"
            "pool.npy is made by the grid's first job."
        )
    parts = []
    for dataset, (trajectory, pool) in shown.items():
        found = list(rows_of(results, trajectory, pool))
        if found:
            parts.append(fill("<h3>{{ name }}</h3>", name=dataset_name(dataset)))
            parts.append(paragraph(said_of(results, trajectory)))
            parts.append(pictures.rows(found, pictures.MOST // len(shown)))
    return "".join(parts) or paragraph("Nothing was asked or propagated yet: no image to show.")


def chosen(results: Results) -> dict[str, Cell]:
    """Data set -> the last cycle that is there of the trajectory whose images are shown.

    Of its first experiment whose method has the most to show: SEMI before none, then PRE, then what
    stands last; Random, or the first strategy; the lowest seed.
    """
    found: dict[str, tuple[tuple[bool, bool, int], Cell]] = {}
    for name, experiment in results.settings.get("experiments", {}).items():
        for place, (method, words) in enumerate(experiment["methods"].items()):
            if is_full(words):
                continue
            strategies = words["strategies"]
            strategy = "random" if "random" in strategies else strategies[0]
            cell = last_there(results, Cell(name, method, strategy, min(experiment["seeds"]), 0))
            if cell is None:
                continue
            rank = plan.propagates(words), words["pre"] != "none", place
            best = found.get(experiment["dataset"])
            if best is None or (rank > best[0] and best[1].experiment == name):
                found[experiment["dataset"]] = rank, cell
    return {dataset: cell for dataset, (_, cell) in found.items()}


def last_there(results: Results, cell: Cell) -> Cell | None:
    """The trajectory's last cycle whose labeled set is there; None if there is none."""
    for cycle in reversed(range(results.settings["experiments"][cell.experiment]["cycles"])):
        if labeled_file(results, cell, cycle).exists():
            return cell._replace(cycle=cycle)
    return None


def below(results: Results, path: str) -> Path:
    """A file of the plan, where it stands."""
    return (results.source or results.folder) / path


def labeled_file(results: Results, cell: Cell, cycle: int) -> Path:
    """The labeled set of a cycle of the cell's trajectory."""
    return below(results, plan.labeled_set(dict(results.settings), cell, cycle))


def pool_of(results: Results, cell: Cell) -> Pool | None:
    """The pool of a cell's data set; None where it is not on disk."""
    from wholepool.data.pool import read_pool

    files = plan.described(dict(results.settings), cell)
    images, info = below(results, files["pool"]), below(results, files["info"])
    return read_pool(images, info) if images.exists() and info.exists() else None


def said_of(results: Results, cell: Cell) -> str:
    """Which trajectory the images are of."""
    return (
        f"Of {experiment_labels(results.grid)[cell.experiment]}, {method_name(cell.method)}, "
        f"{strategy_name(cell.strategy)}, seed {cell.seed}. Under an image stands its class, "
        "behind that of a pseudo-label its certainty, 1 − entropy / log c."
    )


def rows_of(results: Results, cell: Cell, pool: Pool) -> Iterator[pictures.Row]:
    """The rows of pictures of one trajectory."""
    files = files_of(results, cell)
    for cycle in reversed(range(cell.cycle + 1)):
        said = pseudo_labels(results, cell, cycle, pool)
        if said is not None and len(said["index"]):
            yield from by_certainty(said, cycle, pool, files)
            break
    yield from wrong(results, cell, pool, files)
    yield from asked_first(results, cell, pool, files)


def pseudo_labels(results: Results, cell: Cell, cycle: int, pool: Pool) -> Columns | None:
    """The pseudo-labels of a cycle of the trajectory; None where it has none."""
    from wholepool.data.indexsets import read_index_set

    file = OUTPUTS["propagate"]["out"]
    path = below(results, f"{plan.folder(cell, cycle)}/{file}")
    if not plan.propagates(plan.words_of(dict(results.settings), cell)) or not path.exists():
        return None
    return read_index_set(path, "pseudo_labels", pool)


def by_certainty(
    said: Columns, cycle: int, pool: Pool, files: Mapping[int, str]
) -> Iterator[pictures.Row]:
    """The surest pseudo-labels, and the least sure; of equals the image that stands first."""
    import numpy as np

    order = np.lexsort((said["index"], -said["weight"]))
    ends = {"Most certain": order[:EACH], "Least certain": order[EACH:][-EACH:][::-1]}
    for word, places in ends.items():
        found = [
            picture(
                pool,
                files,
                said["index"][at],
                f"{pool.class_names[said['label'][at]]}, {said['weight'][at]:.2f}",
            )
            for at in places
        ]
        yield pictures.Row(f"{word} pseudo-labels of cycle {cycle}", found)


def wrong(
    results: Results, cell: Cell, pool: Pool, files: Mapping[int, str]
) -> Iterator[pictures.Row]:
    """Pseudo-labels that a later answer contradicts, surest first."""
    labels = answered(results, cell, cell.cycle, pool)
    asked, found = 0, list[tuple[float, int, int, int]]()
    for cycle in range(cell.cycle):
        said = pseudo_labels(results, cell, cycle, pool)
        for index, label, weight in zip(*said.values(), strict=True) if said is not None else ():
            if index in labels and labels[index][1] == cycle + 1:
                asked += 1
                if labels[index][0] != label:
                    found.append((-float(weight), int(index), int(label), labels[index][0]))
    if not found:
        return
    shown = [
        picture(pool, files, index, f"{names[label]}, {-weight:.2f}; is {names[truth]}")
        for weight, index, label, truth in sorted(found)[:EACH]
        if (names := pool.class_names)
    ]
    yield pictures.Row(
        f"Wrong pseudo-labels, surest first: {len(found)} of the {asked} whose image was asked for "
        "next (those that the strategy chose, no random sample)",
        shown,
    )


def answered(results: Results, cell: Cell, cycle: int, pool: Pool) -> dict[int, tuple[int, int]]:
    """Index -> (label, the cycle that first trained on it) of a cycle's labeled set."""
    from wholepool.data.indexsets import read_index_set

    path = labeled_file(results, cell, cycle)
    if not path.exists():
        return {}
    columns = (column.tolist() for column in read_index_set(path, "labeled", pool).values())
    return {index: (label, first) for index, label, first in zip(*columns, strict=True)}


def asked_first(
    results: Results, cell: Cell, pool: Pool, files: Mapping[int, str]
) -> Iterator[pictures.Row]:
    """The first images that each strategy of the method asked for, after the first training."""
    from wholepool.data.indexsets import read_index_set

    for strategy in plan.words_of(dict(results.settings), cell)["strategies"]:
        start = cell._replace(strategy=strategy, cycle=0)
        path = below(results, placed(start.path, "acquire")["out"])
        if not path.exists():
            continue
        indices = read_index_set(path, "queries", pool)["index"][:EACH].tolist()
        truth = answered(results, start, 1, pool) if has_cycle(results, start, 1) else {}
        found = [
            picture(pool, files, at, pool.class_names[truth[at][0]] if at in truth else "no answer")
            for at in indices
        ]
        yield pictures.Row(f"Asked for first by {strategy_name(strategy)}", found)


def has_cycle(results: Results, cell: Cell, cycle: int) -> bool:
    """Whether the cell's experiment has so many cycles."""
    cycles: int = results.settings["experiments"][cell.experiment]["cycles"]
    return cycle < cycles


def picture(
    pool: Pool, files: Mapping[int, str], index: int | np.integer[Any], caption: str
) -> pictures.Picture:
    """An image of the pool."""
    return pictures.Picture(pool.images[index], caption, files.get(int(index), ""))


def files_of(results: Results, cell: Cell) -> dict[int, str]:
    """Index -> file of the images of people; empty for others."""
    from wholepool.labeling.ingest import read_manifest

    dataset = plan.dataset_of(dict(results.settings), cell)
    path = below(results, plan.listed(dataset, "images")["images"])
    if not plan.asks_people(dict(results.settings), cell.experiment) or not path.exists():
        return {}
    return {place: entry.paths[0] for place, entry in enumerate(read_manifest(path))}
