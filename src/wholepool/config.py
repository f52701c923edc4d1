"""The configuration: validated, completed with defaults, and resolved per data set and experiment.

Sections such as `network` or `semi` may stand at the top, where they hold for all, and again under
one data set or experiment, where they win, key by key. The schema describes every key, its range
and its default; nothing else is accepted.
"""

import difflib
import functools
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from wholepool.datasets import SOURCES
from wholepool.errors import UserError

#: sections that belong to a data set: all its experiments share them, and so its pre-training
DATASET_SECTIONS = ("pool", "network", "augment", "pretrain")
#: sections and keys that belong to an experiment
EXPERIMENT_SECTIONS = ("optimizer", "sup", "semi", "propagation", "ceal")
EXPERIMENT_KEYS = ("initial", "cycles", "seeds", "methods", "full_supervision")

Config = dict[str, Any]


@functools.cache
def read_schema(path: str | Path) -> dict[str, Any]:
    """The JSON schema of the configuration, from its YAML file."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def resolve(config: Config, schema_path: str | Path) -> Config:
    """Check a configuration and write it out in full.

    Returns {"results_dir", "data_dir", "device", "threads", "tables", "datasets": {name: {source,
    pool, network, augment, pretrain}}, "experiments": {name: {dataset, budget, initial, cycles,
    seeds, methods, optimizer, sup, semi, propagation, ceal, full_supervision}}}. Raises UserError,
    listing every fault with its key, value and remedy.
    """
    schema = read_schema(str(schema_path))
    validate(config, schema)
    definitions = schema["$defs"]
    top = {
        key: config.get(key, schema["properties"][key].get("default"))
        for key in ("results_dir", "data_dir", "device", "threads")
    }
    top["tables"] = fill(config.get("tables", {}), schema["properties"]["tables"], definitions)
    faults: list[str] = []

    datasets: Config = {}
    for name, own in config["datasets"].items():
        own = own or {}
        full: Config = {"source": own.get("source", name)}
        if full["source"] not in SOURCES:
            faults.append(
                f"datasets.{name}: source {full['source']!r} is unknown"
                + suggestion(full["source"], SOURCES)
            )
        for section in DATASET_SECTIONS:
            given = {**config.get(section, {}), **own.get(section, {})}
            full[section] = fill(given, definitions[section], definitions)
        datasets[name] = full

    experiments: Config = {}
    for name, own in config["experiments"].items():
        full = {"dataset": own["dataset"], "budget": own["budget"]}
        for key in EXPERIMENT_KEYS:
            default = definitions[key].get("default")
            full[key] = own.get(key, config.get(key, default))
        if full["initial"] is None:
            full["initial"] = full["budget"]
        if isinstance(full["seeds"], int):
            full["seeds"] = list(range(full["seeds"]))
        full["methods"] = {
            method: fill(words, definitions["method"], definitions)
            for method, words in full["methods"].items()
        }
        for section in EXPERIMENT_SECTIONS:
            given = {**config.get(section, {}), **own.get(section, {})}
            full[section] = fill(given, definitions[section], definitions)
        experiments[name] = full
        faults += faults_of(name, full, datasets)
    if faults:
        raise UserError(listing(faults))
    return {**top, "datasets": datasets, "experiments": experiments}


def validate(config: Config, schema: dict[str, Any]) -> None:
    """Raise UserError with every place where `config` breaks the schema."""
    validator = jsonschema.Draft202012Validator(schema)
    faults = []
    for error in sorted(validator.iter_errors(config), key=lambda e: list(map(str, e.path))):
        faults.append(explain(error, schema))
    if faults:
        raise UserError(listing(faults))


def explain(error: jsonschema.ValidationError, schema: dict[str, Any]) -> str:
    """One fault in a user's words: the key, the value, what is allowed, what was perhaps meant."""
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return "; ".join(
            f"unknown key {'.'.join(filter(None, [where, str(key)]))}{suggestion(key, known)}"
            for key in unknown
        )
    if error.validator == "required":
        return f"{where or 'the config'}: {error.message}"
    text = f"{where} is {error.instance!r}: {error.message}"
    if error.validator == "enum":
        text = f"{where} is {error.instance!r}, but must be one of "
        text += ", ".join(map(str, error.validator_value))
        text += suggestion(error.instance, [str(value) for value in error.validator_value])
    if "description" in error.schema:
        text += f" ({' '.join(error.schema['description'].split())})"
    return text


def suggestion(word: Any, known: Any) -> str:
    """'; did you mean ...?' where something known is spelt alike, else what is known."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(known)}" if known else ""


def listing(faults: list[str]) -> str:
    """All faults as one message."""
    if len(faults) == 1:
        return f"the configuration is wrong: {faults[0]}"
    return "the configuration is wrong:\n" + "\n".join(f"  - {fault}" for fault in faults)


def fill(given: Config, schema: dict[str, Any], definitions: dict[str, Any]) -> Config:
    """`given` with the schema's defaults for what it leaves out, in the schema's order."""
    return {
        key: given[key] if key in given else description.get("default")
        for key, description in schema["properties"].items()
        if key in given or "default" in description
    }


def faults_of(name: str, experiment: Config, datasets: Config) -> list[str]:
    """What no schema can say: how an experiment's numbers fit each other and its data set."""
    # imported here, since strategies need SciPy and the schema check alone does not
    from wholepool.strategies import STRATEGIES

    faults = []
    where = f"experiments.{name}"
    for method, words in experiment["methods"].items():
        at = f"{where}.methods.{method}"
        for strategy in words["strategies"]:
            if strategy not in STRATEGIES:
                faults.append(
                    f"{at}: strategy {strategy!r} is unknown{suggestion(strategy, STRATEGIES)}"
                )
            elif STRATEGIES[strategy].gives_pseudo_labels and words["semi"] != "none":
                faults.append(
                    f"{at}: {strategy} brings its own pseudo-labels and is not combined with SEMI "
                    f"(semi is {words['semi']!r}): remove it from this method's strategies"
                )
        if words["pre"] != "none":
            pre = (datasets.get(experiment["dataset"]) or {}).get("pretrain", {})
            if pre.get("epochs") == 0:
                faults.append(f"{at}: pre is {words['pre']!r}, but pretrain.epochs is 0")
    if experiment["semi"]["labeled_size"] >= experiment["semi"]["batch_size"]:
        faults.append(
            f"{where}: semi.labeled_size is {experiment['semi']['labeled_size']}, but must be "
            f"below semi.batch_size, {experiment['semi']['batch_size']}, to leave room for "
            "pseudo-labels"
        )
    if experiment["dataset"] not in datasets:
        faults.append(
            f"{where}: dataset {experiment['dataset']!r} is not among datasets"
            + suggestion(experiment["dataset"], datasets)
        )
        return faults
    dataset = datasets[experiment["dataset"]]
    known = SOURCES.get(dataset["source"])
    if known is None:
        return faults
    size = dataset["pool"]["size"]
    if size is not None and size > known.n:
        faults.append(
            f"datasets.{experiment['dataset']}.pool.size is {size}, but {dataset['source']} has "
            f"only {known.n} training images"
        )
        return faults
    n = size or known.n
    labels = experiment["initial"] + experiment["budget"] * (experiment["cycles"] - 1)
    if labels > n:
        faults.append(
            f"{where}: {experiment['cycles']} cycles need {labels} labels (initial "
            f"{experiment['initial']}, budget {experiment['budget']}), but the pool has {n} images"
        )
    if experiment["initial"] < known.classes:
        faults.append(
            f"{where}: initial is {experiment['initial']}, but needs at least one label for each "
            f"of {known.classes} classes"
        )
    if experiment["propagation"]["k"] >= n:
        faults.append(
            f"{where}: propagation.k is {experiment['propagation']['k']}, but must be below the "
            f"pool's {n} images"
        )
    for section, value in (("augment.translate", dataset["augment"]["translate"]),):
        if value >= known.size:
            faults.append(f"{where}: {section} is {value}, but images are {known.size} pixels wide")
    for key in ("mean", "std"):
        value = dataset["pool"][key]
        if value is not None and len(value) != known.channels:
            faults.append(
                f"datasets.{experiment['dataset']}.pool.{key} has {len(value)} values, but "
                f"{dataset['source']} has {known.channels} channel(s)"
            )
    return faults
