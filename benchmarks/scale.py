"""Cost against the size of the pool: label propagation, jLP and CoreSet; seconds and peak memory.

    python benchmarks/scale.py --data data                     # 10,000 to a million images
    python benchmarks/scale.py --sizes 10000 50000 --search exact

A pool of any size is made of real embeddings (the late ones of CIFAR-10): copies of them, jittered
by a Gaussian of a tenth of the typical distance to the nearest neighbor, and made unit length
again. Each measurement runs in a process of its own, so that its peak memory is its own. The
exponent is the slope of log seconds over log n, by least squares.
"""

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS = {
    "k": 50,
    "gamma": 3,
    "clip": True,
    "graph": "reciprocal",
    "labels": "one_hot",
    "alpha": 0.99,
    "tolerance": 1e-6,
    "max_iterations": 100,
    "normalize_weights": False,
    "recall": 0.99,
}
WHAT = ("LP", "jLP", "CoreSet")


def main() -> None:
    """Measure every size in a process of its own; print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 200_000, 10**6])
    parser.add_argument("--budget", type=int, default=100, help="of jLP and CoreSet")
    parser.add_argument("--search", choices=("exact", "approximate"), default="approximate")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--data", type=Path, default=Path("data"), help="has CIFAR-10")
    parser.add_argument("--cache", type=Path, default=Path("results/benchmark-embeddings"))
    parser.add_argument("--out", type=Path, help="the measurements, as JSON")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy is imported
    if options.one:
        print(json.dumps(measure(options.one, options)))
        return
    import embeddings

    embeddings.load(options.cache, options.data, "cifar10", "late")
    found = []
    for n in options.sizes:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(n)]
        output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        found.append(json.loads(output.splitlines()[-1]))
        print(found[-1], file=sys.stderr, flush=True)
    print(table(found, options))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(n: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds and peak memory (GB, of the process so far) of each part at one size."""
    import embeddings
    import numpy as np
    import torch

    from wholepool.graph.affinity import affinity, normalize
    from wholepool.graph.neighbors import nearest_neighbors
    from wholepool.graph.propagation import propagate
    from wholepool.strategies import Query, coreset, jlp

    torch.set_num_threads(options.threads)
    base, truth = embeddings.load(options.cache, options.data, "cifar10", "late")
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(base))[np.arange(n) % len(base)]
    points = base[rows]
    if n > len(base):
        near = nearest_neighbors(base[:5000], 1).similarities
        spread = 0.1 * float(np.sqrt(2 - 2 * np.median(near)))
        for part in np.array_split(points, -(-n // 50_000)):
            noise = rng.normal(size=part.shape, scale=spread / part.shape[1] ** 0.5)
            part += noise.astype(np.float32)
            part /= np.linalg.norm(part, axis=1, keepdims=True)
    truth = truth[rows]
    labeled = np.sort(rng.choice(n, 100, replace=False))
    result: dict[str, Any] = {"n": n}

    began = time.perf_counter()
    found = nearest_neighbors(points, SETTINGS["k"], options.device, options.search)
    searched = time.perf_counter()
    graph = normalize(affinity(found.indices, found.similarities, SETTINGS["gamma"]))
    built = time.perf_counter()
    answer = propagate(graph, labeled, truth[labeled], 10, SETTINGS, options.device)
    solved = time.perf_counter()
    result["LP"] = solved - began
    result["LP_GB"] = peak()
    result["parts"] = [searched - began, built - searched, solved - built]
    result["recall"] = found.recall
    result["entries"] = graph.nnz
    result["iterations"] = answer.iterations
    result["residual"] = answer.residual
    del found, answer
    own = {"propagation": SETTINGS | {"search": options.search}, "jlp": {"graph": "union"}}
    for name, strategy in (("CoreSet", coreset), ("jLP", jlp)):  # jLP makes a graph of its own
        query = Query(n, labeled, options.budget, 0, rng, own, embeddings=points)
        began = time.perf_counter()
        strategy.acquire(query)
        result[name] = time.perf_counter() - began
        result[f"{name}_GB"] = peak()
    return result


def peak() -> float:
    """The largest memory that this process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def table(found: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """The measurements as Markdown, with the exponents."""
    import numpy as np

    from wholepool.job.hardware import processor

    lines = [
        f"{datetime.date.today()}, {processor()}, {options.threads} threads, search "
        f"{options.search}, c = 10, 100 labels, b = {options.budget}; memory is the process's peak "
        "so far: LP, then CoreSet, then jLP.",
        "",
        "| n | LP, s (search, graph, solve) | recall | iterations, residual | GB "
        "| CoreSet, s | GB | jLP, s | GB |",
        "|---:|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        parts = ", ".join(f"{seconds:.1f}" for seconds in row["parts"])
        lines.append(
            f"| {row['n']:,} | {row['LP']:.1f} ({parts}) | {row['recall']:.4f} "
            f"| {row['iterations']}, {row['residual']:.0e} | {row['LP_GB']:.1f} "
            f"| {row['CoreSet']:.2f} | {row['CoreSet_GB']:.1f} "
            f"| {row['jLP']:.1f} | {row['jLP_GB']:.1f} |"
        )
    if len(found) > 1:
        size = np.log([row["n"] for row in found])
        slope = {w: np.polyfit(size, np.log([row[w] for row in found]), 1)[0] for w in WHAT}
        lines.append(
            f"| exponent | **{slope['LP']:.2f}** | | | | **{slope['CoreSet']:.2f}** | "
            f"| **{slope['jLP']:.2f}** | |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
