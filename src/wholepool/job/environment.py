"""Where jobs find this package."""

import os
from pathlib import Path


def export_package() -> None:
    """Put this package on PYTHONPATH, for this process's children.

    So jobs find it even in an environment that does not hold it, as one made by conda for the
    rules.
    """
    here = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *(p for p in before if p and p != here)])
