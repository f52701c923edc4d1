"""Where jobs find this package."""

import os
from pathlib import Path


def export_package() -> None:
    """Put this package on PYTHONPATH for child processes, which conda's environments may lack."""
    here = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *(p for p in before if p and p != here)])
