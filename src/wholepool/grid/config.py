"""The configuration: validated, completed with defaults, and resolved per data set and experiment.

Sections such as `network` or `semi` may stand at the top, where they hold for all, and again under
one data set or experiment, where they win, key by key. The schema (sections.py) describes every
key, its range and its default; nothing else is accepted.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from wholepool.grid import people, sections
from wholepool.grid.cells import cold
from wholepool.grid.explain import listing, shape_faults, validate
from wholepool.grid.faults import dataset_faults, experiment_faults, old_keys, strategy_faults
from wholepool.grid.paths import expanded, spelled
from wholepool.grid.sections import table_of
from wholepool.grid.typed import typed
from wholepool.job import registry
from wholepool.job.errors import UserError

#: keys that say where and how jobs run, and change no result (but `threads`: slices.computed)
TOP_KEYS = ("results_dir", "data_dir", "device", "pool_memory_mb", "checkpoint_seconds", "threads")
EXPERIMENT_KEYS = (
    *("initial", "cycles", "seeds", "seed_moves", "pre_drawn", "methods"),
    "published_accuracy",
)

Config = dict[str, Any]


def resolve(config: Config) -> Config:
    """Check a configuration and write it out in full.

    Returns TOP_KEYS, "tables", "datasets": {name: {source, oracle, network, pool, augment, and the
    section of each PRE that its methods use}}, and "experiments": {name: {dataset, budget, initial,
    cycles, seeds, seed_moves, pre_drawn, methods, published_accuracy, optimizer, sup, semi,
    propagation, and the section of each SEMI and strategy that its methods use}}. A source or an
    oracle is its name, or a table of its name and its own keys if it has any; a network always is a
    table.
    Where people are asked, `cycles` are those that are closed: see people.py.
    Raises UserError, listing every fault with its key, value and remedy.
    """
    if faults := shape_faults(config):
        raise UserError(listing(faults))
    schema = sections.schema()
    properties, definitions = schema["properties"], schema["$defs"]
    config = of_plugins(typed(config, schema, definitions), definitions)
    for key in ("results_dir", "data_dir"):
        if isinstance(config, dict) and isinstance(config.get(key), str):
            config[key] = expanded(config[key], key)
    # in this order: each look takes for granted what the one before has found
    for look in (shape_faults, old_keys, schema_faults):
        if faults := look(config):
            raise UserError(listing(list(dict.fromkeys(faults))))
    top = {key: config.get(key, properties[key]["default"]) for key in TOP_KEYS}
    one = spelled(top["results_dir"])
    if not validate(one, properties["results_dir"]):  # a link may lead to a name that is not taken
        top["results_dir"] = one
    top["tables"] = fill(config.get("tables", {}), properties["tables"])
    experiments = {
        name: resolved_experiment(own, config, definitions)
        for name, own in config["experiments"].items()
    }
    faults = []
    datasets: Config = {}
    for name, own in config["datasets"].items():
        pres = [
            words["pre"]
            for experiment in experiments.values()
            if experiment["dataset"] == name
            for words in (*experiment["methods"].values(), cold(experiment) or {"pre": "none"})
        ]
        datasets[name] = resolved_dataset(name, own or {}, config, definitions, pres)
        faults += dataset_faults(name, datasets[name])
    for name, experiment in experiments.items():
        faults += experiment_faults(name, experiment, datasets)
    shown = top["tables"]["ablation_strategies"]
    if shown is None:
        run = dict.fromkeys(name for full in experiments.values() for name in strategies_of(full))
        papers: list[str] = [name for name in ("uncertainty", "jlp") if name in run]
        top["tables"]["ablation_strategies"] = papers or list(run)
    else:
        faults += strategy_faults("tables.ablation_strategies", shown)
    full = {**top, "datasets": datasets, "experiments": experiments}
    if faults := faults or people.faults(full):
        raise UserError(listing(list(dict.fromkeys(faults))))
    return people.as_it_stands(full)


def schema_faults(config: Config) -> list[str]:
    """Every place where a configuration breaks the schema, or that of a plug-in it names."""
    faults = validate(config, sections.schema())
    tables = config.get("datasets") if isinstance(config, dict) else None
    for name, own in (tables if isinstance(tables, dict) else {}).items():
        own = {} if own is None else own
        for kind in sections.INLINE if isinstance(own, dict) else ():
            mine, above = own.get(kind, {}), config.get(kind, {})
            if not all(isinstance(given, str | dict) for given in (mine, above)):
                continue
            word = named(kind, name, mine, above).get("name")
            if not isinstance(word, str) or word not in registry.plugins(kind):
                continue  # told by the schema, or by dataset_faults
            keys = sections.inline(registry.get(kind, word))
            if named(kind, name, {}, above)["name"] == word:
                faults += validate(table_of(above), keys, (kind,))
            faults += validate(table_of(mine), keys, ("datasets", name, kind))
    return faults


def of_plugins(config: Any, definitions: Config) -> Any:
    """`config` with the text in the tables of plug-ins that are named there converted: `typed`.

    Their schemas follow from their names, which the schema itself does not know.
    """
    tables = config.get("datasets") if isinstance(config, dict) else None
    places = [("", config), *(tables.items() if isinstance(tables, dict) else ())]
    for dataset, own in places:
        for kind in sections.INLINE if isinstance(own, dict) else ():
            mine, above = own.get(kind), config.get(kind, {})
            if isinstance(mine, dict) and isinstance(above, str | dict):
                word = named(kind, dataset, mine, above).get("name")
                if isinstance(word, str) and word in registry.plugins(kind):
                    keys = sections.inline(registry.get(kind, word))
                    own[kind] = typed(mine, keys, definitions)
    return config


def named(kind: str, dataset: str, own: Any, above: Any) -> Config:
    """The keys of the plug-in of a kind that a data set has one of, its name among them."""
    default = {"source": dataset, "oracle": "hidden", "network": "conv13"}[kind]
    above, own = {"name": default, **table_of(above)}, table_of(own)
    return {**above, **own} if own.get("name", above["name"]) == above["name"] else own


def resolved_dataset(
    name: str, own: Config, config: Config, definitions: Config, pres: list[str]
) -> Config:
    """A data set in full; `pres` are the PREs of the methods that are run on it."""
    full: Config = {}
    for kind in sections.INLINE:
        full[kind] = given = named(kind, name, own.get(kind, {}), config.get(kind, {}))
        if given["name"] in registry.plugins(kind):
            full[kind] = fill(given, sections.inline(registry.get(kind, given["name"])))
        if kind != "network" and len(full[kind]) == 1:
            full[kind] = given["name"]
    used = used_sections("dataset", {"pretrain": pres})
    return full | filled((*sections.CORE["dataset"], *used), own, config, definitions)


def resolved_experiment(own: Config, config: Config, definitions: Config) -> Config:
    """An experiment in full."""
    full = {"dataset": own["dataset"], "budget": own["budget"]}
    for key in EXPERIMENT_KEYS:
        given = own.get(key, config.get(key, definitions[key]["default"]))
        full[key] = copy.deepcopy(given)
    if full["initial"] is None:
        full["initial"] = full["budget"]
    if isinstance(full["seeds"], int):
        full["seeds"] = list(range(full["seeds"]))
    full["methods"] = {
        method: fill(words, definitions["method"]) for method, words in full["methods"].items()
    }
    if start := cold(full):
        full["initial"] = cold_start(start, full)
    semis = [words["semi"] for words in full["methods"].values()]
    used = used_sections("experiment", {"strategy": strategies_of(full), "semi": semis})
    full |= filled((*sections.CORE["experiment"], *used), own, config, definitions)
    for name in strategies_of(full):
        if name in registry.plugins("strategy"):  # else told by experiment_faults
            sections.given_to(registry.get("strategy", name), full)
    return full


def cold_start(given: Mapping[str, Any], experiment: Config) -> Config:
    """How an experiment starts from zero labels, in full.

    Its PRE is that of the methods if they have one; "none" where the strategy looks at nothing; and
    None where that does not follow: told by experiment_faults.
    """
    known, pre = registry.plugins("strategy"), given.get("pre")
    if given["strategy"] in known and "embeddings" not in known[given["strategy"]]["NEEDS"]:
        pre = "none"
    elif pre is None:
        of_methods = {words["pre"] for words in experiment["methods"].values()}
        pre = of_methods.pop() if len(of_methods) == 1 else None
    size = given.get("size") or experiment["budget"]
    return {"strategy": given["strategy"], "size": size, "pre": pre}


def filled(names: Iterable[str], own: Config, config: Config, definitions: Config) -> Config:
    """Sections in full: their own keys, then those at the top, then the defaults."""
    return {
        name: fill({**config.get(name, {}), **own.get(name, {})}, definitions[name])
        for name in names
    }


def used_sections(level: str, words: dict[str, list[str]]) -> list[str]:
    """The sections of plug-ins that any of these plug-ins reads, names by kind."""
    found = {
        section: None
        for kind, named in words.items()
        for word in named
        if word in registry.plugins(kind)
        for section in sections.reads(registry.get(kind, word))
        if section in sections.own_sections(level)
    }
    return list(found)


def strategies_of(experiment: Config) -> list[str]:
    """Every strategy that a method of the experiment is run with, and the one that starts it."""
    start = cold(experiment)
    first = [start["strategy"]] if start else []
    for words in experiment["methods"].values():
        first += words["strategies"]
    return first


def fill(given: Config, schema: dict[str, Any]) -> Config:
    """`given` with the schema's defaults for what it leaves out, in the schema's order."""
    return {
        key: copy.deepcopy(given[key] if key in given else description.get("default"))
        for key, description in schema["properties"].items()
        if key in given or "default" in description
    }
