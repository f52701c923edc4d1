"""What a grid is made of before it runs: its jobs, the work of each, and the files it leaves.

Everything follows from the resolved configuration alone. The rules in rules/ say the same to
Snakemake; a test compares the two, file by file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wholepool.data.sources import SOURCES
from wholepool.grid.cells import ALL, INITIAL, Cell, cells, is_full
from wholepool.learn.networks.conv13 import embedding_dim, state_bytes
from wholepool.strategies import STRATEGIES

#: what a file takes at least on common file systems, in bytes; so does a folder
BLOCK = 4096
#: bytes of a row in Parquet, as the index sets come out
ROW_BYTES = {"oracle": 6.5, "labeled": 6.5, "pseudo_labels": 12.0}
#: of the n k directed edges, those that are reciprocal: 0.6 to 0.7 on trained embeddings
RECIPROCAL = 0.65
#: the two families of figures and tables, as rules/tables.smk and rules/figures.smk name them
TABLES = tuple(f"tables/table{n}.{kind}" for n in (1, 2, 3) for kind in ("csv", "md", "tex"))
FIGURES = tuple(f"figures/figure{n}.{kind}" for n in (1, 2, 3, 4) for kind in ("png", "svg", "pdf"))
FIGURE_BYTES = 60_000


@dataclass(frozen=True)
class Pool:
    """What is known of a data set before it is there: images, network, clusters of PRE."""

    name: str
    n: int
    n_test: int
    size: int
    channels: int
    classes: int
    settings: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def dimensions(self) -> int:
        """d, of an embedding."""
        return embedding_dim(self.settings["network"]["width"])

    @property
    def pixels(self) -> int:
        """Numbers in an image."""
        return self.size**2 * self.channels


@dataclass(frozen=True)
class Job:
    """One job: its rule, whose it is, its files below the results folder, and its work.

    `owner` is (experiment, method), (data set, PRE's name) or ("", ""). `kept` and `temporary`
    are the bytes of each output. `steps` counts training steps by the number of images in the
    batch; `embedded` images passed forward; `propagations` graphs built and solved, under
    `propagation`; `clusterings` (pixels, embeddings) runs of k-means. A job that acquires has a
    `strategy`, a `budget` and the `options` that the strategy reads. `unknown` is the number of
    epochs that CEAL's pseudo-labels join, how many images no one knows before: `steps` is without
    them.
    """

    rule: str
    owner: tuple[str, str]
    inputs: tuple[str, ...]
    kept: Mapping[str, float]
    temporary: Mapping[str, float] = field(default_factory=dict)
    pool: Pool | None = None
    steps: Counter[int] = field(default_factory=Counter)
    embedded: int = 0
    propagations: int = 0
    propagation: Mapping[str, Any] = field(default_factory=dict)
    clusterings: tuple[int, int] = (0, 0)
    strategy: str = ""
    budget: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    unknown: int = 0

    @property
    def trained(self) -> int:
        """Images passed forward and backward."""
        return sum(size * steps for size, steps in self.steps.items())


def pool_of(name: str, dataset: Mapping[str, Any]) -> Pool:
    """A resolved data set's numbers."""
    known = SOURCES[dataset["source"]]
    channels = known.channels if known.channels > 1 else dataset["pool"]["grey_channels"]
    n = dataset["pool"]["size"] or known.n
    return Pool(name, n, known.n_test, known.size, channels, known.classes, dataset)


def batches(size: int, batch_size: int, drop_last: bool) -> Counter[int]:
    """How many batches of which size one epoch over `size` images has; the only one is kept."""
    whole, rest = divmod(size, batch_size)
    result = Counter({batch_size: whole}) if whole else Counter()
    if rest and not (drop_last and whole):
        result[rest] += 1
    return result


def times(counts: Counter[int], factor: int) -> Counter[int]:
    """Every count multiplied."""
    return Counter({key: value * factor for key, value in counts.items() if factor})


def training(
    n: int, labels: int, experiment: Mapping[str, Any], words: Mapping[str, Any]
) -> tuple[Counter[int], int]:
    """Steps by batch size, and passes over the pool (each with a propagation), of one training.

    `labels` is |L|; the images that CEAL adds are not in it. This is `training.train` on paper.
    """
    sup = dict(experiment["sup"])
    if is_full(words):
        sup |= experiment["full"]
    epochs = sup["epochs"]
    if words["semi"] == "none":
        return times(batches(labels, sup["batch_size"], sup["drop_last"]), epochs), 0
    semi = experiment["semi"]
    if semi["sup_epochs"] is not None:
        epochs = semi["sup_epochs"]
    steps = times(batches(labels, sup["batch_size"], sup["drop_last"]), epochs)
    drawn = round(semi["epoch_share"] * (n - labels))
    chunks = batches(drawn, semi["batch_size"] - semi["labeled_size"], semi["drop_last"])
    for size, count in chunks.items():
        steps[size + semi["labeled_size"]] += count * semi["epochs"]
    return steps, 1 + max(0, semi["epochs"] - semi["first_epochs"])


def deepcluster(n: int, settings: Mapping[str, Any]) -> tuple[Counter[int], int, int]:
    """Steps by batch size, and clusterings of pixels and of embeddings, of one pre-training.

    This is `pretrain.deepcluster` on paper: every epoch draws n images, however it samples.
    """
    epoch = batches(n, settings["batch_size"], settings["drop_last"])
    steps_since, from_pixels = float("inf"), False
    pixels = embeddings = 0
    for number in range(settings["epochs"]):
        use_pixels = number < settings["pixel_epochs"]
        if not use_pixels if from_pixels else steps_since >= settings["reassign_steps"]:
            pixels, embeddings = pixels + use_pixels, embeddings + (not use_pixels)
            steps_since, from_pixels = 0, use_pixels
        steps_since += sum(epoch.values())
    return times(epoch, settings["epochs"]), pixels, embeddings


def array(*shape: int, item: int = 4) -> int:
    """Bytes of a .npy file."""
    size = item
    for length in shape:
        size *= length
    return size + 128


def table(kind: str, rows: int) -> float:
    """Bytes of an index set's Parquet file."""
    return 1600 + ROW_BYTES[kind] * rows


def graph_bytes(n: int, settings: Mapping[str, Any]) -> float:
    """Bytes of a graph: a float64 and an int64 an edge, an int64 a node."""
    share = RECIPROCAL if settings["graph"] == "reciprocal" else 2 - RECIPROCAL
    return n * settings["k"] * share * 16 + 8 * n


def jobs(config: Mapping[str, Any]) -> list[Job]:
    """All jobs of the target `all` of a resolved configuration, each after those it waits for."""
    experiments = config["experiments"]
    used = dict.fromkeys(experiment["dataset"] for experiment in experiments.values())
    result: list[Job] = []
    for name in used:
        result += dataset_jobs(pool_of(name, config["datasets"][name]), experiments)
    for name, experiment in experiments.items():
        pool = pool_of(experiment["dataset"], config["datasets"][experiment["dataset"]])
        result += experiment_jobs(name, experiment, pool)
    return result + list(final_jobs(result, list(used), experiments))


def dataset_jobs(pool: Pool, experiments: Mapping[str, Any]) -> Iterator[Job]:
    """The data, all labels for full supervision, each PRE and its diagnosis."""
    data = f"datasets/{pool.name}"
    mine = [words for experiment in experiments.values() if experiment["dataset"] == pool.name
            for words in experiment["methods"].values()]  # fmt: skip
    files = {
        f"{data}/pool.npy": array(pool.n, pool.pixels, item=1),
        f"{data}/pool.json": 0,
        f"{data}/oracle.parquet": table("oracle", pool.n),
        f"{data}/test_images.npy": array(pool.n_test, pool.pixels, item=1),
        f"{data}/test_labels.npy": array(pool.n_test),
    }
    yield Job("data", ("", ""), (), files, pool=pool)
    images = (f"{data}/pool.npy", f"{data}/pool.json")
    hidden = (*images, f"{data}/oracle.parquet")
    if any(map(is_full, mine)):
        labels = {f"{data}/all_labels.parquet": table("labeled", pool.n)}
        yield Job("label_all", ("", ""), hidden, labels)
    for pre in sorted({words["pre"] for words in mine} - {"none"}):
        folder = f"{data}/pretrain/{pre}"
        steps, pixels, embeddings = deepcluster(pool.n, pool.settings["pretrain"])
        made = {
            f"{folder}/model.safetensors": weights_bytes(pool),
            f"{folder}/history.parquet": 3000,
            f"{folder}/clusters.npy": array(pixels + embeddings, pool.n),
            f"{folder}/cluster_epochs.json": 0,
        }
        yield Job(
            *("pretrain", (pool.name, pre), images, made),
            pool=pool,
            steps=steps,
            embedded=embeddings * pool.n,
            clusterings=(pixels, embeddings),
        )
        seen = (f"{folder}/clusters.npy", f"{folder}/cluster_epochs.json")
        diagnosis = {f"{folder}/diagnosis.json": 0}
        yield Job("diagnose", (pool.name, pre), (*hidden, *seen), diagnosis)


def weights_bytes(pool: Pool) -> int:
    """Bytes of a network's safetensors file, with its header."""
    return state_bytes(pool.channels, pool.classes, **pool.settings["network"]) + 6000


def experiment_jobs(name: str, experiment: Mapping[str, Any], pool: Pool) -> Iterator[Job]:
    """The initial labels, and of every cell its training and what follows from it."""
    data = f"datasets/{pool.name}"
    hidden = (f"{data}/pool.npy", f"{data}/pool.json", f"{data}/oracle.parquet")
    if not all(map(is_full, experiment["methods"].values())):
        for seed in experiment["seeds"]:
            first = {first_labels(name, seed): table("labeled", experiment["initial"])}
            yield Job("initial", (name, ""), hidden, first)
    for cell in cells({name: experiment}):
        yield from cell_jobs(cell, experiment, pool)


def first_labels(experiment: str, seed: int) -> str:
    """The file of a seed's L_0, the same for all methods."""
    return f"runs/{experiment}/initial/seed{seed}/labeled.parquet"


def cell_jobs(cell: Cell, experiment: Mapping[str, Any], pool: Pool) -> Iterator[Job]:
    """One cell: label, train, embed or predict, propagate, evaluate, acquire."""
    words = experiment["methods"][cell.method]
    semi = words["semi"] != "none"
    owner = (cell.experiment, cell.method)
    data, run = f"datasets/{pool.name}", cell.path
    images = (f"{data}/pool.npy", f"{data}/pool.json")
    hidden = (*images, f"{data}/oracle.parquet")
    first = cell.strategy == INITIAL
    count = pool.n
    asking: list[str] = []
    if cell.strategy == ALL:
        labeled = f"{data}/all_labels.parquet"
    else:
        labeled = first_labels(cell.experiment, cell.seed) if first else f"{run}/labeled.parquet"
        count = experiment["initial"] + cell.cycle * experiment["budget"]
        if cell.cycle + 1 < experiment["cycles"]:
            asking = list(words["strategies"]) if first else [cell.strategy]
    needs = {need for strategy in asking for need in STRATEGIES[strategy].needs}

    pseudo: tuple[str, ...] = ()
    if not first and cell.strategy != ALL:
        before = Cell(cell.experiment, cell.method, cell.strategy, cell.seed, cell.cycle - 1).path
        earlier = f"{before}/labeled.parquet"
        if cell.cycle == 1:
            earlier = first_labels(cell.experiment, cell.seed)
        asked = f"{before}/queries.parquet"
        yield Job("label", owner, (*hidden, earlier, asked), {labeled: table("labeled", count)})
        if STRATEGIES[cell.strategy].gives_pseudo_labels and experiment["ceal"]["join"]:
            pseudo = (f"{before}/acquired_pseudo_labels.parquet",)

    pre = words["pre"]
    theta = () if pre == "none" else (f"{data}/pretrain/{pre}/model.safetensors",)
    steps, passes = training(pool.n, count, experiment, words)
    model, history = f"{run}/model.safetensors", f"{run}/history.parquet"
    yield Job(
        *("train", owner, (*images, labeled, *theta, *pseudo)),
        {model: weights_bytes(pool), history: 5000},
        pool=pool,
        steps=steps,
        embedded=passes * pool.n,
        propagations=passes,
        propagation=experiment["propagation"],
        unknown=experiment["sup"]["epochs"] if pseudo else 0,
    )

    whole = semi or bool(needs)
    seen = (*images, f"{data}/test_images.npy", model)
    tested = (
        f"{run}/test_probabilities.npy" if whole else f"{run}/predictions/test_probabilities.npy"
    )
    kept: dict[str, float] = {tested: array(pool.n_test, pool.classes)}
    if whole:
        arrays: dict[str, float] = {
            f"{run}/embeddings.npy": array(pool.n, pool.dimensions),
            f"{run}/probabilities.npy": array(pool.n, pool.classes),
        }
        rule, kept, temporary = "embed", kept, arrays
        if first:
            rule, kept, temporary = "embed_initial", arrays | kept, {}
        every = pool.n + pool.n_test
        yield Job(rule, owner, seen, kept, temporary, pool=pool, embedded=every)
    else:
        yield Job("predict", owner, seen, kept, pool=pool, embedded=pool.n_test)

    if semi or "graph" in needs:
        rest = {f"{run}/pseudo_labels.parquet": table("pseudo_labels", pool.n - count)}
        graph = {f"{run}/graph.npz": graph_bytes(pool.n, experiment["propagation"])}
        yield Job(
            "propagate_initial" if first else "propagate",
            *(owner, (*images, labeled, f"{run}/embeddings.npy")),
            rest | graph if first else rest,
            {} if first else graph,
            pool=pool,
            propagations=1,
            propagation=experiment["propagation"],
        )

    judged = (f"{run}/pseudo_labels.parquet",) if semi else pseudo
    measured = (*hidden, f"{data}/test_labels.npy", labeled, history, tested, *judged)
    yield Job("evaluate", owner, measured, {f"{run}/metrics.json": 0})

    for strategy in asking:
        own = Cell(cell.experiment, cell.method, strategy, cell.seed, cell.cycle).path
        chosen = STRATEGIES[strategy]
        names = {"embeddings": "npy", "probabilities": "npy", "graph": "npz"}
        read = [f"{run}/{need}.{kind}" for need, kind in names.items() if need in chosen.needs]
        queries: dict[str, float] = {f"{own}/queries.parquet": 1800 + 10 * experiment["budget"]}
        if chosen.gives_pseudo_labels:
            queries[f"{own}/acquired_pseudo_labels.parquet"] = 0
        yield Job(
            "acquire_with_pseudo_labels" if chosen.gives_pseudo_labels else "acquire",
            *(owner, (*images, labeled, *read), queries),
            pool=pool,
            propagation=experiment["propagation"],
            strategy=strategy,
            budget=experiment["budget"],
            options={section: experiment[section] for section in chosen.options},
        )


def final_jobs(before: list[Job], used: list[str], experiments: Mapping[str, Any]) -> Iterator[Job]:
    """The tables, the figures, and `all` itself."""
    infos = tuple(f"datasets/{name}/pool.json" for name in used)
    metrics = tuple(f"{cell.path}/metrics.json" for cell in cells(dict(experiments)))
    diagnoses = tuple(file for job in before if job.rule == "diagnose" for file in job.kept)
    runs, accuracy = "tables/runs.csv", "tables/accuracy.csv"
    tables = dict.fromkeys((accuracy, *TABLES), 0)
    drawn = dict.fromkeys(FIGURES, FIGURE_BYTES)
    gathered = {runs: 600 * len(metrics), "tables/settings.json": 3000 * len(experiments)}
    yield Job("runs", ("", ""), (*metrics, *infos), gathered)
    yield Job("tables", ("", ""), (runs, *infos), tables)
    wanted = (runs, *tables, *drawn)
    if diagnoses:
        yield Job("pretraining", ("", ""), diagnoses, {"tables/pretraining.csv": 0})
        wanted = (*wanted, "tables/pretraining.csv")
    yield Job("figures", ("", ""), (accuracy, *infos), drawn)
    yield Job("all", ("", ""), wanted, {})


def on_disk(size: float) -> float:
    """Bytes that a file takes: whole blocks."""
    return max(1, -(-size // BLOCK)) * BLOCK


def beside(plan: list[Job]) -> float:
    """Bytes beside the outputs: logs, benchmarks, folders, and Snakemake's own records.

    A job leaves a log and a benchmark, in folders of their own; Snakemake a record of each output.
    """
    folders: set[str] = set()
    total = 0.0
    for job in plan:
        files = [*job.kept, *job.temporary]
        if job.rule != "all":
            total += 2 * BLOCK
        for file in files:
            total += BLOCK
            parts = file.split("/")[:-1]
            folders |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return total + BLOCK * len(folders)
