"""People, who answer on the page or by imported files: what their journal says.

An answer counts from the next cycle that is closed, also one that corrects an earlier answer. So a
closed cycle never changes, and what was made for it stays.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wholepool.data.oracles import Answers
from wholepool.job.errors import UserError, suggestion
from wholepool.job.log import logger
from wholepool.labeling import cycles, journal
from wholepool.labeling.answers import State, state
from wholepool.labeling.audit import reserved
from wholepool.labeling.classes import folded
from wholepool.labeling.lines import Line

KNOWS = "some"
CLOSES = True


def closed(settings: Mapping[str, Any], data_dir: Path) -> list[str]:
    """As data/oracles/__init__.py says."""
    lines = lines_of(settings, data_dir)
    return [cycles.digest(lines[:end]) for end in cycles.ends(lines)]


def class_names(settings: Mapping[str, Any], data_dir: Path) -> list[str]:
    """The classes when the last cycle was closed, in the order in which they were made."""
    lines = lines_of(settings, data_dir)
    return list(state(cycles.before(lines, len(cycles.ends(lines)))).classes.values())


def answers(
    images: Sequence[str],
    class_names: Sequence[str],
    settings: Mapping[str, Any],
    data_dir: Path,
    closed: int,
) -> Answers:
    """As data/oracles/__init__.py says; a class counts as what it was merged into until now.

    Answers to images that were never asked for count too. Raises UserError for an answer of a class
    that is not among `class_names`.
    """
    lines = lines_of(settings, data_dir)
    now = state(cycles.before(lines, len(cycles.ends(lines))))
    numbers, place = numbered(now, class_names, settings), places(images)
    found = Answers.none(len(images), reserved(images, settings["audit_reserve"]))
    first: dict[str, int] = {}  # image -> the cycle that had its label first
    for cycle in range(closed):
        then = state(cycles.before(lines, cycle + 1))
        for image in then.labels:
            first.setdefault(image, cycle)
    if not closed:
        return found
    order = {line["image"]: None for line in lines if line["kind"] == "answer"}
    for image in order:
        if image in then.labels and image in place and then.labels[image] in numbers:
            at = place[image]
            found.label[at], found.cycle[at] = numbers[then.labels[image]], first[image]
            found.order.append(at)
    for image in then.bad | then.unsure:
        if image in place:
            found.aside[place[image]] = True
    wanted = [*sorted(then.disputed), *sorted(then.later)]
    found.again.extend(place[image] for image in wanted if image in place)
    if strangers := [image for image in order if image not in place]:
        logger.warning(
            "%d answered images are not among those of the folder; their answers are kept, and "
            "count again when the images are back",
            len(strangers),
        )
    return found


def lines_of(settings: Mapping[str, Any], data_dir: Path) -> list[Line]:
    """The valid lines of the journal; none where it is not there yet."""
    return journal.read(data_dir / settings["answers"])[0]


def places(images: Sequence[str]) -> dict[str, int]:
    return {image: at for at, image in enumerate(images)}


def numbered(now: State, class_names: Sequence[str], settings: Mapping[str, Any]) -> dict[str, int]:
    """The number of each class, also of those that were merged, by its id."""
    known = {folded(name): number for number, name in enumerate(class_names)}
    for name in now.classes.values():
        if folded(name) not in known:
            raise UserError(
                f"{settings['answers']}: the class {name!r} is not among those of the images, "
                f"which are {', '.join(class_names)}{suggestion(name, class_names)}: rename it on "
                "the page, merge it into one of them, or name all classes in the config"
            )
    numbers = {key: known[folded(name)] for key, name in now.classes.items()}
    return numbers | {key: numbers[into] for key, into in now.merged.items() if into in numbers}
