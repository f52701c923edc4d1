"""Which image of the pool a path in another tool's file means."""

import difflib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wholepool.labeling.exchange.found import Found
from wholepool.labeling.ingest import Entry

SIMILAR = 5  # paths for which a similar one is sought
MANY = 20_000  # paths in which none is sought: in 200,000 it took more than a minute
TOLD = 3  # paths of several that may be meant


@dataclass(frozen=True)
class Place:
    """An image's id and path, or why there is none and what was perhaps meant.

    `by_end`: only the end of its path is the file's.
    """

    image: str = ""
    path: str = ""
    why: str = ""
    meant: str = ""
    by_end: bool = False


class Paths:
    """The paths of a manifest, to be looked up as other tools write them."""

    def __init__(self, manifest: Sequence[Entry], folder: str | Path) -> None:
        self.images = {entry.image: entry.paths[0] for entry in manifest}
        self.tops = sorted({os.path.abspath(folder) + "/", os.path.realpath(folder) + "/"})
        self.exact: dict[str, str] = {}
        self.ends: dict[str, set[str]] = {}
        self.composed: dict[str, set[str]] = {}
        self.sought = 0
        for entry in sorted(manifest, key=lambda entry: entry.gone):
            for path in entry.paths:
                if path in self.exact:  # a file that is gone, and another that is there now
                    continue
                self.exact[path] = entry.image
                plain = unicodedata.normalize("NFC", path)
                self.composed.setdefault(plain, set()).add(path)
                for end in ends(plain):
                    self.ends.setdefault(end, set()).add(path)

    def of(self, found: Found) -> Place:
        """The image of an answer, or why there is none.

        An image id decides: where no image has it none is taken, for a path may name other bytes
        than were labeled. Without one it is the image of this path, whichever slashes and Unicode
        form it is written in, relative to the folder or absolute; else the only one whose path ends
        with it, or with whose path it ends.
        """
        if found.image:
            if found.image in self.images:
                return Place(found.image, self.images[found.image])
            return Place(why="image", meant=self.similar(found.path))
        if found.path in self.exact:
            return Place(self.exact[found.path], found.path)
        for path in dict.fromkeys([found.path, found.path.replace("\\", "/")]):
            path = os.path.normpath(unicodedata.normalize("NFC", path))
            for top in self.tops:
                path = path.removeprefix(top)
            whole = self.composed.get(path, set())
            paths = whole or self.ends.get(path, set())
            paths = paths or {one for end in ends(path) for one in self.composed.get(end, ())}
            if len({self.exact[one] for one in paths}) == 1:
                return Place(self.exact[min(paths)], min(paths), by_end=not whole)
            if paths:
                several = ", ".join(sorted(paths)[:TOLD]) + (", ..." if len(paths) > TOLD else "")
                return Place(why="ambiguous", meant=f"one of {several}")
        return Place(why="image", meant=self.similar(path))

    def similar(self, path: str) -> str:
        """A path that was perhaps meant; "" if none is alike, or too many were sought."""
        self.sought += 1
        if self.sought > SIMILAR or len(self.exact) > MANY:
            return ""
        close = difflib.get_close_matches(path.replace("\\", "/"), list(self.exact), n=1)
        return f"did you mean {close[0]}?" if close else ""


def ends(path: str) -> list[str]:
    """What is left of a path when folders are taken off its begin, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[at:]) for at in range(1, len(parts))]
