"""What each strategy costs: seconds of one core, and memory, beside scikit-activeml's.

    python benchmarks/strategies.py --write docs/strategies.md
    python benchmarks/strategies.py --only badge typiclust --n 10000

Each acquisition runs in a process of its own, with one thread, so that its peak memory is its own;
seconds are those of the processor, which others on the machine do not lengthen. The pool is made:
directions of 100 clusters, ten to a class, noise, unit length. scikit-activeml's runs on the whole
pool too, or on the largest of some smaller ones that it ends on within the limits.
"""

import argparse
import datetime
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALLER = (20_000, 10_000, 5_000, 2_000)
CLASSES, LABELED, CLUSTERS = 10, 100, 100
SEED = 0
MEASURED = "<!-- measured -->"
#: of the paper; all others are counted together
PAPER = ("random", "uncertainty", "ceal", "coreset", "jlp")
#: what scikit-activeml's are called, where both define the same thing or all but the same
THEIRS = {
    "margin": "UncertaintySampling",
    "least_confidence": "UncertaintySampling",
    "uncertainty": "UncertaintySampling",
    "badge": "Badge",
    "bald": "QueryByCommittee",
    "typiclust": "TypiClust",
    "probcover": "ProbCover",
    "maxherding": "MaxHerding",
    "coreset": "CoreSet",
    "dropquery": "DropQuery",
}


def main() -> None:
    """Measure each strategy in processes of its own; print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=50_000, help="images")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--only", nargs="+", metavar="STRATEGY", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for scikit-activeml's")
    parser.add_argument("--gigabytes", type=float, default=12, help="for scikit-activeml's")
    parser.add_argument("--write", type=Path, help="put the table where this page has it")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # who, strategy, folder
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options)))
        return
    from wholepool.job import registry

    beside = importlib.util.find_spec("skactiveml") is not None
    if not beside:
        print("scikit-activeml is not installed: ours are measured alone")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_pool(Path(folder), options)
        for name in options.only or registry.plugins("strategy"):
            ours = in_a_process("ours", name, folder, options.n, options)
            theirs = None
            for n in (options.n, *(n for n in SMALLER if n < options.n)):
                if beside and name in THEIRS and not theirs:
                    theirs = in_a_process("theirs", name, folder, n, options)
            rows.append((name, ours, theirs))
            print(name, ours, theirs, flush=True)
    told = table(rows, options)
    print(told)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, _, after = page.split(MEASURED)
        options.write.write_text(f"{before}{MEASURED}\n{told}\n{MEASURED}{after}", encoding="utf-8")


def make_pool(folder: Path, options: argparse.Namespace) -> None:
    """Embeddings, and a head of the classes' directions, as files."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    directions = rng.normal(size=(CLUSTERS, options.dimensions)) / options.dimensions**0.5
    of = rng.integers(0, CLUSTERS, options.n)
    points = directions[of] + 0.05 * rng.normal(size=(options.n, options.dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    means = np.stack([directions[one::CLASSES].mean(axis=0) for one in range(CLASSES)])
    head = np.concatenate([30 * means, np.zeros((CLASSES, 1))], axis=1)
    np.save(folder / "embeddings.npy", points.astype(np.float32))
    np.save(folder / "head.npy", head.astype(np.float32))
    np.save(folder / "classes.npy", (of % CLASSES).astype(np.int32))


def in_a_process(
    who: str, name: str, folder: str, n: int, options: argparse.Namespace
) -> dict[str, float] | None:
    """What `measure` returns; None where it did not end within the limits."""
    words = [sys.executable, __file__, "--one", who, name, folder, "--n", str(n)]
    words += ["--budget", str(options.budget)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

    def limits() -> None:
        if who == "theirs":
            resource.setrlimit(resource.RLIMIT_CPU, (options.seconds, options.seconds))
            size = int(options.gigabytes * 1e9)
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

    done = subprocess.run(
        words, env=os.environ | threads, text=True, capture_output=True, preexec_fn=limits
    )
    ended = (
        done.returncode < 0 or "MemoryError" in done.stderr
    )  # by a signal, or for lack of memory
    if done.returncode and not (ended and who == "theirs"):
        sys.exit(done.stderr)
    return None if done.returncode else json.loads(done.stdout.splitlines()[-1])


def measure(who: str, name: str, folder: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds of the processor, and megabytes that the process grew by over its inputs."""
    import numpy as np

    from wholepool.strategies._dropout import softmax

    points, head, classes = (
        np.load(Path(folder) / f"{file}.npy") for file in ("embeddings", "head", "classes")
    )
    points, classes = points[: options.n], classes[: options.n]
    labeled = np.arange(LABELED)
    probabilities = softmax(points @ head[:, :-1].T + head[:, -1]).astype(np.float32)
    arrays = {"embeddings": points, "probabilities": probabilities, "head": head}
    arrays["answers"] = classes[:LABELED]
    run = (ours if who == "ours" else theirs)(name, arrays, labeled, options.budget)
    before, began = peak(), time.process_time()
    run()
    seconds = time.process_time() - began
    return {"n": options.n, "seconds": seconds, "megabytes": peak() - before}


def ours(name: str, arrays: dict[str, Any], labeled: Any, budget: int) -> Callable[[], Any]:
    """An acquisition, at the defaults of the config."""
    import numpy as np

    from wholepool.grid import config, sections
    from wholepool.job import registry
    from wholepool.strategies import Query

    plugin = registry.get("strategy", name)
    schema = sections.schema()["$defs"]
    whole = {section: config.fill({}, schema[section]) for section in sections.reads(plugin)}
    given = len(arrays["embeddings"]), labeled, budget, 0, np.random.default_rng(SEED)
    needs = {need: arrays[need] for need in plugin["NEEDS"]}
    query = Query(*given, sections.given_to(plugin, whole), classes=CLASSES, **needs)
    acquire = plugin.load().acquire
    return lambda: acquire(query)


def theirs(name: str, arrays: dict[str, Any], labeled: Any, budget: int) -> Callable[[], Any]:
    """scikit-activeml's, with the settings that are nearest to ours."""
    import numpy as np
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier

    from wholepool.strategies._dropout import softmax

    class Head(SkactivemlClassifier):
        """The classifier, as one that is trained."""

        def __init__(self, weights: Any = None, classes: Any = None) -> None:
            super().__init__(classes=classes)
            self.weights = weights

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Head":  # noqa: N803
            self.classes_ = np.arange(CLASSES)  # what says that it is fitted
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: N803
            return softmax(X @ self.weights)

        def predict(self, X: Any) -> Any:  # noqa: N803
            return self.predict_proba(X).argmax(axis=1)

    points = arrays["embeddings"]
    y = np.full(len(points), np.nan)
    y[labeled] = arrays["answers"]
    weights = arrays["head"][:, :-1].T
    head = Head(weights, classes=np.arange(CLASSES))
    rng = np.random.default_rng(SEED)
    masks = 2 * (rng.random((20, len(weights), 1)) < 0.5)
    committee = [Head(weights * mask, classes=np.arange(CLASSES)).fit(None, None) for mask in masks]
    own: dict[str, Any] = {
        "margin": {"method": "margin_sampling"},
        "least_confidence": {"method": "least_confident"},
        "uncertainty": {"method": "entropy"},
        "bald": {"method": "KL_divergence"},
        "probcover": {"n_classes": CLASSES},
        "maxherding": {"metric_dict": {"gamma": 1}},
        "dropquery": {"n_dropout_samples": 3},
        "typiclust": {"k": 20},
    }
    asked: dict[str, Any] = {"batch_size": budget}
    if name == "bald":
        asked |= {"ensemble": committee, "fit_ensemble": False}
    elif name in ("margin", "least_confidence", "uncertainty", "badge", "dropquery"):
        asked |= {"clf": head, "fit_clf": False}
    strategy = getattr(pool, THEIRS[name])(random_state=SEED, **own.get(name, {}))
    return lambda: strategy.query(points, y, **asked)


def peak() -> float:
    """The largest memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def table(rows: list[tuple[str, Any, Any]], options: argparse.Namespace) -> str:
    """The measurements as Markdown."""
    from wholepool.job.hardware import processor

    lines = [
        f"{datetime.date.today()}, {processor()}, one thread: n = {options.n:,}, "
        f"d = {options.dimensions}, c = {CLASSES}, {LABELED} labels, b = {options.budget}. "
        "Memory is what the process grew by over its inputs. scikit-activeml 1.0.1 is timed on the "
        f"largest pool that it ends on within {options.seconds} s and {options.gigabytes:g} GB.",
        "",
        "| strategy | s | MB | scikit-activeml's | its n | its s | its MB |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for name, own, other in rows:
        cells = [f"`{name}`", f"{own['seconds']:.2f}", f"{own['megabytes']:,.0f}"]
        cells.append(f"`{THEIRS[name]}`" if name in THEIRS else "")
        if other:
            cells += [f"{other['n']:,}", f"{other['seconds']:.2f}", f"{other['megabytes']:,.0f}"]
        else:
            cells += ["", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    new = [(own["seconds"], name) for name, own, _ in rows if name not in PAPER]
    total = sum(seconds for seconds, _ in new)
    lines.append(f"| all {len(new)} that are not the paper's | **{total:.1f}** | | | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
