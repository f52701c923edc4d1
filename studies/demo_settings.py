"""What the demo's settings were chosen on: the diagnostics quoted in docs/deviations.md, section 3.

    python studies/demo_settings.py            (about 4 minutes on one core)

Propagation accuracy is against the pool's hidden labels, in percent, mean and sample standard
deviation over draws of the labeled set. The test set is not read.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from wholepool.data.indexsets import unlabeled
from wholepool.data.oracles import initial_set
from wholepool.data.pool import Pool, channel_statistics
from wholepool.data.sources import load
from wholepool.data.subsets import subset
from wholepool.graph.affinity import normalized_graph
from wholepool.graph.propagation import propagate
from wholepool.grid.config import resolve
from wholepool.grid.sections import own_of
from wholepool.job.randomness import generator
from wholepool.learn.embedding import embed
from wholepool.learn.networks import conv13
from wholepool.learn.pretrain.deepcluster import pixels, pretrain
from wholepool.learn.views import Views
from wholepool.report.metrics import normalized_mutual_information

ROOT = Path(__file__).parents[1]
DRAWS = 6


def main() -> None:
    torch.set_num_threads(1)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings = resolve(config)
    dataset, experiment = settings["datasets"]["digits"], settings["experiments"]["digits"]
    images = load("digits", {}, Path("data"))
    wanted = dataset["pool"]
    rng = generator("digits", "pool", wanted["seed"])
    keep = subset(len(images.train), images.train_labels, wanted["size"], wanted["sampling"], rng)
    train, truth = images.train[keep], images.train_labels[keep]
    mean, std = (tuple(values.tolist()) for values in channel_statistics(train))
    pool = Pool(train, "digits", tuple(images.class_names), mean, std, "")
    print(f"torch {torch.__version__}, a pool of {pool.n}, {DRAWS} draws")

    def report(name: str, embeddings: np.ndarray, more: str = "") -> None:
        for k in (20, 50):
            graph = normalized_graph(embeddings, experiment["propagation"] | {"k": k}).adjacency
            line = [f"{name:<40} k {k}"]
            for labels in (10, 20, 30):
                for y in ("onehot", "class_mean"):
                    section = experiment["propagation"] | {"labels": y}
                    scores = list(accuracies(graph, truth, labels, section))
                    line.append(f"{labels} {y} {np.mean(scores):.1f}±{np.std(scores, ddof=1):.1f}")
            print("  ".join(line) + more, flush=True)

    flat = pixels(Views(pool, 0, False)).numpy()
    report("pixels", flat)
    variants: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("PRE, the demo's", {}, {}),
        ("PRE, width 0.25", {"width": 0.25}, {}),
        ("PRE, logit_scale 1, lr 0.2", {"logit_scale": 1}, {"lr": 0.2}),
        ("PRE, pixel_epochs 0", {}, {"pixel_epochs": 0}),
        ("PRE, reassign_steps 0", {}, {"reassign_steps": 0}),
        ("PRE, both 0", {}, {"pixel_epochs": 0, "reassign_steps": 0}),
    ]
    for name, network_change, change in variants:
        torch.manual_seed(0)
        own = own_of(dataset["network"]) | network_change
        network = conv13.build(train.shape[1:], pool.classes, own)
        network = network.to(memory_format=torch.channels_last)
        augment = dataset["augment"]
        views = Views(pool, **augment)
        began = time.process_time()
        settings = {"deepcluster": dataset["deepcluster"] | change}
        result = pretrain(network, views, pool.classes, settings, generator("demo"))
        seconds = time.process_time() - began
        nmi = normalized_mutual_information(result.clusters[-1], truth)
        loss = result.history[-1]["loss"]
        more = f"  NMI {nmi:.2f}  last loss {loss:.2f}  {seconds:.0f} CPU-s"
        report(name, embed(network, views)[0], more)


def accuracies(
    graph: Any, truth: np.ndarray, labels: int, settings: dict[str, Any]
) -> Iterable[float]:
    """Propagation's accuracy on U in percent, a draw each: 10 balanced labels, the rest random."""
    for draw in range(DRAWS):
        rng = generator("demo", labels, draw)
        labeled = initial_set(truth, 10, 10, rng)
        more = rng.choice(unlabeled(len(truth), labeled), labels - 10, replace=False)
        labeled = np.concatenate([labeled, more])
        rest = unlabeled(len(truth), labeled)
        result = propagate(graph, labeled, truth[labeled], 10, settings)
        yield 100 * float((result.labels[rest] == truth[rest]).mean())


if __name__ == "__main__":
    main()
