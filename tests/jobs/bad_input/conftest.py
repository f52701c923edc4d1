"""A healthy folder, made once by the commands themselves; each test spoils a copy of it."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from commands import CHAIN, CONFIG, PLACES, RATES, ROOT, command

from wholepool import __main__ as cli


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """A folder in which every command finds what it needs."""
    folder = tmp_path_factory.mktemp("healthy")
    (folder / "grid.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "rates.json").write_text(json.dumps(RATES))
    shutil.copy(ROOT / "evidence" / "paper.csv", folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in CHAIN:
            assert cli.main(command(stage)) == 0, stage
            for file, place in PLACES.items():  # where the stage runs looks for them
                if stage == "evaluate":
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(folder / file, folder / place)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def folder(healthy, tmp_path, monkeypatch):
    """A copy of it, to be spoiled; the working directory of the test."""
    here = tmp_path / "here"
    shutil.copytree(healthy, here)
    monkeypatch.chdir(here)
    return here


SOURCE = """
import numpy as np

from wholepool.data.sources import Images

KNOWN = {"n": 20, "n_test": 5, "size": 16, "channels": 1, "classes": 10}
mixed = np.empty(20, dtype=object)
mixed[:] = [np.zeros((8 + number, 16, 1), dtype=np.uint8) for number in range(20)]


def read(settings, data_dir):
    good = {
        "train": np.zeros((20, 16, 16, 1), dtype=np.uint8),
        "train_labels": np.arange(20) % 10,
        "test": np.zeros((5, 16, 16, 1), dtype=np.uint8),
        "test_labels": np.arange(5),
        "class_names": [str(digit) for digit in range(10)],
    }
    return Images(**good | {CHANGE})
"""
#: what no pool can be made of, by the name of the source that hands it over
CHANGES = {
    "mixed": '"train": mixed',
    "other_test": '"test": good["test"][:, :8, :8]',
    "floats": '"train": good["train"] / 255',
    "short": '"train_labels": good["train_labels"][:19]',
    "eleventh": '"train_labels": np.arange(20) % 11',
    "fewer": '"train": good["train"][:19], "train_labels": good["train_labels"][:19]',
}


@pytest.fixture
def sources(plugin, monkeypatch):
    """Those, and no network for the others."""
    for name, change in CHANGES.items():
        plugin("source", name, SOURCE.replace("CHANGE", change))

    def refuse(*arguments, **options):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
