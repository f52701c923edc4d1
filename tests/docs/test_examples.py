"""The code that the pages show: it passes the linter and mypy, and does what they say.

The plug-ins of README and CONTRIBUTING are written into a package of somebody else's, which names
them as entry points; nothing of ours is edited.
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from pages import ROOT, blocks

KINDS = {
    **{"ratio": "strategy", "farthest": "strategy", "least_likely": "semi", "noisy": "semi"},
    **{"as_it_is": "pretrain", "coarse": "pretrain", "linear": "network", "my_images": "source"},
    **{"noise": "oracle", "best": "page"},
}
#: a grid that uses them
GRID = {
    "datasets": {
        "my_images": {"oracle": "noise", "network": {"width": 0.0625}},
        "features": {"source": "my_images", "network": {"name": "linear"}},
    },
    "experiments": {
        "mine": {"dataset": "my_images", "budget": 6},
        "frozen": {
            "dataset": "features",
            "budget": 6,
            "methods": {"coarse": {"pre": "coarse", "semi": "none", "strategies": ["ratio"]}},
        },
    },
    "cycles": 2,
    "seeds": 1,
    "methods": {
        "baseline": {"pre": "none", "semi": "none", "strategies": ["ratio", "farthest"]},
        "likely": {"pre": "as_it_is", "semi": "least_likely", "strategies": ["ratio"]},
        "noisy": {"pre": "none", "semi": "noisy", "strategies": ["ratio"]},
    },
    **{"augment": {"translate": 1}, "farthest": {"candidates": 20}},
    **{"sup": {"epochs": 2, "lr": 0.05}, "semi": {"epochs": 1, "labeled_size": 3, "lr": 0.05}},
}


def examples():
    """The modules that README and CONTRIBUTING show, by file name.

    A page names the file before its block: `my_lab/NAME.py`, or a path in the package.
    """
    found = {}
    for page in ("README.md", "CONTRIBUTING.md"):
        for block in blocks(ROOT / page):
            if block.language in ("python", "yaml"):
                suffix = {"python": "py", "yaml": "yaml"}[block.language]
                name = re.findall(rf"`[\w/]*?(\w+\.{suffix})`", block.before)[-1]
                assert name not in found, name
                found[name] = block.text
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with the installed package my_lab, which has all of the examples."""
    folder = tmp_path_factory.mktemp("lab")
    package = folder / "my_lab"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in examples().items():
        (package / name).write_text(text)
    info = folder / "my_lab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_lab\nVersion: 1\n")
    groups = {kind: [name for name in KINDS if KINDS[name] == kind] for kind in KINDS.values()}
    entries = [
        f"[wholepool.{kind}]\n" + "".join(f"{name} = my_lab.{name}\n" for name in names)
        for kind, names in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(entries))
    return folder


def run(folder, *line, cwd=None):
    variables = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")]),
        "MYPYPATH": str(ROOT / "src"),
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.run(
        [sys.executable, *line],
        **{"cwd": cwd or folder, "env": variables},
        **{"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT},
    )
    assert process.returncode == 0, process.stdout[-6000:]
    return process.stdout


def test_every_kind_of_plug_in_has_an_example():
    assert {name.split(".")[0] for name in examples()} == set(KINDS)


def test_they_pass_the_linter(lab):
    config = ("--config", ROOT / "pyproject.toml", "--config")
    config = (*config, 'lint.isort.known-first-party = ["wholepool"]')  # as in README's place
    run(lab, "-m", "ruff", "check", *config, "my_lab")
    run(lab, "-m", "ruff", "format", "--check", *config, "my_lab")


@pytest.mark.jobs
def test_they_pass_mypy(lab):
    run(lab, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", lab / "my_lab", cwd=ROOT)


USE = """
import json, sys
from pathlib import Path
import numpy as np
from wholepool.data import sources
from wholepool.job import registry
from wholepool.strategies import Query, checked

for name, kind in json.loads(sys.argv[1]).items():
    registry.get(kind, name).load()
rng = np.random.default_rng(0)
embeddings = rng.normal(size=(50, 4)).astype(np.float32)
embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
probabilities = rng.dirichlet(np.ones(3), 50).astype(np.float32)
for name, own in (("ratio", {}), ("farthest", {"farthest": {"candidates": 10}})):
    query = Query(50, np.arange(5), 7, 1, rng, own, embeddings, probabilities)
    plugin = registry.get("strategy", name)
    found = checked(plugin.load().acquire(query), query, name, plugin.path)
    if name == "ratio":
        top = np.sort(probabilities[5:], axis=1)
        ratios = top[:, 1] / top[:, 2]
        assert list(found.indices) == list(np.argsort(-ratios)[:7] + 5)
images = sources.load("my_images", {}, Path(sys.argv[2]))
assert len(images.train) == 48 and len(images.test) == 12
reads = sources.files_behind("my_images", {}, Path(sys.argv[2]))
assert reads == ["images.npy", "labels.npy"]
coarse = registry.get("pretrain", "coarse").load()
features, test = coarse.features(images.train, images.test, {}, "cpu")
assert features.shape == (48, 16) and test.shape == (12, 16)
assert features.dtype == np.float32 and features.max() <= 1
answers = registry.get("oracle", "noise").load().answer(np.array([6, 7]), np.arange(60) % 3, {})
assert list(answers) == [0, 2]
"""


def data(folder):
    """The arrays that the source my_images reads."""
    folder.mkdir()
    labels = np.arange(60) % 3
    images = np.random.default_rng(0).integers(0, 200, (60, 16, 16, 1), dtype=np.uint8)
    np.save(folder / "images.npy", images + (20 * labels[:, None, None, None]).astype(np.uint8))
    np.save(folder / "labels.npy", labels)
    return folder


@pytest.mark.jobs
def test_they_are_found_loaded_and_used(lab, tmp_path):
    run(lab, "-c", USE, json.dumps(KINDS), data(tmp_path / "data"))


def grid(folder):
    """The command that runs a grid with them all in a folder."""
    (folder / "grid.yaml").write_text(yaml.safe_dump(GRID))
    data(folder / "data")
    return (
        *("-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("all", "--cores", "2", "--configfile", folder / "grid.yaml"),
    )


@pytest.mark.jobs
def test_a_grid_with_them_all_is_planned(lab, tmp_path):
    told = run(lab, *grid(tmp_path), "--dry-run", "--quiet", "reason")
    assert re.search(r"^features +1$", told, flags=re.MULTILINE)
    assert re.search(r"^acquire +5$", told, flags=re.MULTILINE)


@pytest.mark.long
def test_a_grid_with_them_all_runs(lab, tmp_path):
    run(lab, *grid(tmp_path))
    best = (tmp_path / "results" / "tables" / "best.csv").read_text()
    assert "mine" in best and "frozen" in best


def test_the_library_page_runs(capsys):
    (block,) = [block for block in blocks(ROOT / "docs" / "library.md")]
    names = {}
    exec(compile(block.text, "library.md", "exec"), names)
    assert names["found"].labels.shape == (1000,) and names["found"].recall == 1
    assert set(names["found"].labels[names["labeled"]]) == {0, 1, 2}
    assert "uncertainty asks for" in capsys.readouterr().out


def test_the_hooks_are_what_make_check_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    recipe = (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0]
    commands = [part.strip(" \\\n\t") for part in recipe.split("activate && \\\n")[1].split("&&")]
    assert {hook["entry"] for hook in hooks[0]["hooks"]} == set(commands)
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}
    run(ROOT, "-m", "pre_commit", "validate-config", ROOT / ".pre-commit-config.yaml")
