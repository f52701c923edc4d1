"""Writing files so that a final name never carries a half-written content."""

import fcntl
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it to disk and rename it to `path`.

    A job that dies in between leaves at most a hidden temporary file, never a torn `path`; the next
    one that writes `path` removes it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        remove_if_left(left)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        lock(handle)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp's 0600 would hide results from a group
        os.replace(temporary, path)
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def lock(handle: int) -> bool:
    """Lock an open file for as long as it is open; whether that could be done.

    It tells a temporary file that is being written from one that a killed process left.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another has it, or the file system knows no locks
        return False
    return True


def remove_if_left(temporary: Path) -> None:
    """Remove a temporary file that no living process is writing."""
    try:
        with open(temporary, "r+b") as file:
            if lock(file.fileno()):
                temporary.unlink(missing_ok=True)
    except OSError:  # it went meanwhile, or is another user's: not ours to care for
        return


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON with sorted keys, so that equal values are equal bytes.

    NaN and infinity have no JSON form and raise ValueError.
    """
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write one array in NumPy's .npy format, without pickle."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)
