"""A line that the page sends, checked and completed for the journal."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wholepool.job.errors import UserError
from wholepool.labeling.batch import Batch
from wholepool.labeling.classes import cleaned, folded, settled, standing
from wholepool.labeling.journal import now
from wholepool.labeling.lines import BAD, LATER, UNSURE, Line, is_word

LONGEST = 100  # characters of a class's name and of a line's id


def completed(
    sent: Any, batch: Batch, lines: Sequence[Line], annotator: str, paths: Mapping[str, str]
) -> dict[str, Any]:
    """The line for the journal that is made of what the page sent.

    The page gives "id", "kind", and of an answer "image", "answer" and "shown"; of an undo "of"; of
    a class "name"; of a rename "class" and "name"; of a merge "class" and "into". UserError, in
    words for the person, where it is none of these, or names what is not there.
    """
    if not isinstance(sent, dict):
        raise UserError(f"a line is a table, not a {type(sent).__name__}: reload the page")
    key, kind = sent.get("id"), sent.get("kind")
    if not isinstance(key, str) or not is_word(key) or len(key) > LONGEST:
        raise UserError(f"id is no line of 1 to {LONGEST} characters: reload the page")
    line = {"id": key, "time": now(), "kind": kind, "annotator": annotator}
    classes = settled(standing(lines)).names
    if kind == "answer":
        return line | answered(sent, batch, classes, paths)
    if kind == "undo":
        of = sent.get("of")
        own = (one for one in lines if one["annotator"] == annotator)
        if of not in [one["id"] for one in own if one["kind"] in ("answer", "merge")]:
            raise UserError(f"{of!r} is no answer or merge of {annotator}: reload the page")
        return line | {"of": of}
    if kind == "class":
        name = named(sent, classes, "")
        return line | {"class": next_class(lines), "name": name}
    if kind == "rename":
        one = there(sent.get("class"), classes)
        return line | {"class": one, "name": named(sent, classes, one)}
    if kind == "merge":
        one, into = (there(sent.get(key), classes) for key in ("class", "into"))
        if one == into:
            raise UserError(f"{classes[one]} is one class: choose another to merge it into")
        return line | {"class": one, "into": into}
    raise UserError(f"kind is {kind!r}, not one that the page writes: reload the page")


def answered(
    sent: Line, batch: Batch, classes: Mapping[str, str], paths: Mapping[str, str]
) -> dict[str, Any]:
    """The part of a line that only an answer has."""
    image, answer, shown = sent.get("image"), sent.get("answer"), sent.get("shown", {})
    if not isinstance(image, str) or image not in paths:
        raise UserError("this image is not in the batch any more: reload the page")
    if isinstance(answer, dict):
        there(answer["class"] if list(answer) == ["class"] else None, classes)
    elif answer not in (LATER, UNSURE, BAD):
        raise UserError(f"answer is {answer!r}, no class: reload the page")
    if not isinstance(shown, dict):
        raise UserError(f"shown is {shown!r}, no table: reload the page")
    path = paths[image]
    return {"image": image, "path": path, "answer": answer, "cycle": batch.cycle, "shown": shown}


def there(key: Any, classes: Mapping[str, str]) -> str:
    """The id of a class, which must be one that can be answered."""
    if not isinstance(key, str) or key not in classes:
        raise UserError(f"there is no class {key!r} any more: reload the page")
    return key


def named(sent: Line, classes: Mapping[str, str], own: str) -> str:
    """The name in a line, which no class but `own` has, in whatever case of letters."""
    name = sent.get("name")
    name = cleaned(" ".join(name.split())) if isinstance(name, str) else ""
    if not is_word(name) or len(name) > LONGEST:
        raise UserError(f"a class's name has 1 to {LONGEST} characters on one line: type another")
    for key, other in classes.items():
        if key != own and folded(other) == folded(name):
            raise UserError(f"there is a class {other} already: type another name")
    return name


def next_class(lines: Sequence[Line]) -> str:
    """An id of a class that no line has."""
    used = [line.get("class") for line in lines] + [line.get("into") for line in lines]
    numbers = [int(key[1:]) for key in used if key and re.fullmatch("c[0-9]{1,9}", key)]
    return f"c{max(numbers, default=0) + 1}"
