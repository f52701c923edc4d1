"""The schema itself."""

import jsonschema

from wholepool.grid import sections
from wholepool.job import registry

SCHEMA = sections.schema()


def followed(schema):
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def keys(schema, path=""):
    """Every (path, schema) of a key, through sections and named entries."""
    schema = followed(schema)
    for name, child in schema.get("properties", {}).items():
        yield f"{path}/{name}", followed(child)
        yield from keys(child, f"{path}/{name}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys(schema["additionalProperties"], f"{path}/*")


def test_every_key_has_a_description():
    found = list(keys(SCHEMA))
    assert len(found) > 100
    without = [path for path, schema in found if not schema.get("description", "").strip()]
    assert without == []


def test_every_leaf_has_a_default_that_validates():
    required = {
        "/datasets",
        "/experiments",
        "/datasets/*/source",  # its default is the data set's name
        "/experiments/*/dataset",
        "/experiments/*/budget",
        "/experiments/*/methods/*/strategies",
        "/methods/*/strategies",
        "/datasets/*/source/name",
        "/datasets/*/oracle/name",
    }
    for path, schema in keys(SCHEMA):
        if "properties" in schema or path in required or ("/sup/" in path and "methods" in path):
            continue
        assert "default" in schema, path
        validator = jsonschema.Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]})
        assert validator.is_valid(schema["default"]), path


def test_every_table_of_keys_is_closed():
    open_ones = [
        path
        for path, schema in keys(SCHEMA)
        if "object" in str(schema.get("type")) and "additionalProperties" not in schema
    ]
    # whose other keys are their plug-in's, which is validated by its name: see sections.inline
    named = ["/datasets/*/network", "/datasets/*/oracle", "/datasets/*/source", "/network"]
    assert sorted(open_ones) == named
    for kind in sections.INLINE:
        for plugin in registry.plugins(kind).values():
            assert sections.inline(plugin)["additionalProperties"] is False
    assert SCHEMA["additionalProperties"] is False


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
