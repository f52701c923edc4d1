"""CSV: path,label and, where they are known, annotator, time and image (the image id)."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.labeling.exchange.found import Found, Images, Named, content_of, put, utc
from wholepool.labeling.lines import BAD, DIGEST, LATER, UNSURE

DELIMITERS, QUOTES = ",;\t|", "\"'"
#: byte order marks, the longer ones first
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
WORDS = (LATER, UNSURE, BAD)
REMEDY = "save it again as CSV in UTF-8, with the columns path and label"


@dataclass(frozen=True)
class Row:
    """One row of a table: `number` counts from 1, the header not being one."""

    number: int
    values: dict[str, Any]


def write(
    out: str | Path, folder: str | Path, batch: Images, classes: Sequence[str], answers: Named
) -> list[Path]:
    """Write path,label,image as RFC 4180 and UTF-8 has it; the label is empty where there is none.

    Raises UserError where a class has a name that stands for another answer here, or a file is
    there that is another.
    """
    for name in classes:
        if name in WORDS:
            raise UserError(
                f"{out}: a class is called {name!r}, which in CSV stands for an answer that is no "
                "class: rename the class, or choose another format"
            )
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(("path", "label", "image"))
    for entry in batch:
        table.writerow((entry["path"], answers.get(entry["image"], ""), entry["image"]))
    put(out, file.getvalue().encode())
    return [Path(out)]


def read(path: str | Path) -> list[Found]:
    """The rows that have a label: a class, or later, unsure or bad. UserError where it is no table.

    Encoding, delimiter and quotes are found from the header.
    """
    found = []
    for row in rows_of(path, content_of(path)):
        values = row.values
        label, when, image = (values.get(key, "").strip() for key in ("label", "time", "image"))
        if not label:
            continue
        try:
            when = utc(when) if when else ""
        except ValueError:
            raise UserError(
                f"{path}: row {row.number}: time is {when!r}: write it as 2026-01-31T23:59:59Z"
            ) from None
        if image and not DIGEST.fullmatch(image):
            raise UserError(
                f"{path}: row {row.number}: image is {image!r}, no image id (SHA-256 in lower-case "
                "hexadecimal): leave it empty or leave the column out"
            )
        if not values["path"]:
            raise UserError(f"{path}: row {row.number} has no path: add it, or delete the row")
        who = values.get("annotator", "").strip()
        found.append(Found(values["path"], label, label in WORDS, who, when, image))
    return found


def rows_of(path: str | Path, content: bytes) -> list[Row]:
    """The rows of a table, by its header; UserError where there is none, or one is incomplete."""
    names, text, delimiter, quote = opened(path, content)
    try:
        rows = list(reader(text, delimiter, quote, strict=True))
    except csv.Error as error:
        raise UserError(f"{path} is no complete table ({error}): {REMEDY}") from None
    return table(path, names, rows[1:])


def opened(path: str | Path, content: bytes) -> tuple[list[str], str, str, str]:
    """The names in the header, in lower case, the text from there on, delimiter and quote."""
    text = decoded(path, content)
    if text.lower().startswith("sep="):  # by which Excel knows the delimiter
        text = text.partition("\n")[2]
    for delimiter in DELIMITERS:
        for quote in QUOTES:
            with suppress(csv.Error):
                first = next(reader(text, delimiter, quote), [])
                names = [name.strip().lower() for name in first]
                if {"path", "label"} <= set(names) or "annotation_id" in names:
                    return names, text, delimiter, quote
    raise UserError(
        f"{path} begins with {text[:60]!r}, no header that has the columns path and label: {REMEDY}"
    )


def reader(text: str, delimiter: str, quote: str, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=strict
    )


def table(path: str | Path, names: list[str], rows: list[list[str]]) -> list[Row]:
    """Each row that is not blank, by the names of its columns."""
    if len(set(names)) < len(names):
        raise UserError(f"{path} has two columns of one name: {', '.join(names)}: rename one")
    found = []
    for number, row in enumerate(rows, 1):
        if not any(row):
            continue
        if len(row) != len(names):
            raise UserError(
                f"{path}: row {number} has {len(row)} fields, not {len(names)} as the header: put "
                "a path that holds the delimiter into quotes"
            )
        found.append(Row(number, dict(zip(names, row, strict=True))))
    return found


def decoded(path: str | Path, content: bytes) -> str:
    """A file's text: by its byte order mark, else UTF-8, UTF-16 or Windows' western letters."""
    mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
    encodings = [MARKS[mark]] if mark else ["utf-8", "cp1252"]
    if not mark and b"\0" in content[:2]:
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    for encoding in encodings:
        try:
            text = content[len(mark) :].decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UserError(f"{path} is no text in UTF-8 or UTF-16: {REMEDY}")
