"""A batch and its journal, as they are now, for all windows of the page."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.labeling import answers, batch, journal
from wholepool.labeling.lines import Line, encoded
from wholepool.labeling.sent import completed, next_class
from wholepool.labeling.told import relevant, told

SECONDS_AT = 8.0  # a window that has not asked for so long is closed, or asleep
TRIES = 20  # to find an id for a class, while others make classes too

Stamp = tuple[int, ...]


class Desk:
    """What the page reads and writes; several threads ask at once.

    Both files are read again when they have changed: so other processes' answers are seen, and so
    is the next batch. Images are looked for in `folder`. `following` is the command that makes the
    next batch, "" if there is none.
    """

    def __init__(
        self,
        batch_file: str | Path,
        folder: str | Path,
        journal_file: str | Path,
        annotator: str,
        following: str = "",
    ) -> None:
        self.batch_file, self.folder = Path(batch_file), Path(folder)
        self.journal_file, self.annotator = Path(journal_file), annotator
        self.following = following
        self.lock = threading.RLock()
        self.batch_stamp: Stamp = stamp(self.batch_file)
        self.batch = batch.read(batch_file)
        self.stamp: Stamp | None = None  # of the journal whose lines these are
        self.lines: list[Line] = []
        # kept beside them: to go through 20,000 lines for each answer took 25 ms
        self.by_id: dict[str, Line] = {}
        self.relevant: list[Line] = []
        self.aside = 0  # lines of the journal that are set aside
        self.windows: dict[str, tuple[str, float]] = {}  # window -> the image there, and when

    def look(self) -> None:
        """Read again what has changed. A batch file that is in the making is read later."""
        before = self.batch, self.stamp
        if (now := stamp(self.batch_file)) not in ((), self.batch_stamp):
            with contextlib.suppress(UserError):
                self.batch, self.batch_stamp = batch.read(self.batch_file), now
        if (now := stamp(self.journal_file)) != self.stamp:
            self.lines, aside = journal.read(self.journal_file)
            self.stamp, self.aside = now, len(aside)
            self.by_id = {line["id"]: line for line in self.lines}
        if (self.batch, self.stamp) != before:
            self.relevant = relevant(self.batch, self.lines)

    def paths(self) -> dict[str, str]:
        """Where each image is that may be looked at: the batch's, and labeled ones near them."""
        with self.lock:
            self.look()
            found = self.batch.paths()
            near = {image for entry in self.batch.images for image in nearest(entry)}
            if near := near - set(found):
                found |= {
                    line["image"]: line["path"]
                    for line in self.lines
                    if line["kind"] == "answer" and line["image"] in near
                }
            return found

    def state(self, window: str = "", at: str | None = None) -> dict[str, Any]:
        """What `told` gives, and "others": images that other windows have before them.

        `at` is the image that `window` has before it, None for the one that it had.
        """
        with self.lock:
            self.look()
            now = time.monotonic()
            if window:
                at = self.windows.get(window, ("", 0.0))[0] if at is None else at
                self.windows[window] = (at, now)
            self.windows = {
                name: seen for name, seen in self.windows.items() if now - seen[1] < SECONDS_AT
            }
            found = told(self.batch, self.relevant, self.annotator)
            found["others"] = sorted(
                {image for name, (image, _) in self.windows.items() if name != window and image}
            )
            return found | {"aside": self.aside}

    def record(self, sent: Any) -> Line:
        """Write what the page sent; a line that is there already is not written again."""
        with self.lock:
            self.look()
            key = sent.get("id") if isinstance(sent, dict) else None
            if isinstance(key, str) and key in self.by_id:
                return self.by_id[key]
            for _ in range(TRIES):
                paths = self.paths()
                line = completed(sent, self.batch, self.relevant, self.annotator, paths)
                try:
                    return self.appended(line)
                except UserError:
                    self.look()
                    if line["kind"] != "class" or line["class"] == next_class(self.lines):
                        raise
            raise UserError("other processes make classes without end: try again")

    def appended(self, line: Line) -> Line:
        """Append a line; where no other came between, the journal need not be read again."""
        before = self.stamp
        written = journal.append(self.journal_file, line)
        after, size = stamp(self.journal_file), len(encoded(written)) + 1
        if before and after[:2] == (before[0], before[1] + size):
            self.stamp = after
            self.lines.append(written)
            self.by_id[written["id"]] = written
            self.relevant += relevant(self.batch, [written])
        return written

    def listed(self) -> dict[str, Any]:
        """The batch; of each image the labeled ones near it that can be shown, with labels."""
        with self.lock:
            paths, labels = self.paths(), answers.state(self.lines).labels
            there = {
                image
                for entry in self.batch.images
                for image in nearest(entry)
                if image in paths and (self.folder / paths[image]).is_file()
            }
            images = [
                entry
                | {
                    "nearest": [
                        {"image": image, "label": labels.get(image)}
                        for image in nearest(entry)
                        if image in there
                    ]
                }
                for entry in self.batch.images
            ]
            listed = {"batch": self.batch.digest, "images": images, "review": self.batch.review}
            return listed | {"next": self.following}


def nearest(entry: dict[str, Any]) -> list[str]:
    return [image for image in entry.get("nearest") or [] if isinstance(image, str)]


def stamp(path: Path) -> Stamp:
    """Inode, bytes and time (ns): another one whenever a file has changed; empty if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
