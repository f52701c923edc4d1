"""The stages that may read hidden labels; no others may."""

import itertools
import json
from pathlib import Path
from typing import Any

from wholepool.grid import people, versions
from wholepool.grid.explain import listing
from wholepool.grid.fits import pool_faults
from wholepool.grid.sections import own_of, word_of
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.log import logger
from wholepool.stages.common import labeled_set, open_pool, oracle_of
from wholepool.stages.options import (
    CELL,
    SETTINGS,
    Arguments,
    from_json,
    option,
    optional,
    positive,
    require,
    stage,
)


@stage(
    option("name", "pool", "info", "made", "files", "oracle", "test-images", "test-labels"),
    optional("images", "rejected", "near", "kept"),
    SETTINGS,
    option("asked", type=from_json, default=None, help="what the grid asks of the pool, as JSON"),
    output="test_labels",
)
def data(args: Arguments) -> None:
    """Make the pool, its hidden labels and the test set from a data set's source.

    What the grid asks of the pool is compared with it, as the config's check does with KNOWN. With
    --images the source lists them; its images keep their places by what --kept, a folder, holds.
    """
    import numpy as np

    from wholepool.data import behind, sources
    from wholepool.data.indexsets import write_index_set
    from wholepool.data.pool import write_pool
    from wholepool.data.subsets import subset, without_copies
    from wholepool.job.files import write_array, write_json
    from wholepool.job.randomness import generator

    require("--settings", args.settings, "source", "pool")
    source, wanted = word_of(args.settings["source"]), args.settings["pool"]
    logger.info("reading %s", source)
    own, folder = own_of(args.settings["source"]), Path(args.data_dir)
    reads = sources.files_behind(source, own, folder)
    before = behind.prints(reads, folder)  # a file that changes while it is read differs from it
    if args.images:
        images, listed, refused = sources.grown(source, own, folder, Path(args.kept))
    else:
        images = sources.load(source, own, folder)
    if images.train.shape[3] == 1:
        images = sources.with_channels(images, wanted["grey_channels"])
    assert images.test is not None
    rng = generator(source, "pool", wanted["seed"])
    labels = images.train_labels
    rows = np.arange(len(images.train))
    if wanted["copies"] == "merge" and not args.images:  # people's images are told by their bytes
        rows = without_copies(images.train, labels)
    of_rows = None if labels is None else labels[rows]
    keep = rows[subset(len(rows), of_rows, wanted["size"], wanted["sampling"], rng)]
    if args.asked:
        known = sources.facts(images) | {"n": len(keep), "size": min(images.train.shape[1:3])}
        if faults := pool_faults(args.name, args.settings, args.asked, known):
            raise UserError(listing(faults))
    what = (args.name, images.class_names, len(images.test), wanted["mean"], wanted["std"])
    pool = write_pool(args.pool, args.info, images.train[keep], *what, source=source)
    truth = np.arange(pool.n if labels is not None else 0)
    hidden = {"index": truth, "label": truth if labels is None else labels[keep]}
    write_index_set(args.oracle, "oracle", hidden, pool)
    if args.images:
        write_lists(args, listed, refused, images.train)
    write_json(args.made, {"settings": args.settings, "version": versions.of_data(args.settings)})
    files = behind.prints(reads, folder, before)
    write_json(args.files, {"listed": reads, "files": files})
    write_array(args.test_images, images.test)
    tested = np.empty(0) if images.test_labels is None else images.test_labels
    write_array(args.test_labels, tested.astype(np.int32))
    logger.info("%s: a pool of %d images and %d to test on", args.name, pool.n, len(images.test))


def write_lists(args: Arguments, listed: Any, refused: Any, pixels: Any) -> None:
    """Write which file each image is, which files gave none, and which images look alike."""
    from wholepool.data.sources.folder import keep
    from wholepool.labeling import ingest, near

    ingest.write_manifest(args.images, listed)
    ingest.write_rejected(args.rejected, refused)
    pairs = near.near_duplicates(near.hashes_of(pixels))
    near.write_near(args.near, pairs, [entry.paths[0] for entry in listed])
    keep(Path(args.kept), listed, Path(args.pool))


@stage(
    option("pool", "info", "oracle", "out"),
    optional("queries"),
    *(option("seed", type=int), option("size", type=positive), SETTINGS),
)
def initial(args: Arguments) -> None:
    """Label the initial labeled set L_0: the queries, or a draw balanced over the classes.

    The draw is over what the oracle knows. Of the queries those that it cannot answer stay out.
    """
    import numpy as np

    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.data.oracles import initial_set
    from wholepool.job.randomness import generator

    pool = open_pool(args)
    if not args.queries and args.size < pool.classes:  # KNOWN may not have told the config's check
        raise UserError(
            f"initial is {args.size}, but needs at least one label for each of {pool.classes} "
            "classes: make it larger"
        )
    answers = oracle_of(args, pool)(np.arange(pool.n))
    if args.queries:
        asked = read_index_set(args.queries, "queries", pool, args.seed, 0)["index"]
        indices = asked[answers[asked] >= 0]
        if len(indices) < len(asked):
            logger.info("%d of %d images are answered so far", len(indices), len(asked))
    else:
        rng = generator(pool.source, "initial", args.seed)
        indices = initial_set(answers, pool.classes, args.size, rng)
    labeled = {"index": indices, "label": answers[indices], "cycle": np.zeros(len(indices))}
    more = {"size": str(args.size)}
    write_index_set(args.out, "labeled", labeled, pool, args.seed, 0, more)


@stage(option("pool", "info", "oracle", "out"), SETTINGS)
def label_all(args: Arguments) -> None:
    """Let the oracle label all of the pool that it knows, for full supervision."""
    import numpy as np

    from wholepool.data.indexsets import write_index_set

    pool = open_pool(args)
    answers = oracle_of(args, pool)(np.arange(pool.n))
    known = np.flatnonzero(answers >= 0)
    labeled = {"index": known, "label": answers[known], "cycle": np.zeros(len(known))}
    write_index_set(args.out, "labeled", labeled, pool, cycle=0)


@stage(option("pool", "info", "labeled", "queries", "oracle", "out"), CELL, SETTINGS)
def label(args: Arguments) -> None:
    """Let the oracle answer the queries, as far as it can: the next cycle's labeled set."""
    import numpy as np

    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.data.oracles import require_answers

    pool = open_pool(args)
    seed, cycle = args.cell.seed, args.cell.cycle
    labeled = labeled_set(args, pool, back=1)
    queries = read_index_set(args.queries, "queries", pool, seed, cycle - 1)["index"]
    again = np.intersect1d(queries, labeled["index"])
    if len(again):
        raise UserError(
            f"{args.queries} asks for image {again[0]} (and {len(again) - 1} more) that is labeled "
            f"already in {args.labeled}: {AGAIN}"
        )
    ask = oracle_of(args, pool)
    require_answers(args.labeled, labeled, ask(labeled["index"]))
    answers = ask(queries)
    known = answers >= 0
    if not known.all():
        logger.info("%d of %d images are answered so far", known.sum(), len(queries))
    both = {
        "index": np.concatenate([labeled["index"], queries[known]]),
        "label": np.concatenate([labeled["label"], answers[known]]),
        "cycle": np.concatenate([labeled["cycle"], np.full(known.sum(), cycle)]),
    }
    write_index_set(args.out, "labeled", both, pool, seed, cycle)


@stage(
    option("pool", "info", "labeled", "history", "oracle"),
    option("test-probabilities", "test-labels", "out"),
    *(optional("pseudo-labels"), CELL, SETTINGS),
)
def evaluate(args: Arguments) -> None:
    """Measure one cell against the test labels, and its pseudo-labels against the hidden ones.

    What needs a truth that is not there is null.
    """
    import numpy as np

    from wholepool.data.arrays import read_probabilities, read_test_labels
    from wholepool.data.indexsets import read_index_set, read_table, text_metadata
    from wholepool.data.oracles import read_hidden, require_answers
    from wholepool.job import provenance
    from wholepool.job.files import write_json
    from wholepool.report import metrics as measures

    pool = open_pool(args)
    truth = read_test_labels(args.test_labels, pool.classes)
    images = len(truth) or None  # of a test set without labels any number
    probabilities = read_probabilities(args.test_probabilities, images, pool.classes)
    labeled = labeled_set(args, pool)
    if not people.closes(args.settings):  # what people said is what the set holds
        require_answers(args.labeled, labeled, oracle_of(args, pool)(labeled["index"]))
    counts, balance = measures.class_balance(labeled["label"], pool.classes)
    cell = args.cell._asdict()
    del cell["experiment"]
    metrics: dict[str, Any] = {
        "dataset": pool.dataset,
        **cell,
        "n_labels": len(labeled["index"]),
        **measures.of_predictions(probabilities, truth),
        "labels_per_class": counts,
        "label_balance": balance,
        "pseudo_labels": None,
        "pseudo_label_accuracy": None,
        "pseudo_label_accuracy_weighted": None,
        "fingerprint": pool.fingerprint,
        "version": versions.version("evaluate"),
    }
    if args.pseudo_labels:
        pseudo = read_index_set(args.pseudo_labels, "pseudo_labels", pool, args.cell.seed)
        metrics["pseudo_labels"] = len(pseudo["index"])
        hidden = read_hidden(args.oracle, pool)[pseudo["index"]]
        if np.all(hidden >= 0):
            given = pseudo["label"], pseudo["weight"]
            plain, weighted = measures.pseudo_label_accuracy(*given, hidden)
            metrics["pseudo_label_accuracy"] = plain
            metrics["pseudo_label_accuracy_weighted"] = weighted
    history = read_table(args.history)
    made = {"precision": "float32"}  # of histories that were written before it could differ
    made |= text_metadata(history.schema)
    missing = [name for name in ("device", "threads", "torch", "wholepool") if name not in made]
    if missing or "loss" not in history.column_names:
        raise UserError(
            f"{args.history} is no history of a training, for it lacks "
            f"{', '.join(missing or ['loss'])}: {AGAIN}"
        )
    metrics["epochs"] = history.num_rows
    metrics["final_loss"] = history["loss"][-1].as_py() if history.num_rows else None
    metrics |= {name: made[name] for name in provenance.REPEATED if name in made}
    if "settings" in made:
        metrics["settings"] = json.loads(made["settings"])
    write_json(args.out, metrics)
    accuracy = metrics["accuracy"]
    found = "no test set" if accuracy is None else f"test accuracy {accuracy:.2f} %"
    logger.info("%d labels, %s", metrics["n_labels"], found)


@stage(option("pool", "info", "oracle", "clusters", "cluster-epochs", "out"))
def diagnose(args: Arguments) -> None:
    """Compare pre-training's clusters with the hidden labels: a diagnosis, no input to learning."""
    import numpy as np

    from wholepool.data.arrays import read_array
    from wholepool.data.oracles import read_hidden
    from wholepool.job.files import read_json, write_json
    from wholepool.report.metrics import normalized_mutual_information

    pool = open_pool(args)
    hidden = read_hidden(args.oracle, pool)
    clusters = read_array(args.clusters, (None, pool.n), np.int32)
    epochs = read_json(args.cluster_epochs)
    if not isinstance(epochs, list) or len(epochs) != len(clusters):
        raise UserError(
            f"{args.cluster_epochs} does not list one epoch for each of the {len(clusters)} "
            f"clusterings in {args.clusters}, but {str(epochs)[:60]}: {AGAIN}"
        )
    agreement = [normalized_mutual_information(*pair) for pair in itertools.pairwise(clusters)]
    known = np.all(hidden >= 0)
    result = {
        "dataset": pool.dataset,
        "epoch": epochs,
        "nmi": [normalized_mutual_information(row, hidden) if known else None for row in clusters],
        "nmi_previous": [None, *agreement][: len(clusters)],
        "version": versions.version("diagnose"),
    }
    write_json(args.out, result)
