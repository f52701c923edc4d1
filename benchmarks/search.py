"""Searches for neighbors side by side: seconds, recall and peak memory.

    python benchmarks/search.py
    python benchmarks/search.py --n 1000000 --search approximate IVF4096,PQ32x8

Each runs in a process of its own, on the same random embeddings, in a cluster for each class. A
word other than ours is a string of faiss's index factory.
"""

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import time

OURS = ("exact", "approximate")


def main() -> None:
    """Measure every search in a process of its own; print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=20_000, help="images")
    parser.add_argument("--d", type=int, default=128, help="dimensions")
    parser.add_argument("--k", type=int, default=50, help="neighbors")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--search", nargs="+", default=[*OURS, "IVF256,PQ32x8,RFlat"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy is imported
    if options.one:
        print(json.dumps(measure(options)))
        return
    from wholepool.job.hardware import processor

    print(
        f"{datetime.date.today()}, {processor()}, {options.threads} threads, n = {options.n:,}, "
        f"d = {options.d}, k = {options.k}, recall {options.recall:g} asked for\n\n"
        "| search | s | recall | peak memory above the embeddings', GB |\n|---|---:|---:|---:|"
    )
    for search in options.search:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", search]
        output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        found = json.loads(output.splitlines()[-1])
        print(f"| {search} | {found['s']:.1f} | {found['recall']:.4f} | {found['GB']:.2f} |")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """One search: seconds, recall, and GB by which the peak of memory rose."""
    import faiss  # noqa: F401  loaded before the clock starts, as torch is

    from wholepool.cost.throughput import toy_embeddings
    from wholepool.graph.neighbors import nearest_neighbors

    points, _ = toy_embeddings(options.n, options.d, options.classes)
    search = options.one if options.one in OURS else {"faiss": options.one}
    before = peak()
    began = time.perf_counter()
    found = nearest_neighbors(points, options.k, "cpu", search, options.recall)
    seconds = time.perf_counter() - began
    return {"s": seconds, "recall": found.recall, "GB": peak() - before}


def peak() -> float:
    """The largest memory that this process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
