"""The stages that learn and that ask; they never see a hidden label."""

import dataclasses
from typing import Any

from wholepool.grid import versions
from wholepool.grid.sections import word_of
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.learn.epoch_report import EpochReport
from wholepool.stages.common import (
    acquisition_draws,
    checkpoints,
    draw_seed_of,
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
    positive,
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
    module, how = plugin.load(), (args.settings, device, EpochReport(keep))
    own, images = module.features(pool.images, *how), read_test_images(args.test_images, pool)
    test = module.features(images, *how) if len(images) else np.empty((0, *np.shape(own)[1:]))
    if hasattr(module, "finish"):
        own, test = module.finish(own, test, args.settings)
    write_history(args, pool, [], device, "float32", keep, versions.of_features(args.pre))
    for path, rows, count in ((args.test_features, test, None), (args.out, own, pool.n)):
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        bad = rows.ndim != 2 or (count is not None and len(rows) != count)
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
    plain = views.Views(test, 0, False, device=own.device, memory_mb=args.pool_memory_mb)
    write_array(args.test_probabilities, embedding.embed(network, plain)[1])


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


@stage(
    option("strategy", "pool", "info", "labeled", "out"),
    optional("embeddings", "probabilities", "head", "pseudo-labels"),
    option("budget", type=positive),
    option("later", type=int, default=0, help="how often the cell's strategy asks after this"),
    *(SETTINGS, CELL, DRAW_SEED),
)
def acquire(args: Arguments) -> None:
    """Choose the next b images to be labeled."""
    import numpy as np

    from wholepool.data.arrays import read_embeddings, read_head_of, read_probabilities
    from wholepool.data.indexsets import write_index_set
    from wholepool.job import provenance
    from wholepool.job.randomness import generator
    from wholepool.strategies import Query, checked

    plugin = registry.get("strategy", args.strategy, "--strategy")
    required(args, plugin)
    for name in plugin["NEEDS"]:
        if name != "answers" and not getattr(args, name):
            raise UserError(
                f"--{name} is missing, but strategy {args.strategy} reads it: give the file that "
                "the model's stages have made"
            )
    pool = open_pool(args)
    known = labeled_set(args, pool)
    labeled = known["index"]
    left = pool.n - len(labeled)
    if args.budget > left:
        raise UserError(
            f"--budget is {args.budget}, but only {left} images of {pool.dataset} are unlabeled: "
            "ask for fewer"
        )
    if args.budget * (args.later + 1) > left:
        raise UserError(
            f"budget is {args.budget} and {args.later + 1} cycles are to ask for as many, but only "
            f"{left} images of {pool.dataset} are unlabeled: make budget or cycles smaller"
        )
    arrays: dict[str, Any] = {}
    if args.embeddings:
        arrays["embeddings"] = read_embeddings(args.embeddings, pool)
    if args.probabilities:
        arrays["probabilities"] = read_probabilities(args.probabilities, pool.n, pool.classes)
    if args.head:
        arrays["head"] = read_head_of(args.head, pool, arrays.get("embeddings"))
    if "answers" in plugin["NEEDS"]:
        arrays["answers"] = known["label"]
    if plugin["GPU"] and args.device != "cpu":
        from wholepool.job.hardware import claim_gpu

        claim_gpu()
    query = Query(
        n=pool.n,
        labeled=labeled,
        budget=args.budget,
        cycle=args.cell.cycle,
        rng=generator(*acquisition_draws(args, pool)),
        options=args.settings,
        device=graph_device(args.device) if plugin["GPU"] else "cpu",
        classes=pool.classes,
        **arrays,
    )
    gives = plugin["GIVES_PSEUDO_LABELS"]
    began = str(query.rng.bit_generator.state)
    answer = plugin.load().acquire(query)
    if not plugin["STOCHASTIC"] and str(query.rng.bit_generator.state) != began:
        raise UserError(
            f"{plugin.path}: strategy {args.strategy} draws from query.rng, but does not declare "
            "it: add STOCHASTIC = True"
        )
    result = checked(answer, query, args.strategy, plugin.path, gives)
    where = args.cell.seed, args.cell.cycle
    if args.pseudo_labels:
        write_index_set(args.pseudo_labels, "pseudo_labels", result.pseudo_labels, pool, *where)
    ranks = np.arange(len(result.indices))
    queries = {"index": result.indices, "rank": ranks, "score": result.scores}
    more = provenance.of_settings(args.settings, versions.of_acquire(args.strategy))
    more |= {"budget": str(args.budget), "draw_seed": str(draw_seed_of(args))}
    if not plugin["STOCHASTIC"]:  # to a random draw all scores are alike
        more["zero_score_share"] = f"{np.mean(result.scores == 0):.4f}"
    write_index_set(args.out, "queries", queries, pool, *where, more)
