"""ImageFolder, as torchvision has it: a folder a class, and the images of the class below it.

Images are known by their bytes, so they may have been renamed; FiftyOne's tree is the same with a
folder for images that have no answer.
"""

import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.job.files import atomic, digest_of
from wholepool.labeling.exchange.found import UNLABELED, Found, Images, Named, files_below

LONGEST = 255  # bytes of a file's name


def write(
    out: str | Path,
    folder: str | Path,
    batch: Images,
    classes: Sequence[str],
    answers: Named,
    copy: bool = False,
    unanswered: str = "",
) -> list[Path]:
    """Make out/CLASS/PATH for each answered image, and return these paths: links, or copies.

    Images without an answer go below the folder `unanswered`, if it is named. What is there already
    and right is left, so an interrupted export goes on. Raises UserError, before anything is
    written, where `out` holds anything else or lies among the images, where an image is missing, or
    a class has a name that no folder can have.
    """
    out, top = Path(out), Path(folder).resolve()
    if out.resolve() == top or top in out.resolve().parents:
        raise UserError(f"{out} lies among the images of {folder}: name a folder outside of it")
    for name in classes:
        if wrong := fault(name):
            raise UserError(f"{out}: the class {name!r} {wrong}: rename the class")
    wanted = {}
    for entry in batch:
        if name := answers.get(entry["image"], unanswered):
            wanted[out / name / entry["path"]] = top / entry["path"]
    for original in wanted.values():
        if not original.is_file():
            raise UserError(f"{original} is missing: read the folder of images again")
    missing = still_missing(out, wanted, copy)
    for target in missing:
        place(wanted[target], target, copy)
    return list(wanted)


def fault(name: str) -> str:
    """Why a class cannot be a folder; "" if it can."""
    if "/" in name or "\0" in name:
        return "has a slash in its name, as no folder can"
    if name.startswith(".") or name.lower() == UNLABELED:
        return "would be a hidden folder, or one for unanswered images"
    return "has too long a name" if len(name.encode()) > LONGEST else ""


def still_missing(out: Path, wanted: dict[Path, Path], copy: bool) -> list[Path]:
    """Those that are to be made; UserError if the folder holds anything that is not wanted."""
    if not os.path.lexists(out):
        return list(wanted)
    if not out.is_dir():
        raise UserError(f"{out} is a file: name a folder, which is made")
    there = set()
    for above, folders, files in os.walk(out):
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        there |= {Path(above) / name for name in [*files, *links]}
    for path in sorted(there):
        if path not in wanted or not same(wanted[path], path, copy):
            raise UserError(
                f"{path} is there already, and is not what would be written: nothing is "
                "overwritten: name a folder that is new or empty"
            )
    return [path for path in wanted if path not in there]


def same(original: Path, target: Path, copy: bool) -> bool:
    if target.is_symlink():
        return not copy and os.readlink(target) == str(original)
    return copy and filecmp.cmp(original, target, shallow=False)


def place(original: Path, target: Path, copy: bool) -> None:
    """Copy an image, or link to it."""
    if copy:
        with atomic(target) as temporary:
            shutil.copyfile(original, temporary)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(original)
    except OSError as error:
        raise UserError(
            f"{target}: no link can be made there ({error.strerror}): have copies made"
        ) from None


def read(path: str | Path) -> list[Found]:
    """Each file in a folder of a class, by its bytes; UserError where there is no such folder."""
    top = Path(path)
    if not top.is_dir():
        raise UserError(f"{path} is no folder: name one whose subfolders are classes")
    paths = [below.partition("/") for below in files_below(top)]
    if not any(rest for _, _, rest in paths):
        raise UserError(f"{path} has no subfolder that holds files: name one of classes")
    try:
        return [
            Found(rest, name, image=digest_of(top / name / rest))
            for name, _, rest in paths
            if rest and name != UNLABELED
        ]
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be read ({error.strerror}): change that"
        ) from None
