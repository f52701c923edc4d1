"""How many small trainings one GPU should have at a time: images a second and memory, by number.

    python benchmarks/gpu_packing.py                          # on a GPU, a few minutes
    python benchmarks/gpu_packing.py --device cpu --jobs 1 2 --width 0.0625 --epochs 1

k equal processes, as Snakemake would start them, train SUP on 100 labels of random 32 x 32 images.
Each warms up with one epoch; then all start together, and the last to end tells the time. Give the
best k to Snakemake: --resources gpu=K for each GPU.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))


def train(width: float, epochs: int, labels: int, device: str) -> None:
    """One job: says that it is ready, waits for a line, trains, and tells what it took."""
    import numpy as np
    import torch

    from wholepool.data.pool import Pool
    from wholepool.learn.device import device_for
    from wholepool.learn.networks.conv13 import Network
    from wholepool.learn.training import train as fit
    from wholepool.learn.views import Views

    torch.set_num_threads(1)
    place = device_for(device)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(labels, 32, 32, 3), dtype=np.uint8)
    names = tuple(str(label) for label in range(10))
    pool = Pool(images, "random", names, (0.5,) * 3, (0.25,) * 3, "none")
    views = Views(pool, 2, True, device=place)
    network = Network(3, 10, width).to(place)

    def sup(epochs: int) -> None:
        settings = {
            "optimizer": {"momentum": 0.9, "weight_decay": 2e-4, "nesterov": True},
            "sup": {"epochs": epochs, "batch_size": 32, "lr": 0.01, "cosine_period": 1.05}
            | {"drop_last": False},
        }
        fit(network, views, np.arange(labels), np.arange(labels) % 10, settings, rng)
        if place.type == "cuda":
            torch.cuda.synchronize()

    sup(1)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    sup(epochs)
    seconds = time.perf_counter() - began
    if place.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        own, all_used = torch.cuda.max_memory_reserved(), total - free
    else:
        own = all_used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "own": own, "all": all_used}), flush=True)
    sys.stdin.readline()  # hold the memory until all have told theirs


def packed(k: int, width: float, options: argparse.Namespace) -> dict[str, Any]:
    """k jobs at once; images a second of all together, and memory in MB."""
    command = [sys.executable, __file__, "--job", "--width", str(width)]
    command += ["--epochs", str(options.epochs), "--labels", str(options.labels)]
    command += ["--device", options.device]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    jobs = [subprocess.Popen(command, env=environment, **pipes) for _ in range(k)]
    try:
        for job in jobs:
            answer(job)
        for job in jobs:
            tell(job)
        told = [json.loads(answer(job)) for job in jobs]
        for job in jobs:
            tell(job)
    finally:
        for job in jobs:
            job.kill()
            job.wait()
    images = k * options.epochs * options.labels
    on_gpu = options.device != "cpu"
    return {
        "width": width,
        "jobs": k,
        "images_per_second": images / max(job["seconds"] for job in told),
        "mb_per_job": max(job["own"] for job in told) / 1e6,
        # of a GPU, what the driver counts: with each process's CUDA context
        "mb_all": (max if on_gpu else sum)(job["all"] for job in told) / 1e6,
    }


def answer(job: "subprocess.Popen[str]") -> str:
    assert job.stdout is not None
    line = job.stdout.readline()
    if not line:
        sys.exit("a job died, see above: with fewer --jobs or a smaller --width it may fit")
    return line


def tell(job: "subprocess.Popen[str]") -> None:
    assert job.stdin is not None
    job.stdin.write("\n")
    job.stdin.flush()


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each width and number of jobs."""
    return [packed(k, width, options) for width in options.width for k in options.jobs]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments.add_argument("--width", type=float, nargs="+", default=[0.125, 1.0])
    arguments.add_argument("--epochs", type=int, default=100)
    arguments.add_argument("--labels", type=int, default=100)
    arguments.add_argument("--out", help="JSON")
    arguments.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.job:
        train(options.width[0], options.epochs, options.labels, options.device)
        return
    rows = run(options)
    print("| width | jobs at once | images/s | x one | MB a job | MB in all |\n|--|--|--|--|--|--|")
    for row in rows:
        one = next(r for r in rows if r["width"] == row["width"])  # the first number of jobs given
        gain = row["images_per_second"] / one["images_per_second"]
        print(
            f"| {row['width']:g} | {row['jobs']} | {row['images_per_second']:.0f} | {gain:.2f} "
            f"| {row['mb_per_job']:.0f} | {row['mb_all']:.0f} |"
        )
    if options.out:
        Path(options.out).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
