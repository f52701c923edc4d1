"""How fast training is, beside the usual way of writing it in PyTorch.

    python benchmarks/training.py                                   # CPU, 4 minutes on 2 idle cores
    python benchmarks/training.py --device cuda --repetitions 20 --out training.json

The usual way: images as a list of PIL images, a DataLoader with two workers that pads, crops, flips
and normalizes each of them, contiguous float32, torch.optim.SGD. The network, its weights, learning
rates and sizes of batches are the same. Ours is `wholepool.learn.training.train`, the function
that the jobs run, in float32 and in bfloat16. Timings alternate; what is printed is the median,
the range, and the median of the paired ratios.

Rows:
- training: images a second in the middle of an epoch. The peer's workers are running, with batches
  waiting, before the clock starts.
- SUP: 100 labels in batches of 32, where starting workers every epoch, as a DataLoader does,
  counts. On a CPU at --width one epoch of the 200 (all are alike); at width 1/8 all 200, once, in
  float32, and 20 in bfloat16.
- streaming: ours alone at width 1/8, from a pool of 60,000 images of 28 pixels that stays in its
  file ("ours"), beside one that is copied to the device ("peer").
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timing import interleaved, row
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from wholepool.data.pool import Pool
from wholepool.learn.networks.conv13 import Network, flops
from wholepool.learn.optimizer import cosine
from wholepool.learn.training import train
from wholepool.learn.views import Views

CLASSES, TRANSLATE, LABELS, SUP_BATCH, EPOCHS = 10, 4, 100, 32, 200
NARROW = 1 / 8
OPTIMIZER = {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4}
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
RATE = 0.05
PEER = "DataLoader over PIL images, 2 workers, contiguous float32, eager"


class PilImages(Dataset):
    """A list of PIL images with their labels, augmented one by one."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = [Image.fromarray(image) for image in images]
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(images.shape[1], TRANSLATE, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), index % CLASSES


def network_of(width: float, precision: str, device: str, channels: int = 3) -> Network:
    torch.manual_seed(0)
    return Network(channels, CLASSES, width=width, precision=precision).to(device).train()


def sgd_of(network: Network) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=RATE, **OPTIMIZER)


def peer_step(
    network: Network,
    optimizer: torch.optim.SGD,
    batch: tuple[torch.Tensor, torch.Tensor],
    rate: float,
    device: str,
) -> torch.Tensor:
    images, labels = (part.to(device, non_blocking=True) for part in batch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = functional.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def loader_of(images: np.ndarray, size: int, device: str) -> DataLoader:
    pinned = device == "cuda"
    return DataLoader(PilImages(images), size, shuffle=True, num_workers=2, pin_memory=pinned)


def endless(loader: DataLoader) -> Iterator[Any]:
    while True:
        yield from loader


def ours(
    network: Network, views: Views, labeled: np.ndarray, size: int, epochs: int
) -> Callable[[], float]:
    """SUP on images of the pool; returns the last epoch's mean loss."""
    sup = {"epochs": epochs, "batch_size": size, "lr": RATE, "cosine_period": 1.05}
    settings = {"sup": sup | {"drop_last": False}, "optimizer": OPTIMIZER}
    rng = np.random.default_rng(0)

    def run() -> float:
        history = train(network, views, labeled, labeled % CLASSES, settings, rng)
        return history[-1]["loss"]

    return run


def training_row(
    options: Any, precision: str, equal: str, images: np.ndarray, views: Views
) -> dict[str, Any]:
    """Images a second, in the middle of an epoch."""
    device, width, batch = options.device, options.width, options.batch
    steps = 50 if device == "cuda" else max(1, round(0.1 / width**2))
    steps = 1 if options.quick else min(steps, 10)
    network = network_of(width, "float32", device)
    optimizer = sgd_of(network)
    waiting = endless(loader_of(images, batch, device))

    def peer() -> float:
        losses = [peer_step(network, optimizer, next(waiting), RATE, device) for _ in range(steps)]
        return float(torch.stack(losses).mean())

    mine = ours(network_of(width, precision, device), views, np.arange(batch * steps), batch, 1)
    peer(), mine()
    size = f"width {width:g}, {options.size}x{options.size}, batch {batch}, {steps} step(s)"
    seconds = interleaved(peer, mine, options.repetitions)[:2]
    speeds = [batch * steps / statistics.median(one) for one in seconds]
    print(f"  images/s: peer {speeds[0]:.1f}, ours {speeds[1]:.1f}")
    if device == "cuda":
        rate = matrix_rate(device)
        own = 3 * flops(options.size, 3, CLASSES, width) * speeds[1]
        print(f"  {own / 1e12:.1f} of {rate / 1e12:.1f} TFLOP/s in bfloat16: {own / rate:.0%}")
    return row("training", f"{size}, {precision}", PEER, *seconds, equal)


def sup_row(
    options: Any,
    precision: str,
    equal: str,
    width: float,
    epochs: int,
    repetitions: int,
    images: np.ndarray,
) -> dict[str, Any]:
    """`epochs` of SUP on 100 labels; the cosine's are theirs too."""
    device = options.device
    loader = loader_of(images[:LABELS], SUP_BATCH, device)
    network = network_of(width, "float32", device)

    def peer() -> float:
        optimizer = sgd_of(network)
        for epoch in range(epochs):
            losses = []
            for number, batch in enumerate(loader):
                rate = cosine(RATE, epoch + number / len(loader), 1.05 * epochs)
                losses.append(peer_step(network, optimizer, batch, rate, device))
            loss = float(torch.stack(losses).mean())
        return loss

    views, labeled = views_of(images[:LABELS], device), np.arange(LABELS)
    ours(network_of(width, precision, device), views, labeled, SUP_BATCH, 1)()
    mine = ours(network_of(width, precision, device), views, labeled, SUP_BATCH, epochs)
    size = f"width {width:g}, {options.size}x{options.size}, {LABELS} labels, {epochs} epochs"
    seconds = interleaved(peer, mine, repetitions)[:2]
    return row("SUP", f"{size}, {precision}", PEER, *seconds, equal)


def equality(width: float, precision: str, batch: int, views: Views) -> str:
    """One step on one batch from the same weights, without dropout: losses and weights of both."""
    device = str(views.device)
    both = [network_of(width, kind, device) for kind in ("float32", precision)]
    for network in both:
        for layer in network.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
    indices = np.arange(batch)
    labels = torch.as_tensor(indices % CLASSES, device=device)
    one = views.plain(slice(0, batch)).contiguous()
    losses = [float(peer_step(both[0], sgd_of(both[0]), (one, labels), RATE, device))]
    still = views_of(views.stored, device, translate=0, flip=False)
    sup = {"epochs": 1, "batch_size": batch, "lr": RATE, "cosine_period": 1, "drop_last": False}
    settings = {"sup": sup, "optimizer": OPTIMIZER}
    rng = np.random.default_rng(0)
    losses.append(train(both[1], still, indices, indices % CLASSES, settings, rng)[0]["loss"])
    moved = max(
        float((a - b).detach().abs().max())
        for a, b in zip(both[0].parameters(), both[1].parameters(), strict=True)
    )
    apart = abs(losses[0] - losses[1]) / losses[0]
    if precision == "float32" and (apart > 1e-5 or moved > 1e-3):
        raise SystemExit(f"the two ways differ: losses {losses}, weights by {moved:.1e}")
    return f"after one step: loss apart by {apart:.1e} of itself, weights by at most {moved:.1e}"


def views_of(
    images: np.ndarray,
    device: str,
    translate: int = TRANSLATE,
    flip: bool = True,
    memory_mb: int | None = None,
) -> Views:
    names = tuple(map(str, range(CLASSES)))
    channels = images.shape[3]
    pool = Pool(images, "toy", names, MEAN[:channels], STD[:channels], "")
    return Views(pool, translate, flip, device=device, memory_mb=memory_mb)


def streaming_row(options: Any) -> dict[str, Any]:
    """A pool in its memory-mapped file beside the same on the device."""
    device = options.device
    rng = np.random.default_rng(0)
    batch, count = options.batch, 1280 if device == "cpu" else 60_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.npy"
        np.save(path, rng.integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8))
        images = np.load(path, mmap_mode="r")
        chosen = rng.choice(len(images), count, replace=False)
        networks, runs = [], []
        for memory_mb in (10**6, 0):
            network = network_of(NARROW, "float32", device, channels=1)
            views = views_of(images, device, memory_mb=memory_mb)
            networks.append(network)
            runs.append(ours(network, views, chosen, batch, 1))
        for one in runs:
            torch.manual_seed(0)  # of dropout
            one()
        pairs = zip(*(network.state_dict().values() for network in networks), strict=True)
        same = all(torch.equal(a, b) for a, b in pairs)
        size = f"width {NARROW:g}, 28x28, batch {batch}, {count} images"
        seconds = interleaved(*runs, options.repetitions)[:2]
    equal = f"weights after an epoch are {'' if same else 'NOT '}the same bytes"
    return row("streaming", f"{size}, float32", "the pool on the device", *seconds, equal)


def matrix_rate(device: str, n: int = 8192) -> float:
    """Multiplications and additions a second of a large bfloat16 matrix product: the best of 20."""
    one, other = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(20):
        torch.cuda.synchronize()
        began = time.perf_counter()
        one @ other
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best


def run(options: Any) -> list[dict[str, Any]]:
    """All rows, as `timing.row` makes them.

    What is said of equality is what the two give from the same weights and the same batch.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    count = max(LABELS, options.batch * 50 if options.device == "cuda" else options.batch * 10)
    images = rng.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    views = views_of(images, options.device)
    rows = []
    for precision in ("float32", "bfloat16"):
        equal = equality(options.width, precision, min(32, options.batch), views)
        print(f"{precision}: {equal}", flush=True)
        few, all_of_them = 1, EPOCHS if precision == "float32" else EPOCHS // 10
        if options.quick:
            all_of_them = 5
        rows.append(training_row(options, precision, equal, images, views))
        times = 1 if options.quick else 3
        if options.device == "cuda" and not options.quick:
            few, times = EPOCHS, 3
        rows.append(sup_row(options, precision, equal, options.width, few, times, images))
        rows.append(sup_row(options, precision, equal, NARROW, all_of_them, 1, images))
    return [*rows, streaming_row(options)]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    top.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    top.add_argument("--width", type=float, default=1.0)
    top.add_argument("--size", type=int, default=32, help="pixels")
    top.add_argument("--batch", type=int, default=128)
    top.add_argument("--repetitions", type=int, default=5)
    top.add_argument("--threads", type=int, help="default: all cores")
    top.add_argument("--quick", action="store_true", help="seconds, to see that it works")
    top.add_argument("--out", type=Path, help="JSON")
    return top


if __name__ == "__main__":
    options = parser().parse_args()
    rows = run(options)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
