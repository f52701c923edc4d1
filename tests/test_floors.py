"""The package's folders are floors: each imports from itself and from those below, never upward."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "wholepool"
#: from the top down, as docs/layout.md has it
FLOORS = (
    *("stages", "paper", "report", "cost", "grid"),
    *("learn", "strategies", "data", "graph", "job"),
)


def imports(path):
    """The folders of the package that a module imports from, anywhere in it, but for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wholepool."):
            yield node.module.split(".")[1]
        if isinstance(node, ast.ImportFrom) and node.module == "wholepool":
            yield from (alias.name for alias in node.names if (SRC / alias.name).is_dir())
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("wholepool.")]
            yield from (name.split(".")[1] for name in names)


def test_every_folder_is_a_floor():
    folders = {path.name for path in SRC.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == set(FLOORS)


@pytest.mark.parametrize("floor", FLOORS)
def test_nothing_runs_back_up(floor):
    below = FLOORS[FLOORS.index(floor) :]
    upward = {
        str(path.relative_to(SRC)): sorted(set(imports(path)) - set(below))
        for path in (SRC / floor).rglob("*.py")
    }
    assert {path: names for path, names in upward.items() if names} == {}


def test_no_file_is_long():
    long = {str(path): len(path.read_text().splitlines()) for path in SRC.rglob("*.py")}
    assert {path: lines for path, lines in long.items() if lines > 400} == {}
