"""What a cell's model says of every image of the pool; it never sees a hidden label."""

from wholepool.stages.common import open_pool
from wholepool.stages.options import CELL, Arguments, option, optional, stage


@stage(
    option("pool", "info", "out"),
    optional("embeddings", "head", "probabilities", "pseudo-labels"),
    CELL,
)
def predict_pool(args: Arguments) -> None:
    """Predict the class of every image of the pool, and what propagation says of it."""
    import json

    import numpy as np

    from wholepool.data.arrays import read_embeddings, read_head_of, read_probabilities
    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.learn.head import softmax

    pool = open_pool(args)
    if args.head:
        embeddings = read_embeddings(args.embeddings, pool)
        probabilities = softmax(embeddings, read_head_of(args.head, pool, embeddings))
    else:
        probabilities = read_probabilities(args.probabilities, pool.n, pool.classes)
    rows, order = np.arange(pool.n), np.argsort(-probabilities, axis=1, kind="stable")
    first, second = order[:, 0], order[:, min(1, pool.classes - 1)]
    propagated, certainty = np.full(pool.n, -1), np.zeros(pool.n)
    if args.pseudo_labels:
        where = args.cell.seed, args.cell.cycle
        given = read_index_set(args.pseudo_labels, "pseudo_labels", pool, *where)
        propagated[given["index"]] = given["label"]
        certainty[given["index"]] = given["weight"]
    columns = {
        "index": rows,
        "label": first,
        "probability": probabilities[rows, first],
        "second": second,
        "second_probability": probabilities[rows, second],
        "propagated": propagated,
        "certainty": certainty,
    }
    more = {"class_names": json.dumps(pool.class_names)}
    write_index_set(args.out, "predicted", columns, pool, args.cell.seed, args.cell.cycle, more)
