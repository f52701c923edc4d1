"""The configuration: validated, completed with defaults, and resolved per data set and experiment.

Sections such as `network` or `semi` may stand at the top, where they hold for all, and again under
one data set or experiment, where they win, key by key. The schema (sections.py) describes every
key, its range and its default; nothing else is accepted.
"""

import copy
from typing import Any

from wholepool.grid import sections
from wholepool.grid.explain import listing, shape_faults, validate
from wholepool.grid.faults import (
    dataset_faults,
    experiment_faults,
    old_keys,
    strategy_faults,
    unknown_word,
)
from wholepool.job import registry
from wholepool.job.errors import UserError

#: keys that say where and how jobs run, and change no result
TOP_KEYS = ("results_dir", "data_dir", "device", "pool_memory_mb", "checkpoint_seconds", "threads")
EXPERIMENT_KEYS = ("initial", "cycles", "seeds", "seed_moves", "methods", "published_accuracy")

#: the plug-ins of a data set that names none
DEFAULTS = {"oracle": "hidden", "network": "conv13"}

Config = dict[str, Any]


def resolve(config: Config) -> Config:
    """Check a configuration and write it out in full.

    Returns TOP_KEYS, "tables", "datasets": {name: {source, oracle, network, pool, augment, and the
    section of each PRE that its methods use}}, and "experiments": {name: {dataset, budget, initial,
    cycles, seeds, seed_moves, methods, published_accuracy, optimizer, sup, semi, propagation, and
    the section of each SEMI and strategy that its methods use}}. A source or an oracle with keys of
    its own has them under source_settings, oracle_settings.
    Raises UserError, listing every fault with its key, value and remedy.
    """
    schema = sections.schema()
    for faults in (shape_faults(config), old_keys(config), validate(config, schema)):
        if faults:
            raise UserError(listing(faults))
    properties, definitions = schema["properties"], schema["$defs"]
    top = {key: config.get(key, properties[key].get("default")) for key in TOP_KEYS}
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
            for words in experiment["methods"].values()
        ]
        datasets[name], wrong = resolved_dataset(name, own or {}, config, definitions, pres)
        faults += wrong or dataset_faults(name, datasets[name])
    for name, experiment in experiments.items():
        faults += experiment_faults(name, experiment, datasets)
    run: list[str] = [name for full in experiments.values() for name in strategies_of(full)]
    if top["tables"]["ablation_strategies"] is None:
        papers: list[str] = [name for name in ("uncertainty", "jlp") if name in run]
        top["tables"]["ablation_strategies"] = papers or list(dict.fromkeys(run))
    else:
        faults += strategy_faults(
            "tables.ablation_strategies", top["tables"]["ablation_strategies"]
        )
    if faults:
        raise UserError(listing(list(dict.fromkeys(faults))))
    return {**top, "datasets": datasets, "experiments": experiments}


def resolved_dataset(
    name: str, own: Config, config: Config, definitions: Config, pres: list[str]
) -> tuple[Config, list[str]]:
    """A data set in full, and what is wrong with the plug-ins that it names."""
    full: Config = {}
    faults: list[str] = []
    for kind in sections.INLINE:
        own_table, above = as_table(own.get(kind, {})), as_table(config.get(kind, {}))
        given = {"name": {"source": name}.get(kind, DEFAULTS.get(kind)), **above, **own_table}
        word = given["name"]
        if word not in registry.plugins(kind):
            faults.append(f"datasets.{name}: {kind} {unknown_word(kind, word)}")
            continue
        keys = sections.inline(registry.get(kind, word))
        faults += validate(above, keys, (kind,))
        faults += validate(own_table, keys, ("datasets", name, kind))
        filled = fill(given, keys)
        if kind == "network":
            full[kind] = filled
            continue
        full[kind] = filled.pop("name")
        if filled:
            full[f"{kind}_settings"] = filled
    used = [pre for pre in dict.fromkeys(pres) if pre in sections.own_sections("dataset")]
    for section in (*sections.CORE["dataset"], *used):
        given = {**config.get(section, {}), **own.get(section, {})}
        full[section] = fill(given, definitions[section])
    return full, faults


def as_table(given: Any) -> Config:
    """A plug-in's name, or its table, as a table."""
    return given if isinstance(given, dict) else {"name": given}


def resolved_experiment(own: Config, config: Config, definitions: Config) -> Config:
    """An experiment in full."""
    full = {"dataset": own["dataset"], "budget": own["budget"]}
    for key in EXPERIMENT_KEYS:
        default = definitions[key].get("default")
        full[key] = copy.deepcopy(own.get(key, config.get(key, default)))
    if full["initial"] is None:
        full["initial"] = full["budget"]
    if isinstance(full["seeds"], int):
        full["seeds"] = list(range(full["seeds"]))
    full["methods"] = {
        method: fill(words, definitions["method"]) for method, words in full["methods"].items()
    }
    words = [*strategies_of(full), *(words["semi"] for words in full["methods"].values())]
    used = [word for word in dict.fromkeys(words) if word in sections.own_sections("experiment")]
    for section in (*sections.CORE["experiment"], *used):
        given = {**config.get(section, {}), **own.get(section, {})}
        full[section] = fill(given, definitions[section])
    return full


def strategies_of(experiment: Config) -> list[str]:
    """Every strategy that a method of the experiment is run with."""
    return [name for words in experiment["methods"].values() for name in words["strategies"]]


def fill(given: Config, schema: dict[str, Any]) -> Config:
    """`given` with the schema's defaults for what it leaves out, in the schema's order."""
    return {
        key: copy.deepcopy(given[key] if key in given else description.get("default"))
        for key, description in schema["properties"].items()
        if key in given or "default" in description
    }
