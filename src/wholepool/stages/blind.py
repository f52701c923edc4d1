"""The stages that learn; they never see a hidden label."""

import dataclasses

from wholepool.grid import versions
from wholepool.grid.sections import own_of, word_of
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.learn.epoch_report import EpochReport
from wholepool.stages.common import (
    checkpoints,
    drawn,
    graph_device,
    labeled_set,
    made_meanwhile,
    new_network,
    open_pool,
    prepared,
    required,
    training_device,
    write_history,
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


@stage(
    option("pre", "pool", "info", "history", "clusters", "cluster-epochs", "out"),
    option("seed", type=int, default=None, help="the seed that it is drawn for; else all share it"),
    SETTINGS,
    gpu=True,
)
def pretrain(args: Arguments) -> None:
    """Pre-train the network on the pool, without labels: weights to start from."""
    import numpy as np

    from wholepool.job import files
    from wholepool.learn import weights

    plugin = registry.get("pretrain", args.pre, "--pre")
    required(args, plugin, "network", "augment")
    pool = open_pool(args)
    plugins = {"pretrain": args.pre, "network": word_of(args.settings["network"])}
    own = {} if args.seed is None else {"seed": str(args.seed)}
    draws = (pool.source, "pretrain", args.pre, *own.values())
    keep = checkpoints(args, pool, plugins, pre=args.pre, **own)
    outputs = (args.history, args.clusters, args.cluster_epochs, args.out)
    if made_meanwhile(args, keep, outputs):
        return
    network, views, rng = prepared(args, pool, draws)
    with keep.listening():
        how = (args.settings, rng, EpochReport(keep), keep)
        result = plugin.load().pretrain(network, views, pool.classes, *how)
    version = versions.of_pretrain(args.settings, args.pre)
    write_history(args, pool, result.history, views.device, network.precision, keep, version)
    clusters = np.empty((0, pool.n)) if result.clusters is None else result.clusters
    files.write_array(args.clusters, clusters.astype(np.int32))
    files.write_json(args.cluster_epochs, result.cluster_epochs)
    weights.save_weights(args.out, weights.trunk_state(network.state_dict()), keep.key)
    keep.remove()


@stage(
    option("pre", "pool", "info", "test-images", "history", "test-features", "out"),
    SETTINGS,
    gpu=True,
)
def features(args: Arguments) -> None:
    """Compute the features of all images, for the pool and for the test: they stand for them."""
    import numpy as np

    from wholepool.data.arrays import read_test_images
    from wholepool.job.files import write_array

    plugin = registry.get("pretrain", args.pre, "--pre")
    required(args, plugin)
    pool = open_pool(args)
    keep = checkpoints(args, pool, {"pretrain": args.pre}, pre=args.pre)
    device = training_device(args)
    images, how = read_test_images(args.test_images, pool), (args.settings, device)
    own, test = plugin.load().features(pool.images, images, *how, EpochReport(keep))
    write_history(args, pool, [], device, "float32", keep, versions.of_features(args.pre))
    for path, rows, count in ((args.test_features, test, len(images)), (args.out, own, pool.n)):
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        bad = rows.ndim != 2 or len(rows) != count
        if bad or not np.isfinite(rows).all():
            raise UserError(
                f"PRE {args.pre} gives features {rows.shape}, finite or not, but they must be "
                f"finite, (images, dimensions), one row for each image: mend {plugin.path}"
            )
        write_array(path, rows)


@stage(
    option("semi", "pool", "info", "labeled", "history", "out"),
    optional("features", "theta", "pseudo-labels"),
    option("pre", default="none", help="what made --theta or --features, to be told"),
    *(SETTINGS, CELL, DRAW_SEED),
    gpu=True,
)
def train(args: Arguments) -> None:
    """Train one cycle's network: SUP on the labeled set, then SEMI where the method has it."""
    from wholepool.data.indexsets import read_index_set
    from wholepool.job.checkpoints import digest
    from wholepool.job.files import digest_of
    from wholepool.learn import training, weights

    require("--settings", args.settings, "network", "augment", "optimizer", "sup")
    semi = None
    if args.semi != "none":
        plugin = registry.get("semi", args.semi, "--semi")
        required(args, plugin)
        semi = plugin.load()
    pool = open_pool(args)
    labeled = labeled_set(args, pool)
    pseudo = None
    if args.pseudo_labels:
        asked = args.cell.seed, args.cell.cycle - 1
        columns = read_index_set(args.pseudo_labels, "pseudo_labels", pool, *asked)
        pseudo = columns["index"], columns["label"]
        logger.info("%d pseudo-labels join %d labels", len(pseudo[0]), len(labeled["index"]))
    draws = drawn(args, pool, "train")
    keep = checkpoints(
        args,
        pool,
        {"network": word_of(args.settings["network"]), "semi": args.semi},
        draws="/".join(map(str, draws)),
        semi=args.semi,
        labels=digest(labeled["index"], labeled["label"]),
        pseudo_labels=digest(*pseudo) if pseudo else "none",
        theta=digest_of(args.theta),
        features=digest_of(args.features),
    )
    if made_meanwhile(args, keep, (args.history, args.out)):
        return
    network, views, rng = prepared(args, pool, draws)
    if args.theta:
        weights.load_network(network, args.theta, trunk_only=True)
    with keep.listening():
        how = (args.settings, rng, semi, pseudo, EpochReport(keep), keep)
        history = training.train(network, views, labeled["index"], labeled["label"], *how)
    version = versions.of_train(args.settings, args.semi)
    write_history(args, pool, history, views.device, network.precision, keep, version)
    weights.save_weights(args.out, network.state_dict(), keep.key)
    keep.remove()


@stage(
    option("pool", "info", "model", "test-images", "test-probabilities"),
    optional("features", "test-features", "embeddings", "probabilities"),
    *(SETTINGS, CELL, DRAW_SEED),
    gpu=True,
    output="test_probabilities",
)
def embed(args: Arguments) -> None:
    """Predict every test image's class; where asked for, embed every pool image too."""
    from wholepool.data import arrays
    from wholepool.job.files import write_array
    from wholepool.learn import embedding, views, weights

    require("--settings", args.settings, "network", "augment")
    pool = open_pool(args)
    if args.test_features:
        test_rows = arrays.read_features(args.test_features)
    else:
        test_rows = arrays.read_test_images(args.test_images, pool)
    network, own, rng = prepared(args, pool, drawn(args, pool, "embed"))
    weights.load_network(network, args.model)
    if args.embeddings:
        embeddings, probabilities = embedding.embed(network, own, own.embedding_rng(rng))
        write_array(args.embeddings, embeddings)
        write_array(args.probabilities, probabilities)
    test = dataclasses.replace(pool, images=test_rows)
    how = {"memory_mb": args.pool_memory_mb, "normalize": own.normalized}
    plain = views.Views(test, 0, False, device=own.device, **how)
    write_array(args.test_probabilities, embedding.embed(network, plain)[1])


@stage(
    option("pool", "info", "embeddings"),
    optional("features", "theta"),
    option("pre", help="what made --features or --theta"),
    SETTINGS,
    gpu=True,
    output="embeddings",
)
def embed_pool(args: Arguments) -> None:
    """Embed the pool as a PRE left it, before any label: what a strategy starts from."""
    from wholepool.job.files import write_array

    require("--settings", args.settings, "network", "augment")
    pool, named = open_pool(args), args.settings["network"]
    plugin = registry.get("network", word_of(named), "network.name")
    if plugin["FITS"]:
        from wholepool.data.arrays import read_features

        rows = read_features(args.features, pool.n)
        write_array(args.embeddings, plugin.load().embed(rows, own_of(named)))
        return
    from wholepool.learn import embedding, weights

    network, own, rng = prepared(args, pool, (pool.source, "embed_pool", args.pre))
    if args.theta:
        weights.load_network(network, args.theta, trunk_only=True)
    write_array(args.embeddings, embedding.embed(network, own, own.embedding_rng(rng))[0])


@stage(
    option("pool", "info", "model", "head"),
    optional("features"),
    *(SETTINGS, CELL),
    output="head",
)
def read_head(args: Arguments) -> None:
    """Write the classifier of a trained network, for the strategies that read it."""
    from wholepool.data.arrays import read_features
    from wholepool.job.files import write_array
    from wholepool.learn import weights
    from wholepool.learn.head import linear_head

    require("--settings", args.settings, "network")
    pool = open_pool(args)
    if args.features:
        pool = dataclasses.replace(pool, images=read_features(args.features, pool.n))
    network = new_network(args, pool)
    weights.load_network(network, args.model)
    write_array(args.head, linear_head(network))


@stage(
    option("pool", "info", "labeled", "embeddings", "out"),
    option("semi", default="label_propagation", help="the SEMI whose pseudo-labels are wanted"),
    *(SETTINGS, CELL),
    gpu=True,
)
def propagate(args: Arguments) -> None:
    """Build the graph of the pool's embeddings and propagate the labels over it.

    Images without evidence, whose weight is 0, get no pseudo-label.
    """
    from wholepool.data.arrays import read_embeddings
    from wholepool.data.indexsets import unlabeled, write_index_set
    from wholepool.job import provenance

    require("--settings", args.settings, "propagation")
    plugin = registry.get("semi", args.semi, "--semi")
    semi = plugin.load()
    if not hasattr(semi, "propagated"):
        raise UserError(
            f"--semi is {args.semi!r}, but {plugin.path} does not define the function propagated: "
            "leave --semi out to measure label propagation, or add it"
        )
    pool = open_pool(args)
    labeled = labeled_set(args, pool)
    how = args.settings["propagation"], graph_device(args.device)
    known = labeled["index"], labeled["label"]
    embeddings = read_embeddings(args.embeddings, pool)
    result = semi.propagated(embeddings, *known, pool.classes, *how)
    rest = unlabeled(pool.n, labeled["index"])
    rest = rest[result.weights[rest] > 0]
    logger.info(
        "%d iterations to a relative residual of %.1e; labels reach %.1f %% of the pool; "
        "%.1f %% of the neighbors were found",
        result.iterations,
        result.residual,
        100 * result.reached.mean(),
        100 * result.recall,
    )
    pseudo = {"index": rest, "label": result.labels[rest], "weight": result.weights[rest]}
    more = provenance.of_settings(args.settings, versions.of_propagate(args.semi))
    more["neighbor_recall"] = f"{int(result.recall * 10_000) / 10_000:.4f}"
    where = args.cell.seed, args.cell.cycle
    write_index_set(args.out, "pseudo_labels", pseudo, pool, *where, more)
