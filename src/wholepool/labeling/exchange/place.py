"""Answers of another tool's file, as lines for the journal: planned first, then appended."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.labeling import answers, journal
from wholepool.labeling.answers import State
from wholepool.labeling.exchange.found import Found, one_line
from wholepool.labeling.exchange.named import known_names, sorted_out
from wholepool.labeling.exchange.placed import Paths
from wholepool.labeling.ingest import Entry
from wholepool.labeling.lines import Line
from wholepool.labeling.sent import next_class
from wholepool.labeling.told import plain

TOLD = 10  # answers that are left out, of each kind

#: why answers are left out, as a person is told
WHY = {
    "image": "no such image",
    "ambiguous": "several images may be meant",
    "spelling": "a class in another spelling",
    "class": "an unknown class",
    "torn": "several answers of one person, and none is the newest",
    "older": "the journal has a newer answer of this person, or one that may be newer",
}


@dataclass(frozen=True)
class Left:
    """Answers that are left out: `why` is a key of WHY, `value` the path or the class's name.

    `meant` is what was perhaps meant, or what stands in the way; "" if nothing can be said.
    """

    why: str
    value: str
    meant: str
    count: int


@dataclass(frozen=True)
class Plan:
    """What an import would do. Nothing is written yet: `carried_out` does.

    `lines` are to be appended in this order: new classes, then answers. `known` answers stand
    already, or were imported before; `earlier` are repeated or replaced in the file. `by_end` are
    (path in the file, path of the image) of those placed by the end of their path: worth a look.
    """

    lines: list[Line] = field(default_factory=list)
    known: int = 0
    earlier: int = 0
    left: list[Left] = field(default_factory=list)
    by_end: list[tuple[str, str]] = field(default_factory=list)


def place(
    found: Sequence[Found],
    manifest: Sequence[Entry],
    folder: str | Path,
    lines: Sequence[Line],
    format: str,
    annotator: str,
    cycle: int = 0,
    new_classes: bool = False,
    names: Mapping[str, str] | None = None,
) -> Plan:
    """What the answers of a file add to the journal that holds `lines`.

    `annotator` has answered where the file does not say who. `names` says which class a name in the
    file means: {"Cat": "cat"}. Classes that are not there are made only if `new_classes`.

    The id of a line is the SHA-256 of format, image, annotator, time and answer. So what was
    imported once is not imported again, whether it still stands or was undone or corrected since.

    The newest answer of a person is the one of the latest time. Of the file's own answers to an
    image it is taken; if there is none, as where two have no time, none is. One that the journal
    has gives way only to an answer of a later time. Where the file tells no time the answer may be
    old: it replaces none but an imported one that had no time either, since then the
    file was changed. Its line gets the time of the import. The times are those of two machines'
    clocks; nothing is made of small differences.
    """
    state = answers.state(lines)
    left: Counter[tuple[str, str, str]] = Counter()
    asked, by_end = located(found, Paths(manifest, folder), annotator, names or {}, left)
    said = [one.answer for several in asked.values() for one, _ in several if not one.word]
    known_classes = known_names(lines, state)
    means, new, strange = sorted_out(said, known_classes, new_classes)
    refuse_words(asked, known_classes, format)
    made = class_lines(new, lines, annotator)
    means |= {
        name: line["class"] for name in said for line in made if line["name"] == one_line(name)
    }

    ids = {line["id"] for line in lines}
    added: list[Line] = []
    known = earlier = 0
    for (image, who), several in asked.items():
        time = max(one.time for one, _ in several)
        newest = [(one, path) for one, path in several if one.time == time]
        earlier += len(several) - len(newest)
        (one, path), count = newest[0], len(newest)
        if len({(each.word, means.get(each.answer, each.answer)) for each, _ in newest}) > 1:
            left["torn", path, " or ".join(sorted({each.answer for each, _ in newest}))] += count
            continue
        if not one.word and one.answer in strange:
            why, meant = strange[one.answer]
            left[why, one.answer, meant] += count
            continue
        answer = one.answer if one.word else {"class": means[one.answer]}
        key = digest(format, image, who, time, "word" if one.word else "class", one.answer)
        before = state.by_image.get(image, {}).get(who)
        if key in ids or (before and plain(before["answer"], state.merged) == answer):
            known += count
        elif before and not later(time, before):
            stands = f"{who} answered {shown(before, state)} at {before['time']}"
            left["older", path, stands] += count
        else:
            about: Line = {
                "id": key,
                "time": time or journal.now(),
                "kind": "answer",
                "annotator": who,
            }
            about |= {"image": image, "path": path, "answer": answer, "cycle": cycle, "shown": {}}
            added.append(about | {"imported": {"format": format, "time": time}})
            earlier += count - 1
    listed = [Left(*what, count) for what, count in left.items()]
    return Plan(made + added, known, earlier, listed, by_end)


def located(
    found: Sequence[Found],
    paths: Paths,
    annotator: str,
    names: Mapping[str, str],
    left: Counter[tuple[str, str, str]],
) -> tuple[dict[tuple[str, str], list[tuple[Found, str]]], list[tuple[str, str]]]:
    """(image, annotator) -> their answers, each with its path, and those placed by an end.

    What has no place is counted in `left`.
    """
    asked: dict[tuple[str, str], list[tuple[Found, str]]] = {}
    by_end: dict[str, str] = {}
    for one in found:
        place = paths.of(one)
        if not place.image:
            left[place.why, one.path, place.meant] += 1
            continue
        if place.by_end:
            by_end[one.path] = place.path
        if not one.word:
            one = replace(one, answer=names.get(one.answer, one.answer))
        asked.setdefault((place.image, one.annotator or annotator), []).append((one, place.path))
    return asked, list(by_end.items())


def refuse_words(
    asked: Mapping[tuple[str, str], list[tuple[Found, str]]], known: Mapping[str, str], format: str
) -> None:
    """In CSV a class that is called "bad" cannot be told from the answer."""
    words = {one.answer for several in asked.values() for one, _ in several if one.word}
    if format == "csv" and (both := sorted(words & set(known))):
        raise UserError(
            f"{both[0]!r} is the name of a class, and in CSV it stands for an answer that is no "
            "class: rename the class, then import the file again"
        )


def class_lines(new: Sequence[str], lines: Sequence[Line], annotator: str) -> list[Line]:
    """A line for each class that is to be made; its id is another when the class has another."""
    made: list[Line] = []
    for name in new:
        key = next_class([*lines, *made])
        line = {"id": digest("class", key, name), "time": journal.now(), "kind": "class"}
        made.append(line | {"annotator": annotator, "class": key, "name": name})
    return made


def digest(*parts: str) -> str:
    """SHA-256 of texts, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def later(time: str, before: Line) -> bool:
    """Whether an answer of a file, "" where it has no time, replaces one of the journal."""
    if time:
        return datetime.fromisoformat(time) > datetime.fromisoformat(before["time"])
    imported = before.get("imported")
    return isinstance(imported, dict) and imported.get("time") == ""


def shown(line: Line, state: State) -> str:
    """An answer of the journal, in words."""
    answer = plain(line["answer"], state.merged)
    return answer if isinstance(answer, str) else state.classes.get(answer["class"], "a lost class")


def carried_out(path: str | Path, plan: Plan) -> int:
    """Append a plan's lines to a journal, and return how many.

    Stopped in between it is made again, and goes on: what is there is `known` then.
    """
    for line in plan.lines:
        journal.append(path, line)
    return len(plan.lines)


def told(plan: Plan) -> list[str]:
    """A plan as lines for a person to read before anything is written."""
    classes = [line["name"] for line in plan.lines if line["kind"] == "class"]
    told = [f"{len(plan.lines) - len(classes)} answers are new"]
    told += [f"{plan.known} are there already"] if plan.known else []
    told += [f"{plan.earlier} are repeated or replaced by later ones in the file"] * (
        plan.earlier > 0
    )
    told += [f"classes to be made: {', '.join(classes)}"] if classes else []
    if plan.by_end:
        told.append(f"{len(plan.by_end)} are placed by the end of their path:")
        told += more([f"{path!r} as {other!r}" for path, other in plan.by_end])
    for why, words in WHY.items():
        some = [one for one in plan.left if one.why == why]
        if some:
            told.append(f"{sum(one.count for one in some)} are left out: {words}:")
            told += more(
                [f"{one.value!r} ({one.count}){one.meant and ': ' + one.meant}" for one in some]
            )
    return told


def more(words: Sequence[str]) -> list[str]:
    """Some of a list, and how many more there are."""
    rest = [f"  and {len(words) - TOLD} more"] if len(words) > TOLD else []
    return [f"  {word}" for word in words[:TOLD]] + rest
