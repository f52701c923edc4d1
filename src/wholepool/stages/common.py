"""What several stages do: open what their commands name, prepare a training, write its history."""

import dataclasses
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.sections import own_of, reads, word_of
from wholepool.grid.versions import VERSIONS, version
from wholepool.job import registry
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.hardware import SLOW_BFLOAT16, lacks_bfloat16
from wholepool.job.log import logger
from wholepool.job.registry import Plugin
from wholepool.stages.options import Arguments, require

if TYPE_CHECKING:
    import numpy as np
    import torch

    from wholepool.data.indexsets import Columns
    from wholepool.data.pool import Pool
    from wholepool.job.checkpoints import Checkpoints
    from wholepool.learn.networks import TorchNetwork
    from wholepool.learn.views import Views


def open_pool(args: Arguments) -> "Pool":
    """The pool that a stage's command names."""
    from wholepool.data.pool import read_pool

    return read_pool(args.pool, args.info)


def labeled_set(args: Arguments, pool: "Pool", back: int = 0) -> "Columns":
    """The labeled set that a command names: of its cell, or of the one `back` cycles before."""
    from wholepool.data.indexsets import read_index_set

    cell = args.cell
    labeled = read_index_set(args.labeled, "labeled", pool, cell.seed, cell.cycle - back)
    if len(labeled["index"]) == 0:
        raise UserError(
            f"{args.labeled} holds no label, so there is nothing to learn from: {AGAIN}"
        )
    return labeled


def pool_infos(args: Arguments) -> dict[str, dict[str, Any]]:
    """The descriptions of the data sets that a command names."""
    from wholepool.data.pool import DESCRIPTION
    from wholepool.job.files import read_object

    return {name: read_object(path, *DESCRIPTION, "n_test") for name, path in args.info}


def oracle_of(args: Arguments, pool: "Pool") -> "Callable[[np.ndarray], np.ndarray]":
    """The oracle that a command names: queries to answers, -1 where it does not know yet."""
    from wholepool.data.oracles import oracle, read_hidden

    require("--settings", args.settings, "oracle")
    hidden, asked = read_hidden(args.oracle, pool), args.settings["oracle"]
    return oracle(word_of(asked), hidden, own_of(asked), pool.classes)


def required(args: Arguments, plugin: Plugin, *sections: str) -> None:
    """Raise UserError unless --settings has these sections and those that the plug-in reads."""
    require("--settings", args.settings, *sections, *reads(plugin))


def drawn(args: Arguments, pool: "Pool", stage: str) -> tuple[str | int, ...]:
    """The key of a cell's random draws in a stage.

    The draws are those of the cell's seed, unless the config says that a seed moves the initial
    labels alone: then all seeds share the draws of one.
    """
    cell = args.cell
    return pool.source, stage, cell.method, cell.strategy, draw_seed_of(args), cell.cycle


def acquisition_draws(args: Arguments, pool: "Pool") -> tuple[str | int, ...]:
    """The key of a strategy's random draws: as `drawn`, but for the method.

    So Random asks for the same images under all methods of a seed, in every cycle: their labeled
    sets are equal, and the methods are compared in pairs.
    """
    cell = args.cell
    return pool.source, "acquire", cell.strategy, draw_seed_of(args), cell.cycle


def first_draws(args: Arguments, pool: "Pool") -> tuple[str | int, ...]:
    """The key of a strategy's random draws from zero labels: of the seed, which moves L_0."""
    return pool.source, "ask", args.strategy, args.seed


def draw_seed_of(args: Arguments) -> int:
    """Whose random draws a cell has: see `drawn`."""
    return args.cell.seed if args.draw_seed is None else args.draw_seed


def prepared(
    args: Arguments, pool: "Pool", key: tuple[str | int, ...]
) -> "tuple[TorchNetwork, Views, np.random.Generator]":
    """A new network on its device, the pool's views there, and the job's random generator.

    All of torch's randomness (initial weights, dropout) follows from `key` too. Where the command
    names features, they stand for the images.
    """
    import torch

    from wholepool.data.arrays import read_features
    from wholepool.job.randomness import generator, seed_sequence
    from wholepool.learn.views import Views

    device = training_device(args)
    torch.manual_seed(int(seed_sequence("torch", *key).generate_state(1, "uint64")[0]) >> 1)
    if getattr(args, "features", None):
        pool = dataclasses.replace(pool, images=read_features(args.features, pool.n))
    shift, least = args.settings["augment"]["translate"], min(pool.images.shape[1:3])
    if pool.images.ndim == 4 and shift >= least:  # KNOWN may not have told the config's check
        raise UserError(
            f"augment.translate is {shift}, but must be below the {least} pixels that images are "
            "wide or high: make it smaller"
        )
    plugin = registry.get("network", word_of(args.settings["network"]), "network.name")
    how = args.settings["augment"] | {"normalize": not plugin["NORMALIZES"]}
    views = Views(pool, device=device, memory_mb=args.pool_memory_mb, **how)
    if views.rows is None:
        megabytes = pool.images.nbytes / 1e6
        logger.info("the pool's %.0f MB stay on disk: each batch is read from there", megabytes)
    network = new_network(args, pool)
    if network.precision == "bfloat16" and device.type == "cpu" and lacks_bfloat16():
        logger.warning("%s", SLOW_BFLOAT16)
    return network.to(device), views, generator(*key)


def new_network(args: Arguments, pool: "Pool") -> Any:
    """The network that the settings name, for the rows of a pool."""
    named = args.settings["network"]
    plugin = registry.get("network", word_of(named), "network.name")
    return plugin.load().build(pool.images.shape[1:], pool.classes, own_of(named))


def training_device(args: Arguments) -> "torch.device":
    """The device to train on, with torch ready for it."""
    import torch

    from wholepool.learn.device import device_for

    if not gc.isenabled():  # a process of its own, see the end of __main__.py
        gc.freeze()
        gc.enable()
    torch.set_num_threads(args.threads)
    return device_for(args.device)


def checkpoints(
    args: Arguments, pool: "Pool", plugins: dict[str, str], **more: str
) -> "Checkpoints":
    """The checkpoints of a training job, known by all that decides its result.

    `plugins` are those that it runs, a name by kind.
    """
    import torch

    from wholepool import __version__
    from wholepool.job.checkpoints import Checkpoints, digest

    identity = {
        "stage": f"{args.stage} {VERSIONS[args.stage]}",
        "versions": (
            f"wholepool {__version__}, torch {torch.__version__}, {version(args.stage, **plugins)}"
        ),
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


def write_history(
    args: Arguments,
    pool: "Pool",
    history: list[dict[str, Any]],
    device: "torch.device",
    precision: str,
    keep: "Checkpoints",
    version: str,
) -> None:
    """Write a training's history, a row per epoch, with what made it in the file's metadata.

    `version` is the stage's, with its plug-ins'.
    """
    import torch

    from wholepool.job import provenance

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    how = name, torch.get_num_threads(), precision, torch.__version__
    times = provenance.times(keep.began, keep.spent, keep.resumed)
    write_rows(args, pool, history, *how, times, version)


def write_rows(
    args: Arguments,
    pool: "Pool",
    history: list[dict[str, Any]],
    device: str,
    threads: int,
    precision: str,
    torch: str,
    times: dict[str, str],
    version: str,
) -> None:
    """`write_history`, of a job that may have done without torch; `torch` is its version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from wholepool.data.indexsets import list_to_arrow
    from wholepool.job import provenance
    from wholepool.job.files import atomic

    seeds = {}
    if args.stage in ("train", "fit"):
        seeds = {"seed": args.cell.seed, "draw_seed": draw_seed_of(args)}
    elif getattr(args, "seed", None) is not None:
        seeds = {"seed": args.seed}
    made = provenance.of_training(
        args.settings,
        version,
        pool.fingerprint,
        device,
        threads,
        precision,
        torch,
        **seeds,
    )
    if args.stage in ("train", "fit"):
        joined = args.pseudo_labels if args.stage == "train" else args.joining
        made |= {"pre": args.pre, "joined": str(bool(joined))}
    made |= times
    names = list(dict.fromkeys(name for row in history for name in row))
    columns = {name: [row.get(name) for row in history] for name in names or ["loss"]}
    table = pa.table({name: list_to_arrow(values) for name, values in columns.items()})
    with atomic(args.history) as temporary:
        pq.write_table(table.replace_schema_metadata(made), temporary)


def graph_device(choice: str) -> str:
    """Where to search and solve. torch, which takes seconds, is asked only where a GPU is seen."""
    from wholepool.job.hardware import gpu_present

    if choice == "cpu" or (choice == "auto" and not gpu_present()):
        return "cpu"
    from wholepool.learn.device import device_for

    return device_for(choice).type
