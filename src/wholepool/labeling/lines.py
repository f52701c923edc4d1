"""What a line of the journal must hold."""

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

Line = dict[str, Any]

#: the keys of every line, and those that each kind has besides; any other key is kept
COMMON = ("id", "time", "kind", "annotator")
KINDS = {
    "answer": ("image", "path", "answer", "cycle", "shown"),
    "undo": ("of",),
    "class": ("class", "name"),
    "rename": ("class", "name"),
    "merge": ("class", "into"),
    "close": ("cycle",),
}
#: the answers that are no class: to be asked again, cannot tell, out of the pool
LATER, UNSURE, BAD = "later", "unsure", "bad"
BOM = b"\xef\xbb\xbf"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00)", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}")


def parsed(raw: bytes) -> tuple[Line | None, str]:
    """A line of the file as a table, or None and in plain words why it is none."""
    if b"\0" in raw:
        return None, "it holds NUL bytes, as a crash of the machine can leave them"
    try:
        line = json.loads(raw.removeprefix(BOM).decode("utf-8"), parse_constant=no_number)
    except UnicodeDecodeError as error:
        return None, f"it is not UTF-8 from byte {error.start + 1} on"
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError as error:
        return None, f"it is not JSON, perhaps cut off ({error})"
    wrong = fault(line)
    return (None, wrong) if wrong else (line, "")


def no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def encoded(line: Line) -> bytes:
    """The bytes of a line, without its end. Raises TypeError, ValueError or RecursionError."""
    try:
        return json.dumps(line, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        return json.dumps(line, allow_nan=False).encode("ascii")


def fault(line: Any) -> str:
    """What is wrong with a line, whatever else the journal holds; "" if nothing is."""
    if not isinstance(line, dict):
        return f"it is a {type(line).__name__}, not a table of keys"
    for key in COMMON:
        if wrong := fault_of(line, key):
            return wrong
    return next(filter(None, (fault_of(line, key) for key in KINDS[line["kind"]])), "")


def fault_of(line: Line, key: str) -> str:
    if key not in line:
        return f"it has no key {key!r}"
    holds, words = RULES[key]
    return "" if holds(line[key]) else f"its {key!r} is {short(line[key])}, not {words}"


def short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_text(value: Any) -> bool:
    """Half a pair of surrogates is no text that a file could hold."""
    return isinstance(value, str) and all(unicodedata.category(sign) != "Cs" for sign in value)


def is_word(value: Any) -> bool:
    """One line of text that is not blank."""
    return is_text(value) and bool(value.strip()) and not re.search(r"[\x00-\x1f\x7f-\x9f]", value)


def is_time(value: Any) -> bool:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_answer(value: Any) -> bool:
    if isinstance(value, dict):
        return is_word(value.get("class"))
    return isinstance(value, str) and value in (LATER, UNSURE, BAD)


def is_cycle(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


WORD = (is_word, "one line of text that is not blank")
#: key -> whether a value is right, and what it should be
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": WORD,
    "time": (is_time, "a time in UTC as 2026-01-31T23:59:59.123Z"),
    "kind": (lambda value: isinstance(value, str) and value in KINDS, f"one of {', '.join(KINDS)}"),
    "annotator": (is_text, "text"),
    "image": (
        lambda value: isinstance(value, str) and bool(DIGEST.fullmatch(value)),
        "a SHA-256 in 64 hexadecimal digits, in lower case",
    ),
    "path": (lambda value: isinstance(value, str) and value != "", "a path"),
    "answer": (is_answer, f'"{LATER}", "{UNSURE}", "{BAD}" or {{"class": "..."}}'),
    "cycle": (is_cycle, "a whole number from 0 on"),
    "shown": (lambda value: isinstance(value, dict), "a table of keys"),
    "of": WORD,
    "class": WORD,
    "into": WORD,
    "name": WORD,
}


def classes_in(line: Line) -> list[str]:
    """The classes that must be there for a line to be valid."""
    if line["kind"] == "answer":
        return [line["answer"]["class"]] if isinstance(line["answer"], dict) else []
    return [line[key] for key in ("class", "into") if key in KINDS[line["kind"]]]
