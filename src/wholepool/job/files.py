"""Writing files so that a final name never carries a half-written content."""

import csv
import errno
import fcntl
import glob
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.job.errors import AGAIN, UserError

if TYPE_CHECKING:  # planning needs no NumPy, and is done where there is none
    import numpy as np

#: they say that no room is left; so do libraries that give no number
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success sync it to disk and rename it to `path`.

    A job that dies in between leaves no torn `path`, at most a hidden temporary file, which the
    next writer of `path` removes. An OSError, as of a full disk, names `path`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            remove_if_left(left)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        temporary = Path(name)
        try:
            hold(handle)
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
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def hold(handle: int) -> bool:
    """Lock an open file, which shows that somebody writes it; False if that fails."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:  # another has it, or the file system knows no locks
        return False


def remove_if_left(temporary: Path) -> None:
    """Remove a temporary file that no living process is writing."""
    with suppress(OSError), open(temporary, "r+b") as file:  # it may be gone, or another user's
        if hold(file.fileno()):
            temporary.unlink(missing_ok=True)


def explained(error: OSError, output: str | Path = "") -> str:
    """What the system refuses, in one paragraph with a remedy, while `output` is being made."""
    path = os.fsdecode(error.filename or output)
    if error.errno in NO_ROOM:
        remedy = "is the disk full? Free some space, or give the results a larger disk, then"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        remedy = (
            "it must be readable or writable for you: change that, or choose another folder, then"
        )
    elif error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY):
        remedy = "a file stands where a folder should, or a folder for a file: move it away, then"
    else:
        remedy = "see to it, then"
    return f"{path}: {error.strerror or error}: {remedy} run the same command again"


def digest_of(path: str | Path | None) -> str:
    """SHA-256, in hexadecimal, of a file, which may be larger than memory; "none" of no file."""
    if path is None:
        return "none"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: str | Path) -> Any:
    """A JSON file's value; UserError where it is missing or torn."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the stage that makes it") from None
    except ValueError as error:
        raise UserError(f"{path} is not a complete JSON file ({error}): {AGAIN}") from error


def read_object(path: str | Path, *keys: str) -> dict[str, Any]:
    """A JSON file's table, which has `keys`; UserError where it is another thing."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}, not a table of keys: {AGAIN}")
    if missing := [key for key in keys if key not in found]:
        raise UserError(f"{path} lacks {', '.join(missing)}: {AGAIN}")
    return found


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON, the same bytes for equal values. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows below their header as CSV (RFC 4180, UTF-8)."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)


def write_text(path: str | Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def load_array(path: str | Path, mapped: bool = False) -> "np.ndarray":
    """The array of a .npy file, without pickle, on disk if `mapped`. UserError if there is none."""
    import numpy as np

    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the stage that makes it again") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is not a complete array ({error}): its writing was not completed, or it needs "
            f"pickle, which is never read: {AGAIN}"
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path} holds several arrays, as an .npz does, not one: {AGAIN}")
    return array


def write_array(path: str | Path, array: "np.ndarray") -> None:
    """Write one array in NumPy's .npy format, without pickle."""
    import numpy as np

    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)
