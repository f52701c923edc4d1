"""The tiny grid, run once for all tests, and variations of it."""

import pytest
import yaml
from running import TINY, snakemake


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The tiny grid's folder after `snakemake all`."""
    folder = tmp_path_factory.mktemp("run")
    snakemake(folder, "--cores", "2", "all")
    return folder


@pytest.fixture
def varied(tmp_path):
    """Write the tiny configuration with top-level keys replaced; returns its path."""

    def write(**changes):
        config = yaml.safe_load(TINY.read_text()) | changes
        path = tmp_path / "varied.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return write
