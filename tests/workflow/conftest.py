"""Variations of the tiny grid."""

import pytest
import yaml
from running import TINY


@pytest.fixture
def varied(tmp_path):
    """Write the tiny configuration with top-level keys replaced; returns its path."""

    def write(**changes):
        config = yaml.safe_load(TINY.read_text()) | changes
        path = tmp_path / "varied.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return write
