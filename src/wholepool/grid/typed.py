"""Text in a configuration, read as what the schema wants there.

Snakemake hands over the nested values of `--config key='{...}'` as text, `null` and lists too, and
YAML 1.1 takes 1e-3 for text. So where the schema takes no text, text is read as YAML; where it
does, text stays what it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Schema = Mapping[str, Any]


def typed(value: Any, schema: Schema, definitions: Schema) -> Any:
    """`value` with the text in it converted; what cannot be stays, for the validator to explain.

    `definitions` are what the schema's $ref name.
    """
    wanted = list(alternatives(schema, definitions))
    if isinstance(value, str):
        if any(takes_text(one, value) for one in wanted):
            return value
        read = as_yaml(value)
        return value if isinstance(read, str) else typed(read, schema, definitions)
    if isinstance(value, dict):
        return {
            key: typed(child, child_schema(wanted, key), definitions)
            for key, child in value.items()
        }
    if isinstance(value, list):
        items: Schema = next((one["items"] for one in wanted if "items" in one), {})
        return [typed(child, items, definitions) for child in value]
    return value


def alternatives(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """A schema's alternatives, each without $ref."""
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
        schema = {key: value for key, value in schema.items() if key != "$ref"}
    for one in schema.get("oneOf", [schema]):
        yield from alternatives(one, definitions) if "$ref" in one else [one]


def child_schema(wanted: list[Schema], key: str) -> Schema:
    """The schema of a key of a table; of one that the schema does not know, any."""
    for one in wanted:
        if key in one.get("properties", {}):
            found: Schema = one["properties"][key]
            return found
        if isinstance(one.get("additionalProperties"), Mapping):
            return dict(one["additionalProperties"])
    return {}


def takes_text(schema: Schema, text: str) -> bool:
    """Whether text may stay text. A word or a table is a table if it looks like one."""
    if "enum" in schema:
        return text in schema["enum"]
    types = schema.get("type", "string")
    types = [types] if isinstance(types, str) else types
    return "string" in types and not ("object" in types and text.lstrip().startswith("{"))


def as_yaml(text: str) -> Any:
    """What YAML reads in a text, numbers as 1e-3 among it; the text itself if it is no value.

    Anchors are left alone: ten lines of them can hold billions of values.
    """
    try:
        read = text if "&" in text else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    if isinstance(read, str):
        try:
            return float(read)
        except ValueError:
            return text
    return read if read is None or isinstance(read, bool | int | float | list | dict) else text
