"""The files behind a source: recorded beside its pool, and compared with those that are there now.

A source that reads files may say which, by a function `files(settings, data_dir)`. It returns
paths; of a folder all files below it are meant, but those that are hidden or cannot be read. A pool
that was made needs them no more: what is gone is no change.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.job.files import digest_of, read_object

#: of each file its size in bytes, the time of its last change in ns, and its SHA-256
Prints = dict[str, dict[str, Any]]


def listed(module: Any, settings: Mapping[str, Any], data_dir: Path, where: str) -> list[str]:
    """The files and folders that a source's module says it reads: below `data_dir`, or absolute.

    Raises UserError, naming the source by `where`, if they are no paths.
    """
    if not hasattr(module, "files"):
        return []
    given = module.files(settings, data_dir)
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise UserError(
            f"{where} says by files() that it reads {str(given)[:60]!r}: it must return a list of "
            "paths"
        )
    found = []
    for path in given:
        if not isinstance(path, str | Path):
            raise UserError(
                f"{where} says by files() that it reads {str(path)[:60]!r}, which is no path: it "
                "must return a list of paths"
            )
        below = os.path.relpath(path, data_dir)
        found.append(below if not below.startswith("..") else os.path.abspath(path))
    return found


def files_of(names: list[str], data_dir: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The files that are there of these, and below the folders among them, in order."""
    for name in names:
        place = data_dir / name
        found = [name]
        for folder, folders, files in os.walk(place):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            below = os.path.join(name, os.path.relpath(folder, place))
            shown = [os.path.normpath(os.path.join(below, file)) for file in sorted(files)
                     if not file.startswith(".")]  # fmt: skip
            found += [file for file in shown if can_be_recorded(data_dir, file)]
        for file in found:
            with contextlib.suppress(OSError):  # it is gone, or a link to nothing
                there = (data_dir / file).stat()
                if stat.S_ISREG(there.st_mode):
                    yield file, there


def can_be_recorded(data_dir: Path, file: str) -> bool:
    """Whether a file that lies in a folder can be read, and its name written as UTF-8."""
    try:
        file.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return os.access(data_dir / file, os.R_OK)


def prints(names: list[str], data_dir: Path, before: Prints | None = None) -> Prints:
    """The prints of all files that are there; of those in `before` these.

    Raises UserError, when there is a `before`, for a name that is not there.
    """
    for name in names if before is not None else ():
        if not (data_dir / name).exists():
            raise UserError(
                f"{data_dir / name} is what the source says, by files(), that it reads, but it is "
                "not there: put it there, or mend that function"
            )
    found = dict(before or {})
    for name, there in files_of(names, data_dir):
        if name not in found:
            content = digest_of(data_dir / name)
            found[name] = {"size": there.st_size, "mtime_ns": there.st_mtime_ns, "sha256": content}
    return found


def changed(record: Path, data_dir: Path) -> str:
    """The first file that is another than the one recorded, or new in a folder; "" if none is.

    Only a file whose time has changed, and not its size, is read.
    """
    if not record.exists():
        return ""  # it is made with the pool
    try:
        recorded = read_object(record, "listed", "files")
    except UserError:
        return str(record)  # torn
    for name, now in files_of(recorded["listed"], data_dir):
        then = recorded["files"].get(name)
        if then is None or now.st_size != then["size"]:
            return name
        with contextlib.suppress(OSError):
            if now.st_mtime_ns != then["mtime_ns"] and digest_of(data_dir / name) != then["sha256"]:
                return name
    return ""


def gone(record: Path, data_dir: Path) -> str:
    """The first recorded file that is not there any more; "" if all are."""
    if not record.exists():
        return ""
    recorded = read_object(record, "files")["files"]
    return next((name for name in recorded if not (data_dir / name).exists()), "")
