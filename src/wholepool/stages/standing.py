"""The stage that tells where the loop stands; it reads the audit's answers, and trains nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.config import fill
from wholepool.grid.sections import own_of, word_of
from wholepool.job import registry
from wholepool.stages.common import open_pool
from wholepool.stages.options import SETTINGS, Arguments, option, positive, stage
from wholepool.stages.people import CLOSED, answers_of, listed, state_of

if TYPE_CHECKING:
    import numpy as np

    from wholepool.data.oracles import Answers
    from wholepool.data.pool import Pool

COLUMNS = ("path", "label", "perhaps", "probability")


@stage(
    option("pool", "info", "images", "rejected", "near", "labeled", "embeddings", "predicted"),
    option("test-probabilities", "test-labels", "suspicious", "status", "out"),
    option("cycles", nargs="*", default=[], help="what the cycles before have predicted, in order"),
    *(CLOSED, option("budget", type=positive), SETTINGS),
)
def standing(args: Arguments) -> None:
    """Write a label for each file, suspicious answers, and how good that is."""
    import numpy as np

    from wholepool.data.arrays import read_probabilities, read_test_labels
    from wholepool.data.indexsets import read_index_set
    from wholepool.job.files import write_csv, write_json
    from wholepool.labeling import outcome
    from wholepool.report.metrics import of_predictions

    pool = open_pool(args)
    entries, state = listed(args, pool), state_of(args)
    found = answers_of(args, pool, entries)
    said = read_index_set(args.predicted, "predicted", pool)
    names = pool.class_names
    given = [names[label] if label >= 0 else "" for label in found.label]
    for word in ("unsure", "bad"):
        given = [
            word if entry.image in getattr(state, word) else one
            for entry, one in zip(entries, given, strict=True)
        ]
    write_csv(args.out, outcome.PREDICTIONS, outcome.predictions(entries, given, said, names))
    doubted = doubtful(args, pool, read_index_set(args.labeled, "labeled", pool))
    rows = [(entries[at].paths[0], names[found.label[at]], names[other], f"{much:.4f}")
            for at, other, much in doubted]  # fmt: skip
    write_csv(args.suspicious, COLUMNS, rows)
    truth = read_test_labels(args.test_labels, pool.classes)
    tested = read_probabilities(args.test_probabilities, len(truth) or None, pool.classes)
    audit = audit_of(found, said, names)
    shown = [
        any(line["shown"].get("guess") for line in state.by_image[entries[at].image].values())
        for at in found.audited()
    ]
    shares = np.bincount(said["label"], minlength=pool.classes)
    classes = {
        name: {
            "labels": int((found.label[found.to_train_on()] == number).sum()),
            "predicted": int(shares[number]),
            "audit": audit["by_class"].get(name),
        }
        for number, name in enumerate(names)
    }
    status = {
        "closed": args.closed,
        "images": {
            "n": pool.n,
            "copies": sum(len(entry.paths) - 1 for entry in entries if not entry.gone),
            "near": lines_in(args.near),
            "rejected": lines_in(args.rejected),
            "gone": sum(entry.gone for entry in entries),
        },
        "answers": {
            "train": len(found.to_train_on()),
            "audit": len(found.audited()),
            **{word: len(getattr(state, word)) for word in ("unsure", "bad", "later", "disputed")},
        },
        "classes": classes,
        "audit": {**audit, "guess_shown": sum(map(bool, shown))},
        "test_accuracy": of_predictions(tested, truth)["accuracy"],
        "agreement": None if state.agreement is None else vars(state.agreement),
        "suspicious": len(doubted),
        **advice_of(args, found, said, names),
    }
    write_json(args.status, status)


def lines_in(path: str) -> int:
    """The rows of a CSV file below its header."""
    import csv

    with open(path, encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def audit_of(found: "Answers", said: Mapping[str, "np.ndarray"], names: Any) -> dict[str, Any]:
    """How many of the audit's answers the model had right; see labeling/audit.py."""
    from wholepool.labeling.audit import audit

    rows = [str(at) for at in found.audited()]
    people = {row: names[found.label[int(row)]] for row in rows}
    model = {row: names[said["label"][int(row)]] for row in rows}
    result = audit(people, model)

    def table(one: Any) -> dict[str, Any]:
        share = one.right / one.asked if one.asked else None
        return {
            "asked": one.asked,
            "right": one.right,
            "share": share,
            "low": one.low,
            "high": one.high,
        }

    return table(result) | {"by_class": {name: table(one) for name, one in result.by_class.items()}}


def doubtful(
    args: Arguments, pool: "Pool", labeled: Mapping[str, Any]
) -> list[tuple[int, int, float]]:
    """The suspicious answers that training had: (place in the pool, class instead, how sure)."""
    import numpy as np

    from wholepool.data.arrays import read_embeddings
    from wholepool.job.randomness import generator
    from wholepool.learn.suspicious import suspicious

    head = registry.get("network", "head")
    named = args.settings["network"]
    assert head.section
    own = own_of(named) if word_of(named) == "head" else fill({}, head.section)
    fit = head.load().fit

    def fitted(rows: Any, labels: Any) -> Any:
        return fit(rows, labels, np.ones(len(labels)), pool.classes, own)

    rows = labeled["index"]
    embeddings = read_embeddings(args.embeddings, pool)[rows]
    rng = generator(pool.source, "suspicious", args.closed)
    found = suspicious(embeddings, labeled["label"], pool.classes, fitted, rng)
    return [(int(rows[at]), other, much) for at, other, much in found]


def advice_of(
    args: Arguments, found: "Answers", said: Mapping[str, "np.ndarray"], names: Any
) -> dict[str, Any]:
    """When to stop, by the cycles so far: their predictions on the audit as it is answered now."""
    from wholepool.labeling.advice import Cycle, advise
    from wholepool.labeling.audit import wilson
    from wholepool.labeling.outcome import kappa

    rows, past, before = found.audited(), list[Cycle](), None
    every = [*map(earlier(names), args.cycles), said["label"]]
    order = found.order
    fewest = min(len(labels) for labels in every if labels is not None)
    there = rows[rows < fewest]  # the same images in all cycles
    for cycle, labels in enumerate(every):
        if labels is None:
            continue
        same: float | None = None if before is None else kappa(before, labels[: len(before)])
        count = sum(1 for at in order if not found.reserved[at] and found.cycle[at] <= cycle)
        right = int((labels[there] == found.label[there]).sum())
        if (past[-1].labels if past else 0) < count:
            past.append(Cycle(count, right, len(there), same))
        before = labels
    advice = advise(past, args.budget)
    told: dict[str, Any] = {"said": advice.why, "word": advice.word, "kappa": advice.kappa}
    told |= {"gain": None if advice.gain is None else vars(advice.gain)}
    bounds = [dict(zip(("low", "high"), wilson(one.right, one.asked), strict=True)) for one in past]
    each = [vars(one) | ends for one, ends in zip(past, bounds, strict=True)]
    return {"advice": told, "cycles": each}


def earlier(names: Any) -> Any:
    """A reader of what an earlier cycle predicted, as classes of today; None if it is not there.

    The pool may have grown since, so of its images only the first are there; a class that is no
    more is -1.
    """

    def read(path: str) -> Any:
        import numpy as np

        from wholepool.data.indexsets import read_table, text_metadata

        if not Path(path).exists():
            return None
        table = read_table(path)
        then = json.loads(text_metadata(table.schema)["class_names"])
        today = np.array([names.index(name) if name in names else -1 for name in then])
        return today[np.from_dlpack(table.column("label").combine_chunks())]

    return read
