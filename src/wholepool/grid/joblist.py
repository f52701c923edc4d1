"""Every job of a grid, each after what it waits for: what the cost counts and the tables expect.

Snakemake finds the same jobs from the same files, one at a time.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from wholepool.grid import people
from wholepool.grid.cells import ALL, INITIAL, Cell, cells, cold, is_full
from wholepool.grid.people_files import answered_inputs, predict_pool_inputs
from wholepool.grid.plan import (
    Config,
    acquire_inputs,
    answered,
    answers_inputs,
    ask_inputs,
    asking,
    asks_people,
    dataset_of,
    diagnose_inputs,
    embed_inputs,
    embed_pool_inputs,
    embeds_pool,
    evaluate_inputs,
    features_inputs,
    fit_inputs,
    gives_features,
    graph_inputs,
    graphs,
    initial_folder,
    initial_inputs,
    is_fitted,
    label_inputs,
    needs_of,
    pre_folder,
    pre_seed,
    pretrain_inputs,
    propagate_inputs,
    propagates,
    read_head_inputs,
    train_inputs,
    words_of,
)
from wholepool.grid.sections import word_of
from wholepool.grid.written import Files, placed
from wholepool.job import registry


class Job(NamedTuple):
    """One job: its rule, its data set, its PRE or its cell if it is of one, and its files.

    A PRE that is drawn for each seed has its `seed`.
    """

    rule: str
    dataset: str
    inputs: Files
    outputs: Files
    pre: str = ""
    cell: Cell | None = None
    seed: int | None = None


def planned(config: Config) -> Iterator[Job]:
    """Every job of a resolved configuration but those that gather, each after what it waits for."""
    used = (experiment["dataset"] for experiment in config["experiments"].values())
    for dataset in dict.fromkeys(used):
        yield from dataset_jobs(config, dataset)
    for name, experiment in config["experiments"].items():
        dataset = experiment["dataset"]
        if asks_people(config, name):
            for closed in range(experiment["cycles"] + 1):
                files = answered_inputs(config, name), answered(name, closed)
                yield Job("answered", dataset, *files, cell=Cell(name, "", "", 0, closed - 1))
            if not experiment["cycles"]:
                seed = experiment["seeds"][0]
                files = ask_inputs(config, name, seed), placed(initial_folder(name, seed), "ask")
                yield Job("ask", dataset, *files, cell=Cell(name, "", INITIAL, seed, 0))
        elif not all(map(is_full, experiment["methods"].values())):
            for seed in experiment["seeds"]:
                here, cell = initial_folder(name, seed), Cell(name, "", INITIAL, seed, 0)
                for rule, inputs in (("ask", ask_inputs), ("initial", initial_inputs)):
                    if rule == "initial" or cold(experiment):
                        files = inputs(config, name, seed), placed(here, rule)
                        yield Job(rule, dataset, *files, cell=cell)
        for cell in cells({name: experiment}):
            yield from cell_jobs(config, cell)


def dataset_jobs(config: Config, dataset: str) -> Iterator[Job]:
    """The data, all labels for full supervision, each draw of each PRE and its diagnosis."""
    mine = [one for one in config["experiments"].values() if one["dataset"] == dataset]

    def job(rule: str, inputs: Files, pre: str = "", seed: int | None = None) -> Job:
        here = pre_folder(dataset, pre, seed) if pre else f"datasets/{dataset}"
        return Job(rule, dataset, inputs, placed(here, rule), pre, seed=seed)

    yield job("data_of_people" if people.closes(config["datasets"][dataset]) else "data", {})
    if any(is_full(words) for one in mine for words in one["methods"].values()):
        yield job("label_all", answers_inputs(dataset))
    for pre, seed in pre_draws(mine):
        if gives_features({"pre": pre}):
            yield job("features", features_inputs(dataset), pre)
        else:
            yield job("pretrain", pretrain_inputs(dataset), pre, seed)
            yield job("diagnose", diagnose_inputs(dataset, pre, seed), pre, seed)
    features = [(pre, seed) for pre, seed in pre_draws(mine) if gives_features({"pre": pre})]
    fitted = registry.get("network", word_of(config["datasets"][dataset]["network"]))["FITS"]
    for pre, seed in in_order([*cold_draws(mine), *(features if fitted else ())]):
        yield job("embed_pool", embed_pool_inputs(dataset, pre, seed), pre, seed)
    if fitted:
        for path, (pre, _) in graphs(config, dataset).items():
            yield Job("graph", dataset, graph_inputs(dataset, pre), {"out": path}, pre)


def pre_draws(experiments: Iterable[Mapping[str, Any]]) -> list[tuple[str, int | None]]:
    """Every (PRE, seed of its draw) that experiments on one data set need; see `pre_seed`."""
    experiments = list(experiments)
    return in_order(
        [
            (words["pre"], pre_seed(experiment, words, seed))
            for experiment in experiments
            for words in experiment["methods"].values()
            for seed in experiment["seeds"]
        ]
        + cold_draws(experiments)
    )


def cold_draws(experiments: Iterable[Mapping[str, Any]]) -> list[tuple[str, int | None]]:
    """Of these, those that a start from zero labels looks at."""
    return in_order(
        [
            (start["pre"], pre_seed(experiment, start, seed))
            for experiment in experiments
            if (start := cold(experiment)) is not None
            for seed in experiment["seeds"]
        ]
    )


def in_order(draws: Iterable[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    """Draws of PREs, each once and sorted, without "none"."""
    drawn = {(pre, seed) for pre, seed in draws if pre != "none"}
    return sorted(drawn, key=lambda one: (one[0], -1 if one[1] is None else one[1]))


def cell_jobs(config: Config, cell: Cell) -> Iterator[Job]:
    """One cell: label, fit (or train, embed, read_head, propagate), evaluate, acquire."""
    dataset = dataset_of(config, cell)
    first = "_initial" if cell.strategy == INITIAL else ""

    def job(rule: str, inputs: Files, where: Cell = cell) -> Job:
        return Job(rule, dataset, inputs, placed(where.path, rule), cell=where)

    def trained() -> Iterator[Job]:
        yield job("train", train_inputs(config, cell))
        rule = f"embed{first}" if embeds_pool(config, cell) else "predict"
        yield job(rule, embed_inputs(config, cell))
        if "head" in needs_of(config, cell):
            yield job("read_head", read_head_inputs(config, cell))
        if propagates(words_of(config, cell)):
            yield job(f"propagate{first}", propagate_inputs(config, cell))

    asked = asks_people(config, cell.experiment)
    if cell.strategy not in (INITIAL, ALL) and not asked:
        yield job("label", label_inputs(config, cell))
    if is_fitted(config, cell):
        yield job("fit", fit_inputs(config, cell))
    else:
        yield from trained()
    yield job("evaluate", evaluate_inputs(config, cell))
    if asked:
        yield job("predict_pool", predict_pool_inputs(config, cell))
    for strategy in asking(config, cell):
        own = cell._replace(strategy=strategy)
        more = registry.get("strategy", strategy)["GIVES_PSEUDO_LABELS"]
        rule = "acquire_with_pseudo_labels" if more else "acquire"
        yield job(rule, acquire_inputs(config, own), own)
