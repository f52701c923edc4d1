"""How fast this machine does what a grid is made of: measured in seconds to minutes, as JSON.

Steps of training and passes of the network are timed by the functions that the jobs run, on random
rows; graphs, k-means and strategies on random embeddings, in a cluster for each class. What decides
how long each takes is its "facts": two of the same facts are measured once.
"""

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from wholepool import __version__
from wholepool.cost.work import Job
from wholepool.data.pool import Pool as Rows
from wholepool.graph.kmeans import kmeans
from wholepool.graph.neighbors import nearest_neighbors
from wholepool.graph.propagation import propagate_images
from wholepool.grid.pools import Pool
from wholepool.grid.sections import reads
from wholepool.job import registry
from wholepool.job.hardware import processor
from wholepool.job.log import logger
from wholepool.learn.device import device_for
from wholepool.learn.embedding import embed
from wholepool.learn.training import train
from wholepool.learn.views import Views
from wholepool.strategies import Query

LADDER = (8, 32, 128)  # batches whose step is timed; the time of others is read off between them
#: points that are timed, at most: an exact search grows by the square of their number
POINTS = {"cpu": 4000, "cuda": 20000}
ENOUGH = 1.0  # seconds that a measurement takes at least
WRONG = 0.2  # of labels, drawn at random: .36 s; with none .13, CIFAR-10's 10,000 pseudo-labels .45
PICKS = 32  # images of the longer of two acquisitions; the shorter acquires one
#: what every job imports
COMMON = (
    "import wholepool.__main__, wholepool.data.indexsets, wholepool.data.oracles, "
    "wholepool.data.pool, wholepool.job.provenance, pyarrow.parquet; "
)
#: what the jobs of each kind import beside it, and do first
STARTS = {
    "light": "",
    "scipy": "import wholepool.graph.affinity, wholepool.graph.propagation",
    "fitted": "import wholepool.graph.propagation, wholepool.graph.stored, scipy.optimize",
    "tables": "import pandas, seaborn.objects",
    "features": "import timm, wholepool.learn.pretrain.pretrained",
    "torch": (
        "import torch, wholepool.data.oracles, wholepool.learn.training, wholepool.learn.weights; "
        "layer = torch.nn.Conv2d(3, 16, 3).to({0!r}); "
        "layer(torch.zeros(2, 3, 32, 32, device={0!r})).sum().backward()"
    ),
}
FORMAT = 4  # of the file of rates, raised when it changes
#: facts in whose proportion a time can be scaled
NUMBERS = ("flops", "dimensions", "classes", "clusters", "k")

Facts = dict[str, Any]


def facts_of(job: Job) -> Iterator[tuple[str, Facts, int]]:
    """What the time of a job depends on: kind of rates, facts, how many times.

    `n` is the number of rows in the pool; a step's batch and an acquisition's budget are not in it.
    """
    pool, work = job.pool, job.work
    if pool is None:
        return
    if work.steps or work.embedded:
        shape = "x".join(map(str, pool.shape))
        facts = {"flops": pool.network["flops"], "shape": shape, **pool.settings["network"]}
        yield "networks", facts, 1
    embeddings = {"n": pool.n, "dimensions": pool.network["dimensions"], "classes": pool.classes}
    if work.propagations:
        graph = {name: job.propagation[name] for name in ("k", "search")}
        yield "graphs", {**graph, "settings": job.propagation, **embeddings}, work.propagations
    if work.graphs or work.solves:
        graph = {name: job.propagation[name] for name in ("k", "search")}
        facts = {**graph, "settings": job.propagation, **embeddings}
        for kind, times in (("searches", work.graphs), ("solves", work.solves)):
            if times:
                yield kind, facts, times
    if work.featured:
        own = {name: pool.settings[name] for name in reads(registry.get("pretrain", job.pre))}
        yield "features", {"pre": job.pre, "settings": own}, work.featured
    for rows, times in work.fitted.items():
        yield "fits", {**embeddings, "n": rows, **pool.settings["network"]}, times
    for one in work.clusterings:
        pixels = one.points == "pixels"
        d = math.prod(pool.shape) if pixels else pool.network["dimensions"]
        facts = {"n": pool.n, "dimensions": d, "clusters": one.clusters}
        yield "kmeans", facts, one.runs * one.assignments
    if job.strategy:
        own = {"strategy": job.strategy, "options": job.options, "k": job.propagation["k"]}
        if "search" in job.options.get("propagation", {}):  # it searches for neighbors, as jLP
            own["search"] = job.propagation["search"]
        yield "strategies", own | embeddings, 1


SAME = (0, 0.0)  # what `unlike` says of equal facts


#: kinds that are a part of what is measured for another
PART_OF = {"searches": "graphs", "solves": "graphs"}


def unlike(row: Mapping[str, Any], facts: Facts) -> tuple[int, float]:
    """How many facts differ that are words; and how far apart the NUMBERS are, up to 1 %."""
    words = [name for name, fact in facts.items() if isinstance(fact, bool | str | dict)]
    both = [name for name in NUMBERS if name in facts and name in row]
    apart = sum(abs(math.log(row[name] / facts[name])) for name in both)
    return sum(row.get(name) != facts[name] for name in words if name != "shape"), round(apart, 2)


def measure(plan: Iterable[Job], choice: str, threads: int) -> dict[str, Any]:
    """The rates of everything that the jobs of a plan do, on the device of the config's word.

    Seconds: `start` of each kind of job, and rows of facts with their seconds, see MEASURED. Where
    facts differ by n alone, the largest pool's are measured.
    """
    torch.set_num_threads(threads)
    device = device_for(choice)
    result: dict[str, Any] = {
        "format": FORMAT,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": processor(),
        "kind": device.type,
        "threads": threads,
        "torch": torch.__version__,
        "wholepool": __version__,
        "start": {name: start_seconds(code, device.type) for name, code in STARTS.items()},
        **{kind: [] for kind in MEASURED},
    }
    wanted = [(job, kind, facts) for job in plan for kind, facts, _ in facts_of(job)]
    for job, part, facts in sorted(wanted, key=lambda one: -one[-1].get("n", 0)):
        kind = PART_OF.get(part, part)
        if not any(unlike(row, facts) == SAME for row in result[kind]):
            told = {name: fact for name, fact in facts.items() if not isinstance(fact, dict)}
            logger.info("measuring %s: %s", kind, told)
            result[kind].append(facts | MEASURED[kind](job, facts, device))
    return result


def start_seconds(code: str, device: str) -> float:
    """Median seconds of a process that imports what a kind of job does, and leaves like it."""
    code = f"import gc, os; gc.disable(); {COMMON}{code.format(device)}\nos._exit(0)"
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    # through a shell that waits, as Snakemake has it
    shell = ["bash", "-c", 'set -euo pipefail; "$0" -c "$1"; exit', sys.executable, code]
    run = partial(subprocess.run, shell, check=True, env=environment)
    run()
    return repeated(run)


def seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def repeated(run: Callable[[], Any]) -> float:
    """Median seconds of a call, after a first one that is not counted unless it was long."""
    found = [seconds(run)]
    if found[0] < ENOUGH:
        found = [seconds(run)]
        while sum(found) < ENOUGH and len(found) < 100:
            found.append(seconds(run))
    return statistics.median(found)


def network_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of a training step by the number of rows in the batch, and of embedding a row."""
    pool = job.pool
    assert pool is not None
    settings = dict(pool.settings["network"])
    module = registry.get("network", settings.pop("name")).load()
    network = module.build(pool.shape, pool.classes, settings).to(device)
    rng, count = np.random.default_rng(0), 128 if facts["flops"] > 1e8 else 1024
    rows = rng.integers(0, 256, (count, *pool.shape), dtype=np.uint8)
    if len(pool.shape) == 1:
        rows = rng.normal(size=rows.shape).astype(np.float32)
    half, names = (0.5,) * pool.shape[-1], tuple(map(str, range(pool.classes)))
    toy = Rows(rows, pool.name, names, half, half, "")
    views = Views(toy, device=device, **pool.settings["augment"])
    optimizer = {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4}
    always = {"drop_last": False, "lr": 1e-3, "cosine_period": 2}

    def fit(size: int, epochs: int) -> None:
        labeled = np.arange(size)
        given = {"sup": {"epochs": epochs, "batch_size": size} | always, "optimizer": optimizer}
        train(network, views, labeled, labeled % pool.classes, given, rng)

    steps: Facts = {}
    for size in LADDER:
        one = seconds(partial(fit, size, 1))
        steps[str(size)] = one if one > ENOUGH else repeated(partial(fit, size, 5)) / 5
    whole = repeated(lambda: embed(network, views, views.embedding_rng(rng)))
    return {"steps": steps, "embed": whole / count}


def toy_embeddings(n: int, dimensions: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors float32 (n, d) around a direction for each class, and the classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    centers = rng.normal(size=(classes, dimensions))
    points = centers[labels] + 0.7 * rng.normal(size=(n, dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), labels


def graph_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of a search for neighbors, and of the rest of a propagation, at `n` points."""
    n, classes, where = min(facts["n"], POINTS[device.type]), facts["classes"], device.type
    points, labels = toy_embeddings(n, facts["dimensions"], classes)
    settings = dict(job.propagation)
    how = settings["k"], where, settings["search"], settings["recall"]
    searched = repeated(lambda: nearest_neighbors(points, *how))
    known = np.arange(classes), labels[:classes], classes, settings, where
    every = repeated(lambda: propagate_images(points, *known))
    return {"n": n, "search_seconds": searched, "solve": max(every - searched, 0.0)}


def feature_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of one image's features, in a full batch, whatever the PRE has kept of other grids."""
    assert job.pool is not None
    module = registry.get("pretrain", facts["pre"]).load()
    embed, _ = module.embedder(facts["settings"], device.type)
    shape = images_of(job.pool)
    batch = np.random.default_rng(0).integers(0, 256, (module.BATCH, *shape), dtype=np.uint8)
    return {"seconds": repeated(lambda: embed(batch)) / module.BATCH}


def images_of(pool: Pool) -> tuple[int, ...]:
    """The shape of a data set's images, 32 x 32 x 3 where only its features' is known."""
    return pool.shape if len(pool.shape) == 3 else (32, 32, 3)


def fit_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of fitting a classifier at once, to `n` rows of as many classes."""
    n, classes = min(facts["n"], POINTS["cpu"]), facts["classes"]
    points, labels = toy_embeddings(n, facts["dimensions"], classes)
    # classes that a plane parts are fitted in a few iterations; pseudo-labels are not such
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(n) < WRONG, rng.integers(classes, size=n), labels)
    settings = dict(job.pool.settings["network"]) if job.pool else {}
    module = registry.get("network", settings.pop("name")).load()
    return {
        "n": n,
        "seconds": repeated(lambda: module.fit(points, labels, np.ones(n), classes, settings)),
    }


def kmeans_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of one assignment of all points to clusters, at `n` points."""
    n = min(facts["n"], POINTS["cpu"])
    k = min(facts["clusters"], n)
    points = torch.as_tensor(toy_embeddings(n, facts["dimensions"], k)[0], device=device)
    spent = repeated(lambda: kmeans(points, k, 4, np.random.default_rng(0))) / 5
    return {"n": n, "clusters": k, "seconds": spent}


def strategy_rates(job: Job, facts: Facts, device: torch.device) -> Facts:
    """Of an acquisition: of its first image, and of each further one, at `n` points."""
    n, classes = min(facts["n"], POINTS["cpu"]), facts["classes"]
    points, labels = toy_embeddings(n, facts["dimensions"], classes)
    plugin = registry.get("strategy", job.strategy)
    acquire = plugin.load().acquire
    probabilities = np.full((n, classes), 0.1 / max(classes - 1, 1), dtype=np.float32)
    probabilities[np.arange(n), labels] = 0.9
    head = np.zeros((classes, points.shape[1] + 1), dtype=np.float32)
    for one in range(classes):
        head[one, :-1] = 10 * points[labels == one].mean(axis=0)
    made: dict[str, Any] = {"embeddings": points, "probabilities": probabilities, "head": head}
    made["answers"] = np.arange(classes, dtype=np.int32)
    arrays = {name: made[name] for name in plugin["NEEDS"]}

    def ask(budget: int) -> None:
        given = n, np.arange(classes), budget, 0, np.random.default_rng(0), job.options
        acquire(Query(*given, **arrays, device=device.type, classes=classes))

    first, picks = repeated(lambda: ask(1)), min(PICKS, n - classes)
    more = max(repeated(lambda: ask(picks)) - first, 0.0) / max(picks - 1, 1)
    return {"n": n, "fixed": first, "pick": more}


#: how each kind of rates is measured
MEASURED: Mapping[str, Callable[[Job, Facts, torch.device], Facts]] = {
    "networks": network_rates,
    "graphs": graph_rates,
    "fits": fit_rates,
    "features": feature_rates,
    "kmeans": kmeans_rates,
    "strategies": strategy_rates,
}
