"""Side by side with the peers' way: every benchmark of the project in one run, as a table.

    make bench                                    # about 17 minutes on two cores; writes the table
    python benchmarks/bench.py --only acquisition --budgets 100 1000 --checked 1000
    python benchmarks/bench.py --device cuda      # on a machine with a GPU

Every row is a ratio from one run: the peer's way and ours in turn, on the same input, on one thread
and then on all, and what they computed compared. (SciPy's conjugate gradients and NumPy's sparse
products have one thread whatever is given.) Times are medians; the ratio is the median
of the pairs' ratios, with the smallest and the largest beside it.
"""

import argparse
import contextlib
import datetime
import importlib
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

SOURCES = ("cifar10", "cifar100")
STAGES = ("early", "middle", "late")
PARTS = ("propagation", "acquisition", "training")
GOALS = {
    "LP solve": "5 (c = 10), 12 (c = 100)",
    "LP stage, exact": "1.5",
    "LP stage, approximate": "5",
    "jLP": "10",
    "CoreSet": "10",
    "k-means": "1",
    "training": "2",
    "SUP": "2",
}
MARKS = ("<!-- table -->", "<!-- end of table -->")


def main() -> None:
    """Run the parts, print the table, and put it into the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the more, beside 1")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="of training")
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--n", type=int, default=50_000, help="images of the pool")
    parser.add_argument("--budgets", type=int, nargs="+", default=[100], help="of jLP")
    parser.add_argument("--checked", type=int, default=100, help="picks that are compared")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--data", type=Path, default=Path("data"), help="has CIFAR-10, CIFAR-100")
    parser.add_argument("--cache", type=Path, default=Path("results/benchmark-embeddings"))
    parser.add_argument("--width", type=float, default=1.0, help="of the network that is trained")
    parser.add_argument("--size", type=int, default=32, help="of its images, in pixels")
    parser.add_argument("--batch", type=int, default=128, help="of its training")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--out", type=Path, help="all seconds of all rows, as JSON")
    parser.add_argument("--write", type=Path, help="the Markdown file whose table is replaced")
    options = parser.parse_args()
    if options.quick:
        options.n, options.repetitions, options.checked = 6000, 1, 20
        options.budgets = [20]
        options.width = 1 / 8
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy is imported
    rows: list[dict[str, Any]] = []
    for threads in dict.fromkeys((1, options.threads)):  # a peer may use one alone: both are told
        with on_threads(threads):
            for part in options.only:
                if threads > 1 or part != "training":
                    found = importlib.import_module(part).run(options)
                    rows += [{**row, "threads": threads} for row in found]
    text = header(options) + "\n\n" + table(rows) + "\n"
    print("\n" + text)
    if options.out:
        options.out.write_text(json.dumps({"header": header(options), "rows": rows}, indent=1))
    if options.write:
        whole = options.write.read_text(encoding="utf-8")
        before, rest = whole.split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        options.write.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}", encoding="utf-8")


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """torch, BLAS and OpenMP, and so faiss, on so many threads."""
    import faiss
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    with threadpool_limits(count):
        yield


def header(options: argparse.Namespace) -> str:
    """The machine, the versions, the date and the command."""
    import torch

    from wholepool.job.hardware import processor

    device = processor() if options.device == "cpu" else torch.cuda.get_device_name()
    packages = [f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "faiss-cpu")]
    # where this machine keeps its files is nobody's business
    hidden = {place for place, word in enumerate(sys.argv) if os.path.isabs(word) and place}
    hidden |= {place - 1 for place in hidden}
    words = [word for place, word in enumerate(sys.argv[1:], 1) if place not in hidden]
    command = " ".join(["python benchmarks/bench.py", *words])
    return (
        f"{datetime.date.today()}, {device}, {options.threads} threads, Python "
        f"{platform.python_version()}, {', '.join(packages)}; `{command}`"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| what | size | peer's way | threads | peer, s | ours, s | ratio (range) | goal "
        "| equality |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        goal = next((goal for name, goal in GOALS.items() if row["row"].startswith(name)), "")
        lines.append(
            f"| {row['row']} | {row['size']} | {row['peer']} | {row['threads']} "
            f"| {statistics.median(row['peer_seconds']):.3g} "
            f"| {statistics.median(row['our_seconds']):.3g} "
            f"| **{row['ratio']:.1f}** ({min(row['ratios']):.1f} to {max(row['ratios']):.1f}) "
            f"| {goal} | {row['equal']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
