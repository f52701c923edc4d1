"""CVAT: annotations.xml of "CVAT for images 1.1" out and in, zipped or not; the ImageNet zip in.

CVAT does not tell who answered, nor when. Only tags are read; what is drawn is passed over.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from wholepool.job.errors import UserError
from wholepool.labeling.exchange.found import Found, Images, Named, content_of, put, wanted

NO_LABEL = "no_label"  # the folder of an ImageNet zip whose images have no answer
LARGEST = 2**30  # bytes of a file in a zip that is read as a whole
EXPORTS = 'export the task as "CVAT for images 1.1" or "ImageNet 1.0"'
#: what zipfile raises of bytes that are no zip, and of methods that it does not know
NO_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError)
#: what XML 1.0 cannot hold
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(
    out: str | Path, folder: str | Path, batch: Images, classes: Sequence[str], answers: Named
) -> list[Path]:
    """Write annotations.xml, to be uploaded to a task that has these images under these names.

    Raises UserError for a path or class that XML cannot hold, or where a file is there that is
    another.
    """
    for text in [*classes, *(entry["path"] for entry in batch)]:
        if found := NO_XML.search(text):
            raise UserError(f"{out}: {text!r} has a {found[0]!r}, which XML cannot hold: rename it")
    labels = "".join(
        f"    <label><name>{escape(name)}</name><type>tag</type><attributes/></label>\n"
        for name in classes
    )
    images = "".join(
        image(number, entry, answers.get(entry["image"], "")) for number, entry in enumerate(batch)
    )
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta><task>\n    <size>{len(batch)}</size><mode>annotation</mode>\n"
        f"    <labels>\n{labels}    </labels>\n  </task></meta>\n{images}</annotations>\n"
    )
    put(out, text.encode())
    return [Path(out)]


def image(number: int, entry: Any, answer: str) -> str:
    """One image; its size in pixels is told where the entry has it."""
    size = "".join(f' {key}="{entry[key]}"' for key in ("width", "height") if key in entry)
    tag = f'\n    <tag label={quoteattr(answer)} source="manual"/>' if answer else ""
    return f'  <image id="{number}" name={quoteattr(entry["path"])}{size}>{tag}\n  </image>\n'


def read(path: str | Path) -> list[Found]:
    """The answers of an annotations.xml, of a zip that holds one, or of an ImageNet zip."""
    content = content_of(path)
    if not content.startswith(b"PK"):
        return tags_in(path, content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if "annotations.xml" in names:
                return tags_in(path, whole(path, archive, "annotations.xml"))
            if "synsets.txt" in names:
                return lists_in(path, archive, names)
            return folders_in(path, archive, names)
    except UserError:
        raise
    except NO_ZIP as error:
        raise UserError(f"{path} is no complete zip ({error}): {EXPORTS}") from None
    except RuntimeError:
        raise UserError(f"{path} needs a password: make a zip without one") from None


def tags_in(path: str | Path, content: bytes) -> list[Found]:
    """The tags of each image. A document type is refused, and with it every entity."""
    found: list[Found] = []
    open_now: list[str] = []  # the elements, from the root on
    name = ""

    def begin(element: str, attributes: dict[str, str]) -> None:
        nonlocal name
        open_now.append(element)
        if open_now == ["annotations", "image"]:
            name = attributes["name"]
        elif open_now == ["annotations", "image", "tag"]:
            found.append(Found(name, attributes["label"]))
        elif element == "track":
            raise ValueError("it is of a video")
        elif len(open_now) == 1 and element != "annotations":
            raise ValueError(f"it is called {element!r} where it should be 'annotations'")

    def refuse(*_: Any) -> None:
        raise ValueError("it has a document type, which is never read")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: open_now.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except KeyError as error:
        wrong = f"{open_now[-1]!r} has no {error}"
    except (expat.ExpatError, ValueError, LookupError) as error:
        wrong = str(error)
    else:
        return found
    raise UserError(f"{path} is no annotations.xml of CVAT ({wrong}): {EXPORTS}")


def whole(path: str | Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of a zip, which is to be smaller than memory."""
    if archive.getinfo(name).file_size > LARGEST:
        raise UserError(f"{path}: {name} is larger than {LARGEST} bytes: {EXPORTS}")
    return archive.read(name)


def lists_in(path: str | Path, archive: zipfile.ZipFile, names: list[str]) -> list[Found]:
    """ImageNet without images: a path and the numbers of its classes a line, "in quotes".jpg."""
    try:
        lines = whole(path, archive, "synsets.txt").decode("utf-8").rstrip().split("\n")
        classes = [line.strip() for line in lines]
        found = []
        for name in names:
            if not name.endswith(".txt") or name == "synsets.txt" or "/" in name:
                continue
            for line in whole(path, archive, name).decode("utf-8").split("\n"):
                if not line.strip():
                    continue
                quoted = re.fullmatch(r'"([^"]*)"(\S*)((?: -?\d+)*)\s*', line)
                plain = re.fullmatch(r'([^\s"]+)()((?: -?\d+)*)\s*', line)
                if not (parts := quoted or plain):
                    raise ValueError(f"{name} has the line {line!r}")
                for number in map(int, parts[3].split()):
                    if not 0 <= number < len(classes):
                        raise ValueError(f"{name} has the class {number} of {len(classes)}")
                    found.append(Found(parts[1] + parts[2], classes[number]))
        return found
    except ValueError as error:
        raise UserError(f"{path} is no ImageNet zip ({error}): {EXPORTS}") from None


def folders_in(path: str | Path, archive: zipfile.ZipFile, names: list[str]) -> list[Found]:
    """ImageNet with images: a folder a class. Images are known by their bytes."""
    found = []
    for name in names:
        label, *rest = PurePosixPath(name).parts
        if not rest or label == NO_LABEL or not all(map(wanted, [label, *rest])):
            continue
        with archive.open(name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        found.append(Found("/".join(rest), label, image=digest))
    if not found and NO_LABEL not in {name.split("/")[0] for name in names}:
        raise UserError(f"{path} holds neither annotations.xml nor folders of classes: {EXPORTS}")
    return found
