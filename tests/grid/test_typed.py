"""Text where the schema wants something else, as Snakemake's --config gives it."""

import json

import pytest
import yaml
from configs import changed, minimal, refusal
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config

from wholepool.grid import sections
from wholepool.grid.config import resolve
from wholepool.grid.typed import typed

#: every value of these grids, nested or not, is a key's that a user may give
GRIDS = ("config.yaml", "workflow/grids/deviations.yaml", "workflow/grids/released_code.yaml")


def as_text(value):
    """Every leaf as text, as Snakemake reads what is nested."""
    if isinstance(value, dict):
        return {key: as_text(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_text(child) for child in value]
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("sup", {"epochs": "3", "lr": "1e-3"}, {"epochs": 3, "lr": 1e-3}),
        ("propagation", {"clip": "false"}, {"clip": False}),
        ("sup", "{epochs: 3}", {"epochs": 3}),
        ("seeds", "[1,2]", [1, 2]),
        ("seeds", ["1", "2"], [1, 2]),
        ("seeds", "3", 3),
        ("initial", "null", None),
        ("pool", {"size": "null", "mean": "[0.5]"}, {"size": None, "mean": [0.5]}),
        ("propagation", {"search": "{faiss: Flat}"}, {"search": {"faiss": "Flat"}}),
        ("propagation", {"search": "exact"}, {"search": "exact"}),
        ("network", {"width": "0.5"}, {"width": 0.5}),
        ("network", {"name": "conv13", "weight_norm": "false"}, {"weight_norm": False}),
        ("datasets/digits/network", {"width": "0.5"}, {"width": 0.5}),
        ("datasets/digits/source", "{name: digits}", "digits"),
        ("experiments/demo/budget", "20", 20),
        ("published_accuracy", "1e1", 10.0),
    ],
)
def test_text_is_read_as_the_schema_wants_it(path, text, expected):
    resolved = resolve(changed(path, text))
    name = path.rpartition("/")[2]
    places = [resolved, *resolved["datasets"].values(), *resolved["experiments"].values()]
    found = next(place[name] for place in places if name in place)
    if name == "initial":
        assert found == resolved["experiments"]["demo"]["budget"]
    elif name == "seeds" and expected == 3:
        assert found == [0, 1, 2]
    elif isinstance(expected, dict):
        assert {key: found[key] for key in expected} == expected
        assert all(type(found[key]) is type(value) for key, value in expected.items())
    else:
        assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_whole_grid_of_text_is_the_grid(grid):
    with open(grid) as file:
        config = yaml.safe_load(file)
    assert resolve(as_text(config)) == resolve(config)


def keys(schema, definitions, path=()):
    """Every key of the schema with its own schema."""
    for key, child in schema.get("properties", {}).items():
        child = {**definitions.get(child.get("$ref", "").rpartition("/")[2], {}), **child}
        yield (*path, key), child
        if len(path) < 3:
            yield from keys(child, definitions, (*path, key))


def examples(schema):
    """A value of each kind that a key takes."""
    for one in schema.get("oneOf", []):
        yield from examples(one)
    types = schema.get("type", [])
    for kind in [types] if isinstance(types, str) else types:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        yield from {
            "integer": [max(int(least), 1)],
            "number": [least, 1e-3],
            "boolean": [True, False],
            "null": [None],
            "array": [[1, 2]] if schema.get("items", {}).get("type") == "integer" else [],
        }.get(kind, [])
    yield from schema.get("enum", [])


def test_every_key_of_the_schema_takes_its_values_as_text():
    schema = sections.schema()
    definitions, seen = schema["$defs"], set()
    for path, own in keys(schema, definitions):
        for value in examples(own):
            seen.add(type(value))
            text = value if isinstance(value, str) else json.dumps(value)
            assert typed(text, own, definitions) == value, (path, text)
    assert seen == {int, float, bool, type(None), list, str}


def test_what_snakemake_makes_of_the_command_line():
    given = [
        "sup={epochs: 3, lr: 1e-3}",
        "propagation={clip: false}",
        "seeds=[1,2]",
        "initial=null",
    ]
    resolved = resolve({**minimal(), **parse_config(given)})["experiments"]["demo"]
    assert (resolved["sup"]["epochs"], resolved["sup"]["lr"]) == (3, 1e-3)
    assert resolved["propagation"]["clip"] is False and resolved["seeds"] == [1, 2]
    assert resolved["initial"] == 10


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("sup/epochs", "many", "sup.epochs is 'many'"),
        ("propagation/clip", "perhaps", "propagation.clip is 'perhaps'"),
        ("sup/epochs", "1.5", "sup.epochs is 1.5"),
        ("sup/lr", ".inf", "sup.lr is inf"),
        ("sup", "&a {b: *a}", "sup is '&a {b: *a}'"),
        ("seeds", "2026-11-26", "seeds is '2026-11-26'"),
    ],
)
def test_what_is_no_value_is_explained_as_ever(path, text, says):
    assert says in refusal(changed(path, text))


@given(st.text(max_size=20))
def test_text_where_text_is_meant_stays(text):
    schema = sections.schema()
    assert typed({"data_dir": text}, schema, schema["$defs"]) == {"data_dir": text}
