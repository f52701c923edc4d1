"""How fast this machine does what a grid is made of: measured in seconds to minutes, as JSON.

Steps of training and passes of the network are timed by the functions that the jobs run, on random
images; graphs, k-means and strategies on random embeddings, in a cluster for each class.
"""

import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from wholepool import __version__
from wholepool.cost.work import Job, Pool
from wholepool.data.pool import Pool as Images
from wholepool.graph.affinity import normalized_graph
from wholepool.graph.kmeans import kmeans
from wholepool.graph.propagation import propagate
from wholepool.job.log import logger
from wholepool.learn.device import device_for
from wholepool.learn.embedding import embed
from wholepool.learn.networks.conv13 import Network, flops
from wholepool.learn.training import train
from wholepool.learn.views import Views
from wholepool.strategies import STRATEGIES, Query

#: batches whose step is timed; the time of any other is read off between them
LADDER = (8, 32, 128)
#: points of a graph that is timed, at most; the search grows by the square of their number
POINTS = {"cpu": 4000, "cuda": 20000}
#: a measurement goes on until it has taken this long, in seconds
ENOUGH = 1.0
#: acquired images of the longer of two acquisitions; the shorter acquires one
PICKS = 32
#: what the jobs of each kind import, and do first
STARTS = {
    "light": (
        "import numpy, wholepool.data.indexsets, wholepool.data.pool, wholepool.data.oracles.hidden"
    ),
    "scipy": (
        "import wholepool.data.indexsets, wholepool.data.pool, wholepool.graph.affinity, "
        "wholepool.graph.propagation"
    ),
    "tables": "import wholepool.report.tables, wholepool.report.figures",
    "torch": (
        "import torch, wholepool.__main__, wholepool.data.indexsets, wholepool.learn.weights, "
        "wholepool.learn.semi, wholepool.learn.pretrain, wholepool.learn.training; "
        "from wholepool.learn.networks.conv13 import Network; "
        "network = Network(3, 10, 0.125).to({device!r}); "
        "network(torch.zeros(2, 3, 32, 32, device={device!r})).sum().backward()"
    ),
}


def measure(plan: Iterable[Job], choice: str, threads: int) -> dict[str, Any]:
    """The rates of everything that the jobs of a plan do, on the device of the config's word.

    Seconds, and what they belong to: {"device", "processor", "kind", "threads", "torch",
    "wholepool", "start": {kind of job: s}, "networks": [{width, size, channels, weight_norm,
    precision, flops, steps: {images: s}, embed: s an image}], "graphs": [{n, dimensions, classes,
    settings, search, solve}], "kmeans": [{n, dimensions, clusters, seconds}], "strategies":
    [{strategy, n, dimensions, classes, k, fixed, pick}]}. `kmeans` is of one assignment of all
    points.
    """
    plan = list(plan)
    torch.set_num_threads(threads)
    device = device_for(choice)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    result: dict[str, Any] = {
        "device": name,
        "processor": processor(),
        "kind": device.type,
        "threads": threads,
        "torch": torch.__version__,
        "wholepool": __version__,
        "start": {kind: start_seconds(code, device.type) for kind, code in STARTS.items()},
    }
    networks = {network_key(job.pool): job.pool for job in plan if job.pool and job.embedded}
    result["networks"] = [network_rates(pool, device) for pool in networks.values()]
    graphs = {graph_key(job): job for job in plan if job.propagations}
    result["graphs"] = [graph_rates(job, device.type) for job in graphs.values()]
    clustered = {
        (job.pool.dimensions, job.pool.pixels, clusters(job.pool)): job.pool
        for job in plan
        if job.pool and job.rule == "pretrain"
    }
    result["kmeans"] = [
        row for pool in clustered.values() for row in kmeans_rates(pool, device.type)
    ]
    acquiring = {(job.strategy, graph_key(job)): job for job in plan if job.strategy}
    result["strategies"] = [strategy_rates(job, device.type) for job in acquiring.values()]
    return result


def processor() -> str:
    """The CPU's name, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return "unknown"


def network_key(pool: Pool) -> tuple[Any, ...]:
    """What the time of a step depends on, besides the batch."""
    network = pool.settings["network"]
    names = ("weight_norm", "precision")
    return network["width"], pool.size, pool.channels, *(network[name] for name in names)


def graph_key(job: Job) -> tuple[Any, ...]:
    """What the time of a propagation depends on, besides the number of images."""
    assert job.pool is not None
    return job.pool.dimensions, job.pool.classes, tuple(sorted(job.propagation.items()))


def clusters(pool: Pool) -> int:
    """k of PRE's k-means."""
    return min(pool.settings["pretrain"]["clusters_per_class"] * pool.classes, pool.n)


def start_seconds(code: str, device: str) -> float:
    """Median seconds of a process that imports what a kind of job does, and leaves like it."""
    code = f"import gc, os; gc.disable(); {code.format(device=device)}; os._exit(0)"
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}

    def run() -> None:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)

    run()
    return statistics.median(seconds(run) for _ in range(3))


def seconds(run: Callable[[], Any]) -> float:
    """How long one call takes."""
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


def network_rates(pool: Pool, device: torch.device) -> dict[str, Any]:
    """Seconds of a training step by batch, and of embedding an image, of a data set's network."""
    settings = pool.settings["network"]
    logger.info("width %g, %d pixels, %d channels", settings["width"], pool.size, pool.channels)
    rng = np.random.default_rng(0)
    shape = (1024, pool.size, pool.size, pool.channels)
    ones = (0.5,) * pool.channels
    names = tuple(map(str, range(pool.classes)))
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    network = Network(pool.channels, pool.classes, **settings)
    network = network.to(device)
    augment = pool.settings["augment"]

    def views(count: int) -> Views:
        toy = Images(images[:count], pool.name, names, ones, ones, "")
        return Views(toy, device=device, **augment)

    whole = views(len(images))
    steps = {}
    for size in LADDER:

        def run(count: int, size: int = size) -> None:
            labeled = np.arange(size)
            labels = labeled % pool.classes
            sup = {"epochs": count, "batch_size": size, "lr": 1e-3, "cosine_period": 2}
            sup |= {"drop_last": False}
            optimizer = {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4}
            train(network, whole, labeled, labels, {"sup": sup, "optimizer": optimizer}, rng)

        one = seconds(functools.partial(run, 1))
        if one < ENOUGH:
            one = seconds(functools.partial(run, 2)) / 2
            count = max(3, min(200, round(ENOUGH / one)))
            one = seconds(functools.partial(run, count)) / count
        steps[str(size)] = one
    few, many = views(128), views(1024)
    one = seconds(lambda: embed(network, few, few.embedding_rng(rng))) / 128
    if one * len(many) < 10 * ENOUGH:
        one = repeated(lambda: embed(network, many, many.embedding_rng(rng))) / len(many)
    return {
        "width": settings["width"],
        "size": pool.size,
        "channels": pool.channels,
        "weight_norm": settings["weight_norm"],
        "precision": settings["precision"],
        "flops": flops(pool.size, pool.channels, pool.classes, settings["width"]),
        "steps": steps,
        "embed": one,
    }


def toy_embeddings(n: int, dimensions: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors float32 (n, d) around a direction for each class, and the classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    centers = rng.normal(size=(classes, dimensions))
    points = centers[labels] + 0.7 * rng.normal(size=(n, dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), labels


def graph_rates(job: Job, device: str) -> dict[str, Any]:
    """Seconds of a search for neighbors, and of the rest of a propagation, at `n` points."""
    pool, settings = job.pool, dict(job.propagation)
    assert pool is not None
    n = min(pool.n, POINTS[device])
    logger.info("graph of %d points in %d dimensions, k = %d", n, pool.dimensions, settings["k"])
    points, labels = toy_embeddings(n, pool.dimensions, pool.classes)
    labeled = np.arange(pool.classes)
    searched = repeated(lambda: search(points, settings, device))
    every = repeated(
        lambda: propagate(
            normalized_graph(points, settings, device)[0],
            *(labeled, labels[labeled], pool.classes, settings, device),
        )
    )
    return {
        "n": n,
        "dimensions": pool.dimensions,
        "classes": pool.classes,
        "settings": settings,
        "search": searched,
        "solve": max(every - searched, 0.0),
    }


def search(points: np.ndarray, settings: Mapping[str, Any], device: str) -> None:
    """The neighbors alone."""
    from wholepool.graph.neighbors import nearest_neighbors

    nearest_neighbors(points, settings["k"], device, settings["search"], settings["recall"])


def kmeans_rates(pool: Pool, device: str) -> list[dict[str, Any]]:
    """Seconds of an assignment of all points to clusters, of embeddings and of pixels."""
    result = []
    for dimensions in dict.fromkeys((pool.dimensions, pool.pixels)):
        n = min(pool.n, POINTS["cpu"])
        k = min(clusters(pool), n)
        points = torch.as_tensor(toy_embeddings(n, dimensions, pool.classes)[0], device=device)

        def run(points: torch.Tensor = points, k: int = k) -> None:
            kmeans(points, k, 4, np.random.default_rng(0))

        row = {"n": n, "dimensions": dimensions, "clusters": k, "seconds": repeated(run) / 5}
        result.append(row)
    return result


def strategy_rates(job: Job, device: str) -> dict[str, Any]:
    """Seconds of an acquisition: of its first image, and of each further one, at `n` points."""
    pool = job.pool
    assert pool is not None
    n = min(pool.n, POINTS["cpu"])
    points, labels = toy_embeddings(n, pool.dimensions, pool.classes)
    strategy = STRATEGIES[job.strategy]
    picks = min(PICKS, job.budget)
    probabilities = np.full((n, pool.classes), 0.1 / max(pool.classes - 1, 1), dtype=np.float32)
    probabilities[np.arange(n), labels] = 0.9
    made: dict[str, Any] = {"embeddings": points, "probabilities": probabilities}
    if "graph" in strategy.needs:
        made["graph"] = normalized_graph(points, dict(job.propagation), "cpu")[0]

    def run(budget: int) -> None:
        query = Query(
            n=n,
            labeled=np.arange(pool.classes),
            budget=budget,
            cycle=0,
            rng=np.random.default_rng(0),
            options=job.options,
            device=device,
            **{name: made[name] for name in strategy.needs},
        )
        strategy.acquire(query)

    first = repeated(functools.partial(run, 1))
    more = 0.0
    if picks > 1:
        more = max(repeated(functools.partial(run, picks)) - first, 0.0) / (picks - 1)
    return {
        "strategy": job.strategy,
        "n": n,
        "dimensions": pool.dimensions,
        "classes": pool.classes,
        "k": job.propagation["k"],
        "fixed": first,
        "pick": more,
    }


def settings_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A measured network's key, as `network_key` makes it."""
    precision = row.get("precision", "float32")  # of rates that were taken before it could differ
    return row["width"], row["size"], row["channels"], row["weight_norm"], precision
