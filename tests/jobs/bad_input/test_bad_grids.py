"""The grid as a whole is refused by Snakemake, in our words, before anything is made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, contents
from spoiling import case, config, nothing, require_said

GRIDS = [
    case("misspelt key", "snakemake", config("cycels", 3)).says(
        "cycels", "the configuration is wrong", "did you mean cycles?"
    ),
    case(
        "a key twice",
        "snakemake",
        lambda folder: (folder / "grid.yaml").open("a").write("seeds: 3\n"),
    ).says("grid.yaml", "key 'seeds'", "keep one"),
    case("zero seeds on the command line", "snakemake", nothing, config="seeds=0").says(
        "seeds", "0", "minimum of 1"
    ),
    case(
        "a name that a shell would run",
        "snakemake",
        config("experiments/x; touch pwned", {"dataset": "digits", "budget": 10}),
    ).says("experiments", "'x; touch pwned'", "Letters, digits and . _ + - only"),
    case("results_dir that is a file", "snakemake", config("results_dir", "paper.csv")).says(
        "paper.csv", "a file stands where this folder should", "move it away"
    ),
]


@pytest.mark.parametrize("case", GRIDS, ids=lambda case: case.name.replace(" ", "-"))
def test_bad_grid(folder, case):
    case.spoil(folder)
    before = contents(folder)
    words = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "grid.yaml", "--cores", "1"]
    for name, value in case.options.items():
        words += [f"--{name}", value]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], env=environment, text=True, capture_output=True
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said
    require_said(case, said)
    shutil.rmtree(folder / ".snakemake")  # Snakemake's own
    assert contents(folder) == before
