"""The wall around hidden labels, in the source: who names the oracle's file and who imports it.

tests/workflow/test_plan.py shows the same of the files that jobs read.
"""

import argparse
import ast
from pathlib import Path

import pytest

from wholepool import __main__  # noqa: F401 (it fills STAGES)
from wholepool.stages.options import STAGES

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "wholepool"
MAY_SEE_LABELS = {"data", "initial", "label_all", "label", "evaluate", "diagnose"}
LEARNING = ("learn", "strategies", "graph")


def module_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Every module of the package that a file imports, at its top or in a function."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name, which this test cannot see"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & MODULES.keys()


def reached(module):
    """Every module that comes with one, through whatever it imports."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imported(MODULES[name])
    return seen


def names(path):
    """Every name, attribute and imported name in a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            yield node.id
        if isinstance(node, ast.Attribute):
            yield node.attr
        if isinstance(node, ast.alias):
            yield from node.name.split(".")


def test_the_modules_are_all_seen():
    assert "wholepool.data.oracles" in imported(PACKAGE / "stages" / "sighted.py")
    assert "wholepool.data.indexsets" in reached("wholepool.strategies.random")


@pytest.mark.parametrize("part", LEARNING)
def test_nothing_that_learns_imports_the_oracle_not_even_through_others(part):
    mine = [name for name in MODULES if name.startswith(f"wholepool.{part}")]
    assert len(mine) > 5
    for module in mine:
        found = {name for name in reached(module) if name.startswith("wholepool.data.oracles")}
        assert found == set(), module
        assert not {name for name in reached(module) if name.startswith("wholepool.stages")}


def test_no_learner_loads_a_plug_in_that_answers():
    """registry.get("oracle", ...) would be another way in."""
    loaders = sorted(
        str(path.relative_to(PACKAGE))
        for path in MODULES.values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and any(isinstance(a, ast.Constant) and a.value == "oracle" for a in node.args)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "plugins")
    )
    # the plan asks what the oracle declares of itself
    planning = ["grid/cells.py", "grid/people.py"]
    assert sorted(set(loaders)) == ["data/oracles/__init__.py", *planning]
    assert not any("load()" in (PACKAGE / path).read_text("utf-8") for path in planning)


def test_only_the_plan_and_the_stages_of_people_ask_the_journal():
    """The plan asks how many cycles are closed, and which classes there are."""
    users = {module for module, path in MODULES.items() if "of_people" in set(names(path))}
    assert users == {"wholepool.grid.people", "wholepool.stages.people"}
    calls = {name for name in names(PACKAGE / "grid" / "people.py") if name.startswith("answer")}
    assert calls == set()
    readers = {
        module for module, path in MODULES.items() if "wholepool.labeling.journal" in imported(path)
    }
    blind = {"asking", "blind", "fitting", "predicting"}
    assert not readers & {f"wholepool.stages.{name}" for name in blind}
    assert not [name for name in readers if name.split(".")[1] in LEARNING]


def test_the_blind_stages_name_no_oracle():
    blind = PACKAGE / "stages" / "blind.py"
    assert not {name for name in imported(blind) if "oracles" in name}
    forbidden = {"oracle", "oracle_of", "oracles", "read_hidden", "test_labels", "hidden"}
    assert forbidden & set(names(blind)) == set()


def test_only_the_sighted_stages_open_the_oracle_s_file():
    """`common.oracle_of` reads args.oracle for them, and no other stage takes it."""
    openers = {
        path.name
        for path in (PACKAGE / "stages").glob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "oracle"
    }
    assert openers == {"common.py", "sighted.py"}
    (function,) = [
        node
        for node in ast.walk(tree(PACKAGE / "stages" / "common.py"))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(n, ast.Attribute) and n.attr == "oracle" for n in ast.walk(node))
    ]
    assert function.name == "oracle_of"
    users = {path.name for path in MODULES.values() if "oracle_of" in set(names(path))}
    assert users == {"sighted.py"}  # in common.py it is only defined


def takes(stage):
    """The options of a stage."""
    own = argparse.ArgumentParser()
    for add in STAGES[stage].options:
        add(own)
    return {word for action in own._actions for word in action.option_strings}


def test_only_they_take_a_hidden_label_on_their_command_line():
    assert {name for name in STAGES if "--oracle" in takes(name)} == MAY_SEE_LABELS
    with_test = {"data", "evaluate", "standing"}
    assert {name for name in STAGES if "--test-labels" in takes(name)} == with_test
    assert all(STAGES[name].run.__module__.endswith(".sighted") for name in MAY_SEE_LABELS)
    sighted = {name for name, one in STAGES.items() if one.run.__module__.endswith(".sighted")}
    assert sighted == MAY_SEE_LABELS
