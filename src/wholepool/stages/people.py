"""The stages between a grid and the people who answer: they alone read the journal."""

from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.grid.people import NONE_YET
from wholepool.grid.sections import own_of, word_of
from wholepool.job.log import logger
from wholepool.stages.common import open_pool
from wholepool.stages.options import (
    SETTINGS,
    Arguments,
    option,
    optional,
    positive,
    require,
    stage,
)

if TYPE_CHECKING:
    from wholepool.data.oracles import Answers
    from wholepool.data.pool import Pool
    from wholepool.labeling.answers import State
    from wholepool.labeling.composed import Guesses
    from wholepool.labeling.ingest import Entry

CLOSED = option("closed", type=int, help="how many cycles are closed")


@stage(option("pool", "info", "images", "out", "aside", "described"), CLOSED, SETTINGS)
def answered(args: Arguments) -> None:
    """Write the labels that people have given when --closed cycles are closed.

    Those of the audit are not among them. --aside are the images that no strategy is to ask for,
    --described is the pool's description, with people's classes where --info has none.
    """
    import numpy as np

    from wholepool.data.indexsets import write_index_set
    from wholepool.data.oracles import of_people
    from wholepool.data.pool import read_pool
    from wholepool.job.files import read_json, write_json

    require("--settings", args.settings, "oracle")
    info, oracle = read_json(args.info), args.settings["oracle"]
    if info["class_names"] == [NONE_YET]:
        own = own_of(oracle), Path(args.data_dir)
        names = of_people(word_of(oracle)).class_names(*own) or [NONE_YET]
        info |= {"class_names": names, "classes": len(names)}
    write_json(args.described, info)
    pool = read_pool(args.pool, args.described)
    entries = listed(args, pool)
    found = answers_of(args, pool, entries)
    rows, cycle = found.to_train_on(), args.closed - 1
    labeled = {"index": rows, "label": found.label[rows], "cycle": found.cycle[rows]}
    write_index_set(args.out, "labeled", labeled, pool, cycle=cycle)
    gone = np.array([entry.gone for entry in entries], dtype=bool)
    aside = found.reserved | found.aside | gone
    aside[rows] = False
    write_index_set(args.aside, "aside", {"index": np.flatnonzero(aside)}, pool, cycle=cycle)
    logger.info("%d labels to learn from, %d for the audit", len(rows), len(found.audited()))


@stage(
    option("pool", "info", "images", "queries", "out"),
    optional("labeled", "embeddings", "predicted", "suspicious"),
    *(CLOSED, option("strategy"), option("budget", type=positive), SETTINGS),
)
def batch(args: Arguments) -> None:
    """Write the batch that people are asked for next: see labeling/batch.py."""
    import numpy as np

    from wholepool.data.arrays import read_embeddings
    from wholepool.data.indexsets import read_index_set
    from wholepool.job.files import write_json
    from wholepool.job.randomness import generator
    from wholepool.labeling import composed

    pool = open_pool(args)
    entries = listed(args, pool)
    images, paths = [one.image for one in entries], [one.paths[0] for one in entries]
    own, found = own_of(args.settings["oracle"]), answers_of(args, pool, entries)
    queries = read_index_set(args.queries, "queries", pool)
    gone = {at for at, entry in enumerate(entries) if entry.gone}
    done = {image for at, image in enumerate(images) if at in gone or known(found, at)}
    again = [at for at in found.again if at not in gone]
    rng = generator(pool.source, "batch", args.closed)
    how = own["audit_reserve"], own["audit_share"], rng
    places, audit = composed.chosen(images, queries["index"], again, done, *how)
    scores = dict(zip(queries["index"].tolist(), queries["score"].tolist(), strict=True))
    guesses, near, review = None, {}, []
    if args.predicted:
        guesses = guesses_of(args, pool)
        labeled = read_index_set(args.labeled, "labeled", pool)
        near = composed.nearest(read_embeddings(args.embeddings, pool), labeled["index"], places)
        hidden = gone.union(places)  # else what the grid lacks of the batch is the audit
        may = [
            at
            for at in range(pool.n)
            if not (found.reserved[at] or at in hidden or known(found, at))
        ]
        doubted = doubted_in(args.suspicious, paths)
        review = composed.review(images, paths, guesses, np.array(may, dtype=np.int64), doubted)
    blind = audit > 0
    shown = composed.entries(
        *(places, images, paths, args.strategy, blind, scores, found.again, guesses, near)
    )
    write_json(args.out, {"cycle": args.closed, "images": shown, "review": review})
    logger.info("%d images to be labeled next", len(places))


def doubted_in(path: str | None, paths: list[str]) -> dict[int, float]:
    """Place and probability of the other class, of each answer in the stage standing's table."""
    import csv

    if path is None:
        return {}
    places = {one: at for at, one in enumerate(paths)}
    with open(path, encoding="utf-8", newline="") as file:
        return {places[row["path"]]: float(row["probability"]) for row in csv.DictReader(file)}


def known(found: "Answers", at: int) -> bool:
    """Whether an image needs to be asked for no more."""
    return bool(found.label[at] >= 0 or found.aside[at])


def listed(args: Arguments, pool: "Pool") -> "list[Entry]":
    """The list of the pool's images; UserError if it is of another pool."""
    from wholepool.job.errors import AGAIN, UserError
    from wholepool.labeling.ingest import read_manifest

    found = read_manifest(args.images)
    if len(found) != pool.n:
        raise UserError(f"{args.images} lists {len(found)} images, the pool has {pool.n}: {AGAIN}")
    return found


def answers_of(args: Arguments, pool: "Pool", entries: "list[Entry]") -> "Answers":
    """What people have said when --closed cycles are closed."""
    from wholepool.data.oracles import of_people

    require("--settings", args.settings, "oracle")
    oracle = args.settings["oracle"]
    found: Answers = of_people(word_of(oracle)).answers(
        [entry.image for entry in entries],
        pool.class_names,
        own_of(oracle),
        Path(args.data_dir),
        args.closed,
    )
    return found


def state_of(args: Arguments) -> "State":
    """What the journal's lines add up to when --closed cycles are closed."""
    from wholepool.labeling import answers, cycles, journal

    lines = journal.read(Path(args.data_dir) / own_of(args.settings["oracle"])["answers"])[0]
    return answers.state(cycles.before(lines, args.closed))


def guesses_of(args: Arguments, pool: "Pool") -> "Guesses":
    """What the model says of each image, with the classes as the journal knows them."""
    from wholepool.data.indexsets import read_index_set
    from wholepool.labeling.classes import folded
    from wholepool.labeling.composed import Guesses

    ids = {folded(name): key for key, name in state_of(args).classes.items()}
    keys = [ids.get(folded(name), "") for name in pool.class_names] + [""]  # the last of none: -1
    found = read_index_set(args.predicted, "predicted", pool)
    return Guesses(
        [keys[at] for at in found["label"]],
        found["probability"],
        [keys[at] for at in found["propagated"]],
        found["certainty"],
    )
