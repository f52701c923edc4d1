"""Training in bfloat16 against float32 on one core, with and without instructions for it.

    python benchmarks/precision.py

Images a CPU-second of a training step (forward, backward, SGD), by process time, so that other load
counts little; the median of five runs that alternate. The lesser processor is this one told to use
AVX-512 without bfloat16: ONEDNN_MAX_CPU_ISA, which oneDNN reads once, in a process of
its own.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from wholepool.job.hardware import processor
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.optimizer import Sgd

BATCH, STEPS, REPEATS = 64, 3, 5
WIDTHS = (1.0, 0.25)
#: None is all that the processor has
LIMITS = (None, "AVX512_CORE")


def images_per_second(precision: str, width: float) -> float:
    """Of a step at 32 x 32 x 3, the batch BATCH."""
    torch.manual_seed(0)
    network = Network(3, 10, width=width, precision=precision).train()
    network = network.to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(np.arange(BATCH) % 10)
    optimizer = Sgd(network, momentum=0.9, nesterov=True, weight_decay=2e-4)
    began = 0.0
    for step in range(STEPS + 1):
        if step == 1:  # the first is slower
            began = time.process_time()
        logits = network.classify(network.embed(images))
        optimizer.step(torch.nn.functional.cross_entropy(logits, labels), 0.01)
    return STEPS * BATCH / (time.process_time() - began)


def measured() -> dict[str, dict[str, float]]:
    """{width: {precision: images a second}}, medians."""
    torch.set_num_threads(1)
    found = {}
    for width in WIDTHS:
        runs: dict[str, list[float]] = {"float32": [], "bfloat16": []}
        for _ in range(REPEATS):
            for precision, own in runs.items():
                own.append(images_per_second(precision, width))
        found[str(width)] = {name: statistics.median(own) for name, own in runs.items()}
    return found


def main() -> None:
    if sys.argv[1:] == ["here"]:
        print(json.dumps(measured()))
        return
    print(f"{processor()}, one thread, torch {torch.__version__}\n")
    print("| instructions | width | float32, images/s | bfloat16, images/s | bfloat16 is |")
    print("|---|---|---:|---:|---|")
    for limit in LIMITS:
        own = os.environ | {"OMP_NUM_THREADS": "1"}
        own |= {} if limit is None else {"ONEDNN_MAX_CPU_ISA": limit}
        run = subprocess.run(
            [sys.executable, __file__, "here"], env=own, check=True, capture_output=True, text=True
        )
        for width, rates in json.loads(run.stdout).items():
            ratio = rates["bfloat16"] / rates["float32"]
            told = f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"
            print(
                f"| {limit or 'all'} | {width} | {rates['float32']:.0f} | {rates['bfloat16']:.0f} "
                f"| {told} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
