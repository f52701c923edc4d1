"""How a grid's numbers fit its pools: asked before any job of what is known, then of the pool."""

from collections.abc import Mapping
from typing import Any

from wholepool.grid.cells import initial_size, is_full, sup_of
from wholepool.grid.sections import word_of
from wholepool.job import registry

Settings = Mapping[str, Any]
#: what is known of a pool, by the keys that a source may declare (KNOWN); any may be missing
Known = Mapping[str, Any]


def asked_of(config: Settings, name: str) -> dict[str, Any]:
    """What a resolved config asks of a data set's pool, for `pool_faults`: all that can be wrong.

    The stage data is given it, as no parameter of its result.
    """
    experiments = {
        of: wish(own) for of, own in config["experiments"].items() if own["dataset"] == name
    }
    dataset = config["datasets"][name]
    shift = {"translate": dataset["augment"]["translate"]}
    return {
        "network": word_of(dataset["network"]),
        "augment": shift,
        "experiments": experiments,
    }


def wish(experiment: Settings) -> dict[str, Any]:
    """What an experiment asks of its pool: its labels, its neighbors, the batches of its SUP."""
    methods = experiment["methods"].values()
    batches: dict[tuple[int, bool], None] = {}
    for words in methods:
        sup = sup_of(experiment, words)
        if sup["epochs"] > 0 and not is_full(words):
            batches[sup["batch_size"], sup["drop_last"]] = None
    return {
        **{key: experiment[key] for key in ("initial", "budget", "cycles")},
        "k": experiment["propagation"]["k"],
        "batches": [list(batch) for batch in batches],
        "images": any(words["pre"] == "none" or not features(words["pre"]) for words in methods),
    }


def features(pre: str) -> bool:
    """Whether a PRE gives features, which stand for the images."""
    known = registry.plugins("pretrain")
    return pre in known and known[pre]["GIVES"] == "features"


def pool_faults(name: str, dataset: Settings, asked: Settings, known: Known) -> list[str]:
    """All that does not fit a pool; `dataset` has the section pool, `asked` is of `asked_of`."""
    faults = dataset_faults(f"datasets.{name}", {**dataset, **asked}, known)
    for experiment, own in asked.get("experiments", {}).items():
        faults += experiment_faults(f"experiments.{experiment}", own, asked["network"], known)
    return faults


def dataset_faults(where: str, dataset: Settings, known: Known) -> list[str]:
    """How a data set's pool and views fit its images."""
    faults = []
    source, shift = word_of(dataset["source"]), dataset.get("augment", {}).get("translate", 0)
    wanted = dataset["pool"]["size"]
    if wanted is not None and wanted > known.get("n", wanted):
        faults.append(
            f"{where}: pool.size is {wanted}, but {source} has only {known['n']} training "
            "images: make it smaller, or null for all of them"
        )
    if shift >= known.get("size", shift + 1):
        faults.append(
            f"{where}: augment.translate is {shift}, but must be below the {known['size']} pixels "
            "that images are wide"
        )
    if "channels" not in known:
        return faults
    channels = known["channels"] if known["channels"] > 1 else dataset["pool"]["grey_channels"]
    for key in ("mean", "std"):
        value = dataset["pool"][key]
        if value is not None and len(value) != channels:
            faults.append(
                f"{where}: pool.{key} has {len(value)} values, but {source} has "
                f"{channels} channel(s): give one each, or null for the pool's own"
            )
    return faults


def experiment_faults(where: str, asked: Settings, network: str, known: Known) -> list[str]:
    """How an experiment's numbers, as `wish` has them, fit its pool."""
    faults = []
    if "size" in known and asked["images"]:
        faults += network_faults(where, asked, network, known["size"])
    initial, budget = initial_size(asked["initial"]), asked["budget"]
    balanced = isinstance(asked["initial"], int)
    own = f"initial is {initial}"
    if initial == budget:  # most likely not given
        own = f"initial is {initial}, which is the budget where it is not given"
    if balanced and "classes" in known and initial < known["classes"]:
        faults.append(
            f"{where}: {own}, but needs at least one label for each of {known['classes']} classes: "
            f"give initial: {known['classes']}, or let a strategy ask for them: initial: "
            f"{{strategy: typiclust, size: {initial}}}"
        )
    if "n" not in known:
        return faults
    n, labels = known["n"], labels_in(asked, asked["cycles"] - 1)
    if labels > n:
        faults.append(
            f"{where}: {asked['cycles']} cycles need {labels} labels (initial {initial}, "
            f"budget {budget}), but the pool has {n} images: make budget or cycles smaller"
        )
    if asked["k"] >= n:
        faults.append(
            f"{where}: propagation.k is {asked['k']}, but must be below the pool's {n} images"
        )
    return faults


def labels_in(asked: Settings, cycle: int) -> int:
    """The labels of a cycle, if the oracle answers all."""
    return initial_size(asked["initial"]) + int(asked["budget"]) * cycle


def network_faults(where: str, asked: Settings, network: str, size: int) -> list[str]:
    """Images that are too small for the network, in any batch or in a batch of one."""
    least, alone = registry.get("network", network)["LEAST"]
    if size < least:
        return [
            f"{where}: network {network} takes images of at least {least} pixels, but these have "
            f"{size}: enlarge them in their source, or choose another network"
        ]
    if size >= alone:
        return []
    for batch_size, drop_last in asked["batches"]:
        for cycle in range(asked["cycles"]):
            labels, remedy = labels_in(asked, cycle), ""
            if labels == 1:
                remedy = "make initial larger"
            elif batch_size == 1:
                remedy = "make sup.batch_size larger"
            elif labels % batch_size == 1 and not drop_last:
                remedy = "set sup.drop_last to true"
            if remedy:
                return [
                    f"{where}: in cycle {cycle} a batch of sup is one image ({labels} labels, "
                    f"sup.batch_size {batch_size}), which network {network} takes only of at least "
                    f"{alone} pixels, but these have {size}: {remedy}, or enlarge the images in "
                    "their source"
                ]
    return []
