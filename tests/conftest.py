import logging
import os
import sys
from pathlib import Path

# Before NumPy is imported. Tests compute on small arrays, two workers on two cores: threads of
# BLAS that wait for each other took most of the time of some.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import lab
import pytest

from wholepool.graph import conjugate_gradients
from wholepool.job import registry

TESTS = Path(__file__).parent
#: folders whose tests start stages, as processes or through `main`, or Snakemake
WITH_JOBS = {"jobs", "workflow", "stages", "benchmarks"}

# Results carry the commit of the code. Git does not look into this folder from below it, so that
# the bytes of two runs are equal even when a file was edited, or committed, between them.
os.environ["GIT_CEILING_DIRECTORIES"] = str(Path(__file__).resolve().parents[1])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what lies in those folders, so that `make quick` leaves it out, and let it run first.

    It takes longest, and a worker that is left with it at the end would run alone.
    """
    folders = {item: set(item.path.relative_to(TESTS).parts) for item in items}
    for item in items:
        if WITH_JOBS & folders[item]:
            item.add_marker("jobs")
    items.sort(key=lambda item: ("workflow" not in folders[item], not WITH_JOBS & folders[item]))


@pytest.fixture
def restored_logger():
    """`start_logging` sets the handlers of the process: put back those from before."""
    logger = logging.getLogger("wholepool")
    handlers, level = logger.handlers, logger.level
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers = handlers
    logger.setLevel(level)


@pytest.fixture
def clean_process(monkeypatch, restored_logger):
    """`main` sets thread counts and logging for its process: put both back."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(params=["small", "large", "ordered", "device"])
def solver(request, monkeypatch):
    """Every way of solving, on graphs that are small: one block or many, the GPU's on the CPU."""
    if request.param == "small":
        return request.param
    monkeypatch.setattr(conjugate_gradients, "SMALL", 0)
    if request.param == "ordered":
        monkeypatch.setattr(conjugate_gradients, "CACHED", 0)
        monkeypatch.setattr(conjugate_gradients, "BLOCK", 16 * 7)
    if request.param == "device":

        def products(graph, alpha, columns):
            return conjugate_gradients.device_products(graph, alpha, "cpu")

        monkeypatch.setattr(conjugate_gradients, "cpu_products", products)
    return request.param


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a plug-in from outside the package: plugin(kind, name, code, section=None)."""
    folder = tmp_path / "lab-site"

    def install(kind, name, code, section=None):
        lab.write(folder, kind, name, code, section)
        if str(folder) not in sys.path:
            monkeypatch.syspath_prepend(str(folder))
        lab.forget()
        return registry.get(kind, name)

    yield install
    monkeypatch.undo()
    lab.forget()
