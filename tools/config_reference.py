"""Write docs/config.md and workflow/schemas/config.schema.json from the schema and the plug-ins.

    python tools/config_reference.py            # the same as make reference

Both list the plug-ins of every package that is installed where this runs.
"""

import ast
import json
from pathlib import Path
from typing import Any

from wholepool.grid import sections
from wholepool.job import registry
from wholepool.job.registry import KINDS, Plugin

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "config.md"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"

HEAD = """# Every key of the configuration

This page is made by `make reference`: do not edit it. An unknown or misspelt key is refused, and
the message says what was perhaps meant. How a grid is written: [`your-grid.md`](your-grid.md).
Where the paper is silent, [`deviations.md`](deviations.md) says where a default comes from.

The same as JSON Schema is
[`workflow/schemas/config.schema.json`](../workflow/schemas/config.schema.json), for editors that
complete and check. They find it where a grid begins with
`# yaml-language-server: $schema=` and the path of that file.
"""
TOP = """The keys `datasets` and `experiments` must be there. All others have defaults. A section of
a data set (`network`, `pool`, `augment`, or a PRE's) may stand here, for all data sets, and under
one data set. A section or key of an experiment may stand here, for all experiments, and under one.
The inner one wins, key by key."""
#: heading, what precedes its table, and where its keys stand in the schema
TABLES = {
    "dataset": ("datasets.NAME", "One data set."),
    "experiment": ("experiments.NAME", "One experiment on a data set."),
    "method": ("methods.NAME", "One way of training."),
}
#: how a plug-in's declaration is told
TOLD = {
    "NEEDS": "needs",
    "READS": "reads the sections",
    "GIVES": "gives",
    "EATS": "eats",
    "FILES": "makes",
}


def schema() -> dict[str, Any]:
    """The JSON schema of a whole configuration, every plug-in by name."""
    whole = json.loads(json.dumps(sections.schema()))
    definitions = whole["$defs"]
    names = {kind: list(registry.plugins(kind)) for kind in KINDS}
    method = definitions["method"]["properties"]
    method["pre"]["enum"] = ["none", *names["pretrain"]]
    method["semi"]["enum"] = ["none", *names["semi"]]
    method["strategies"]["items"]["enum"] = names["strategy"]
    for kind in ("source", "oracle"):
        tables = [named(plugin) for plugin in registry.plugins(kind).values()]
        place = definitions["dataset"]["properties"][kind]
        place.pop("$ref")
        place["anyOf"] = [{"enum": names[kind]}, *tables]
    del definitions["word"]
    networks = [named(plugin) for plugin in registry.plugins("network").values()]
    for table in networks:  # a network's keys may stand without its name, see grid/config.py
        del table["required"]
    description = definitions["network"]["description"]
    definitions["network"] = {"description": description, "anyOf": networks}
    return whole


def named(plugin: Plugin) -> dict[str, Any]:
    """The table that names a plug-in and has its keys."""
    table = json.loads(json.dumps(sections.inline(plugin)))
    table["properties"]["name"] |= {"const": plugin.name}
    return {**table, "required": ["name", *table.get("required", [])]}


def values(key: dict[str, Any]) -> str:
    """What a key may hold, in words."""
    if "enum" in key:
        return ", ".join(f"`{text(value)}`" for value in key["enum"])
    if "oneOf" in key:
        return ", or ".join(map(values, key["oneOf"]))
    kinds = key.get("type", "table")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return ", or ".join(kind_in_words(kind, key) for kind in kinds)


def kind_in_words(kind: str, key: dict[str, Any]) -> str:
    """A JSON type with its range."""
    if kind == "null":
        return "`null`"
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "string":
        return "text"
    if kind == "object":
        inside = [f"{name}: {values(own)}" for name, own in key.get("properties", {}).items()]
        return f"table {{{', '.join(inside)}}}" if inside else "table"
    if kind == "array":
        size = f" of 1 to {key['maxItems']}" if "maxItems" in key else ""
        return f"list{size}: {values(key['items'])}"
    low = [
        f"{sign} {key[word]:g}"
        for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"))
        if word in key
    ]
    high = [
        f"{sign} {key[word]:g}"
        for word, sign in (("maximum", "≤"), ("exclusiveMaximum", "<"))
        if word in key
    ]
    return " ".join([kind, ", ".join(low + high)]).strip()


def text(value: Any) -> str:
    """A value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value)


def rows(properties: dict[str, Any], definitions: dict[str, Any], required: list[str]) -> list[str]:
    """The table of some keys; of a section that has a table of its own, where it stands."""
    lines = ["| key | values | default | |", "|---|---|---|---|"]
    for name, key in properties.items():
        reference = key.get("$ref", "").removeprefix("#/$defs/")
        full = {**definitions.get(reference, {}), **key}
        keys = full.get("properties")
        if keys and reference != "word":
            told, default = f"table: [{reference or name}](#{reference or name})", ""
        else:
            told = "a name, or a table with `name`" if reference == "word" else values(full)
            default = f"`{text(full['default'])}`" if "default" in full else ""
        if name in required:
            default = "must be there"
        if len(default) > 80:
            default = "see below"
        description = " ".join(full.get("description", "").split())
        for other in full.get("oneOf", ()):
            for inner, own in other.get("properties", {}).items():
                description += f" `{inner}`: {' '.join(own['description'].split())}"
        cells = (f"`{name}`", told, default, description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def section_lines(name: str, found: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """A heading, a sentence and the table of a section."""
    return [f"### {name}", "", found.get("description", ""), ""] + rows(
        found["properties"], definitions, found.get("required", [])
    )


def plugin_lines(plugin: Plugin, heading: str) -> list[str]:
    """A plug-in: what its module says of itself, what it declares, and its section."""
    source = ast.get_docstring(ast.parse(plugin.path.read_text(encoding="utf-8"))) or ""
    lines = [f"### {heading}", "", " ".join(source.split("\n\n")[0].split()), ""]
    told = []
    for word, verb in TOLD.items():
        value = plugin[word] if word in KINDS[plugin.kind].declares else ()
        value = (value,) if isinstance(value, str) else value
        if value:
            told.append(f"{verb} {', '.join(f'`{item}`' for item in value)}")
    known = plugin["KNOWN"] if "KNOWN" in KINDS[plugin.kind].declares else {}
    if known:
        told.append("has " + ", ".join(f"{key} {value:,}" for key, value in known.items()))
    if told:
        sentence = "; ".join(told)
        lines += [f"It {sentence}.", ""]
    if plugin.section:
        lines += [*rows(plugin.section["properties"], {}, []), ""]
    return lines


def page() -> str:
    """docs/config.md."""
    whole = sections.schema()
    definitions = whole["$defs"]
    own = {name for level in ("dataset", "experiment") for name in sections.own_sections(level)}

    def core(found: dict[str, Any]) -> dict[str, Any]:
        return {name: key for name, key in found["properties"].items() if name not in own}

    lines = [HEAD, "## At the top", "", TOP, ""]
    lines += [*rows(core(whole), definitions, whole["required"]), ""]
    lines += ["## Data sets, experiments, methods", ""]
    for name, (heading, sentence) in TABLES.items():
        found = definitions[name]
        lines += [f"### {heading}", "", sentence, ""]
        lines += [*rows(core(found), definitions, found.get("required", [])), ""]
    methods = definitions["methods"]["default"]
    lines += ["Where a grid names no methods, it has these:", "", "```yaml", "methods:"]
    for name, words in methods.items():
        told = ", ".join(
            f"{key}: [{', '.join(value)}]" if isinstance(value, list) else f"{key}: {value}"
            for key, value in words.items()
        )
        lines.append(f"  {name}: {{ {told} }}")
    lines += ["```", "", "## Sections", ""]
    for name in (*sections.CORE["dataset"], *sections.CORE["experiment"]):
        lines += [*section_lines(name, definitions[name], definitions), ""]
    network = {key: definitions["network"][key] for key in ("description", "properties")}
    lines += [*section_lines("network", network, definitions), ""]
    lines += [*section_lines("tables", whole["properties"]["tables"], definitions), ""]
    lines += ["## Plug-ins", ""]
    lines += [
        "A plug-in's section has its name; the keys of sources, oracles and networks stand beside "
        "`name`. How to add one: [`CONTRIBUTING.md`](../CONTRIBUTING.md).",
        "",
    ]
    headings = {
        "source": "source: {}",
        "oracle": "oracle: {}",
        "network": "network: {}",
        "pretrain": "PRE: {}",
        "semi": "SEMI: {}",
        "strategy": "strategy: {}",
        "page": "report page: {}",
    }
    for kind, heading in headings.items():
        for plugin in registry.plugins(kind).values():
            lines += plugin_lines(plugin, heading.format(plugin.name))
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
