"""The stages of a network that is fitted at once, on features; they never see a hidden label.

None of them imports torch: a cell is a matter of a second.
"""

import time
from typing import Any

from wholepool.grid import versions
from wholepool.grid.sections import own_of, word_of
from wholepool.grid.slices import GRAPH_KEYS
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.job.registry import Plugin
from wholepool.stages.common import (
    graph_device,
    labeled_set,
    open_pool,
    write_rows,
)
from wholepool.stages.options import (
    CELL,
    DRAW_SEED,
    SETTINGS,
    Arguments,
    option,
    optional,
    require,
    stage,
)


@stage(option("pool", "info", "embeddings", "out"), SETTINGS, gpu=True)
def graph(args: Arguments) -> None:
    """Build the graph of embeddings that never change, for all that propagates over it."""
    from wholepool.data.arrays import read_embeddings
    from wholepool.graph.affinity import normalized_graph
    from wholepool.graph.stored import write_graph

    require("--settings", args.settings, *GRAPH_KEYS)
    embeddings = read_embeddings(args.embeddings, open_pool(args))
    found = normalized_graph(embeddings, args.settings, graph_device(args.device))
    logger.info("%.1f %% of the neighbors were found", 100 * found.recall)
    write_graph(args.out, found)


@stage(
    option("pool", "info", "labeled", "embeddings", "test-features", "semi"),
    option("history", "head", "test-probabilities", "pseudo-labels"),
    optional("graph", "joining"),
    option("pre", help="what made the features, to be told"),
    *(SETTINGS, CELL, DRAW_SEED),
    output="pseudo_labels",
)
def fit(args: Arguments) -> None:
    """Fit one cycle's classifier: on the labels, then, with SEMI, on pseudo-labels too.

    --joining are CEAL's. --pseudo-labels are what SEMI gives: without it, none.
    """
    import numpy as np

    from wholepool.data.arrays import read_embeddings, read_features
    from wholepool.data.indexsets import read_index_set, unlabeled, write_index_set
    from wholepool.job import provenance
    from wholepool.job.files import write_array
    from wholepool.learn.head import softmax

    began = time.monotonic()
    require("--settings", args.settings, "network")
    plugin = fitted(args.settings["network"])
    module, own = plugin.load(), own_of(args.settings["network"])
    pool, where = open_pool(args), (args.cell.seed, args.cell.cycle)
    labeled = labeled_set(args, pool)
    known = labeled["index"], labeled["label"].astype(np.int64)
    embeddings = read_embeddings(args.embeddings, pool)
    rows, targets, weights = *known, np.ones(len(known[0]))
    if args.joining:
        joining = read_index_set(args.joining, "pseudo_labels", pool, where[0], where[1] - 1)
        rows = np.concatenate([rows, joining["index"]])
        targets = np.concatenate([targets, joining["label"]])
        weights = np.ones(len(rows))
        logger.info("%d pseudo-labels join %d labels", len(joining["index"]), len(known[0]))
    head = module.fit(embeddings[rows], targets, weights, pool.classes, own)
    history = [told("sup", embeddings[rows], targets, weights, head)]
    none = np.empty(0)
    pseudo = {"index": none, "label": none, "weight": none}
    if args.semi != "none":
        given = pseudo_labels(args, pool.classes, embeddings, known, softmax(embeddings, head))
        rest = unlabeled(pool.n, known[0])
        rest = rest[given.weights[rest] > 0]
        pseudo = {"index": rest, "label": given.labels[rest], "weight": given.weights[rest]}
        rows, targets = np.concatenate([rows, rest]), np.concatenate([targets, given.labels[rest]])
        weights = np.concatenate([weights, given.weights[rest]])
        head = module.fit(embeddings[rows], targets, weights, pool.classes, own)
        history.append(told("semi", embeddings[rows], targets, weights, head) | given.report)
    test = module.embed(read_features(args.test_features), own)
    version, machine = versions.of_fit(args.settings, args.semi), ("cpu", args.threads)
    how = (*machine, "float32", "none", provenance.times(began))
    write_rows(args, pool, history, *how, version)
    write_array(args.head, head)
    write_array(args.test_probabilities, softmax(test, head))
    more = provenance.of_settings(args.settings, version)
    write_index_set(args.pseudo_labels, "pseudo_labels", pseudo, pool, *where, more)


def fitted(named: Any) -> Plugin:
    """The network that the settings name. Raises UserError if it is not fitted at once."""
    plugin = registry.get("network", word_of(named), "network.name")
    if not plugin["FITS"]:
        raise UserError(
            f"network {plugin.name} is trained step by step, not fitted: use the stage train"
        )
    return plugin


def pseudo_labels(
    args: Arguments, classes: int, embeddings: Any, known: tuple[Any, Any], probabilities: Any
) -> Any:
    """What SEMI says of all images, PseudoLabels; `known` is the labeled set."""
    from wholepool.graph.stored import read_graph
    from wholepool.learn.semi import State

    plugin = registry.get("semi", args.semi, "--semi")
    sections = {name: args.settings[name] for name in args.settings if name != "network"}
    graph = read_graph(args.graph, len(embeddings)) if args.graph else None
    state = State(embeddings, probabilities, *known, sections, graph_device(args.device), graph)
    return plugin.load().pseudo_label(state)


def told(phase: str, rows: Any, targets: Any, weights: Any, head: Any) -> dict[str, Any]:
    """A row of the history: the mean cross-entropy of what was fitted, weighted."""
    import numpy as np

    from wholepool.learn.head import softmax

    each = softmax(rows, head)[np.arange(len(rows)), targets]
    loss = -(weights @ np.log(np.maximum(each, 1e-30))) / weights.sum()
    return {"phase": phase, "epoch": 0, "images": len(rows), "loss": float(loss)}
