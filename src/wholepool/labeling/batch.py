"""The batch file: which images a person is asked for, and which to look at again."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wholepool.job.errors import UserError
from wholepool.labeling.lines import DIGEST

#: what the file has, in words for a message
SHAPE = (
    'it must be {"cycle": number, "images": [{"image": SHA-256, "path": path, ...}, ...]}, with a '
    'list "review" of the same kind if any. Have the batch made again'
)


@dataclass(frozen=True)
class Batch:
    """What a batch file says.

    `images` are asked for in this order, `review` are to be looked at again. Each has "image" and
    "path"; what else it has is shown as it is. `digest` is another for another content.
    """

    cycle: int
    images: list[dict[str, Any]]
    review: list[dict[str, Any]]
    digest: str

    def paths(self) -> dict[str, str]:
        """The path, relative to the folder, of each image that may be looked at."""
        return {entry["image"]: entry["path"] for entry in [*self.review, *self.images]}


def read(path: str | Path) -> Batch:
    """Read and check a batch file; UserError where it is missing, torn, or of another shape."""
    try:
        content = Path(path).read_bytes()
        found = json.loads(content)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: have the batch made first") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable JSON file ({error}): {SHAPE}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}: {SHAPE}")
    cycle = found.get("cycle")
    lists: list[Any] = [found.get("images"), found.get("review") or []]
    if not isinstance(cycle, int) or isinstance(cycle, bool):
        raise UserError(f"{path}: cycle is {cycle!r}: {SHAPE}")
    for key, entries in zip(("images", "review"), lists, strict=True):
        if not isinstance(entries, list):
            raise UserError(f"{path}: {key} is a {type(entries).__name__}: {SHAPE}")
        for number, entry in enumerate(entries):
            if wrong := fault(entry):
                raise UserError(f"{path}: {key}[{number}]: {wrong}: {SHAPE}")
        once = {entry["image"]: entry for entry in reversed(entries)}
        entries[:] = [entry for entry in entries if once[entry["image"]] is entry]
    return Batch(cycle, lists[0], lists[1], hashlib.sha256(content).hexdigest())


def fault(entry: Any) -> str:
    """What is wrong with one entry; empty if nothing is."""
    if not isinstance(entry, dict):
        return f"a {type(entry).__name__} stands there"
    image, path = entry.get("image"), entry.get("path")
    if not isinstance(image, str) or not DIGEST.fullmatch(image):
        return f"image is {image!r}, no SHA-256 in lowercase"
    if not isinstance(path, str) or not path or "\0" in path:
        return f"path is {path!r}, no path"
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return f"path is {path!r}, which leads out of the folder"
    return ""
