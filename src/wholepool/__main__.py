"""The stages as commands: `python -m wholepool STAGE ...`, one thin function each.

Snakemake runs them; they can be run by hand in the same way. Everything a stage reads and writes
is named on its command line. Imports stand inside the functions, so that a stage which needs no
torch does not pay for it.
"""

import argparse
import contextlib
import dataclasses
import errno
import gc
import itertools
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wholepool.job.errors import Interrupted, UserError
from wholepool.job.locks import die_with_driver, sole_writer
from wholepool.job.log import EpochReport, logger, start_logging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wholepool.data.indexsets import Columns
    from wholepool.data.pool import Pool
    from wholepool.job.checkpoints import Checkpoints
    from wholepool.learn.networks.conv13 import Network
    from wholepool.learn.views import Views

Arguments = argparse.Namespace

#: the stages that use a GPU where there is one
ON_GPU = ("pretrain", "train", "embed", "propagate", "throughput", "cost")
#: the stages that write several files into a folder
TO_FOLDER = ("tables", "figures", "land", "compare")


def data(args: Arguments) -> None:
    """Make the pool, its hidden labels and the test set from a data set's source."""
    import numpy as np

    from wholepool.data.indexsets import write_index_set
    from wholepool.data.pool import write_pool
    from wholepool.data.sources import SOURCES, load, subset, with_channels
    from wholepool.job.files import write_array
    from wholepool.job.randomness import generator

    require("--settings", args.settings, "source", "pool")
    wanted = args.settings["pool"]
    registered(SOURCES, args.settings["source"], "source")
    logger.info("reading %s", args.settings["source"])
    images = load(args.settings["source"], Path(args.data_dir))
    if images.train.shape[3] == 1:
        images = with_channels(images, wanted["grey_channels"])
    rng = generator(args.settings["source"], "pool", wanted["seed"])
    keep = subset(images.train_labels, wanted["size"], wanted["sampling"], rng)
    pool = write_pool(
        args.pool,
        args.info,
        images.train[keep],
        args.name,
        images.class_names,
        len(images.test),
        wanted["mean"],
        wanted["std"],
        source=args.settings["source"],
    )
    hidden = {"index": np.arange(pool.n), "label": images.train_labels[keep]}
    write_index_set(args.oracle, "oracle", hidden, pool)
    write_array(args.test_images, images.test)
    write_array(args.test_labels, images.test_labels.astype(np.int32))
    logger.info("%s: a pool of %d images and %d to test on", args.name, pool.n, len(images.test))


def initial(args: Arguments) -> None:
    """Draw the balanced initial labeled set L_0 and let the oracle label it."""
    import numpy as np

    from wholepool.data.indexsets import write_index_set
    from wholepool.data.oracles.hidden import answer, initial_set, read_hidden
    from wholepool.job.randomness import generator

    pool = open_pool(args)
    hidden = read_hidden(args.oracle, pool)
    rng = generator(pool.source, "initial", args.seed)
    indices = initial_set(hidden, pool.classes, args.size, rng)
    labeled = {
        "index": indices,
        "label": answer(indices, hidden),
        "cycle": np.zeros(len(indices)),
    }
    write_index_set(args.out, "labeled", labeled, pool, args.seed, 0)


def label_all(args: Arguments) -> None:
    """Let the oracle label the whole pool, for full supervision."""
    import numpy as np

    from wholepool.data.indexsets import write_index_set
    from wholepool.data.oracles.hidden import read_hidden

    pool = open_pool(args)
    hidden = read_hidden(args.oracle, pool)
    labeled = {"index": np.arange(pool.n), "label": hidden, "cycle": np.zeros(pool.n)}
    write_index_set(args.out, "labeled", labeled, pool, cycle=0)


def pretrain(args: Arguments) -> None:
    """Pre-train the network on the pool, without labels."""
    import numpy as np

    from wholepool.job import registry
    from wholepool.job.files import write_array, write_json
    from wholepool.learn.weights import save_weights, trunk_state

    plugin = registry.get("pretrain", args.pre, "--pre")
    require("--settings", args.settings, "network", "augment", *plugin["READS"])
    pool = open_pool(args)
    keep = checkpoints(args, pool, pre=args.pre)
    outputs = (args.history, args.clusters, args.cluster_epochs, args.out)
    if made_meanwhile(args, keep, outputs):
        return
    network, views, rng = prepared(args, pool, (pool.source, "pretrain", args.pre))
    with keep.listening():
        result = plugin.load().pretrain(
            *(network, views, pool.classes, args.settings, rng),
            *(EpochReport(keep), keep),
        )
    write_history(args, pool, result.history, views, network, keep)
    write_array(args.clusters, result.clusters.astype(np.int32))
    write_json(args.cluster_epochs, result.cluster_epochs)
    save_weights(args.out, trunk_state(network.state_dict()), keep.key)
    keep.remove()


def diagnose(args: Arguments) -> None:
    """Compare pre-training's clusters with the hidden labels: a diagnosis, no input to learning."""
    import numpy as np

    from wholepool.data.arrays import read_array
    from wholepool.data.oracles.hidden import read_hidden
    from wholepool.job.errors import ANEW
    from wholepool.job.files import read_json, write_json
    from wholepool.report.metrics import normalized_mutual_information

    pool = open_pool(args)
    hidden = read_hidden(args.oracle, pool)
    clusters = read_array(args.clusters, (None, pool.n), np.int32)
    epochs = read_json(args.cluster_epochs)
    if not isinstance(epochs, list) or len(epochs) != len(clusters):
        raise UserError(
            f"{args.cluster_epochs} does not list one epoch for each of the {len(clusters)} "
            f"clusterings in {args.clusters}, but {str(epochs)[:60]}: {ANEW}"
        )
    agreement = [normalized_mutual_information(*pair) for pair in itertools.pairwise(clusters)]
    result = {
        "dataset": pool.dataset,
        "epoch": epochs,
        "nmi": [normalized_mutual_information(row, hidden) for row in clusters],
        "nmi_previous": [None, *agreement],
    }
    write_json(args.out, result)


def train(args: Arguments) -> None:
    """Train one cycle's network: SUP on the labeled set, then SEMI where the method has it."""
    from wholepool.data.indexsets import read_index_set
    from wholepool.job import registry
    from wholepool.job.checkpoints import digest
    from wholepool.learn.training import train as fit
    from wholepool.learn.weights import load_network, save_weights

    require("--settings", args.settings, "network", "augment", "optimizer", "sup")
    semi = registry.get("semi", args.semi, "--semi") if args.semi != "none" else None
    if semi is not None:
        require("--settings", args.settings, "semi", *semi["READS"])
    pool = open_pool(args)
    labeled = labeled_set(args, pool)
    pseudo = None
    if args.pseudo_labels:
        _, _, seed, cycle = args.cell
        columns = read_index_set(args.pseudo_labels, "pseudo_labels", pool, seed, cycle - 1)
        pseudo = (columns["index"], columns["label"])
        logger.info("%d pseudo-labels join %d labels", len(pseudo[0]), len(labeled["index"]))
    draws = drawn(args, pool, "train")
    keep = checkpoints(
        args,
        pool,
        draws="/".join(map(str, draws)),
        semi=args.semi,
        labels=digest(labeled["index"], labeled["label"]),
        pseudo_labels=digest(*pseudo) if pseudo else "none",
        theta=digest(Path(args.theta).read_bytes()) if args.theta else "none",
    )
    if made_meanwhile(args, keep, (args.history, args.out)):
        return
    network, views, rng = prepared(args, pool, draws)
    if args.theta:
        load_network(network, args.theta, trunk_only=True)
    with keep.listening():
        history = fit(
            *(network, views, labeled["index"], labeled["label"], args.settings, rng),
            *(semi.load() if semi else None, pseudo, EpochReport(keep), keep),
        )
    write_history(args, pool, history, views, network, keep)
    save_weights(args.out, network.state_dict(), keep.key)
    keep.remove()


def embed(args: Arguments) -> None:
    """Predict every test image's class; where asked for, embed every pool image too."""
    from wholepool.data.arrays import read_test_images
    from wholepool.job.files import write_array
    from wholepool.learn.embedding import embed as run
    from wholepool.learn.views import Views
    from wholepool.learn.weights import load_network

    require("--settings", args.settings, "network", "augment")
    pool = open_pool(args)
    test = dataclasses.replace(pool, images=read_test_images(args.test_images, pool))
    network, views, rng = prepared(args, pool, drawn(args, pool, "embed"))
    load_network(network, args.model)
    if args.embeddings:
        embeddings, probabilities = run(network, views, views.embedding_rng(rng))
        write_array(args.embeddings, embeddings)
        write_array(args.probabilities, probabilities)
    test_views = Views(test, 0, False, device=views.device, memory_mb=args.pool_memory_mb)
    _, test_probabilities = run(network, test_views)
    write_array(args.test_probabilities, test_probabilities)


def propagate(args: Arguments) -> None:
    """Build the graph of the pool's embeddings and propagate the labels over it."""
    from wholepool.data.arrays import read_embeddings
    from wholepool.data.indexsets import unlabeled, write_index_set
    from wholepool.graph.affinity import normalized_graph, write_graph
    from wholepool.graph.propagation import propagate as run
    from wholepool.job import provenance

    require("--settings", args.settings, "propagation")
    pool = open_pool(args)
    labeled = labeled_set(args, pool)
    settings = args.settings["propagation"]
    device = graph_device(args.device)
    graph, recall = normalized_graph(read_embeddings(args.embeddings, pool), settings, device)
    result = run(graph, labeled["index"], labeled["label"], pool.classes, settings, device)
    rest = unlabeled(pool.n, labeled["index"])
    logger.info(
        "%d iterations to a relative residual of %.1e; labels reach %.1f %% of the pool; "
        "%.1f %% of the neighbors were found",
        result.iterations,
        result.residual,
        100 * result.reached.mean(),
        100 * recall,
    )
    pseudo = {"index": rest, "label": result.labels[rest], "weight": result.weights[rest]}
    seed, cycle = args.cell[2], args.cell[3]
    more = provenance.of_settings(args.settings)
    more["neighbor_recall"] = f"{int(recall * 10_000) / 10_000:.4f}"
    write_index_set(args.out, "pseudo_labels", pseudo, pool, seed, cycle, more)
    write_graph(args.graph, graph)


def evaluate(args: Arguments) -> None:
    """Measure one cell against the test labels, and its pseudo-labels against the hidden ones."""
    from wholepool.data.arrays import read_probabilities, read_test_labels
    from wholepool.data.indexsets import read_index_set, read_table, text_metadata
    from wholepool.data.oracles.hidden import read_hidden, require_answers
    from wholepool.job import provenance
    from wholepool.job.errors import ANEW
    from wholepool.job.files import write_json
    from wholepool.report import metrics as evaluation

    pool = open_pool(args)
    truth = read_test_labels(args.test_labels, pool.classes)
    probabilities = read_probabilities(args.test_probabilities, len(truth), pool.classes)
    labeled = labeled_set(args, pool)
    hidden = read_hidden(args.oracle, pool)
    require_answers(args.labeled, labeled, hidden)
    counts, balance = evaluation.class_balance(labeled["label"], pool.classes)
    method, strategy, seed, cycle = args.cell
    metrics: dict[str, Any] = {
        "dataset": pool.dataset,
        "method": method,
        "strategy": strategy,
        "seed": seed,
        "cycle": cycle,
        "n_labels": len(labeled["index"]),
        "accuracy": evaluation.accuracy(probabilities, truth),
        "nll": evaluation.negative_log_likelihood(probabilities, truth),
        "ece": evaluation.expected_calibration_error(probabilities, truth),
        "per_class_accuracy": evaluation.per_class_accuracy(probabilities, truth),
        "labels_per_class": counts,
        "label_balance": balance,
        "pseudo_labels": None,
        "pseudo_label_accuracy": None,
        "pseudo_label_accuracy_weighted": None,
        "fingerprint": pool.fingerprint,
    }
    if args.pseudo_labels:
        pseudo = read_index_set(args.pseudo_labels, "pseudo_labels", pool, seed)
        plain, weighted = evaluation.pseudo_label_accuracy(
            pseudo["label"], pseudo["weight"], hidden[pseudo["index"]]
        )
        metrics["pseudo_labels"] = len(pseudo["index"])
        metrics["pseudo_label_accuracy"] = plain
        metrics["pseudo_label_accuracy_weighted"] = weighted
    history = read_table(args.history)
    made = {"precision": "float32"}  # of histories that were written before it could differ
    made |= text_metadata(history.schema)
    missing = [name for name in ("device", "threads", "torch", "wholepool") if name not in made]
    if missing or "loss" not in history.column_names:
        raise UserError(
            f"{args.history} is no history of a training, for it lacks "
            f"{', '.join(missing or ['loss'])}: {ANEW}"
        )
    metrics["epochs"] = history.num_rows
    metrics["final_loss"] = history["loss"][-1].as_py() if history.num_rows else None
    metrics |= {name: made[name] for name in provenance.REPEATED if name in made}
    if "settings" in made:
        metrics["settings"] = json.loads(made["settings"])
    write_json(args.out, metrics)
    logger.info(
        "%s %s seed %d cycle %d: %d labels, test accuracy %.2f %%",
        method,
        strategy,
        seed,
        cycle,
        metrics["n_labels"],
        metrics["accuracy"],
    )


def acquire(args: Arguments) -> None:
    """Choose the next b images to be labeled."""
    import numpy as np

    from wholepool.data.arrays import read_embeddings, read_probabilities
    from wholepool.data.indexsets import write_index_set
    from wholepool.job import provenance
    from wholepool.job.randomness import generator
    from wholepool.strategies import STRATEGIES, Query

    strategy = registered(STRATEGIES, args.strategy, "--strategy")
    require("--settings", args.settings, *strategy.options)
    without = [name for name in strategy.needs if not getattr(args, name)]
    if without:
        raise UserError(
            f"--{without[0]} is missing, but strategy {args.strategy} reads it: give the file that "
            "the model's stages have made"
        )
    pool = open_pool(args)
    labeled = labeled_set(args, pool)["index"]
    _, _, seed, cycle = args.cell
    if args.budget > pool.n - len(labeled):
        raise UserError(
            f"--budget is {args.budget}, but only {pool.n - len(labeled)} images of {pool.dataset} "
            "are unlabeled: ask for fewer"
        )
    probabilities = None
    if args.probabilities:
        probabilities = read_probabilities(args.probabilities, pool.n, pool.classes)
    result = strategy.acquire(
        Query(
            n=pool.n,
            labeled=labeled,
            budget=args.budget,
            cycle=cycle,
            rng=generator(*drawn(args, pool, "acquire")),
            options=args.settings,
            embeddings=read_embeddings(args.embeddings, pool) if args.embeddings else None,
            probabilities=probabilities,
            graph=read_graph(args.graph, pool.n) if args.graph else None,
            device=graph_device(args.device) if args.graph else "cpu",
        )
    )
    if len(result.indices) != args.budget or np.isin(result.indices, labeled).any():
        raise UserError(
            f"strategy {args.strategy} broke its contract: it must return exactly {args.budget} "
            f"unlabeled images, but returned {len(result.indices)}, of which "
            f"{np.isin(result.indices, labeled).sum()} are labeled"
        )
    if args.pseudo_labels:
        write_index_set(
            args.pseudo_labels, "pseudo_labels", result.pseudo_labels, pool, seed, cycle
        )
    queries = {
        "index": result.indices,
        "rank": np.arange(len(result.indices)),
        "score": result.scores,
    }
    more = provenance.of_settings(args.settings)
    write_index_set(args.out, "queries", queries, pool, seed, cycle, more)


def label(args: Arguments) -> None:
    """Let the oracle answer the queries: the next cycle's labeled set."""
    import numpy as np

    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.data.oracles.hidden import answer, read_hidden, require_answers
    from wholepool.job.errors import ANEW

    pool = open_pool(args)
    _, _, seed, cycle = args.cell
    labeled = labeled_set(args, pool, back=1)
    queries = read_index_set(args.queries, "queries", pool, seed, cycle - 1)["index"]
    again = np.intersect1d(queries, labeled["index"])
    if len(again):
        raise UserError(
            f"{args.queries} asks for image {again[0]} (and {len(again) - 1} more) that is labeled "
            f"already in {args.labeled}: {ANEW}"
        )
    hidden = read_hidden(args.oracle, pool)
    require_answers(args.labeled, labeled, hidden)
    both = {
        "index": np.concatenate([labeled["index"], queries]),
        "label": np.concatenate([labeled["label"], answer(queries, hidden)]),
        "cycle": np.concatenate([labeled["cycle"], np.full(len(queries), cycle)]),
    }
    write_index_set(args.out, "labeled", both, pool, seed, cycle)


def runs(args: Arguments) -> None:
    """Gather every cell's metrics into one table, a row a cell, beside the settings of all."""
    from wholepool.grid.config import resolve
    from wholepool.paper.evidence import write_settings
    from wholepool.report.runs import write_runs

    settings = resolve(args.config, args.schema)
    infos = pool_infos(args)
    write_runs(Path(args.results), settings, infos, Path(args.out))
    write_settings(settings, infos, args.settings_out)


def pretraining(args: Arguments) -> None:
    """Gather the diagnoses of all pre-trainings into one table."""
    from wholepool.report.runs import write_pretraining

    write_pretraining([Path(path) for path in args.diagnoses], Path(args.out))


def tables(args: Arguments) -> None:
    """Make accuracy.csv and the paper's Tables I to III."""
    from wholepool.report.tables import write_tables

    require("--grid", args.grid, "experiments", "ablation_strategies")
    write_tables(Path(args.runs), args.grid, pool_infos(args), Path(args.out))


def figures(args: Arguments) -> None:
    """Draw the paper's Figures 1 to 4."""
    from wholepool.report.figures import write_figures

    require("--grid", args.grid, "experiments", "ablation_strategies")
    write_figures(Path(args.accuracy), args.grid, Path(args.out), pool_infos(args))


def compare(args: Arguments) -> None:
    """Compare evidence with the paper's printed figures: a table and a figure."""
    from wholepool.grid.config import resolve
    from wholepool.job.yaml import read_yaml
    from wholepool.paper.comparison import compare, read_paper
    from wholepool.paper.evidence import read_evidence
    from wholepool.paper.figure import write_comparison_figure
    from wholepool.paper.table import summary, write_comparison

    resolved = resolve(read_yaml(args.paper_grid, "--paper-grid"), args.schema)
    evidence = [read_evidence(folder) for folder in args.evidence]
    table, others = compare(read_paper(args.paper), evidence, resolved)
    write_comparison(table, others, args.tables)
    write_comparison_figure(table, args.figures)
    logger.info("%s", summary(table).strip())


def land(args: Arguments) -> None:
    """Copy a finished grid's runs, its settings and where they come from to a folder to keep."""
    from wholepool.paper.evidence import land

    land(args.results, args.command, args.out, args.commit, args.replace)


def throughput(args: Arguments) -> None:
    """Measure how fast this machine does what a grid is made of: rates, as JSON."""
    from wholepool.cost.throughput import measure
    from wholepool.cost.work import jobs
    from wholepool.job.files import write_json

    write_json(args.out, measure(jobs(grid_of(args)), args.device, args.threads))


def cost(args: Arguments) -> None:
    """Tell what a grid costs before it runs: jobs, image passes, hours and disk."""
    from wholepool.cost.estimate import read_rates, report
    from wholepool.cost.work import jobs
    from wholepool.job.files import write_json, write_text

    plan = jobs(grid_of(args))
    if args.throughput:
        rates = read_rates(args.throughput)
    else:
        from wholepool.cost.throughput import measure

        rates = measure(plan, args.device, args.threads)
    name = "this grid" if args.config.startswith("{") else Path(args.config).name
    text = report(plan, rates, args.jobs, name)
    print(text, end="")
    if args.rates:
        write_json(args.rates, rates)
    if args.out:
        write_text(args.out, text)


def grid_of(args: Arguments) -> dict[str, Any]:
    """The grid that a command is given, as a file or (the workflow) as JSON; resolved."""
    from wholepool.grid.config import resolve
    from wholepool.job.yaml import read_yaml

    if args.config.startswith("{"):
        return resolve(json.loads(args.config), args.schema)
    return resolve(read_yaml(args.config, "--config"), args.schema)


def show(args: Arguments) -> None:
    """Print the result table, and where the figures are."""
    from wholepool.report.tables import first_gains, losses, read_accuracy, summary

    accuracy = Path(args.results) / "tables" / "accuracy.csv"
    if not accuracy.exists():
        raise UserError(f"{accuracy} is missing: run snakemake --cores all all_tables first")
    table = read_accuracy(accuracy)
    print(summary(table), first_gains(table) + "\n" + losses(table), sep="\n\n", end="\n\n")
    for folder in ("tables", "figures"):
        names = sorted(path.name for path in (Path(args.results) / folder).glob("*"))
        print(f"{Path(args.results) / folder}: {', '.join(names)}")


def open_pool(args: Arguments) -> "Pool":
    """The pool that a stage's command names."""
    from wholepool.data.pool import read_pool

    return read_pool(args.pool, args.info)


def labeled_set(args: Arguments, pool: "Pool", back: int = 0) -> "Columns":
    """The labeled set that a command names: of its cell, or of the one `back` cycles before."""
    from wholepool.data.indexsets import read_index_set
    from wholepool.job.errors import ANEW

    _, _, seed, cycle = args.cell
    labeled = read_index_set(args.labeled, "labeled", pool, seed, cycle - back)
    if len(labeled["index"]) == 0:
        raise UserError(f"{args.labeled} holds no label, so there is nothing to learn from: {ANEW}")
    return labeled


def pool_infos(args: Arguments) -> dict[str, dict[str, Any]]:
    """The descriptions of the data sets that a command names."""
    from wholepool.data.pool import DESCRIPTION
    from wholepool.job.files import read_object

    return {name: read_object(path, *DESCRIPTION, "n_test") for name, path in args.info}


def registered(known: "Mapping[str, Any]", name: str, option: str) -> Any:
    """What is registered under a name; UserError, with what was perhaps meant, if nothing is."""
    if name not in known:
        from wholepool.job.errors import suggestion

        raise UserError(f"{option} is {name!r}, which is unknown{suggestion(name, known)}")
    return known[name]


def require(option: str, given: Any, *sections: str) -> None:
    """Raise UserError unless JSON that was given on the command line has these sections."""
    missing = [name for name in sections if not isinstance(given, dict) or name not in given]
    if missing:
        raise UserError(
            f"{option} lacks {', '.join(missing)}: give all of it as the resolved config has it"
        )


def drawn(args: Arguments, pool: "Pool", stage: str) -> tuple[str | int, ...]:
    """The key of a cell's random draws in a stage.

    The draws are those of the cell's seed, unless the config says that a seed moves the initial
    labels alone: then all seeds share the draws of one.
    """
    method, strategy, _, cycle = args.cell
    return pool.source, stage, method, strategy, draw_seed_of(args), cycle


def draw_seed_of(args: Arguments) -> int:
    """Whose random draws a cell has: see `drawn`."""
    return args.cell[2] if args.draw_seed is None else args.draw_seed


def prepared(
    args: Arguments, pool: "Pool", key: tuple[str | int, ...]
) -> "tuple[Network, Views, Any]":
    """A new network on its device, the pool's views there, and the job's random generator.

    All of torch's randomness (initial weights, dropout) follows from `key` too.
    """
    import torch

    from wholepool.job.randomness import generator, seed_sequence
    from wholepool.learn.device import device_for
    from wholepool.learn.networks.conv13 import Network
    from wholepool.learn.views import Views

    if not gc.isenabled():  # a process of its own, see the end of this file
        gc.freeze()
        gc.enable()
    torch.set_num_threads(args.threads)
    torch.manual_seed(int(seed_sequence("torch", *key).generate_state(1, "uint64")[0]) >> 1)
    device = device_for(args.device)
    augment = args.settings["augment"]
    views = Views(pool, device=device, memory_mb=args.pool_memory_mb, **augment)
    if views.rows is None:
        size = pool.images.nbytes / 1e6
        logger.info("the pool's %.0f MB stay on disk: each batch is read from there", size)
    network = Network(pool.channels, pool.classes, **args.settings["network"])
    return network.to(device), views, generator(*key)


def checkpoints(args: Arguments, pool: "Pool", **more: str) -> "Checkpoints":
    """The checkpoints of a training job, known by all that decides its result."""
    import torch

    from wholepool import __version__
    from wholepool.grid.versions import VERSIONS
    from wholepool.job.checkpoints import Checkpoints, digest

    identity = {
        "stage": f"{args.stage} {VERSIONS[args.stage]}",
        "versions": f"wholepool {__version__}, torch {torch.__version__}",
        "settings": digest(json.dumps(args.settings, sort_keys=True)),
        "pool": digest(pool.fingerprint, json.dumps([pool.mean, pool.std, pool.classes])),
        **more,
    }
    folder = Path(args.out).with_suffix(".checkpoints")
    return Checkpoints(folder, identity, args.checkpoint_seconds)


def made_meanwhile(args: Arguments, keep: "Checkpoints", outputs: tuple[str, ...]) -> bool:
    """Whether this very job was done by the process that it waited for; the last output tells."""
    from wholepool.learn.weights import identity_of

    done = args.waited and all(Path(path).exists() for path in outputs)
    if done and identity_of(outputs[-1]) == keep.key:
        logger.info("%s has been made meanwhile: nothing is left to do", outputs[-1])
        keep.remove()
        return True
    return False


def read_graph(path: str, n: int) -> Any:
    """The normalized adjacency; SciPy is imported only if there is one."""
    from wholepool.graph.affinity import read_graph as read

    return read(path, n)


def write_history(
    args: Arguments,
    pool: "Pool",
    history: list[dict[str, Any]],
    views: "Views",
    network: "Network",
    keep: "Checkpoints",
) -> None:
    """Write a training's history, with what made it in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch

    from wholepool.data.indexsets import list_to_arrow
    from wholepool.job import provenance
    from wholepool.job.files import atomic

    device = views.device
    seeds = {}
    if args.stage == "train":
        seeds = {"seed": args.cell[2], "draw_seed": draw_seed_of(args)}
    metadata = provenance.of_training(
        args.settings,
        pool.fingerprint,
        torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        torch.get_num_threads(),
        network.precision,
        torch.__version__,
        **seeds,
    )
    metadata |= provenance.times(keep.began, keep.spent, keep.resumed)
    names = list(dict.fromkeys(name for row in history for name in row))
    columns = {name: [row.get(name) for row in history] for name in names or ["loss"]}
    table = pa.table({name: list_to_arrow(values) for name, values in columns.items()})
    with atomic(args.history) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def graph_device(choice: str) -> str:
    """Where to search and solve. torch, which takes seconds, is asked only where a GPU is seen."""
    from wholepool.job.hardware import gpu_present

    if choice == "cpu" or (choice == "auto" and not gpu_present()):
        return "cpu"
    from wholepool.learn.device import device_for

    return device_for(choice).type


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line, not below a list of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"[{self.prog.split()[-1]}] {message}; for the usage see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line: a sub-command a stage."""
    top = Parser(prog="python -m wholepool", description=__doc__)
    commands = top.add_subparsers(dest="stage", required=True, metavar="STAGE")

    def command(function: Any, *required: str, optional: tuple[str, ...] = ()) -> Any:
        sub = commands.add_parser(function.__name__, help=function.__doc__)
        sub.set_defaults(run=function, settings=None)
        for name in required:
            sub.add_argument(f"--{name}", required=True)
        for name in optional:  # may be given without a value: the workflow has none
            sub.add_argument(f"--{name}", nargs="?")
        sub.add_argument("--log", help="file for the whole log")
        sub.add_argument("--threads", type=positive, default=1, help="CPU threads")
        sub.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        return sub

    def settings(sub: Any) -> None:
        sub.add_argument("--settings", type=from_json, required=True, help="config, as JSON")

    def on_device(sub: Any) -> None:
        settings(sub)
        sub.add_argument(
            "--pool-memory-mb",
            type=megabytes,
            metavar="MIB",
            help="copy a pool to the device up to this size; default: auto, half of what is free",
        )

    def resumable(sub: Any) -> None:
        sub.add_argument(
            "--checkpoint-seconds",
            type=seconds,
            default=300,
            help="a checkpoint this often, in a folder beside --out; default: 300",
        )

    def cell(sub: Any) -> None:
        sub.add_argument(
            "--cell", type=cell_of, required=True, help="method/strategy/seed/cycle of the job"
        )

    def draws(sub: Any) -> None:
        cell(sub)
        sub.add_argument("--draw-seed", type=int, help="whose random draws; default: the cell's")

    def grid(sub: Any) -> None:
        sub.add_argument("--grid", type=from_json, required=True, help="the plan, as JSON")

    settings(
        command(data, "name", "data-dir", "pool", "info", "oracle", "test-images", "test-labels")
    )
    command(label_all, "pool", "info", "oracle", "out")
    sub = command(initial, "pool", "info", "oracle", "out")
    sub.add_argument("--seed", type=int, required=True)
    sub.add_argument("--size", type=positive, required=True)
    sub = command(pretrain, "pool", "info", "pre", "history", "clusters", "cluster-epochs", "out")
    on_device(sub)
    resumable(sub)
    command(diagnose, "pool", "info", "oracle", "clusters", "cluster-epochs", "out")
    sub = command(
        train,
        *("pool", "info", "labeled", "semi", "history", "out"),
        optional=("theta", "pseudo-labels"),
    )
    on_device(sub)
    draws(sub)
    resumable(sub)
    sub = command(
        embed,
        *("pool", "info", "model", "test-images", "test-probabilities"),
        optional=("embeddings", "probabilities"),
    )
    on_device(sub)
    draws(sub)
    sub = command(propagate, "pool", "info", "labeled", "embeddings", "graph", "out")
    settings(sub)
    cell(sub)
    sub = command(
        evaluate,
        *("pool", "info", "labeled", "history", "oracle"),
        *("test-probabilities", "test-labels", "out"),
        optional=("pseudo-labels",),
    )
    cell(sub)
    sub = command(
        acquire,
        *("pool", "info", "labeled", "strategy", "out"),
        optional=("embeddings", "probabilities", "graph", "pseudo-labels"),
    )
    sub.add_argument("--budget", type=positive, required=True)
    settings(sub)
    draws(sub)
    cell(command(label, "pool", "info", "labeled", "queries", "oracle", "out"))
    sub = command(runs, "results", "schema", "settings-out", "out")
    sub.add_argument("--info", nargs="+", type=name_and_path, required=True)
    sub.add_argument("--config", type=from_json, required=True, help="the grid, as JSON")
    for function, needed in ((tables, "runs"), (figures, "accuracy")):
        sub = command(function, needed, "out")
        sub.add_argument("--info", nargs="+", type=name_and_path, required=True)
        grid(sub)
    sub = command(pretraining, "out")
    sub.add_argument("--diagnoses", nargs="+", required=True)
    sub = command(compare, "paper", "paper-grid", "schema", "tables", "figures")
    sub.add_argument("--evidence", nargs="+", required=True, help="folders with runs.csv")
    sub = command(land, "results", "command", "out", optional=("commit",))
    sub.add_argument("--replace", action="store_true", help="overwrite another landing")
    for sub in (
        command(throughput, "config", "out"),
        command(cost, "config", optional=("throughput", "rates", "out")),
    ):
        sub.add_argument("--schema", default="workflow/schemas/config.schema.yaml")
    sub.add_argument("--jobs", type=positive, default=1, help="how many run at a time")
    command(show, "results")
    return top


def refused(text: str, wanted: str) -> argparse.ArgumentTypeError:
    """An option's value and what it must be; argparse puts the option's name before it."""
    return argparse.ArgumentTypeError(f"{text!r}, but must be {wanted}")


def cell_of(text: str) -> tuple[str, str, int, int]:
    """method/strategy/seed/cycle."""
    try:
        method, strategy, seed, cycle = text.split("/")
        return method, strategy, int(seed), int(cycle)
    except ValueError:
        raise refused(text, "method/strategy/seed/cycle, the last two whole numbers") from None


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise refused(text, "a whole number of at least 1")
    return int(text)


def seconds(text: str) -> float:
    """A time of at least 0."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise refused(text, "seconds, at least 0")
    return found


def megabytes(text: str) -> int | None:
    """A number, or auto: None."""
    if text != "auto" and not text.isdecimal():
        raise refused(text, "a whole number of MiB, or auto")
    return None if text == "auto" else int(text)


def from_json(text: str) -> Any:
    """JSON on the command line."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise refused(text[:60], f"JSON ({error})") from None


def name_and_path(text: str) -> list[str]:
    """NAME=FILE, split."""
    if "=" not in text:
        raise refused(text, "NAME=FILE, a data set and its pool.json")
    return text.split("=", 1)


def output_of(args: Arguments) -> str | None:
    """The output whose lock a stage holds while it runs: the last that it writes."""
    name = {"data": "test_labels", "embed": "test_probabilities", "compare": "tables"}
    return getattr(args, name.get(args.stage, "out"), None)


def main(arguments: list[str] | None = None) -> int:
    """Run one stage.

    Returns 0; 2 after bad input, which is explained in one paragraph; 75 (EX_TEMPFAIL) if it was
    asked to stop and has written a checkpoint: it is to be resumed, by the same command.
    """
    args = parser().parse_args(arguments)
    # before NumPy is imported: its threads are the job's
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    cell = "/".join(map(str, args.cell)) if getattr(args, "cell", None) else ""
    name = " ".join(filter(None, [args.stage, cell]))
    start_logging(name, None)
    output = output_of(args)
    try:
        die_with_driver()
        if output and args.stage not in TO_FOLDER and Path(output).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), output)
        with sole_writer(output) if output else contextlib.nullcontext(False) as args.waited:
            start_logging(name, args.log)  # not before: whoever was waited for wrote to it
            on_gpu = args.stage in ON_GPU or (args.stage == "acquire" and args.graph)
            if on_gpu and args.device != "cpu":
                from wholepool.job.hardware import claim_gpu

                claim_gpu()
            args.run(args)
    except UserError as error:
        logger.error("%s", error)
        return 2
    except BrokenPipeError:
        return 1
    except OSError as error:  # a full disk, a read-only folder, a folder where a file should be
        from wholepool.job.files import explained

        logger.error("%s", explained(error, output or ""))
        logger.debug("%s failed", args.stage, exc_info=True)  # to the log file alone
        return 2
    except Exception:
        logger.exception("%s failed", args.stage)
        return 1
    except Interrupted as stop:
        logger.warning(
            "stopped by %s: to be resumed. The same command goes on from the last checkpoint",
            stop,
        )
        return os.EX_TEMPFAIL
    return 0


if __name__ == "__main__":
    # Of the 2.7 CPU-seconds that starting and ending torch costs each job, the garbage collector
    # takes 0.3 while modules are imported (`prepared` turns it on again) and the interpreter's
    # teardown 0.6: everything is on disk by then, so leave without it.
    gc.disable()
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
