"""A person who answers a batch, through the journal as the page does."""

import json
import uuid

from wholepool.labeling import answers, journal


def line_of(kind, annotator, **keys):
    about = {"id": uuid.uuid4().hex, "time": journal.now(), "kind": kind, "annotator": annotator}
    return about | keys


def class_of(path, name, annotator="ann"):
    """The id of the class of a name, which is made if it is not there."""
    known = answers.state(journal.read(path)[0]).classes
    for key, other in known.items():
        if other == name:
            return key
    key = f"c{len(known) + 1}"
    journal.append(path, line_of("class", annotator, **{"class": key, "name": name}))
    return key


def answer(path, image, file, said, cycle, annotator="ann"):
    """One answer: a class's name, or later, unsure, bad."""
    if said not in ("later", "unsure", "bad"):
        said = {"class": class_of(path, said, annotator)}
    about = {"image": image, "path": file, "answer": said, "cycle": cycle, "shown": {}}
    journal.append(path, line_of("answer", annotator, **about))


def answer_batch(path, batch_file, truth, annotator="ann", count=None):
    """Answer the images of a batch, in its order; `truth(path)` is what is said of a file."""
    batch = json.loads(batch_file.read_text())
    for entry in batch["images"][:count]:
        said = truth(entry["path"])
        answer(path, entry["image"], entry["path"], said, batch["cycle"], annotator)


def close(path, cycle, annotator="ann"):
    journal.append(path, line_of("close", annotator, cycle=cycle))
