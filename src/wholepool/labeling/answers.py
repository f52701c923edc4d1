"""What the lines of the journal add up to: classes, labels, and what is to be asked again."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wholepool.labeling.agreement import Agreement, agreement
from wholepool.labeling.classes import Classes, settled, standing
from wholepool.labeling.lines import BAD, LATER, UNSURE, Line

CLASS, DISPUTED = "class", "disputed"
Vote = tuple[str, str]


@dataclass(frozen=True)
class State:
    """All that counts now. Images are image ids, classes are class ids.

    `classes`: class -> name, after renames and merges, in the order they were made.
    `merged`: class -> the class as which its answers count, of each class that was merged.
    `by_image`: image -> {annotator: the line of the answer that counts}.
    `labels`: image -> class. Each answered image is in one of `labels`, `disputed`, `later`,
    `unsure` and `bad`. `notes`: lines without effect and other contradictions, in plain words.
    """

    classes: dict[str, str]
    merged: dict[str, str]
    by_image: dict[str, dict[str, Line]]
    labels: dict[str, str]
    disputed: set[str]
    later: set[str]
    unsure: set[str]
    bad: set[str]
    agreement: Agreement | None
    notes: list[str]


def state(lines: Sequence[Line]) -> State:
    """Replay valid lines, in their order in the file, as `journal.read` gives them.

    - A line counts unless a later line that counts undoes it: undoing an undo restores. To undo
      what does not stand before has no effect, and is noted.
    - Of an annotator's answers to an image the last that counts is the one.
    - Answers of a merged class count as those of the class it was merged into.
    - An image gets what most annotators answered, be it a class, "unsure" or "bad"; a tie is
      disputed. "later" is no vote: an image for which there is no other is in `later`.
    - Where the making of a class is undone its answers still are votes: they win no label, but an
      image on which they would is disputed, so it is asked again. Nothing of them is lost: they
      are back when the class is.
    - Agreement takes classes as merged, "unsure" and "bad" as answers, and "later" as none.
    """
    kept = standing(lines)
    classes = settled(kept)
    by_image: dict[str, dict[str, Line]] = {}
    for line in kept:
        if line["kind"] == "answer":
            by_image.setdefault(line["image"], {})[line["annotator"]] = line
    votes = {
        image: {who: vote(line, classes) for who, line in answers.items()}
        for image, answers in by_image.items()
    }
    labels: dict[str, str] = {}
    sets: dict[str, set[str]] = {word: set() for word in (DISPUTED, LATER, UNSURE, BAD)}
    for image, given in votes.items():
        word, key = winner(given.values())
        if word == CLASS and key in classes.names:
            labels[image] = key
        else:
            sets[DISPUTED if word == CLASS else word].add(image)
    answered = {
        image: {who: one for who, one in given.items() if one != (LATER, "")}
        for image, given in votes.items()
    }
    return State(
        classes=classes.names,
        merged={key: classes.counts_as(key) for key in classes.into},
        by_image=by_image,
        labels=labels,
        disputed=sets[DISPUTED],
        later=sets[LATER],
        unsure=sets[UNSURE],
        bad=sets[BAD],
        agreement=agreement(answered),
        notes=undos_of_nothing(lines, kept) + classes.notes,
    )


def vote(line: Line, classes: Classes) -> Vote:
    """The word of an answer, and its class after merges if it is one."""
    answer = line["answer"]
    return (CLASS, classes.counts_as(answer["class"])) if isinstance(answer, dict) else (answer, "")


def winner(votes: Iterable[Vote]) -> Vote:
    """What most voted for; a tie is DISPUTED. "later" wins where there is nothing else."""
    counts = Counter(one for one in votes if one != (LATER, ""))
    if not counts:
        return LATER, ""
    first, *others = counts.most_common(2)
    return (DISPUTED, "") if others and others[0][1] == first[1] else first[0]


def undos_of_nothing(lines: Sequence[Line], kept: Sequence[Line]) -> list[str]:
    """A note for each undo that counts and names no line that stands before it."""
    place: dict[str, int] = {}
    for number, line in enumerate(lines):
        place.setdefault(line["id"], number)
    return [
        f"line {line['id']!r}, which undoes line {line['of']!r}, has no effect: no such line "
        "stands before it"
        for line in kept
        if line["kind"] == "undo"
        if place.get(line["of"], len(lines)) >= place[line["id"]]
    ]
