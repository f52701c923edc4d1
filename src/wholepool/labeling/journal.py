"""The journal: the file of all answers, to which lines are only ever added.

One JSON object a line (`labeling.lines` says which), in UTF-8. It belongs to the person who
answers: nothing here shortens, reorders or rewrites it, whatever it holds.
"""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.labeling.classes import Classes, settled, standing
from wholepool.labeling.lines import BOM, Line, classes_in, encoded, fault, parsed

#: the errors of a file system without locks
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
TAIL = 4096  # bytes that must be as they were, for a longer file to be the one that was read
FILES = 8  # journals whose lines are remembered at once


@dataclass
class Seen:
    """What the lines of one file, read from its begin, hold so far.

    `places`: id -> (line number, first byte, bytes) of each well-formed line. `made`: class -> line
    number. `history`: the lines about classes, and what undoes them.
    """

    end: int = 0  # bytes read: whole lines
    count: int = 0  # lines read
    tail: bytes = b""  # the last bytes read
    stamp: tuple[int, int] = (0, 0)  # the file's size in bytes and time (ns) when it was read
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    history: dict[str, Line] = field(default_factory=dict)


SEEN: dict[tuple[int, int], Seen] = {}  # by device and inode
ONE_AT_A_TIME = threading.Lock()


def renewed() -> None:
    """A fork may have copied the lock while another thread held it."""
    global ONE_AT_A_TIME
    ONE_AT_A_TIME = threading.Lock()
    SEEN.clear()


os.register_at_fork(after_in_child=renewed)


def now() -> str:
    """The time as a line has it: UTC, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(path: str | Path, line: Line) -> Line:
    """Add a line to the journal, and return it as it is read again once it is safely on disk.

    If a line of this id is there already nothing is written, and that line is returned: so a line
    may be sent again. The file is made if there is none, and its folder. Any number of threads and
    processes may append at once. A last line without an end gets one first.

    Raises UserError for a line that is not well-formed or, after what the file holds, would have no
    effect: an answer of a class that is not there, a class or name that is taken, a merge of what
    is merged, an undo of nothing or one after which classes contradict each other. OSError if the
    line is not safe, as on a full disk: what was written of it is set aside, or counts if it is
    whole, so send it again.
    """
    path = Path(path)
    content, line = normal(path, line)
    try:
        with ONE_AT_A_TIME:
            if not path.exists():
                admit(path, line, Seen())  # else a refused line would leave an empty file
                make_folder(path.parent)
            with locked(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, fcntl.LOCK_EX) as handle:
                return added(path, handle, content, line)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def prepare(path: str | Path) -> None:
    """Take in what the journal holds, so that the first append need not.

    Of 20,000 lines that is 0.8 s. A file that is not there holds none.
    """
    with (
        suppress(FileNotFoundError),
        ONE_AT_A_TIME,
        locked(Path(path), os.O_RDONLY, fcntl.LOCK_SH) as handle,
    ):
        caught_up(handle)


def read(path: str | Path) -> tuple[list[Line], list[tuple[int, str]]]:
    """The valid lines in the order of the file, and (line number, reason) of those set aside.

    Nothing that the file holds raises an error. A file that is not there holds no lines. Blank
    lines are no lines. A class may be used on a line before the one that makes it. Of two lines of
    one id, or that make one class, the first is taken.
    """
    try:
        with locked(Path(path), os.O_RDONLY, fcntl.LOCK_SH) as handle:
            content = rest(handle, 0)
    except FileNotFoundError:
        return [], []
    seen, lines, aside = Seen(), [], []
    for line, reason in taken(seen, content):
        if line is not None:
            lines.append((seen.count, line))
        elif reason:
            aside.append((seen.count, reason))
    unknown = [(number, absent(line, seen)) for number, line in lines]
    aside += [(number, reason) for number, reason in unknown if reason]
    valid = [line for (_, line), (_, reason) in zip(lines, unknown, strict=True) if not reason]
    return valid, sorted(aside)


def normal(path: Path, line: Line) -> tuple[bytes, Line]:
    """A line's bytes, with its end, and the line as they are read. UserError if it is malformed."""
    wrong = fault(line)
    if not wrong:
        try:
            content = encoded(line)
        except (TypeError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: a line is refused: JSON cannot hold it: {error}") from error
        again, wrong = parsed(content)
        if again is not None:
            return content + b"\n", again
    raise UserError(f"{path}: a line is refused: {wrong}. Send it as it should be")


def added(path: Path, handle: int, content: bytes, line: Line) -> Line:
    """Write a line, if it is not there, to a file that is locked."""
    empty = os.fstat(handle).st_size == 0
    seen, torn = caught_up(handle)
    if torn:
        write(handle, b"\n")
        seen, _ = caught_up(handle)
    if line["id"] in seen.places:
        number, begin, size = seen.places[line["id"]]
        found, reason = parsed(os.pread(handle, size, begin))
        reason = absent(found, seen) if found is not None else reason
        if found is None or reason:
            raise UserError(
                f"{path}: line {number} has the id {line['id']!r} already, and is set aside: "
                f"{reason}. Correct it, or send this line by another id"
            )
        line = found
    else:
        admit(path, line, seen)
        write(handle, content)
    os.fsync(handle)  # of a line that was there too: its writer may have died before
    if empty:
        sync_folder(path.parent)
    return line


def admit(path: Path, line: Line, seen: Seen) -> None:
    """UserError if a well-formed line would have no effect, or make classes contradict."""
    kind, before = line["kind"], settled(standing(list(seen.history.values())))
    if kind == "undo":
        if line["of"] not in seen.places:
            refuse(path, f"there is no line {line['of']!r} to be undone")
        if line["of"] not in seen.history:
            return
    elif kind == "class":
        if line["class"] in seen.made:
            number = seen.made[line["class"]]
            refuse(path, f"line {number} has made the class {line['class']!r}: choose another id")
    else:
        for key in classes_in(line):
            if key not in before.names and (kind != "answer" or key not in before.into):
                refuse(path, f"class {key!r} {what_became_of(key, before, seen)}")
        if kind == "answer":
            return
    after = settled(standing([*seen.history.values(), line]))
    for note in after.notes:
        if note not in before.notes:
            refuse(path, f"after it, {note}. Change that first")


def refuse(path: Path, why: str) -> None:
    raise UserError(f"{path}: a line is refused: {why}")


def what_became_of(key: str, classes: Classes, seen: Seen) -> str:
    if key in classes.into:
        return f"is merged into {classes.into[key]!r}: take that one"
    known = ", ".join(f"{one} ({name})" for one, name in classes.names.items()) or "none"
    gone = "is not there any more, its making was undone" if key in seen.made else "is not there"
    return f"{gone}; known: {known}"


def absent(line: Line, seen: Seen) -> str:
    """The reason to set aside a line about a class that no line makes; "" if there is none."""
    missing = [repr(key) for key in classes_in(line) if key not in seen.made]
    return f"no line makes the class {' and '.join(missing)}" if missing else ""


def taken(seen: Seen, content: bytes) -> Iterator[tuple[Line | None, str]]:
    """Add lines that follow to what is known: each, or None and why it is set aside ("": blank)."""
    for raw in content.split(b"\n"):
        begin, seen.end, seen.count = seen.end, seen.end + len(raw) + 1, seen.count + 1
        if not raw.removeprefix(BOM).strip():
            yield None, ""
            continue
        line, reason = parsed(raw)
        if line is None:
            yield None, reason
        elif line["id"] in seen.places:
            yield None, f"line {seen.places[line['id']][0]} has its id {line['id']!r} already"
        elif line["kind"] == "class" and line["class"] in seen.made:
            yield None, f"line {seen.made[line['class']]} has made its class {line['class']!r}"
        else:
            seen.places[line["id"]] = (seen.count, begin, len(raw))
            if line["kind"] == "class":
                seen.made[line["class"]] = seen.count
            if line["kind"] in ("class", "rename", "merge") or line.get("of") in seen.history:
                seen.history[line["id"]] = line
            yield line, ""


def caught_up(handle: int) -> tuple[Seen, bool]:
    """What a locked file holds, of which only what is new is read; and whether its end is torn."""
    found = os.fstat(handle)
    seen = SEEN.setdefault((found.st_dev, found.st_ino), Seen())
    if not goes_on(handle, seen, (found.st_size, found.st_mtime_ns)):
        seen = SEEN[found.st_dev, found.st_ino] = Seen()
    for key in list(SEEN)[:-FILES]:
        del SEEN[key]
    whole, end, torn = rest(handle, seen.end).rpartition(b"\n")
    if end:
        try:
            for _ in taken(seen, whole):
                pass
        except BaseException:  # as of Ctrl-C: a line was counted and not kept
            del SEEN[found.st_dev, found.st_ino]
            raise
        seen.tail = os.pread(handle, min(TAIL, seen.end), max(0, seen.end - TAIL))
    seen.stamp = (found.st_size, found.st_mtime_ns)
    return seen, bool(torn)


def goes_on(handle: int, seen: Seen, stamp: tuple[int, int]) -> bool:
    """Whether a file, which an editor may have written anew, begins with what was read of it."""
    if stamp[0] == seen.stamp[0]:
        return stamp == seen.stamp
    return os.pread(handle, len(seen.tail), seen.end - len(seen.tail)) == seen.tail


@contextmanager
def locked(path: Path, flags: int, how: int) -> Iterator[int]:
    """Open a file and lock it. An editor may put another in its place meanwhile: then take that."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is a folder or a device: name a file for the answers")
    while True:
        handle = os.open(path, flags, 0o666)
        try:
            try:
                fcntl.flock(handle, how)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                logger.warning("the file system of %s has no locks: let one write at a time", path)
            try:
                same = os.path.samestat(os.fstat(handle), os.stat(path))
            except FileNotFoundError:
                same = False
            if same:
                yield handle
                return
        finally:
            os.close(handle)


def rest(handle: int, begin: int) -> bytes:
    """A file's bytes from one on."""
    parts = []
    while part := os.pread(handle, 2**26, begin):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)


def write(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, and have each on disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
