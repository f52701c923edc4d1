"""docs/layout.md lists the modules as they are, and its floors are those of the imports."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from wholepool.job import registry

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "wholepool"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "layout_reference.py"
    spec = importlib.util.spec_from_file_location("layout_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported(path):
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_the_page_is_current(tool):
    assert tool.PAGE.read_text() == tool.page(), "run make reference"


def test_every_module_says_what_it_is():
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_dependencies_run_downward(tool):
    floors = list(tool.FLOORS)
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} == set(
        floors
    )
    upward = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in PACKAGE.rglob("*.py")
        if (own := path.relative_to(PACKAGE).parts[0]) in floors
        for name in imported(path)
        if name.startswith("wholepool.") and (other := name.split(".")[1]) in floors
        if floors.index(other) < floors.index(own)
    ]
    assert not upward


def test_no_file_is_long():
    long = {str(path): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: lines for path, lines in long.items() if lines > 400} == {}


def test_contributing_names_every_kind_and_what_it_may_declare():
    rows = re.findall(r"^\| (\w+)[^|]*\| `([\w/]+)` \|([^|]*)\|([^|]*)\|$", CONTRIBUTING, re.M)
    assert {kind for kind, *_ in rows} == set(registry.KINDS)
    for name, folder, _, may in rows:
        kind = registry.KINDS[name]
        assert folder == kind.folder
        assert set(re.findall(r"`(\w+)`", may)) == set(kind.declares) - {"VERSION"}, name
