"""What the page is told: how far its batch is, and what undo would take back."""

from collections.abc import Mapping, Sequence
from typing import Any

from wholepool.labeling import answers, cycles
from wholepool.labeling.batch import Batch
from wholepool.labeling.classes import standing
from wholepool.labeling.lines import LATER, Line


def relevant(batch: Batch, lines: Sequence[Line]) -> list[Line]:
    """The lines about classes and about the batch's images: few, however long the journal is."""
    images = batch.paths()
    return [line for line in lines if line["kind"] != "answer" or line["image"] in images]


def told(batch: Batch, lines: Sequence[Line], annotator: str) -> dict[str, Any]:
    """The classes, the standing answers to the batch's images, and what undo would take back.

    `lines` are those that `relevant` gives. Of an image with several answers it is the annotator's
    own, else the newest. Undo takes back the annotator's latest answer, or the latest merge, which
    is none of a closed cycle.
    """
    state = answers.state(lines)
    place = {line["id"]: number for number, line in enumerate(lines)}
    tied = state.disputed | {entry["image"] for entry in batch.images if entry.get("everyone")}
    found, mine = {}, merges(lines, annotator)
    for image in batch.paths():
        if not (given := state.by_image.get(image)):
            continue
        own = given.get(annotator)
        mine += [own] if own else []
        newest = own or max(given.values(), key=lambda line: place[line["id"]])
        found[image] = {
            "answer": plain(newest["answer"], state.merged),
            "by": newest["annotator"],
            "done": done(given, own, batch.cycle, image in tied),
        }
    last = max(mine, key=lambda line: place[line["id"]], default=None)
    return {
        "cycle": batch.cycle,
        "batch": batch.digest,
        "annotator": annotator,
        "classes": [{"class": key, "name": name} for key, name in state.classes.items()],
        "merged": state.merged,
        "answers": found,
        "undo": last and {"of": last["id"], **undone(last)},
    }


def merges(lines: Sequence[Line], annotator: str) -> list[Line]:
    """The annotator's merges since the last cycle was closed, but those that are undone."""
    since = (cycles.ends(lines) or [0])[-1]
    kept = standing(lines[since:])
    return [line for line in kept if line["kind"] == "merge" and line["annotator"] == annotator]


def undone(line: Line) -> dict[str, str]:
    """What undoing a line brings back: the image to be answered, or the class."""
    return {key: line[key] for key in ("image", "class") if key in line}


def done(given: Mapping[str, Line], own: Line | None, cycle: int, tied: bool) -> bool:
    """Whether an image is asked for no more: anybody has answered it.

    One with as many votes for one class as for another, and one that the batch marks "everyone", is
    asked of each annotator once a cycle.
    """
    if tied:
        return own is not None and own["answer"] != LATER and own["cycle"] == cycle
    return any(line["answer"] != LATER for line in given.values())


def plain(answer: Any, merged: Mapping[str, str]) -> Any:
    """An answer as it counts after merges."""
    if not isinstance(answer, Mapping):
        return answer
    return {"class": merged.get(answer["class"], answer["class"])}
