"""docs/config.md and the JSON schema are those that `make reference` writes."""

import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from wholepool.grid import sections
from wholepool.job import registry

ROOT = Path(__file__).parents[2]
GRIDS = [*sorted(ROOT.glob("workflow/grids/*.yaml")), ROOT / "tests/workflow/tiny.yaml"]


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "config_reference.py"
    spec = importlib.util.spec_from_file_location("config_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(tool):
    assert tool.PAGE.read_text() == tool.page(), "run make reference"


def test_the_schema_is_current(tool):
    assert json.loads(tool.SCHEMA.read_text()) == tool.schema(), "run make reference"


def keys_of(schema):
    """Every key that a schema describes, wherever it stands."""
    found = set(schema.get("properties", ()))
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            found |= keys_of(part) if isinstance(part, dict) else set()
    return found


def test_every_key_and_every_plug_in_has_its_line(tool):
    text = tool.PAGE.read_text()
    keys = keys_of(sections.core())
    for kind in registry.KINDS:
        for name, plugin in registry.plugins(kind).items():
            keys |= set(plugin.section["properties"]) if plugin.section else set()
            assert re.search(rf"^### .*: {name}$", text, flags=re.MULTILINE), name
    own = {name for level in ("dataset", "experiment") for name in sections.own_sections(level)}
    for key in keys - own:
        row = rf"^\| `{key}` \|.* \| [^|\s].* \|$"  # its last column says something
        within = rf"^\|.*{{{key}: .*`{key}`: \S"  # a key of a table that is one of several values
        assert re.search(f"{row}|{within}", text, flags=re.MULTILINE), key


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *GRIDS], ids=lambda path: path.stem)
def test_the_schema_takes_every_grid_of_ours(tool, path):
    validator = jsonschema.Draft202012Validator(json.loads(tool.SCHEMA.read_text()))
    validator.check_schema(validator.schema)
    assert not list(validator.iter_errors(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    "change",
    [
        {"netwrok": {}},
        {"network": {"widht": 1}},
        {"network": {"name": "conv13", "width": 0}},
        {"deepcluster": {"epochs": "many"}},
        {"methods": {"m": {"semi": "fixmtach"}}},
        {"methods": {"m": {"strategies": ["randmo"]}}},
        {"datasets": {"digits": {"source": "digitz"}}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_misspelt(tool, change):
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | change
    validator = jsonschema.Draft202012Validator(json.loads(tool.SCHEMA.read_text()))
    assert list(validator.iter_errors(config))
