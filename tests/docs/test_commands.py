"""Every command of the README and the other pages is planned, or read by its own parser.

Nothing is computed. A command that no class below knows fails.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache

import pytest
import yaml
from packaging.requirements import Requirement
from pages import FENCE, PAGES, ROOT, blocks
from snakemake.cli import get_argument_parser

from wholepool.__main__ import parser
from wholepool.loop.__main__ import VERBS
from wholepool.loop.__main__ import parser as parser_of_loop

pytestmark = pytest.mark.jobs  # Snakemake plans

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LANGUAGES = {"bash", "text", "yaml", "python", "toml"}
#: in running text, what stands between ticks and begins so is a command
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )?(?:make|snakemake|python|pytest|wholepool) [^`]*)`")
#: what a folder needs in which Snakemake is called as the pages say
LINKED = ("Snakefile", "rules", "src", "profiles", "evidence", "envs", "config.yaml")


def joined(text):
    """The lines of a shell block, each whole and without its comment."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.split("#")[0].strip()]


@cache
def commands():
    """(page, command), each once; those with an ellipsis outside quotes are no whole commands."""
    found = {}
    for page in PAGES:
        lines = [
            line
            for block in blocks(page)
            if block.language == "bash"
            for line in joined(block.text)
        ]
        prose = FENCE.sub("", page.read_text(encoding="utf-8"))
        lines += [" ".join(span.split()) for span in INLINE.findall(prose)]
        for line in lines:
            if "…" not in re.sub(r'"[^"]*"', "", line):
                found[line] = page.name
    return [pytest.param(line, id=f"{page}: {line}"[:90]) for line, page in found.items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_its_language(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES
    hidden = r"^    (?:make|snakemake|python|pytest|pip) "
    assert not re.search(hidden, FENCE.sub("", page.read_text()), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder that looks like a checkout: every grid has one seed and two cycles."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    grids = folder / "workflow" / "grids"
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    for path in grids.glob("*.yaml"):
        config = yaml.safe_load(path.read_text()) | {"seeds": 1, "cycles": 2}
        path.write_text(yaml.safe_dump(config, sort_keys=False))
    shutil.copy(ROOT / "tests" / "workflow" / "tiny.yaml", folder / "my-grid.yaml")
    return folder


def call(folder, *line):
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.run(
        line,
        **{"cwd": folder, "env": os.environ | {"PATH": path}, "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT},
    )
    assert process.returncode == 0, process.stdout[-4000:]
    return process.stdout


def snakemake_args(words):
    """What Snakemake's own parser reads; a word that it does not know fails."""
    words = [word.replace("RESULTS", "results").replace("NAME", "digits") for word in words]
    return get_argument_parser().parse_args(words)


@cache
def targets_of(grid):
    """All targets that the pages name with a grid, as `grid_of` has it."""
    lines = (shlex.split(one.values[0]) for one in commands())
    read = [snakemake_args(words[1:]) for words in lines if words[0] == "snakemake"]
    named = {target for args in read if grid_of(args) == grid for target in args.targets}
    return tuple(sorted(named))


def grid_of(args):
    """What tells one grid from another: paths, overrides, and profiles, which override too."""
    return tuple(
        (option, *map(str, found))
        for option in ("configfile", "config", "profile")
        if (found := getattr(args, option))
    )


@cache
def planned(folder, grid, targets):
    """Plan in a process of its own."""
    words = [word for option, *found in grid for word in (f"--{option}", *found)]
    line = [sys.executable, "-m", "snakemake", "--cores", "1", *targets, *words]
    call(folder, *line, "--dry-run", "--quiet", "all")


def plan(words, folder):
    """`snakemake`: read by its parser, and each grid planned once, with all its targets.

    Cores and resources change no plan. A report is of what has run, so its target is planned.
    """
    args = snakemake_args(words)
    if args.unlock:
        call(folder, sys.executable, "-m", "snakemake", *words)
    elif args.targets:
        grid = grid_of(args)
        planned(folder, grid, targets_of(grid))
    else:  # what the Snakefile has for its default
        planned(folder, grid_of(args), ())


def read_options(words, folder):
    """`python`: a stage's arguments are parsed, a script's options are those of its help."""
    if words[:2] == ["-m", "wholepool"]:
        if len(words) > 3:
            parser("").parse_args(words[2:])
        else:  # named, not called
            call(folder, sys.executable, *words, "--help")
        return
    script = ROOT / words[0]
    if "argparse" not in script.read_text():
        if len(words) > 1 and all((ROOT / word).exists() for word in words):  # evidence: a second
            call(ROOT, sys.executable, *words)
        else:  # it computes for minutes, or reads what a run has made: see that it loads
            load = f"import runpy; runpy.run_path({str(script)!r}, run_name='read')"
            call(folder, sys.executable, "-c", load)
        return
    parts = [word for word in words[1:2] if word.isidentifier() and script.parent.name == "tools"]
    told = help_of(script, *parts)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", told), option


@cache
def help_of(script, *parts):
    return call(ROOT, sys.executable, script, *parts, "--help")


def collect(words, folder):
    """`pytest`: its paths are there and its markers are known; what -k chooses is collected."""
    options = pytest_parser().parse_args(words)
    told = [line.split(":")[0] for line in PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert set(re.findall(r"\w+", options.marked or "")) <= {*told, "and", "or", "not"}
    for path in options.paths:
        there = ROOT / path
        assert there.is_file() or any(there.rglob("test_*.py")), path
    if options.chosen:
        call(ROOT, sys.executable, "-m", "pytest", "--collect-only", "-q", *words)


def pytest_parser():
    """The options of pytest that the pages use."""
    reader = argparse.ArgumentParser(exit_on_error=False)
    reader.add_argument("-m", dest="marked")
    reader.add_argument("-k", dest="chosen")
    reader.add_argument("paths", nargs="*")
    return reader


def make(words, folder):
    """`make`: its commands are found, and not run."""
    call(ROOT, "make", "--dry-run", *words)


def install(words, folder):
    """`pip`: what it is to install is well said, and is what the package asks for."""
    assert words[0] == "install"
    for word in words[1:]:
        assert Requirement(word) and f'"{word}"' in (ROOT / "pyproject.toml").read_text()


def verb(words, folder):
    """`wholepool`: a verb's arguments are parsed. Named alone, in running text, it must be one."""
    if len(words) == 1 and words[0] in VERBS:
        return
    parser_of_loop().parse_args(words)


def activate(words, folder):
    assert words == [".venv/bin/activate"]


def hooks(words, folder):
    assert words == ["install"]


def variable(words, folder):
    """`export`, for another tool."""
    assert not words  # its variables are taken away before


def label_studio(words, folder):
    assert words == ["start"]


CLASSES = {
    **{"snakemake": plan, "python": read_options, "pytest": collect, "make": make},
    **{"pip": install, "source": activate, "pre-commit": hooks, "wholepool": verb},
    **{"export": variable, "label-studio": label_studio},
}


@pytest.mark.parametrize("line", commands())
def test_the_command_is_one(line, checkout):
    words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=\S+", word)]
    assert words[0] in CLASSES, f"no class here knows this command: {line}"
    CLASSES[words[0]](words[1:], checkout)
