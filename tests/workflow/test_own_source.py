"""A lab's own source on the real Snakefile: what makes its pool again, and what does not."""

import os

import lab
import numpy as np
import pytest
import yaml
from running import planned, snakemake

SOURCE = """
import numpy as np

from wholepool.data.sources import Images


def files(settings, data_dir):
    return [data_dir / "images.npy"]


def read(settings, data_dir):
    images = np.load(data_dir / "images.npy")
    return Images(images, np.arange(len(images)) % 2, None, None, ["a", "b"])
"""
POOL = "results/datasets/photos/pool.json"
LABELS = "results/runs/tiny/initial/seed0/labeled.parquet"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The lab's package, on the path of all processes."""
    folder = tmp_path_factory.mktemp("site")
    lab.write(folder, "source", "photos", SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=":")
        yield folder


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """The path of a grid on that source, with other numbers if they are given."""
    folder = tmp_path_factory.mktemp("config")

    def written(**changes):
        own = {"dataset": "photos", "budget": 10, "cycles": 2}
        config = {
            "datasets": {"photos": {"pool": {"size": None}}},
            "experiments": {"tiny": own | changes},
            "propagation": {"k": 10},
            "seeds": 1,
        }
        path = folder / f"{len(list(folder.iterdir()))}.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return written


@pytest.fixture(scope="module")
def made(site, grid, tmp_path_factory):
    """A folder with 60 images, their pool and the initial labels."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "data").mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "data" / "images.npy", rng.integers(0, 256, (60, 16, 16), dtype=np.uint8))
    snakemake(folder, "--cores", "1", POOL, LABELS, config=grid())
    return folder


def rules(folder, config):
    return {job.rule for job in planned(folder, POOL, LABELS, config=config)}


def test_the_stage_is_told_what_the_grid_asks_of_the_pool(made, grid):
    (job,) = planned(made, "--force", POOL, config=grid(cycles=12))
    assert '"experiments":{"tiny":{"initial":10,"budget":10,"cycles":12,"k":10' in job.shell


def test_the_pool_stays_while_its_files_are_the_same(made, grid):
    """Other cycles ask other things of it, a copy has other times, and then the files are gone."""
    images = made / "data" / "images.npy"
    os.utime(images)
    assert rules(made, grid(cycles=3)) == set()
    images.rename(made / "data" / "away.npy")
    assert rules(made, grid()) == set()
    (made / "data" / "away.npy").rename(images)


def test_an_edited_source_makes_the_pool_again(made, grid, site):
    path = site / "lab" / "source_photos.py"
    path.write_text(SOURCE.replace("% 2", "// 30"))
    assert rules(made, grid()) == {"data", "initial"}
    path.write_text(SOURCE)
    assert rules(made, grid()) == set()


def test_a_changed_file_makes_the_pool_again_once(made, grid):
    images = np.load(made / "data" / "images.npy")
    before = (made / POOL).read_bytes()
    np.save(made / "data" / "images.npy", 255 - images)
    done = snakemake(made, "--cores", "1", POOL, LABELS, config=grid())
    assert f"made again, for images.npy has changed: {POOL.replace('json', 'npy')}" in done.stdout
    assert (made / POOL).read_bytes() != before
    assert rules(made, grid()) == set()


def test_a_broken_plug_in_is_told_at_the_start_without_a_traceback(made, grid, site):
    lab.write(site, "strategy", "odd", 'NEEDS = ("graph",)\n\n\ndef acquire(query): ...\n')
    done = snakemake(made, "--dry-run", POOL, config=grid(), check=False)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert "strategy_odd.py, line 1: NEEDS has 'graph', but may hold only" in done.stdout
