"""A folder of image files of your own, as they are: subfolders may be their classes.

What gives no image is logged with its reason. Byte-identical files are one image.
"""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.data.sources import Images
from wholepool.job.errors import UserError, suggestion
from wholepool.job.files import atomic, load_array
from wholepool.job.log import logger
from wholepool.labeling.ingest import (
    Entry,
    Ingested,
    Refused,
    ingest,
    read_manifest,
    write_manifest,
)

TITLE = "Folder"

MANIFEST, PIXELS = "images.parquet", "pixels.npy"  # what is kept of a folder that grows
TOLD = 5  # paths, of a longer list


def read(settings: Mapping[str, Any], data_dir: Path) -> Images:
    """The images of `path` in the order of their paths, and those of `test`.

    An image of the pool that is byte-identical to one to test on is left out of the pool. Raises
    UserError for a folder without images, and for an image of no class or of two where the
    subfolders are the classes.
    """
    return gathered(settings, data_dir, [], None)[0]


def grown(
    settings: Mapping[str, Any], data_dir: Path, kept: Path
) -> tuple[Images, list[Entry], Refused]:
    """As `read`, but images that are known keep their places, and new ones come after them.

    `kept` is the folder where `keep` has left what was known; it may not be there. Also returned
    are the list of the images, in their places, and the files that give none.
    """
    manifest, pixels = kept / MANIFEST, kept / PIXELS
    if not (manifest.exists() and pixels.exists()):
        return gathered(settings, data_dir, [], None)
    entries, before = read_manifest(manifest), load_array(pixels, mapped=True)
    fits = before.shape[:3] == (len(entries), settings["size"], settings["size"])
    return gathered(settings, data_dir, entries, before if fits else None)


def keep(kept: Path, manifest: list[Entry], pool: Path) -> None:
    """Leave for `grown` what is known: the list, and the pixels, which stand in the file `pool`."""
    kept.mkdir(parents=True, exist_ok=True)
    with atomic(kept / PIXELS) as temporary:
        try:
            os.link(pool, temporary)
        except OSError:  # a file system without links
            shutil.copyfile(pool, temporary)
    write_manifest(kept / MANIFEST, manifest)


def gathered(
    settings: Mapping[str, Any], data_dir: Path, known: list[Entry], pixels: np.ndarray | None
) -> tuple[Images, list[Entry], Refused]:
    """As `grown`, from the list of what is known and its pixels."""
    folder, test = places(settings, data_dir)
    pool = opened(folder, settings["size"], test, known, pixels)
    entries, shown = pool.manifest, pool.pixels
    words = test_words = asked = None
    if test is not None:
        tested = opened(test, settings["size"])
        test_words, asked = classes_of(tested.manifest, test), tested.pixels
        entries, shown = apart(pool, {entry.image for entry in tested.manifest}, folder)
    if settings["labels"] == "folders":
        words = classes_of(entries, folder)
    names = named(settings, folder, test, words, test_words)
    numbers = numbered(words, names), asked, numbered(test_words, names)
    return Images(shown, *numbers, names), entries, pool.rejected


def apart(pool: Ingested, asked: set[str], folder: Path) -> tuple[list[Entry], np.ndarray]:
    """The pool without the images that are `asked`, by their ids, in the test."""
    rows = [at for at, entry in enumerate(pool.manifest) if entry.image not in asked]
    shared = [entry.paths[0] for entry in pool.manifest if entry.image in asked]
    if not shared:
        return pool.manifest, pool.pixels
    logger.warning(
        "left out of the pool of %s, since they are to test on as well: %d of its images: %s",
        *(folder, len(shared), listed([repr(path) for path in shared])),
    )
    return [pool.manifest[at] for at in rows], pool.pixels[rows]


def files(settings: Mapping[str, Any], data_dir: Path) -> list[Path]:
    """Both folders: an image that is added to them, or changed, makes the pool again."""
    return [place for place in places(settings, data_dir) if place is not None]


def places(settings: Mapping[str, Any], data_dir: Path) -> tuple[Path, Path | None]:
    """The folder of the pool and that to test on."""
    path, test = (
        None if settings[key] is None else Path(data_dir) / expanded(settings[key])
        for key in ("path", "test")
    )
    assert path is not None
    return path, test


def expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


def opened(
    folder: Path,
    size: int,
    without: Path | None = None,
    known: Sequence[Entry] = (),
    pixels: np.ndarray | None = None,
) -> Ingested:
    """The images of a folder; the rejected files are logged. UserError if there is no image.

    `known` and their `pixels` are as `ingest` has them.
    """
    logger.info("reading the images below %s", folder)
    threads = len(os.sched_getaffinity(0))
    found = ingest(folder, size, known, pixels, threads, without)
    if found.rejected:
        logger.warning(
            "%d files or folders below %s give no image: %s",
            *(len(found.rejected), folder),
            listed([f"{path!r} ({reason})" for path, reason in found.rejected]),
        )
    if not found.manifest:
        raise UserError(
            f"{folder} holds no image that can be read"
            f"{f', but {len(found.rejected)} other files' if found.rejected else ''}: name the "
            "folder that holds your images, as JPEG, PNG, WebP, TIFF, GIF or BMP files"
        )
    copies = sum(len(entry.paths) - 1 for entry in found.manifest)
    logger.info("%d images, and %d files that are copies", len(found.manifest), copies)
    return found


def listed(words: Sequence[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = f", and {len(words) - TOLD} more" if len(words) > TOLD else ""
    return ", ".join(words[:TOLD]) + more


def classes_of(entries: Sequence[Entry], folder: Path) -> list[str]:
    """The class of each image: the first subfolder of its path.

    Raises UserError for one that lies in none, and for one whose copies lie in several.
    """
    if loose := [path for entry in entries for path in entry.paths if "/" not in path]:
        raise UserError(
            f"{folder}: {loose[0]!r} (and {len(loose) - 1} more) lies in no subfolder, so it has "
            "no class: move it into the subfolder of its class, or, if the subfolders are no "
            "classes, set labels: none"
        )
    found = [sorted({path.split("/")[0] for path in entry.paths}) for entry in entries]
    if torn := [entry for entry, words in zip(entries, found, strict=True) if len(words) > 1]:
        pairs = [" = ".join(map(repr, entry.paths)) for entry in torn]
        raise UserError(
            f"{folder}: byte-identical files lie in two classes: {listed(pairs)}: delete "
            "all but the right one of each"
        )
    return [words[0] for words in found]


def named(
    settings: Mapping[str, Any],
    folder: Path,
    test: Path | None,
    words: list[str] | None,
    test_words: list[str] | None,
) -> list[str]:
    """The names of the classes, in order. UserError where there are none, or one is unknown."""
    names = [str(name) for name in settings["classes"] or ()]
    if settings["classes"] is None:
        names = sorted({*(words or ()), *((test_words or ()) if words is None else ())})
    if not names:
        raise UserError(
            f"{folder}: with labels: none the source folder cannot know the classes: name them, as "
            "in classes: [cat, dog], or give a folder test with a subfolder for each"
        )
    for place, used in ((folder, words), (test, test_words)):
        for word, times in Counter(used or ()).items():
            if word not in names:
                raise UserError(
                    f"{place}: the images in the subfolder {word!r} ({times}) are of no known class"
                    f"{suggestion(word, names)}: rename it, or name all classes under classes"
                )
    return names


def numbered(words: list[str] | None, names: list[str]) -> np.ndarray | None:
    """The place of each word among the names, int64 (n,); None of None."""
    at = {name: place for place, name in enumerate(names)}
    return None if words is None else np.array([at[word] for word in words], dtype=np.int64)
