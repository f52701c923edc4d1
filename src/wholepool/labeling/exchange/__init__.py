"""Answers to and from other tools: one file a format, each of which can `write` and `read`."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError, suggestion
from wholepool.labeling import answers
from wholepool.labeling.exchange import csv_table, cvat, fiftyone, imagefolder, label_studio
from wholepool.labeling.exchange.found import UNLABELED, Found, Images, content_of
from wholepool.labeling.exchange.place import Plan, place
from wholepool.labeling.ingest import Entry
from wholepool.labeling.lines import BOM, Line, is_text

FORMATS = {
    "label_studio": label_studio,
    "cvat": cvat,
    "csv": csv_table,
    "imagefolder": imagefolder,
    "fiftyone": fiftyone,
}
KNOWN = ", ".join(FORMATS)
#: what `write` may be told besides
OPTIONS = {"label_studio": ("root",), "imagefolder": ("copy",), "fiftyone": ("copy",)}


def export_to(
    format: str,
    out: str | Path,
    folder: str | Path,
    batch: Images,
    lines: Sequence[Line],
    **options: Any,
) -> list[Path]:
    """Write images, with the labels that the journal's lines give them, and return what was made.

    `batch` are entries of a batch file, whose "guess" names a class by its id; `folder` is that of
    the images. `options`: "root" for label_studio, "copy" for trees. Raises UserError for an
    unknown format or option, and for what the format's `write` refuses; nothing that is there is
    overwritten.
    """
    writer = FORMATS.get(format)
    if writer is None:
        raise UserError(f"format is {format!r}{suggestion(format, FORMATS)}")
    for name in options:
        if name not in OPTIONS.get(format, ()):
            raise UserError(f"{name} is no option of the format {format}: leave it out")
    state = answers.state(lines)
    labels = {image: state.classes[key] for image, key in state.labels.items()}
    entries = []
    for entry in batch:
        guess = entry.get("guess") or {}
        key = guess.get("class", "")
        guessed = state.classes.get(state.merged.get(key, key))
        entries.append({**entry, "guess": {**guess, "class": guessed} if guessed else None})
    return writer.write(out, folder, entries, list(state.classes.values()), labels, **options)


def import_from(
    path: str | Path,
    manifest: Sequence[Entry],
    folder: str | Path,
    lines: Sequence[Line],
    annotator: str,
    cycle: int = 0,
    new_classes: bool = False,
    names: Mapping[str, str] | None = None,
    format: str = "",
) -> Plan:
    """What a file's answers would add to the journal that holds `lines`: see `place.place`.

    `place.told` says it in words, `place.carried_out` appends it. UserError where the file cannot
    be read, is of no known format, or not of the one that is named.
    """
    format = format or detect(path)
    return place(
        read(path, format), manifest, folder, lines, format, annotator, cycle, new_classes, names
    )


def read(path: str | Path, format: str = "") -> list[Found]:
    """The answers of a file or folder, of the format that it is found to have if none is named."""
    reader = FORMATS.get(format or detect(path))
    if reader is None:
        raise UserError(f"format is {format!r}{suggestion(format, FORMATS)}")
    found = reader.read(path)
    for one in found:
        for value in astuple(one):
            if isinstance(value, str) and not is_text(value):
                raise UserError(f"{path}: {value!a} is no Unicode text: rename it")
    return found


def detect(path: str | Path) -> str:
    """The format of a file or folder, by what it holds; UserError where it is none."""
    if Path(path).is_dir():
        return "fiftyone" if (Path(path) / UNLABELED).is_dir() else "imagefolder"
    content = content_of(path)
    if content.startswith(b"PK"):
        return "cvat"
    begin = content.removeprefix(BOM).lstrip()[:1]
    if begin == b"<" or content.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
        return "cvat"
    if begin in (b"[", b"{"):
        return "label_studio"
    try:
        names = csv_table.opened(path, content)[0]
    except UserError as error:
        raise UserError(f"{error}; or name a file of another format (known: {KNOWN})") from None
    return "label_studio" if "annotation_id" in names else "csv"
