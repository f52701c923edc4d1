"""Which files each job reads and writes, below the results folder.

The rules ask for the files of one job at a time, the cost for all jobs of a grid: both are told the
same here. Everything follows from the resolved configuration alone.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from wholepool.grid import people
from wholepool.grid.cells import ALL, INITIAL, Cell, before, cold, is_full
from wholepool.grid.sections import reads, word_of
from wholepool.grid.slices import as_json
from wholepool.grid.slices import graph as graph_slice
from wholepool.grid.written import ARRAYS, OUTPUTS, Files, placed
from wholepool.job import registry

Config = Mapping[str, Any]


def of_dataset(dataset: str, *names: str) -> Files:
    """Files of a data set: those of OUTPUTS["data"] with these names."""
    return {name: f"datasets/{dataset}/{OUTPUTS['data'][name]}" for name in names}


def pre_folder(dataset: str, pre: str, seed: int | str | None = None) -> str:
    """Where what a PRE gives stands, for all experiments and methods on a data set.

    It is drawn once, for all seeds, or for one `seed`.
    """
    return f"datasets/{dataset}/pretrain/{pre}" + ("" if seed is None else f"/seed{seed}")


def drawn_for(draw: str) -> str | None:
    """The seed N of `/seedN`, the end of a draw's folder; None of "", a draw that seeds share."""
    return draw.rpartition("seed")[2] or None


def pre_seed(experiment: Mapping[str, Any], words: Mapping[str, Any], seed: int) -> int | None:
    """The seed whose own PRE a method's cells start from; None if all seeds share one.

    Features are the same for all: nothing in them is drawn.
    """
    shared = experiment["pre_drawn"] == "once" or gives_features(words)
    return None if shared else seed


def pre_of(experiment: Mapping[str, Any], words: Mapping[str, Any], seed: int) -> str:
    """What a cell's training starts from: "none", a PRE, or (one seed's draw of it) PRE/seedN."""
    pre, drawn = words["pre"], pre_seed(experiment, words, seed)
    return pre if pre == "none" or drawn is None else f"{pre}/seed{drawn}"


def pretrain_inputs(dataset: str) -> Files:
    """Of rule pretrain."""
    return of_dataset(dataset, "pool", "info")


def features_inputs(dataset: str) -> Files:
    """Of rule features."""
    return of_dataset(dataset, "pool", "info", "test_images")


def answers_inputs(dataset: str) -> Files:
    """Of rule label_all, which asks the oracle alone."""
    return of_dataset(dataset, "pool", "info", "oracle")


def diagnose_inputs(dataset: str, pre: str, seed: int | str | None = None) -> Files:
    """Of rule diagnose."""
    made = placed(pre_folder(dataset, pre, seed), "pretrain")
    return answers_inputs(dataset) | {name: made[name] for name in ("clusters", "cluster_epochs")}


def words_of(config: Config, cell: Cell) -> Mapping[str, Any]:
    """The words of a cell's method: its labels, PRE, SEMI and strategies."""
    return config["experiments"][cell.experiment]["methods"][cell.method]


def no_cell(config: Config, cell: Cell) -> str:
    """Why a cell is none of the grid's, or "". Any seed is one."""
    experiment = config["experiments"][cell.experiment]
    words = experiment["methods"].get(cell.method)
    if words is None:
        return f"{cell.experiment} has the methods {', '.join(experiment['methods'])}"
    may = [ALL] if is_full(words) else [INITIAL, *words["strategies"]]
    if cell.strategy not in may:
        return f"{cell.method} has {', '.join(may)} in the place of a strategy"
    cycles = 1 if cell.strategy in (ALL, INITIAL) else experiment["cycles"]
    return "" if cell.cycle < cycles else f"{cell.strategy} has {cycles} cycles, counted from 0"


def dataset_of(config: Config, cell: Cell) -> str:
    """The name of a cell's data set."""
    return config["experiments"][cell.experiment]["dataset"]


def folder(cell: Cell, cycle: int) -> str:
    """The folder of what a cycle of the cell's trajectory trained: all strategies share cycle 0."""
    shared = cycle == 0 and cell.strategy != ALL
    return cell._replace(strategy=INITIAL if shared else cell.strategy, cycle=cycle).path


def initial_folder(experiment: str, seed: int | str) -> str:
    """Where a seed's L_0 stands: the same for all methods and strategies."""
    return f"runs/{experiment}/initial/seed{seed}"


def initial_labels(experiment: str, seed: int | str) -> str:
    """The file of a seed's L_0."""
    return placed(initial_folder(experiment, seed), "initial")["out"]


def labeled_set(config: Config, cell: Cell, cycle: int) -> str:
    """The labeled set of a cycle of the cell's trajectory."""
    if cell.strategy == ALL:
        return f"datasets/{dataset_of(config, cell)}/all_labels.parquet"
    if asks_people(config, cell.experiment):
        return answered(cell.experiment, cycle + 1)["out"]
    if cycle == 0:
        return initial_labels(cell.experiment, cell.seed)
    return f"{folder(cell, cycle)}/labeled.parquet"


def asks_people(config: Config, experiment: str) -> bool:
    """Whether the labels of an experiment come from people."""
    return people.closes(config["datasets"][config["experiments"][experiment]["dataset"]])


def answered(experiment: str, closed: int | str) -> Files:
    """What people have answered when so many cycles are closed; cycle c trains on c + 1's."""
    return placed(people.folder(experiment, closed), "answered")


def infos(config: Config) -> Files:
    """Data set → its description, of all that a resolved config's experiments use.

    Where people are asked, it is the one with the classes that they have made so far.
    """
    used = dict.fromkeys(one["dataset"] for one in config["experiments"].values())
    found = {name: of_dataset(name, "info")["info"] for name in used}
    for name, one in people.asking(config).items():
        found[one["dataset"]] = answered(name, one["cycles"])["described"]
    return found


def listed(dataset: str, *names: str) -> Files:
    """Files of a data set whose labels come from people, by their names in the rule."""
    made = placed(f"datasets/{dataset}", "data_of_people")
    return {name: made[name] for name in names}


def described(config: Config, cell: Cell, *names: str) -> Files:
    """The pool of a cell, with its classes, and other files of its data set."""
    found = of_dataset(dataset_of(config, cell), "pool", "info", *names)
    if asks_people(config, cell.experiment):
        found["info"] = answered(cell.experiment, cell.cycle + 1)["described"]
    return found


def gives_features(words: Mapping[str, Any]) -> bool:
    """Whether a method's PRE gives features, which stand for the images."""
    pre = words["pre"]
    return pre != "none" and registry.get("pretrain", pre)["GIVES"] == "features"


def propagates(words: Mapping[str, Any]) -> bool:
    """Whether a method's SEMI propagates labels: they are then measured against the truth."""
    semi = words["semi"]
    return semi != "none" and "propagation" in reads(registry.get("semi", semi))


def embed_pool_inputs(dataset: str, pre: str, seed: int | str | None = None) -> Files:
    """Of rule embed_pool: the pool, and what the PRE gives."""
    found, here = of_dataset(dataset, "pool", "info"), pre_folder(dataset, pre, seed)
    if gives_features({"pre": pre}):
        return found | {"features": placed(here, "features")["out"]}
    return found | {"theta": placed(here, "pretrain")["out"]}


def ask_inputs(config: Config, name: str, seed: int) -> Files:
    """Of rule ask: the pool, and its embeddings if the strategy of a cold start looks at them."""
    experiment = config["experiments"][name]
    dataset, start = experiment["dataset"], cold(experiment)
    assert start
    found = of_dataset(dataset, "pool", "info")
    if asks_people(config, name):
        found["aside"] = answered(name, 0)["aside"]
    if start["pre"] == "none":
        return found
    here = pre_folder(dataset, start["pre"], pre_seed(experiment, start, seed))
    return found | placed(here, "embed_pool")


def initial_inputs(config: Config, name: str, seed: int) -> Files:
    """Of rule initial: the oracle, and the queries of a cold start."""
    experiment = config["experiments"][name]
    found = answers_inputs(experiment["dataset"])
    if cold(experiment):
        found["queries"] = placed(initial_folder(name, seed), "ask")["out"]
    return found


def is_fitted(config: Config, cell: Cell) -> bool:
    """Whether a cell's network is fitted at once, by the stage fit alone."""
    network = config["datasets"][dataset_of(config, cell)]["network"]
    return bool(registry.get("network", word_of(network))["FITS"])


def frozen(config: Config, cell: Cell) -> str:
    """The folder of the features of a fitted cell, and of what is made of them once."""
    return pre_folder(dataset_of(config, cell), words_of(config, cell)["pre"])


def graph_file(config: Config, cell: Cell) -> str:
    """The graph of a fitted cell's features: one for all that ask for the same."""
    experiment = config["experiments"][cell.experiment]
    text = as_json(graph_slice(experiment, config["threads"]))
    return f"{frozen(config, cell)}/graph-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz"


def graphs(config: Config, dataset: str) -> dict[str, tuple[str, str]]:
    """Every graph of a data set's features, by its file: its PRE, and an experiment that asks."""
    found = {}
    for name, experiment in config["experiments"].items():
        for method, words in experiment["methods"].items():
            cell = Cell(name, method, INITIAL, 0, 0)
            if experiment["dataset"] == dataset and propagates(words) and gives_features(words):
                found[graph_file(config, cell)] = words["pre"], name
    return found


def graph_inputs(dataset: str, pre: str) -> Files:
    """Of rule graph."""
    return of_dataset(dataset, "pool", "info") | placed(pre_folder(dataset, pre), "embed_pool")


def fit_inputs(config: Config, cell: Cell) -> Files:
    """Of rule fit."""
    found = described(config, cell)
    found |= placed(frozen(config, cell), "embed_pool")
    found["test_features"] = placed(frozen(config, cell), "features")["test_features"]
    found["labeled"] = labeled_set(config, cell, cell.cycle)
    if propagates(words_of(config, cell)):
        found["graph"] = graph_file(config, cell)
    if joining := acquired_pseudo_labels(config, cell):
        found["joining"] = joining["pseudo_labels"]
    return found


def propagating(words: Mapping[str, Any]) -> str:
    """The SEMI whose `propagated` the stage propagate runs: the method's own, if it defines it."""
    semi: str = words["semi"]
    own = "propagated" in registry.defined(registry.get("semi", semi))
    return semi if own else "label_propagation"


def cell_files(config: Config, cell: Cell, *names: str) -> Files:
    """The images that a cell's stage reads, and other files of its data set; or the features."""
    dataset, words = dataset_of(config, cell), words_of(config, cell)
    found = described(config, cell, *names)
    if gives_features(words):
        made = placed(pre_folder(dataset, words["pre"]), "features")
        found["features"] = made["out"]
        if "test_images" in names:
            found["test_features"] = made["test_features"]
    return found


def train_inputs(config: Config, cell: Cell) -> Files:
    """Of rule train."""
    words = words_of(config, cell)
    found = cell_files(config, cell) | {"labeled": labeled_set(config, cell, cell.cycle)}
    if words["pre"] != "none" and not gives_features(words):
        seed = pre_seed(config["experiments"][cell.experiment], words, cell.seed)
        made = placed(pre_folder(dataset_of(config, cell), words["pre"], seed), "pretrain")
        found["theta"] = made["out"]
    return found | acquired_pseudo_labels(config, cell)


def acquired_pseudo_labels(config: Config, cell: Cell) -> Files:
    """The pseudo-labels that the strategy gave with the last acquisition (CEAL), if they join."""
    if cell.cycle == 0 or not registry.get("strategy", cell.strategy)["GIVES_PSEUDO_LABELS"]:
        return {}
    own = config["experiments"][cell.experiment].get(cell.strategy, {})
    if not own.get("join", True):
        return {}
    made = placed(before(cell).path, "acquire_with_pseudo_labels")
    return {"pseudo_labels": made["pseudo_labels"]}


def embed_inputs(config: Config, cell: Cell) -> Files:
    """Of rules embed, embed_initial and predict."""
    model = placed(cell.path, "train")["out"]
    return cell_files(config, cell, "test_images") | {"model": model}


def read_head_inputs(config: Config, cell: Cell) -> Files:
    """Of rule read_head."""
    return cell_files(config, cell) | {"model": placed(cell.path, "train")["out"]}


def propagate_inputs(config: Config, cell: Cell) -> Files:
    """Of rules propagate and propagate_initial."""
    return described(config, cell) | {
        "labeled": labeled_set(config, cell, cell.cycle),
        "embeddings": f"{cell.path}/{ARRAYS['embeddings']}",
    }


def evaluate_inputs(config: Config, cell: Cell) -> Files:
    """Of rule evaluate. The pseudo-labels it judges are SEMI's own, or CEAL's."""
    here, rule = cell.path, "embed" if embeds_pool(config, cell) else "predict"
    if is_fitted(config, cell):
        rule = "fit"
    found = described(config, cell, "oracle", "test_labels") | {
        "labeled": labeled_set(config, cell, cell.cycle),
        "history": f"{here}/{OUTPUTS['train']['history']}",  # fit's has the same name
        "test_probabilities": f"{here}/{OUTPUTS[rule]['test_probabilities']}",
    }
    if propagates(words_of(config, cell)):
        return found | {"pseudo_labels": f"{here}/{OUTPUTS['propagate']['out']}"}
    return found | acquired_pseudo_labels(config, cell)


def acquire_inputs(config: Config, cell: Cell) -> Files:
    """Of rules acquire and acquire_with_pseudo_labels: the arrays that the strategy declares."""
    here, needs = folder(cell, cell.cycle), registry.get("strategy", cell.strategy)["NEEDS"]
    found = described(config, cell)
    found["labeled"] = labeled_set(config, cell, cell.cycle)
    if asks_people(config, cell.experiment):
        found["aside"] = answered(cell.experiment, cell.cycle + 1)["aside"]
    if not is_fitted(config, cell):
        return found | {name: f"{here}/{file}" for name, file in ARRAYS.items() if name in needs}
    if {"embeddings", "probabilities"}.intersection(needs):
        found |= placed(frozen(config, cell), "embed_pool")
    if {"head", "probabilities"}.intersection(needs):  # probabilities are made of the two
        found["head"] = placed(here, "fit")["head"]
    return found


def label_inputs(config: Config, cell: Cell) -> Files:
    """Of rule label: the labeled set and the queries of the cycle before, and the oracle."""
    return answers_inputs(dataset_of(config, cell)) | {
        "labeled": labeled_set(config, cell, cell.cycle - 1),
        "queries": f"{before(cell).path}/{OUTPUTS['acquire']['out']}",
    }


def asking(config: Config, cell: Cell) -> list[str]:
    """The strategies that ask from what the cell has trained; none after the last cycle."""
    last = cell.cycle + 1 == config["experiments"][cell.experiment]["cycles"]
    last = last and not asks_people(config, cell.experiment)  # whom it asks for the next batch
    if cell.strategy == ALL or last:
        return []
    return words_of(config, cell)["strategies"] if cell.strategy == INITIAL else [cell.strategy]


def needs_of(config: Config, cell: Cell) -> set[str]:
    """The arrays that any of these strategies reads."""
    names = asking(config, cell)
    return {need for name in names for need in registry.get("strategy", name)["NEEDS"]}


def embeds_pool(config: Config, cell: Cell) -> bool:
    """Whether anything reads the cell's embeddings of the pool: propagation, or a strategy.

    Where nothing does (Random without SEMI, the last cycle, full supervision) only the test images
    are embedded: on a large pool that is most of the pass.
    """
    needs = needs_of(config, cell).intersection(OUTPUTS["embed"])
    told = asks_people(config, cell.experiment)
    return propagates(words_of(config, cell)) or bool(needs) or told
