"""The sections of the configuration: the core's, in schema.yaml, and each plug-in's, next to it.

A plug-in that a data set has one of (its source, oracle, network) is named where its keys stand:
`network: {name: conv13, width: 0.5}`. Of the others a grid may have many: the section has the
plug-in's name.
"""

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.registry import Plugin

Schema = dict[str, Any]

#: kinds that a data set has one of
INLINE = ("source", "oracle", "network")
#: the core's sections of a data set (all its experiments share them), and of an experiment
CORE = {"dataset": ("pool", "augment"), "experiment": ("optimizer", "sup", "semi", "propagation")}
#: kinds whose sections stand next to the core's
KINDS = {"dataset": ("pretrain",), "experiment": ("semi", "strategy")}


@functools.cache
def own_sections(level: str) -> dict[str, Plugin]:
    """The plug-ins that bring a section of a level, "dataset" or "experiment", by its name.

    Raises UserError where a section's name stands for something else.
    """
    taken = {*core()["properties"], *core()["$defs"]}
    if level == "experiment":
        taken |= {*own_sections("dataset")}
    found: dict[str, Plugin] = {}
    for kind in KINDS[level]:
        for name, plugin in registry.plugins(kind).items():
            if plugin.section is None:
                continue
            if name in taken or name in found:
                raise UserError(
                    f"{plugin.path}: the {kind} {name} has a section of the config, but {name} is "
                    "another key there already: rename the plug-in"
                )
            found[name] = plugin
    return found


def names(level: str) -> tuple[str, ...]:
    """Every section of a level."""
    return (*CORE[level], *own_sections(level))


@functools.cache
def reads(plugin: Plugin) -> tuple[str, ...]:
    """The sections that a plug-in reads: those it declares, then its own if it has one.

    It may declare single keys of a section, as "propagation.k": see `given_to`. Raises UserError
    for one that it cannot read.
    """
    level = "dataset" if plugin.kind in KINDS["dataset"] else "experiment"
    declared = dict.fromkeys(name.partition(".")[0] for name in plugin["READS"])
    for name in declared:
        # the core's first: to know the others takes reading every plug-in's section
        if name not in CORE[level] and name not in (may := names(level)):
            raise UserError(
                f"{plugin.path}: READS has {name!r}, but a {plugin.kind} may read only "
                f"{', '.join(may)}"
            )
    has_own = plugin.path.with_suffix(".yaml").exists()
    own = (plugin.name,) if has_own and plugin.name not in declared else ()
    return (*declared, *own)


def given_to(plugin: Plugin, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of resolved settings what a plug-in reads: whole sections, or the keys that it declares.

    Raises UserError for a key that its section has not.
    """
    found: dict[str, Any] = {}
    for name in (*plugin["READS"], *reads(plugin)):
        section, _, key = name.partition(".")
        if not key:
            found.setdefault(section, settings[section])
        elif key not in settings[section]:
            raise UserError(
                f"{plugin.path}: READS has {name!r}, but {section} has only the keys "
                f"{', '.join(settings[section])}"
            )
        else:
            found.setdefault(section, {})[key] = settings[section][key]
    return found


@functools.cache
def core() -> Schema:
    """schema.yaml: all that is no plug-in."""
    from wholepool.job.yaml import read_yaml  # as in the registry

    return read_yaml(Path(__file__).with_name("schema.yaml"))


@functools.cache
def schema() -> Schema:
    """The JSON schema of the whole configuration, with every plug-in's section."""
    whole = copy.deepcopy(core())
    definitions = whole["$defs"]
    for level in KINDS:
        for name, plugin in own_sections(level).items():
            definitions[name] = plugin.section
            for place in (whole, definitions[level]):
                place["properties"][name] = {"$ref": f"#/$defs/{name}"}
    definitions["method"]["properties"]["sup"]["properties"] = {
        key: {word: value for word, value in keys.items() if word != "default"}
        for key, keys in definitions["sup"]["properties"].items()
    }
    return whole


def inline(plugin: Plugin) -> Schema:
    """The schema of a section that names its plug-in: its name and its keys."""
    own = plugin.section or {"type": "object", "additionalProperties": False, "properties": {}}
    name = {"description": f"Which {plugin.kind}.", "type": "string"}
    return {**own, "properties": {"name": name, **own["properties"]}}


def table_of(word: str | Mapping[str, Any]) -> dict[str, Any]:
    """A plug-in that is named where its keys stand, its name or its table, as a table."""
    return {"name": word} if isinstance(word, str) else dict(word)


def word_of(word: str | Mapping[str, Any]) -> str:
    """Its name."""
    return str(table_of(word)["name"])


def own_of(word: str | Mapping[str, Any]) -> dict[str, Any]:
    """Its own keys."""
    return {key: value for key, value in table_of(word).items() if key != "name"}
