"""The tiny grid, run once for all tests, and variations of it."""

import fcntl
import os
import shutil

import pytest
import yaml
from running import TINY, snakemake


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The tiny grid's folder after `snakemake all`: run by one of pytest's workers, copied by each.

    A copy of its own, since Snakemake lets only one process at a time into a folder.
    """
    folder = tmp_path_factory.mktemp("run")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    grid, unfinished = shared / "grid", shared / "grid-unfinished"
    with open(shared / "grid.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not grid.exists():
            shutil.rmtree(unfinished, ignore_errors=True)  # where another worker's run failed
            unfinished.mkdir()
            snakemake(unfinished, "--cores", "2", "all")
            unfinished.rename(grid)
    return shutil.copytree(grid, folder, dirs_exist_ok=True)


@pytest.fixture
def varied(tmp_path):
    """Write the tiny configuration with top-level keys replaced; returns its path."""

    def write(**changes):
        config = yaml.safe_load(TINY.read_text()) | changes
        path = tmp_path / "varied.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return write
