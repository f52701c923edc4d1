"""A folder of images to a list of them that only grows, and what was rejected, with the reason.

An image is its file's bytes: `image` is their SHA-256. Files of the same bytes are one image with
several paths. Read again, a folder's known images keep their places, whatever was renamed, moved or
deleted, and new ones come after them, by path. Nothing is written into the folder.

A link to a file is followed where it stays inside the folder; one that leads out is rejected, since
a page that shows the folder must show nothing else. A link to a folder is never followed, so no
loop can be entered. Hidden files and folders, and what operating systems leave, are rejected.
"""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic, write_csv
from wholepool.job.log import logger, pace
from wholepool.labeling.decode import Decoded, RejectedError, decode

#: left by Windows, macOS and network disks, in lower case
LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin")
SAVE = 20.0  # seconds between two lines of progress
AHEAD = 256  # images that are decoded before they are asked for

MANIFEST = pa.schema(
    {"image": pa.string(), "paths": pa.list_(pa.string()), "width": pa.int32()}
    | {"height": pa.int32(), "gone": pa.bool_()}
)

#: path and reason of each file that gives no image
Refused = list[tuple[str, str]]


@dataclass(frozen=True)
class Entry:
    """An image of a manifest, where its place is its index for good.

    `image` is its id; `paths`, ascending, are those of its copies, at least one, relative to the
    folder and with forward slashes; `width` and `height` are in pixels, as a viewer shows it.
    `gone`: no file has these bytes any more, and `paths` are the last ones.
    """

    image: str
    paths: tuple[str, ...]
    width: int
    height: int
    gone: bool = False


@dataclass(frozen=True)
class Ingested:
    """What a folder holds: `pixels` uint8 (n, size, size, 3) are those of the n `manifest` rows.

    Of a row that is `gone` they are as given before, or 0.
    """

    manifest: list[Entry]
    rejected: Refused
    pixels: np.ndarray


def ingest(
    folder: str | Path,
    size: int,
    earlier: Sequence[Entry] = (),
    earlier_pixels: np.ndarray | None = None,
    threads: int = 2,
    without: str | Path | None = None,
) -> Ingested:
    """Read all images of a folder, `size` pixels high and wide, on `threads` threads.

    `earlier` is its manifest when it was read before, and `earlier_pixels` are those of then: such
    images are not decoded again. What lies below the folder `without` is passed over. Raises
    UserError if there is no such folder.
    """
    found, rejected = walk(folder, without)
    rows = {entry.image: at for at, entry in enumerate(earlier)}
    kept = [] if earlier_pixels is None else [one.image for one in earlier if not one.gone]
    if earlier_pixels is not None and earlier_pixels.shape != (len(earlier), size, size, 3):
        raise UserError(
            f"{folder}: the pixels of its {len(earlier)} known images are "
            f"{earlier_pixels.shape}, not of the size {size}: give none, and all is decoded again"
        )
    shapes = {at: (entry.width, entry.height) for at, entry in enumerate(earlier)}
    paths: dict[int, list[str]] = {}
    # pages of it that nothing is written to take no memory
    pixels = np.zeros((len(earlier) + len(found), size, size, 3), dtype=np.uint8)
    if earlier_pixels is not None:
        pixels[: len(earlier)] = earlier_pixels
    for path, one in decoded(Path(folder), found, size, frozenset(kept), threads):
        if isinstance(one, str):
            rejected.append((path, one))
            continue
        at = rows.setdefault(one.id, len(rows))
        if one.pixels is not None and at not in paths:
            pixels[at], shapes[at] = one.pixels, (one.width, one.height)
        paths.setdefault(at, []).append(path)
    manifest = [
        Entry(image, tuple(paths[at]), *shapes[at])
        if at in paths
        else Entry(image, earlier[at].paths, *shapes[at], gone=True)
        for image, at in rows.items()
    ]
    return Ingested(manifest, sorted(rejected), pixels[: len(manifest)])


def decoded(
    folder: Path, paths: Sequence[str], size: int, known: frozenset[str], threads: int
) -> Iterator[tuple[str, Decoded | str]]:
    """Each path, in order, with its image or the reason why there is none.

    At most AHEAD images wait for whoever asks for them, so a slow one needs no more memory.
    """

    def one(path: str) -> Decoded | str:
        try:
            return decode(folder / path, size, known)
        except RejectedError as reason:
            return str(reason)

    began = told = time.monotonic()
    pool = ThreadPoolExecutor(threads)  # Pillow and hashlib let go of Python's lock
    try:
        waiting = deque(pool.submit(one, path) for path in paths[:AHEAD])
        for done, path in enumerate(paths, 1):
            yield path, waiting.popleft().result()
            waiting.extend(
                pool.submit(one, path) for path in paths[done + AHEAD - 1 : done + AHEAD]
            )
            now = time.monotonic()
            if now - told >= SAVE or done == len(paths):
                told = now
                logger.info("%s", pace(done, len(paths), now - began, "files"))
    finally:
        pool.shutdown(cancel_futures=True)


def walk(folder: str | Path, without: str | Path | None = None) -> tuple[list[str], Refused]:
    """The paths of all files of a folder that may be images, ascending, and what is rejected.

    Paths are relative to it, with forward slashes. Of a rejected folder only itself is listed.
    Raises UserError if it is no folder that can be read.
    """
    top = Path(folder)
    if not top.is_dir():
        what = "is a file" if top.exists() else "is not there"
        raise UserError(f"{folder}: the folder of images {what}: name a folder that holds them")
    inside, skipped = os.path.realpath(top), without and os.path.realpath(without)
    found: list[str] = []
    rejected: Refused = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            entries = list(os.scandir(top / below))
        except OSError as error:
            if not below:
                raise UserError(
                    f"{folder}: the folder of images cannot be read ({error.strerror}): change its "
                    "permissions"
                ) from None
            rejected.append((below, f"a folder that cannot be read ({error.strerror})"))
            continue
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if reason := unwanted(entry, inside):
                rejected.append((printable(path), reason))
            elif entry.is_dir(follow_symlinks=False):
                if not skipped or os.path.realpath(entry.path) != skipped:
                    waiting.append(path)
            else:
                found.append(path)
    return sorted(found), rejected


def unwanted(entry: "os.DirEntry[str]", inside: str) -> str:
    """Why a file or folder is passed over, by its name and kind alone; "" if it is not."""
    name = entry.name
    if printable(name) != name:
        return "its name is no UTF-8: rename it"
    if name.startswith("._") or name.lower() in LITTER or name == ".DS_Store":
        return "left by an operating system"
    if name.startswith("."):
        return "hidden: its name begins with a dot"
    if not entry.is_symlink():
        return ""
    target = os.path.realpath(entry.path)
    if os.path.commonpath([target, inside]) != inside:
        return "a link that leads out of the folder: copy what it means to here"
    if os.path.isdir(target):
        return "a link to a folder, which is read where it is"
    return ""


def printable(path: str) -> str:
    """A path as text; bytes of it that are no UTF-8 are written as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def write_rejected(path: str | Path, rejected: Refused) -> None:
    """Write the rejected files as CSV (RFC 4180, UTF-8): path, reason."""
    write_csv(path, ("path", "reason"), rejected)


def write_manifest(path: str | Path, manifest: Sequence[Entry]) -> None:
    """Write a manifest as Parquet: a row for each image, in its place."""
    columns = {name: [getattr(entry, name) for entry in manifest] for name in MANIFEST.names}
    with atomic(path) as temporary:
        pq.write_table(pa.table(columns, schema=MANIFEST), temporary)


def read_manifest(path: str | Path) -> list[Entry]:
    """The manifest of a file; UserError where it is missing, torn or none."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: read the folder of images again") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no complete manifest ({error}): {AGAIN}") from error
    if table.schema.names != MANIFEST.names or table.schema.types != MANIFEST.types:
        raise UserError(
            f"{path} is no manifest: it has the columns {', '.join(table.schema.names)}, not "
            f"{', '.join(MANIFEST.names)}: {AGAIN}"
        )
    rows = table.to_pylist()
    return [Entry(**{**row, "paths": tuple(row["paths"])}) for row in rows]
