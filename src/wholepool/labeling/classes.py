"""Classes as the journal's lines leave them: made, renamed, merged, and any of it undone."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wholepool.labeling.lines import Line


@dataclass(frozen=True)
class Classes:
    """`names`: id -> name of the classes that can be answered, in the order they were made.

    `into`: id of a merged class -> the class it was merged into, which may be merged itself.
    `notes`: what contradicts itself, in plain words.
    """

    names: dict[str, str]
    into: dict[str, str]
    notes: list[str]

    def counts_as(self, key: str) -> str:
        """The class as which answers of a class count; both are ids."""
        while key in self.into:
            key = self.into[key]
        return key


def standing(lines: Sequence[Line]) -> list[Line]:
    """The lines that count, in order: those that no later line undoes which itself counts."""
    undone: set[str] = set()
    kept = []
    for line in reversed(lines):
        if line["id"] in undone:
            continue
        kept.append(line)
        if line["kind"] == "undo":
            undone.add(line["of"])
    return kept[::-1]


def settled(lines: Iterable[Line]) -> Classes:
    """The classes after standing lines, of which only those about classes matter.

    A merge counts if both classes stand and neither was merged by a line before: so merges make
    chains and never a cycle. A merge that does not count is noted. A renamed class that is merged,
    or whose making is undone, has its new name when it comes back.
    """
    made: dict[str, str] = {}
    into: dict[str, str] = {}
    changes, notes = [], []
    for line in lines:
        if line["kind"] == "class" and line["class"] not in made:
            made[line["class"]] = cleaned(line["name"])
        elif line["kind"] in ("rename", "merge"):
            changes.append(line)
    for line in changes:
        key = line["class"]
        if line["kind"] == "rename":
            if key in made:
                made[key] = cleaned(line["name"])
        elif why := hindered(key, line["into"], made, into):
            notes.append(
                f"line {line['id']!r}, which merges class {key!r} into {line['into']!r}, has no "
                f"effect: {why}"
            )
        else:
            into[key] = line["into"]
    names = {key: name for key, name in made.items() if key not in into}
    return Classes(names, into, notes + same_names(names))


def hindered(key: str, other: str, made: dict[str, str], into: dict[str, str]) -> str:
    """Why a class cannot be merged into another one; "" if it can."""
    if key == other:
        return "it is one class"
    for one in (key, other):
        if one not in made:
            return f"class {one!r} is not there"
        if one in into:
            return f"class {one!r} is merged into {into[one]!r} already"
    return ""


def same_names(names: dict[str, str]) -> list[str]:
    """A note for each class whose name an earlier one has."""
    first: dict[str, str] = {}
    notes = []
    for key, name in names.items():
        other = first.setdefault(folded(name), key)
        if other != key:
            notes.append(
                f"class {key!r} has the name {name!r}, which class {other!r} ({names[other]!r}) "
                "has already"
            )
    return notes


def cleaned(name: str) -> str:
    """A name as it is shown."""
    return unicodedata.normalize("NFC", name).strip()


def folded(name: str) -> str:
    """A name as it is compared: names that differ in case only are one."""
    return unicodedata.normalize("NFC", cleaned(name).casefold())
