"""Stages and their options: each stage's are said once, above its function.

    @stage(option("pool", "info", "out"), CELL)
    def evaluate(args): ...

A file's option has the name that the file has in the rule.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from wholepool.grid.cells import Cell
from wholepool.job.errors import UserError

Arguments = argparse.Namespace
Option = Callable[[argparse.ArgumentParser], None]
Run = Callable[[Arguments], None]


@dataclass(frozen=True)
class Stage:
    """A stage: its function, its options, whether it uses a GPU where there is one.

    `output` names the option of the last file that it writes: its lock is held while the stage
    runs. It is a folder for stages that write several files `into` one.
    """

    run: Run
    options: tuple[Option, ...]
    gpu: bool
    output: str
    into: bool


STAGES: dict[str, Stage] = {}


def stage(
    *options: Option, gpu: bool = False, output: str = "out", into: bool = False
) -> Callable[[Run], Run]:
    """Make a function a stage, a command of `python -m wholepool`."""

    def register(run: Run) -> Run:
        STAGES[run.__name__] = Stage(run, options, gpu, output, into)
        return run

    return register


def option(*names: str, **how: Any) -> Option:
    """Options that must be given, unless `how` (as argparse has it) says otherwise."""
    how.setdefault("required", "default" not in how)

    def add(parser: argparse.ArgumentParser) -> None:
        for name in names:
            parser.add_argument(f"--{name}", **how)

    return add


def optional(*names: str) -> Option:
    """Options that may be given."""
    return option(*names, default=None)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line, without a list of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"[{self.prog.split()[-1]}] {message}; for the usage see {self.prog} --help\n")


def parser(description: str) -> argparse.ArgumentParser:
    """The command line: one sub-command per stage."""
    top = Parser(prog="python -m wholepool", description=description)
    commands = top.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, known in STAGES.items():
        sub = commands.add_parser(name, help=known.run.__doc__)
        sub.set_defaults(settings=None)
        for add in (*known.options, *MACHINE):
            add(sub)
    return top


def refused(text: str, wanted: str) -> argparse.ArgumentTypeError:
    """An option's value and what it must be; argparse puts the option's name before it."""
    return argparse.ArgumentTypeError(f"{text!r}, but must be {wanted}")


def cell_of(text: str) -> Cell:
    """experiment/method/strategy/seed/cycle."""
    try:
        experiment, method, strategy, seed, cycle = text.split("/")
        return Cell(experiment, method, strategy, int(seed), int(cycle))
    except ValueError:
        wanted = "experiment/method/strategy/seed/cycle, the last two whole numbers"
        raise refused(text, wanted) from None


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise refused(text, "a whole number of at least 1")
    return int(text)


def seconds(text: str) -> float:
    """A time of at least 0."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise refused(text, "seconds, at least 0")
    return found


def megabytes(text: str) -> int | None:
    """A number, or auto: None."""
    if text != "auto" and not text.isdecimal():
        raise refused(text, "a whole number of MiB, or auto")
    return None if text == "auto" else int(text)


def from_json(text: str) -> Any:
    """JSON on the command line."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise refused(text[:60], f"JSON ({error})") from None


def name_and_path(text: str) -> list[str]:
    """NAME=FILE, split."""
    if "=" not in text:
        raise refused(text, "NAME=FILE, a data set and its pool.json")
    return text.split("=", 1)


def require(option: str, given: Any, *sections: str) -> None:
    """Raise UserError unless JSON that was given on the command line has these sections."""
    missing = [name for name in sections if not isinstance(given, dict) or name not in given]
    if missing:
        names = ", ".join(missing)
        raise UserError(f"{option} lacks {names}: give all of it as the resolved config has it")


CELL = option("cell", type=cell_of, help="experiment/method/strategy/seed/cycle of the job")
DRAW_SEED = option("draw-seed", type=int, default=None, help="whose random draws; else the cell's")
SETTINGS = option("settings", type=from_json, help="the slice of the config, as JSON")
GRID = option("grid", type=from_json, help="the plan, as JSON")
INFOS = option("info", nargs="+", type=name_and_path, help="NAME=FILE, a data set's pool.json")

DATA = "where torchvision's data sets are"
MEMORY = "copy a pool to the device up to this size; else half of what is free there"
OFTEN = "a checkpoint this often, in a folder next to --out; default: 300"
#: of all stages: where and how a job computes. Of these only threads decide a result
MACHINE = (
    option("device", choices=("auto", "cpu", "cuda"), default="auto"),
    option("threads", type=positive, default=1, help="CPU threads"),
    option("pool-memory-mb", type=megabytes, default=None, metavar="MIB", help=MEMORY),
    option("checkpoint-seconds", type=seconds, default=300, help=OFTEN),
    option("data-dir", type=os.path.expanduser, default="data", help=DATA),
    option("log", default=None, help="file for the whole log"),
)
