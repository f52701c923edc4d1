"""Label Studio: tasks and the labeling configuration out, its exports in (JSON, JSON-MIN and CSV).

As version 1.23.2 reads and writes them (docs/exchange.md says what it needs set).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from wholepool.job.errors import UserError
from wholepool.labeling.exchange.csv_table import Row, rows_of
from wholepool.labeling.exchange.found import Found, Images, Named, content_of, put, utc
from wholepool.labeling.lines import BOM, DIGEST, LATER

#: what files below the document root are called, with "d" relative to it
SERVED = "/data/local-files/"
#: keys of the classes, in order: those of the page (static/draw.js)
HOT_KEYS = "123456789abcdefhijklmopqstyz"
EXPORTS = "export the project as JSON, JSON-MIN or CSV"


def write(
    out: str | Path,
    folder: str | Path,
    batch: Images,
    classes: Sequence[str],
    answers: Named,
    root: str | Path | None = None,
) -> list[Path]:
    """Write the tasks, and beside them the labeling configuration NAME.xml; both are returned.

    `root` is Label Studio's document root; None: the folder that `folder` lies in. An answer, else
    the guess (an entry's "guess": {"class": name, "probability": number}), is a prediction: Label
    Studio shows it, and nobody has given it there until somebody submits it. Raises UserError where
    the folder does not lie below `root`, or a file is there that is another.
    """
    out, top = Path(out), Path(folder).resolve()
    root = top.parent if root is None else Path(root).resolve()
    if root not in top.parents:
        raise UserError(
            f"{folder} does not lie below {root}, Label Studio's document root, so it could not "
            "show the images: name a folder above it as the root"
        )
    prefix = top.relative_to(root).as_posix()
    tasks = [task(entry, prefix, answers.get(entry["image"], "")) for entry in batch]
    text = json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False)
    put(out, (text + "\n").encode())
    put(out.with_suffix(".xml"), configuration(classes).encode())
    return [out, out.with_suffix(".xml")]


def task(entry: Any, prefix: str, answer: str) -> dict[str, Any]:
    """One image to be labeled. Names in "data" begin with wp_, so that CSV columns stay apart."""
    data = {"image": f"{SERVED}?d={quote(prefix + '/' + entry['path'])}", "wp_id": entry["image"]}
    data |= {f"wp_{key}": entry[key] for key in ("rank", "score", "cycle") if key in entry}
    guess = entry.get("guess") or {}
    name, score = (answer, 1.0) if answer else (guess.get("class"), guess.get("probability"))
    if not name:
        return {"data": data}
    result = {"id": "wholepool", "from_name": "label", "to_name": "image", "type": "choices"}
    prediction: dict[str, Any] = {"result": [result | {"value": {"choices": [name]}}]}
    prediction["model_version"] = "answered before" if answer else "wholepool"
    return {"data": data, "predictions": [prediction | ({} if score is None else {"score": score})]}


def configuration(classes: Sequence[str]) -> str:
    """The labeling configuration, with the keys of the page, as long as there are enough."""
    choices = []
    for number, name in enumerate(classes):
        key = f' hotkey="{HOT_KEYS[number]}"' if number < len(HOT_KEYS) else ""
        choices.append(f"    <Choice value={quoteattr(name)}{key}/>\n")
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <Choices name="label" toName="image" choice="single" showInLine="true">\n'
        f"{''.join(choices)}  </Choices>\n</View>\n"
    )


def read(path: str | Path) -> list[Found]:
    """The answers of an export of any of the three kinds; UserError where it is none.

    A task that was skipped is answered by "later"; JSON alone tells of those. What is empty is
    unanswered, and drafts and predictions are no answers.
    """
    content = content_of(path)
    if content.removeprefix(BOM).lstrip()[:1] not in (b"[", b"{"):
        return list(flat(path, rows_of(path, content)))
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is not readable JSON, perhaps cut off ({error}): {EXPORTS}"
        ) from None
    if not isinstance(found, list) or not all(isinstance(task, dict) for task in found):
        raise UserError(f"{path} is JSON, but no list of tasks: {EXPORTS}")
    try:
        if any("data" in task for task in found):
            return list(nested(found))
        return list(flat(path, [Row(number, task) for number, task in enumerate(found, 1)]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no export of Label Studio ({type(error).__name__}: {error}): {EXPORTS}"
        ) from None


def nested(tasks: list[dict[str, Any]]) -> Iterator[Found]:
    """The answers of a JSON export."""
    for task in tasks:
        path, image = image_of(task["data"])
        for annotation in task.get("annotations", []):
            who, when = about_of(annotation, annotation.get("completed_by"))
            if annotation.get("was_cancelled"):
                yield Found(path, LATER, True, who, when, image)
                continue
            for result in annotation["result"]:
                if result["type"] == "choices":
                    for name in result["value"]["choices"]:
                        yield Found(path, text(name), False, who, when, image)


def flat(file: str | Path, rows: Sequence[Row]) -> Iterator[Found]:
    """The answers of a JSON-MIN or CSV export: a row an annotation, a column a name."""
    for row in rows:
        values = row.values
        try:
            path, image = image_of(values)
            who, when = about_of(values, values["annotator"])
            for name in choices_of(values.get("label")):
                yield Found(path, name, False, who, when, image)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UserError(
                f"{file}: row {row.number} is no annotation of Label Studio "
                f"({type(error).__name__}: {error}): {EXPORTS}, with the labeling configuration "
                "that was made with the tasks"
            ) from None


def choices_of(value: Any) -> list[str]:
    """The classes in a column: a name, or where several were chosen a table, in CSV as JSON."""
    if isinstance(value, str) and value.startswith('{"choices":'):
        value = json.loads(value)
    if isinstance(value, dict):
        return [text(name) for name in value["choices"]]
    return [text(value)] if value else []


def image_of(data: dict[str, Any]) -> tuple[str, str]:
    """The path in an image's address, and its image id, if there is one."""
    address, key = text(data["image"]), str(data.get("wp_id", ""))
    parts = urlsplit(address)
    served = parse_qs(parts.query).get("d") if parts.path.endswith(SERVED) else None
    path = served[0] if served else unquote(parts.path)
    if not path:
        raise ValueError(f"image is {address!r}, no address of a file")
    return path, key if DIGEST.fullmatch(key) else ""


def about_of(annotation: dict[str, Any], who: Any) -> tuple[str, str]:
    """Who answered, by address where it is told, and when."""
    when = annotation.get("updated_at") or annotation.get("created_at") or ""
    if isinstance(who, dict):
        who = who.get("email") or who["id"]
    if str(who).isdecimal():
        who = f"label-studio-{who}"
    return str(who or ""), utc(text(when)) if when else ""


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
