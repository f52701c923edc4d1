"""How much the fuzz tests draw.

`short`, for make test: the same draw each time. `long`, for make test-all: another draw each time,
which the seed that it prints repeats.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

COMMON = {
    "database": None,  # the seed repeats a failure; a folder of old ones would make runs differ
    "deadline": None,  # a busy machine is no defect
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("short", max_examples=100, derandomize=True, **COMMON)
settings.register_profile("long", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for all draws of a module's tests, which overwrite each other's files."""
    return tmp_path_factory.mktemp("fuzz")
