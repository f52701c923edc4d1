"""A folder of images with its manifest and batch, short to make in tests of the exchange."""

import hashlib
from pathlib import Path

from histories import line

from wholepool.labeling import answers
from wholepool.labeling.exchange import export_to, import_from
from wholepool.labeling.exchange.place import carried_out
from wholepool.labeling.ingest import Entry
from wholepool.labeling.journal import read as read_journal

CLASSES = {"c1": "cat", "c2": "dog"}
MADE = [line("class", f"m{key}", **{"class": key, "name": CLASSES[key]}) for key in CLASSES]
TIMES = [f"2026-01-31T12:00:0{second}.000Z" for second in range(10)]


def bytes_of(path):
    return f"the image {path!r}".encode()


def image_of(path):
    """The image id of the file that `pool` writes there."""
    return hashlib.sha256(bytes_of(path)).hexdigest()


def pool(folder, paths):
    """Write a file for each path; the manifest and the batch of them."""
    folder.mkdir(exist_ok=True)
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(bytes_of(path))
    return entries(paths), [{"image": image_of(path), "path": path} for path in paths]


def entries(paths):
    return [Entry(image_of(path), (path,), 4, 3) for path in paths]


def answered(path, what, annotator="ann", time=TIMES[5], id=None, **more):
    """A line that answers an image of `pool`."""
    what = what if what in ("later", "unsure", "bad") else {"class": what}
    about = {"image": image_of(path), "path": path, "answer": what, "cycle": 0, "shown": {}}
    return line("answer", id, annotator, **about | {"time": time} | more)


def labels(lines):
    """image -> class name"""
    state = answers.state(lines)
    return {image: state.classes[key] for image, key in state.labels.items()}


def round_trip(format, folder, paths, lines, **options):
    """The plan of what comes back of an export, imported for a new person with an empty journal."""
    manifest, batch = pool(folder / "images", paths)
    made = export_to(format, folder / "out", folder / "images", batch, lines, **options)
    source = folder / "out" if (folder / "out").is_dir() else made[0]
    return import_from(source, manifest, folder / "images", MADE, "bea", format=format)


def imported(path, manifest, journal, annotator="ann", **more):
    """Import a file into a journal, and return the plan."""
    plan = import_from(path, manifest, Path("photos"), read_journal(journal)[0], annotator, **more)
    carried_out(journal, plan)
    return plan
