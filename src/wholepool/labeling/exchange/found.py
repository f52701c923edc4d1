"""An answer as another tool's file has it, and what all readers of such files share."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.job.files import atomic
from wholepool.labeling.classes import cleaned
from wholepool.labeling.ingest import LITTER

#: entries of a batch: "image" (image id), "path" (relative, forward slashes), and more if any
Images = Sequence[Mapping[str, Any]]
#: image id -> name of its class
Named = Mapping[str, str]
#: the folder of a tree of classes whose images have no answer, as FiftyOne calls it
UNLABELED = "_unlabeled"


@dataclass(frozen=True)
class Found:
    """One answer of a file.

    `path` is the image's, as the file has it. `answer` is the name of a class or, if `word`, one of
    "later", "unsure" and "bad". `annotator` is "" where the file does not say who answered, `time`
    ("2026-01-31T23:59:59.123Z") where it does not say when, and `image`, an image id, where it does
    not say which bytes.
    """

    path: str
    answer: str
    word: bool = False
    annotator: str = ""
    time: str = ""
    image: str = ""


def one_line(name: str) -> str:
    """A class's name as the page would take it: without needless blanks."""
    return cleaned(" ".join(name.split()))


def utc(text: str) -> str:
    """A time of ISO 8601 as the journal has it, in UTC and milliseconds; ValueError if it is none.

    A time without a zone is taken as UTC. What is finer than a millisecond is cut off, so times of
    one file keep their order.
    """
    when = datetime.fromisoformat(text.strip())
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    try:
        text = when.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:  # in the year 1 or 9999
        raise ValueError(f"{text!r} is out of range") from None
    return text.replace("+00:00", "Z")


def content_of(path: str | Path) -> bytes:
    """A file's bytes; UserError where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): name a file of answers"
        ) from None


def put(out: str | Path, content: bytes) -> None:
    """Write a file, unless it is there. UserError if another one is.

    Whatever a file holds may be somebody's work: one that was written here may be filled in since.
    """
    if not os.path.lexists(out):
        with atomic(out) as temporary:
            temporary.write_bytes(content)
    elif not os.path.isfile(out) or Path(out).read_bytes() != content:
        raise UserError(
            f"{out} is there already and holds something else, which is not overwritten: move it "
            "away, or name another file"
        )


def files_below(folder: str | Path) -> Iterator[str]:
    """The paths of all files below a folder, ascending, relative to it, with forward slashes.

    Links to files are files, wherever they lead; links to folders are passed over, and so is what
    is hidden or left by an operating system. Raises UserError for a folder that cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be read ({error.strerror}): change that")

    found = []
    for above, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if wanted(name)]
        below = Path(above).relative_to(folder)
        found += [(below / name).as_posix() for name in files if wanted(name)]
    yield from sorted(found)


def wanted(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in LITTER
