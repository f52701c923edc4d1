"""Paths of a configuration: ~ and variables expanded, and one spelling for one folder.

All readers see the same path: torchvision would expand ~, and Python not. And Snakemake's records
go by the name of a file, so that `results`, `./results`, its absolute path and a link to it would
be four grids to it.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from wholepool.job.errors import UserError

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def expanded(path: str, key: str, environment: Mapping[str, str] = os.environ) -> str:
    """A path with its ~ and its $VARIABLES in place.

    Raises UserError, with the config's `key`, for a variable that is not set, or an unknown user.
    """
    for variable in VARIABLE.finditer(path):
        name = variable[1] or variable[2]
        if name not in environment:
            raise UserError(
                f"{key} is {path!r}, but the variable {name} is not set: set it, or write the path "
                "out"
            )
    found = os.path.expanduser(VARIABLE.sub(lambda v: environment[v[1] or v[2]], path))
    if found.startswith("~"):
        raise UserError(f"{key} is {path!r}, but there is no such user: write the path out")
    return found


def spelled(path: str) -> str:
    """The one spelling of a folder: from the working directory if it lies below it, else absolute.

    Links are followed.
    """
    here, there = Path.cwd().resolve(), Path(path).resolve()
    return str(there.relative_to(here) if there.is_relative_to(here) else there)
