"""Features kept by content: of an image that was embedded before, by any grid, they are read.

They lie in `wholepool/features/` below $XDG_CACHE_HOME (~/.cache where that is not set), a folder
for each key (weights and transform) with files of image digests and rows. Delete it at any time.
Files are written whole, one every few seconds: an interrupted job goes on from the last one.
"""

import hashlib
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.job.files import atomic
from wholepool.job.log import logger, pace

SAVE = 20.0  # seconds between two files, and two lines of progress


def folder_of(key: Mapping[str, Any]) -> Path:
    """Where the features of a key are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return Path(base) / "wholepool" / "features" / name


def digests_of(images: np.ndarray) -> np.ndarray:
    """A digest of each image's shape and bytes, (n,) of 16 bytes each; images are (n, ...)."""
    shape = repr(images.shape[1:]).encode()
    each = [
        hashlib.blake2b(np.ascontiguousarray(one).data, digest_size=16, key=shape[:64]).digest()
        for one in images
    ]
    return np.array(each, dtype="V16")


def through_cache(
    images: np.ndarray,
    key: Mapping[str, Any],
    embed: Callable[[np.ndarray], np.ndarray],
    batch: int,
) -> np.ndarray:
    """float32 (n, d) of images uint8 (n, H, W, C): what is kept is read, the rest is embedded.

    `embed` gives rows (B, d) of at most `batch` images, and of an image always the same.
    """
    digests, folder = digests_of(images), folder_of(key)
    wanted = set(digests.tolist())
    rows = kept(folder, wanted)
    new: dict[bytes, int] = {}
    for at, one in enumerate(digests.tolist()):
        if one not in rows:
            new.setdefault(one, at)
    if rows:
        logger.info("features of %d of %d images are in %s", len(rows), len(wanted), folder)
    began = said = time.monotonic()
    waiting: dict[bytes, np.ndarray] = {}
    for start in range(0, len(new), batch):
        part = list(new.items())[start : start + batch]
        found = embed(np.stack([images[at] for _, at in part]))
        waiting |= {one: row for (one, _), row in zip(part, found, strict=True)}
        now, done = time.monotonic(), start + len(part)
        if now - said >= SAVE or done == len(new):
            said, rows = now, rows | waiting
            keep(folder, key, waiting)
            waiting = {}
            logger.info("%s", pace(done, len(new), now - began, "images"))
    return np.stack([rows[one] for one in digests.tolist()]).astype(np.float32)


def kept(folder: Path, wanted: set[bytes]) -> dict[bytes, np.ndarray]:
    """The rows that are kept of some digests. A file that cannot be read counts for nothing."""
    rows: dict[bytes, np.ndarray] = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as file:
                digests, found = file["digests"].tolist(), file["rows"]
            if found.ndim != 2 or len(found) != len(digests) or not np.isfinite(found).all():
                raise ValueError("its rows are not those of its digests")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("%s is not read (%s): delete it", path, error)
            continue
        rows |= {one: row for one, row in zip(digests, found, strict=True) if one in wanted}
    return rows


def keep(folder: Path, key: Mapping[str, Any], rows: Mapping[bytes, np.ndarray]) -> None:
    """Write rows to a file of their own.

    Where the folder cannot be written to, it is said, and nothing is kept.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "key.json").exists():
            with atomic(folder / "key.json") as temporary:
                temporary.write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")
        with atomic(folder / f"{uuid.uuid4().hex}.npz") as temporary, temporary.open("wb") as file:
            digests = np.array(list(rows), dtype="V16")
            np.savez(file, digests=digests, rows=np.stack(list(rows.values())))
    except OSError as error:
        logger.warning("features are not kept for later grids, in %s: %s", folder, error)
