"""What a grid is made of before it runs: the work of each job, and the bytes that it leaves.

Which jobs there are and which files they read and write, the plan says (grid/plan.py). How large a
pool and its network are, grid/pools.py says; what a PRE or a SEMI does, its own module.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wholepool.graph.neighbors import EXACT_UP_TO
from wholepool.grid import joblist, plan, slices, written
from wholepool.grid.cells import ALL, cold
from wholepool.grid.fits import labels_in
from wholepool.grid.made import of_results
from wholepool.grid.pools import Pool, pool_of, pretraining
from wholepool.job import registry
from wholepool.learn.training import work as training
from wholepool.learn.work import Work

FIGURE = 36_000  # bytes of a figure of one experiment, mean of the three kinds
BLOCK = 4096  # bytes that a file or a folder takes at least, on common file systems
FINAL = ("tables", "figures", "statistics")  # the stages that make pages
SHARED = "data, tables, figures"  # the group of jobs that belong to no experiment and no PRE

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One job: its rule, its files below the results folder, and its work.

    `group` and `method` say whose it is: an experiment and its method, or a PRE, or SHARED.
    `outputs` have their bytes; those in `temporary` go when nothing reads them any more. `labels`
    is |L|. A job that acquires has a `strategy`, a `budget`, and the `options` that the strategy
    reads; one of a PRE has a `pre`. At most `joining` images are trained on with a strategy's
    pseudo-labels: how many, nobody knows before, so they are not in `work`.
    """

    rule: str
    inputs: tuple[str, ...]
    pool: Pool | None = None
    group: str = SHARED
    method: str = ""
    outputs: Mapping[str, float] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()
    work: Work = field(default_factory=Work)
    labels: int = 0
    propagation: Settings = field(default_factory=dict)
    strategy: str = ""
    budget: int = 0
    options: Settings = field(default_factory=dict)
    joining: int = 0
    pre: str = ""


def jobs(config: Settings) -> list[Job]:
    """All jobs of the target `all` of a resolved configuration, each after those it waits for.

    Raises UserError for a data set whose size nobody knows yet.
    """
    pools: dict[tuple[str, str], Pool] = {}
    result = []
    for planned in joblist.planned(config):
        words: Settings = {"pre": planned.pre or "none"}
        if planned.cell and planned.cell.method:
            words = plan.words_of(config, planned.cell)
        key = planned.dataset, words["pre"] if plan.gives_features(words) else ""
        if key not in pools:
            pools[key] = pool_of(config, *key)
        result.append(job_of(planned, config, words, pools[key]))
    return result + list(final_jobs(result, config))


def job_of(planned: joblist.Job, config: Settings, words: Settings, pool: Pool) -> Job:
    """A planned job with its work and its bytes; `words` are its method's."""
    cell, rule = planned.cell, planned.rule.removesuffix("_initial")
    own: dict[str, Any] = {"labels": pool.n}
    if planned.pre:
        own |= {"group": f"PRE of {planned.dataset}", "pre": planned.pre}
    if cell:
        experiment = config["experiments"][cell.experiment]
        own |= {"group": cell.experiment, "method": cell.method, "budget": experiment["budget"]}
        own["propagation"] = searched(experiment["propagation"], pool.n)
        if cell.strategy != ALL:
            own["labels"] = labels_in(experiment, cell.cycle)
    if rule == "pretrain":
        own["work"] = pretraining(pool, planned.pre)
    elif rule == "features":
        own["work"] = featuring(pool, planned.pre)
    elif rule == "train":
        settings = slices.train(pool.settings, experiment, words)
        semi = None if words["semi"] == "none" else registry.get("semi", words["semi"]).load()
        own["work"] = training(pool.n, own["labels"], settings, semi)
        if "pseudo_labels" in planned.inputs:
            own["joining"] = settings["sup"]["epochs"] * (pool.n - own["labels"])
    elif rule == "fit":
        own["work"] = fitting(pool.n, own["labels"], words)
    elif rule == "graph":
        _, asking = plan.graphs(config, planned.dataset)[planned.outputs["out"]]
        own["propagation"] = searched(config["experiments"][asking]["propagation"], pool.n)
        own["work"] = Work(graphs=1)
    elif rule == "embed_pool" and not pool.fitted:
        own["work"] = Work(embedded=pool.n)
    elif rule == "embed":
        own["work"] = Work(embedded=pool.n + pool.n_test)
    elif rule == "predict":
        own["work"] = Work(embedded=pool.n_test)
    elif rule == "propagate":
        own["work"] = Work(propagations=1)
    elif cell and rule.startswith("acquire"):
        own["strategy"], own["options"] = cell.strategy, slices.acquire(experiment, cell.strategy)
    elif rule == "ask":
        start = cold(experiment)
        assert start
        own["strategy"], own["budget"] = start["strategy"], start["size"]
        own["options"] = slices.acquire(experiment, start["strategy"])
    gone = frozenset(planned.outputs[name] for name in written.TEMPORARY.get(planned.rule, ()))
    job = Job(planned.rule, tuple(planned.inputs.values()), pool, temporary=gone, **own)
    sizes = {path: BYTES.get(Path(path).name) for path in planned.outputs.values()}
    return replace(job, outputs={path: of(job, pool) if of else 0 for path, of in sizes.items()})


def featuring(pool: Pool, pre: str) -> Work:
    """What the stage features does: each image goes through the PRE's network."""
    if not hasattr(registry.get("pretrain", pre).load(), "embedder"):
        return Work(unknown=f"the features of PRE {pre}, which has no function embedder")
    return Work(featured=pool.n + pool.n_test)


def searched(propagation: Settings, n: int) -> dict[str, Any]:
    """The section `propagation` with its search as it is for n images: exact or approximate."""
    search = propagation["search"]
    exact = search == "exact" or (search == "auto" and n <= EXACT_UP_TO)
    # an index of faiss counts as our own: to be trained it may need more points than are timed
    return {**propagation, "search": "exact" if exact else "approximate"}


def fitting(n: int, labels: int, words: Settings) -> Work:
    """What the stage fit does with `labels` = |L| of n rows."""
    if words["semi"] == "none":
        return Work(fitted=Counter([labels]))
    fitted = Counter([labels, n])
    if plan.propagates(words):
        return Work(fitted=fitted, solves=1)
    return Work(fitted=fitted, unknown=f"how SEMI {words['semi']} makes its pseudo-labels")


#: bytes of the files that a job writes, by their names
BYTES: Mapping[str, Callable[[Job, Pool], float]] = {
    "pool.npy": lambda job, pool: array(pool.n, *pool.shape, item=1),
    "test_images.npy": lambda job, pool: array(pool.n_test, *pool.shape, item=1),
    "test_labels.npy": lambda job, pool: array(pool.n_test),
    "features.npy": lambda job, pool: array(pool.n, *pool.shape),
    "test_features.npy": lambda job, pool: array(pool.n_test, *pool.shape),
    "clusters.npy": lambda job, pool: array(sum(c.runs for c in job.work.clusterings), pool.n),
    "embeddings.npy": lambda job, pool: array(pool.n, pool.network["dimensions"]),
    "probabilities.npy": lambda job, pool: array(pool.n, pool.classes),
    "head.npy": lambda job, pool: array(pool.classes, pool.network["dimensions"] + 1),
    "test_probabilities.npy": lambda job, pool: array(pool.n_test, pool.classes),
    "model.safetensors": lambda job, pool: pool.network["bytes"] + 6000,  # with its header
    "source.json": lambda job, pool: 400,
    "files.json": lambda job, pool: 100,
    # index sets and histories in Parquet, as they come out
    "oracle.parquet": lambda job, pool: 1600 + 6.5 * pool.n,
    "all_labels.parquet": lambda job, pool: 1600 + 6.5 * pool.n,
    "labeled.parquet": lambda job, pool: 1600 + 6.5 * job.labels,
    "pseudo_labels.parquet": lambda job, pool: 1600 + 12 * (pool.n - job.labels),
    "queries.parquet": lambda job, pool: 1800 + 10 * job.budget,
    "history.parquet": lambda job, pool: 5000 if job.rule == "train" else 3000,
}


def array(*shape: int, item: int = 4) -> int:
    """Bytes of a .npy file."""
    return math.prod(shape) * item + 128


def final_jobs(before: list[Job], config: Settings) -> Iterator[Job]:
    """The tables, the figures, and `all` itself, as rules/tables.smk and figures.smk have them."""
    made = {rule: [file for job in before if job.rule == rule for file in job.outputs]
            for rule in ("data", "evaluate", "diagnose")}  # fmt: skip
    infos = [file for file in made["data"] if file.endswith(written.OUTPUTS["data"]["info"])]
    cells, experiments = len(made["evaluate"]), len(config["experiments"])
    gathered = {"tables/runs.csv": 600 * cells, "tables/settings.json": 3000 * experiments}
    pages: dict[str, list[str]] = {"tables": ["tables/accuracy.csv"], "figures": []}
    for page in registry.plugins("page").values():
        for file in page["FILES"]:
            pages.setdefault(page["STAGE"] or file.split("/")[0], []).append(file)
    tables, figures, statistics = (pages.get(name, []) for name in FINAL)
    told = [path for path, _, _ in of_results(config)]
    of_pre = ["tables/pretraining.csv"] if made["diagnose"] else []
    yield Job("runs", (*made["evaluate"], *told, *infos), outputs=gathered)
    yield Job("tables", ("tables/runs.csv", *infos), outputs=dict.fromkeys(tables, 0))
    if of_pre:
        yield Job("pretraining", (*made["diagnose"],), outputs=dict.fromkeys(of_pre, 0))
    drawn = dict.fromkeys(figures, FIGURE)
    yield Job("figures", ("tables/accuracy.csv", *infos), outputs=drawn)
    sizes = {file: FIGURE * file.startswith("figures/") for file in statistics}
    yield Job("statistics", ("tables/runs.csv", *infos), outputs=sizes)
    yield Job("report", (*tables, *figures, *statistics), outputs={"report.html": 12 * FIGURE})
    yield Job("all", (*gathered, *tables, *of_pre, *figures, *statistics, "report.html"))


def on_disk(size: float) -> float:
    """Bytes that a file of a size takes: whole blocks."""
    return max(1, -(-size // BLOCK)) * BLOCK


def around(plan: list[Job]) -> float:
    """Bytes of all but the outputs: a log and a benchmark per job, folders, Snakemake's records."""
    files = [file for job in plan for file in job.outputs]
    folders = {folder for file in files for folder in list(Path(file).parents)[:-1]}
    logged = sum(job.rule != "all" for job in plan)
    return BLOCK * (2 * logged + len(files) + len(folders))
