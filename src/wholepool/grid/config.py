"""The configuration: validated, completed with defaults, and resolved per data set and experiment.

Sections such as `network` or `semi` may stand at the top, where they hold for all, and again under
one data set or experiment, where they win, key by key. The schema describes every key, its range
and its default; nothing else is accepted.
"""

import copy
import difflib
import functools
import math
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from wholepool.data.sources import SOURCES
from wholepool.grid.cells import is_full
from wholepool.job.errors import UserError
from wholepool.strategies import STRATEGIES

#: keys that say where and how jobs run, and change no result
TOP_KEYS = ("results_dir", "data_dir", "device", "pool_memory_mb", "checkpoint_seconds", "threads")
#: sections that belong to a data set: all its experiments share them, and so its pre-training
DATASET_SECTIONS = ("pool", "network", "augment", "pretrain")
#: sections and keys that belong to an experiment
EXPERIMENT_SECTIONS = ("optimizer", "sup", "full", "semi", "propagation", "ceal")
EXPERIMENT_KEYS = ("initial", "cycles", "seeds", "seed_moves", "methods", "full_supervision")

Config = dict[str, Any]

DEEPEST = 16  # tables within tables; the deepest key stands at 6
MOST_VALUES = 100_000
LONGEST = 200  # characters of a wrong value in a message

# JSON Schema takes 3.0 for an integer and infinity for a number. YAML users mean neither.
STRICT_TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ),
    }
)
Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=STRICT_TYPES)


class Loader(yaml.SafeLoader):
    """YAML without objects, and with each key once: YAML itself takes the last, silently."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} stands there a second time: keep one of the two",
                    problem_mark=key.start_mark,
                )
            seen.add(key.value)
        return node


def read_yaml(path: str | Path, option: str = "the file") -> dict[str, Any]:
    """A YAML file's table, as `option` names it. Raises UserError if it is not one."""
    try:
        found = Loader(Path(path).read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give {option} that is there") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): give {option} that can"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: it is no text in UTF-8 ({error.reason})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UserError(
            f"{path}{where}: {problem}: it is not YAML as a grid needs it; indent with spaces, "
            "close what was opened, and give each key once"
        ) from error
    if not isinstance(found, dict):
        kind = "empty" if found is None else f"a {type(found).__name__}"
        raise UserError(
            f"{path} is {kind}, but must be a table of keys: a grid has datasets and experiments"
        )
    return found


@functools.cache
def read_schema(path: str | Path) -> dict[str, Any]:
    """The JSON schema of the configuration, from its YAML file."""
    return read_yaml(path, "--schema")


def resolve(config: Config, schema_path: str | Path) -> Config:
    """Check a configuration and write it out in full.

    Returns TOP_KEYS, "tables", "datasets": {name: {source, pool, network, augment, pretrain}}, and
    "experiments": {name: {dataset, budget, initial, cycles, seeds, seed_moves, methods, optimizer,
    sup, full, semi, propagation, ceal, full_supervision}}.
    Raises UserError, listing every fault with its key, value and remedy.
    """
    schema = read_schema(str(schema_path))
    validate(config, schema)
    definitions = schema["$defs"]
    top = {key: config.get(key, schema["properties"][key].get("default")) for key in TOP_KEYS}
    top["tables"] = fill(config.get("tables", {}), schema["properties"]["tables"])
    faults: list[str] = []

    datasets: Config = {}
    for name, own in config["datasets"].items():
        own = own or {}
        full: Config = {"source": own.get("source", name)}
        for section in DATASET_SECTIONS:
            given = {**config.get(section, {}), **own.get(section, {})}
            full[section] = fill(given, definitions[section])
        datasets[name] = full
        faults += dataset_faults(name, full)

    experiments: Config = {}
    for name, own in config["experiments"].items():
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
        for section in EXPERIMENT_SECTIONS:
            given = {**config.get(section, {}), **own.get(section, {})}
            full[section] = fill(given, definitions[section])
        for key, value in full["full"].items():
            if value is None:
                full["full"][key] = full["sup"][key]
        experiments[name] = full
        faults += experiment_faults(name, full, datasets)
    run: list[str] = [name for full in experiments.values() for name in strategies_of(full)]
    if top["tables"]["ablation_strategies"] is None:
        papers: list[str] = [name for name in ("uncertainty", "jlp") if name in run]
        top["tables"]["ablation_strategies"] = papers or list(dict.fromkeys(run))
    else:
        faults += strategy_faults(
            "tables.ablation_strategies", top["tables"]["ablation_strategies"]
        )
    if faults:
        raise UserError(listing(faults))
    return {**top, "datasets": datasets, "experiments": experiments}


def validate(config: Config, schema: dict[str, Any]) -> None:
    """Raise UserError with every place where `config` breaks the schema."""
    faults = shape_faults(config)
    if faults:
        raise UserError(listing(faults))
    validator = Validator(schema)
    for error in sorted(validator.iter_errors(config), key=lambda e: list(map(str, e.path))):
        faults.append(explain(error))
    if faults:
        raise UserError(listing(faults))


def shape_faults(config: Any) -> list[str]:
    """What would make the validator, or its message, fail or take for ever.

    YAML's aliases can make a table that holds itself, or ten lines that hold billions of values.
    """
    faults: list[str] = []
    left: list[tuple[tuple[Any, ...], Any]] = [((), config)]
    for _ in range(MOST_VALUES):
        if not left:
            return faults
        path, value = left.pop()
        where = dotted(path)
        if isinstance(value, int) and abs(value) >= 2**63:
            faults.append(f"{where} is an integer of more than 64 bits: make it smaller")
        if not isinstance(value, dict | list):
            continue
        if len(path) == DEEPEST:
            faults.append(f"{where} is nested too deeply: no key takes that; remove it")
            continue
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(key, str):
                faults.append(f"{dotted((*path, key))}: the key {key!r} is no text: quote it")
            left.append(((*path, key), child))
    return [*faults, f"it holds more than {MOST_VALUES:,} values: remove what no key takes"]


def dotted(path: Iterable[Any]) -> str:
    """A key as a.b.c; a part that cannot be printed, or is very long, as far as it can be shown."""
    parts = map(str, path)
    return ".".join(shown(part) if not part.isprintable() else part[:100] for part in parts)


def shown(value: Any) -> str:
    """A value in quotes, as in Python, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def explain(error: jsonschema.ValidationError) -> str:
    """One fault in a user's words: the key, the value, what is allowed, what was perhaps meant."""
    where = dotted(error.absolute_path)
    description = error.schema.get("description", "")
    if error.validator == "oneOf":  # the fault in the alternative that was perhaps meant
        error = min(
            error.context, key=lambda one: one.validator == "type" and not one.relative_path
        )
        where = dotted(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        named = [
            f"unknown key {dotted([*error.absolute_path, key])}{suggestion(key, known)}"
            for key in unknown[:3]
        ]
        return "; ".join(named + [f"and {len(unknown) - 3} more"] * (len(unknown) > 3))
    if error.validator == "required":
        return f"{where or 'the config'}: {error.message}"
    value = shown(error.instance)
    if error.instance is None and where:
        return f"{where} is None, that is empty: give it a value, or remove the key"
    text = f"{where} is {value}: {error.message.replace(repr(error.instance), value)}"
    if error.validator == "enum":
        text = f"{where} is {value}, but must be one of "
        text += ", ".join(map(str, error.validator_value))
        text += suggestion(error.instance, [str(value) for value in error.validator_value])
    description = error.schema.get("description", description)
    return f"{text} ({' '.join(description.split())})" if description else text


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
    more = [f"and {len(faults) - 20} more"] * (len(faults) > 20)
    return "the configuration is wrong:\n" + "\n".join(
        f"  - {fault}" for fault in [*faults[:20], *more]
    )


def fill(given: Config, schema: dict[str, Any]) -> Config:
    """`given` with the schema's defaults for what it leaves out, in the schema's order."""
    return {
        key: copy.deepcopy(given[key] if key in given else description.get("default"))
        for key, description in schema["properties"].items()
        if key in given or "default" in description
    }


def dataset_faults(name: str, dataset: Config) -> list[str]:
    """What no schema can say of a data set: how its settings fit what its source holds."""
    faults = []
    where = f"datasets.{name}"
    known = SOURCES.get(dataset["source"])
    if known is None:
        return [
            f"{where}: source {dataset['source']!r} is unknown"
            + suggestion(dataset["source"], SOURCES)
        ]
    size, shift = dataset["pool"]["size"], dataset["augment"]["translate"]
    if size is not None and size > known.n:
        faults.append(
            f"{where}: pool.size is {size}, but {dataset['source']} has only {known.n} training "
            "images: make it smaller, or null for all of them"
        )
    if shift >= known.size:
        faults.append(
            f"{where}: augment.translate is {shift}, but must be below the {known.size} pixels "
            "that images are wide"
        )
    channels = known.channels if known.channels > 1 else dataset["pool"]["grey_channels"]
    for key in ("mean", "std"):
        value = dataset["pool"][key]
        if value is not None and len(value) != channels:
            faults.append(
                f"{where}: pool.{key} has {len(value)} values, but {dataset['source']} has "
                f"{channels} channel(s): give one each, or null for the pool's own"
            )
    return faults


def experiment_faults(name: str, experiment: Config, datasets: Config) -> list[str]:
    """What no schema can say of an experiment: how its numbers fit each other and its pool."""
    faults = []
    where = f"experiments.{name}"
    for method, words in experiment["methods"].items():
        faults += method_faults(f"{where}.methods.{method}", words)
        section = "full" if is_full(words) else "sup"
        if words["semi"] == "none" and experiment[section]["epochs"] == 0:
            faults.append(
                f"{where}: {section}.epochs is 0, so method {method} would not train at all: give "
                "it epochs, or remove the method"
            )
    sup, semi = experiment["sup"], experiment["semi"]
    for section, settings in (("sup", sup), ("full", experiment["full"]), ("semi", semi)):
        if settings["cosine_epochs"] < settings["epochs"]:
            faults.append(
                f"{where}: {section}.cosine_epochs is {settings['cosine_epochs']}, below "
                f"{section}.epochs, {settings['epochs']}: the learning rate would be 0 for the "
                f"rest. The paper has 1.05 times the epochs: {1.05 * settings['epochs']:g}"
            )
    if (semi["sup_epochs"] or 0) > sup["cosine_epochs"]:
        faults.append(
            f"{where}: semi.sup_epochs is {semi['sup_epochs']}, above sup.cosine_epochs, "
            f"{sup['cosine_epochs']}: the learning rate would be 0 for the rest"
        )
    if semi["labeled_size"] >= semi["batch_size"]:
        faults.append(
            f"{where}: semi.labeled_size is {semi['labeled_size']}, but must be below "
            f"semi.batch_size, {semi['batch_size']}, to leave room for pseudo-labels"
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
    n = min(dataset["pool"]["size"] or known.n, known.n)
    labels = experiment["initial"] + experiment["budget"] * (experiment["cycles"] - 1)
    if labels > n:
        faults.append(
            f"{where}: {experiment['cycles']} cycles need {labels} labels (initial "
            f"{experiment['initial']}, budget {experiment['budget']}), but the pool has {n} "
            "images: make budget or cycles smaller"
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
    return faults


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
    for kind in ("pre", "semi"):
        known = ["none", *plugins("pretrain" if kind == "pre" else kind)]
        if words[kind] not in known:
            faults.append(
                f"{where}: {kind} {words[kind]!r} is unknown{suggestion(words[kind], known)}"
            )
    own = [name for name in words["strategies"] if name in STRATEGIES]
    own = [name for name in own if STRATEGIES[name].gives_pseudo_labels]
    if words["semi"] != "none" and own:
        faults.append(
            f"{where}: {own[0]} brings its own pseudo-labels and is not combined with SEMI (semi "
            f"is {words['semi']!r}): remove it from this method's strategies"
        )
    return faults


def strategy_faults(where: str, names: list[str]) -> list[str]:
    """Strategies that are not registered."""
    return [
        f"{where}: strategy {name!r} is unknown{suggestion(name, STRATEGIES)}"
        for name in names
        if name not in STRATEGIES
    ]


def strategies_of(experiment: Config) -> list[str]:
    """Every strategy that a method of the experiment is run with."""
    return [name for words in experiment["methods"].values() for name in words["strategies"]]


def plugins(package: str) -> list[str]:
    """The names of the PREs or SEMIs: their files', so that torch need not be imported."""
    folder = Path(__file__).parents[1] / "learn" / package
    return sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
