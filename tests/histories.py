"""Lines of a journal, short to write in tests."""

import hashlib
import itertools

NUMBERS = itertools.count()
TIME = "2026-01-31T12:00:00.000Z"


def image(name):
    """The image id of a file that holds this text."""
    return hashlib.sha256(str(name).encode()).hexdigest()


def line(kind, id=None, annotator="ann", **more):
    """A line of any kind; its id, if none is given, is used by no other."""
    id = id or f"n{next(NUMBERS)}"
    return {"id": id, "time": TIME, "kind": kind, "annotator": annotator, **more}


def answer(name, what, annotator="ann", id=None, **more):
    """`what`: "later", "unsure", "bad" or the id of a class."""
    what = what if what in ("later", "unsure", "bad") else {"class": what}
    table = {"image": image(name), "path": f"{name}.jpg", "answer": what, "cycle": 0, "shown": {}}
    return line("answer", id, annotator, **table | more)


def undo(of, id=None):
    return line("undo", id, of=of)


def made(key, name=None, id=None):
    return line("class", id, **{"class": key, "name": name or f"name of {key}"})


def renamed(key, name, id=None):
    return line("rename", id, **{"class": key, "name": name})


def merged(key, into, id=None):
    return line("merge", id, **{"class": key, "into": into})
