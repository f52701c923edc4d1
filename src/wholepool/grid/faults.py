"""What no schema can say of a configuration: how its values fit each other, and what is there."""

from collections.abc import Mapping
from typing import Any

from wholepool.grid import fits
from wholepool.grid.cells import cold, is_full, sup_of
from wholepool.grid.plan import gives_features
from wholepool.grid.sections import INLINE, word_of
from wholepool.job import registry
from wholepool.job.errors import suggestion

Config = dict[str, Any]

PERIOD = "cosine_period, in multiples of epochs: 1.05 for 210 of 200"
ANYWHERE = ("", "experiments.*.")
#: keys that were renamed, and what to write today. A * is any name
RENAMED = {
    f"{place}{key}": new
    for places, key, new in (
        (("", "datasets.*."), "pretrain", "deepcluster, the name of the PRE whose keys they are"),
        (ANYWHERE, "full", "methods.NAME.sup, of the method with labels: all"),
        (ANYWHERE, "full_supervision", "published_accuracy"),
        (ANYWHERE, "sup.cosine_epochs", f"sup.{PERIOD}"),
        (ANYWHERE, "semi.cosine_epochs", f"semi.{PERIOD}"),
        (ANYWHERE, "semi.sup_epochs", "methods.NAME.sup: {epochs: ...}, of the method with SEMI"),
    )
    for place in places
}


def old_keys(config: Config) -> list[str]:
    """Keys of earlier versions, each with the one that has taken its place."""
    faults = []
    for old, new in RENAMED.items():
        found: list[tuple[tuple[str, ...], Any]] = [((), config)]
        for part in old.split("."):
            found = [
                ((*path, name), table[name])
                for path, table in found
                if isinstance(table, dict)
                for name in (table if part == "*" else [part])
                if name in table
            ]
        faults += [f"{'.'.join(path)} is an old key: write {new}" for path, _ in found]
    return faults


def unknown_word(kind: str, word: str) -> str:
    """That there is no such plug-in, and what was perhaps meant."""
    none = ["none"] if "none" in registry.KINDS[kind].taken else []
    return f"{word!r} is unknown{suggestion(word, [*none, *registry.plugins(kind)])}"


def unknown_kinds(dataset: Config) -> list[str]:
    """The kinds of which a data set names a plug-in that is not there."""
    return [kind for kind in INLINE if word_of(dataset[kind]) not in registry.plugins(kind)]


def dataset_faults(name: str, dataset: Config) -> list[str]:
    """How a data set's settings fit what its source is known to hold."""
    where, source = f"datasets.{name}", word_of(dataset["source"])
    if unknown := unknown_kinds(dataset):
        return [f"{where}: {kind} {unknown_word(kind, word_of(dataset[kind]))}" for kind in unknown]
    return fits.dataset_faults(where, dataset, registry.get("source", source)["KNOWN"])


def experiment_faults(name: str, experiment: Config, datasets: Config) -> list[str]:
    """How an experiment's numbers fit each other and its pool."""
    faults = []
    where = f"experiments.{name}"
    for method, words in experiment["methods"].items():
        faults += method_faults(f"{where}.methods.{method}", words)
        if words["semi"] == "none" and sup_of(experiment, words)["epochs"] == 0:
            own = f"methods.{method}." if "epochs" in words.get("sup", {}) else ""
            faults.append(
                f"{where}: {own}sup.epochs is 0, so method {method} would not train at all: give "
                "it epochs, or remove the method"
            )
    semi = experiment["semi"]
    if semi["labeled_size"] >= semi["batch_size"]:
        faults.append(
            f"{where}: semi.labeled_size is {semi['labeled_size']}, but must be below "
            f"semi.batch_size, {semi['batch_size']}, to leave room for pseudo-labels"
        )
    if experiment["dataset"] not in datasets:
        near = suggestion(experiment["dataset"], datasets)
        return [*faults, f"{where}: dataset {experiment['dataset']!r} is not among datasets{near}"]
    dataset = datasets[experiment["dataset"]]
    if start := cold(experiment):
        faults += cold_faults(where, start)
    if unknown_kinds(dataset):  # told by dataset_faults
        return faults
    network = word_of(dataset["network"])
    eats = registry.get("network", network)["EATS"]
    users = {f"methods.{method}": words for method, words in experiment["methods"].items()}
    if start and start["pre"] is not None and start["pre"] != "none":
        users["initial"] = start
    for user, words in users.items():
        if words["pre"] not in ("none", *registry.plugins("pretrain")):
            continue  # told by method_faults
        gives = "features" if gives_features(words) else "images"
        if gives != eats:
            faults.append(
                f"{where}.{user}: pre {words['pre']} gives the network {gives}, but "
                f"network {network} eats {eats}: choose another of the two"
            )
        faults += fitted_faults(f"{where}.{user}", words.get("semi", "none"), network)
        if "strategies" in words:
            faults += head_faults(f"{where}.{user}", words["strategies"], network)
    known = registry.get("source", word_of(dataset["source"]))["KNOWN"]
    if "n" in known:
        known = {**known, "n": min(dataset["pool"]["size"] or known["n"], known["n"])}
    return faults + fits.experiment_faults(where, fits.wish(experiment), network, known)


def fitted_faults(where: str, semi: str, network: str) -> list[str]:
    """A SEMI that trains a network step by step, beside one that is fitted at once."""
    known = registry.plugins("semi")
    if not registry.get("network", network)["FITS"] or semi not in known:
        return []
    if {"pseudo_label", "*"} & registry.defined(known[semi]):
        return []
    return [
        f"{where}: semi {semi} trains step by step, but network {network} is fitted at once: "
        "choose a SEMI that gives pseudo-labels, or another network"
    ]


def cold_faults(where: str, start: Mapping[str, Any]) -> list[str]:
    """A start from zero labels by a strategy that needs some, or that has nothing to look at."""
    name, pre, here = start["strategy"], start["pre"], f"{where}.initial"
    known = registry.plugins("strategy")
    if name not in known:
        return strategy_faults(f"{here}.strategy", [name])
    if not known[name]["COLD"]:
        able = ", ".join(word for word in known if known[word]["COLD"])
        return [f"{here}: strategy {name} cannot ask before there are labels: take one of {able}"]
    if "embeddings" not in known[name]["NEEDS"]:
        return []
    pres = ", ".join(registry.plugins("pretrain"))
    if pre in (None, "none"):
        why = "the methods have several" if pre is None else "there is none"
        return [
            f"{here}: strategy {name} looks at a PRE's embeddings, but {why}: name it, as initial: "
            f"{{strategy: {name}, pre: ...}}, one of {pres}; or take strategy: random"
        ]
    if pre not in registry.plugins("pretrain"):
        return [f"{here}: pre {unknown_word('pretrain', pre)}"]
    return []


def head_faults(where: str, strategies: list[str], network: str) -> list[str]:
    """A strategy that reads the classifier, of a network that has none to be read."""
    known = registry.plugins("strategy")
    return [
        f"{where}: strategy {name} reads the network's classifier, but network {network} does not "
        "say that it is linear: choose another of the two, or declare LINEAR = True in its module"
        for name in strategies
        if name in known and "head" in known[name]["NEEDS"]
        if not registry.get("network", network)["LINEAR"]
    ]


def method_faults(where: str, words: Config) -> list[str]:
    """Names that are not there, words that do not go together."""
    faults = strategy_faults(where, words["strategies"])
    if is_full(words) and (words["strategies"] or words["semi"] != "none"):
        faults.append(
            f"{where}: labels is all, so nothing is left to acquire or to pseudo-label: remove its "
            "strategies and its semi"
        )
    if not is_full(words) and not words["strategies"]:
        faults.append(
            f"{where}: strategies is empty: name at least one, or give the method labels: all for "
            "full supervision"
        )
    for key, kind in (("pre", "pretrain"), ("semi", "semi")):
        if words[key] not in ("none", *registry.plugins(kind)):
            faults.append(f"{where}: {key} {unknown_word(kind, words[key])}")
    known = registry.plugins("strategy")
    own = [
        name for name in words["strategies"] if name in known and known[name]["GIVES_PSEUDO_LABELS"]
    ]
    if words["semi"] != "none" and own:
        faults.append(
            f"{where}: {own[0]} brings its own pseudo-labels and is not combined with SEMI (semi "
            f"is {words['semi']!r}): remove it from this method's strategies"
        )
    return faults


def strategy_faults(where: str, names: list[str]) -> list[str]:
    """Strategies that are not there."""
    return [
        f"{where}: strategy {unknown_word('strategy', name)}"
        for name in names
        if name not in registry.plugins("strategy")
    ]
