"""The pages of variance and of what was acquired: files, words, and grids that have little."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import POOLS, plan, runs_of, small_grid, with_full

from wholepool.data.indexsets import write_index_set
from wholepool.data.pool import write_pool
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError
from wholepool.report import acquired
from wholepool.report.accuracy import to_csv
from wholepool.report.pages import selection, variance
from wholepool.report.results import Results
from wholepool.statistics import closeness

N, CLASSES = 80, 10


def results_of(folder, grid, runs, **more):
    (folder / "tables").mkdir(exist_ok=True, parents=True)
    (folder / "figures").mkdir(exist_ok=True)
    path = folder / "tables" / "runs.csv"
    path.write_text(to_csv(runs))
    given = grid, POOLS, path, folder / "tables" / "accuracy.csv"
    return Results(folder, *given, **{"source": folder} | more)


def made(page, results):
    """The page's files, all there, and what it shows."""
    page.make(results)
    for name in page.FILES:
        assert (results.folder / name).stat().st_size > 100 or name.endswith("csv"), name
    return page.show(results)


def no_runs():
    return runs_of(small_grid()).iloc[:0]


GRIDS = {
    "no runs": (small_grid, lambda grid: no_runs()),
    "one seed": (
        lambda: {"experiments": {"digits": plan("digits", {"pre": ["jlp"]}, seeds=[4])}},
        runs_of,
    ),
    "one cycle": (
        lambda: {"experiments": {"digits": plan("digits", {"pre": ["jlp"]}, cycles=1)}},
        runs_of,
    ),
    "no test set": (small_grid, lambda grid: runs_of(grid).assign(accuracy=math.nan)),
    "full supervision": (small_grid, lambda grid: with_full(grid, [90, 91])),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("page", [variance, selection])
def test_every_grid_gives_files_and_words(page, name, tmp_path):
    grid, runs = GRIDS[name][0](), GRIDS[name][1]
    results = results_of(tmp_path, grid, runs(grid))
    said = made(page, results)
    assert said.startswith("<p>") and "nan" not in said
    table = pd.read_csv(tmp_path / page.FILES[0])
    wanted = variance.variance if page is variance else None
    if wanted:
        assert len(table) == len(wanted(results.trajectories, grid))
    else:
        assert tuple(table.columns) == selection.COLUMNS and len(table) == 0
        assert "Nothing can be said" in said


def test_variance_in_words(tmp_path):
    grid = small_grid()
    said = made(variance, results_of(tmp_path, grid, runs_of(grid)))
    table = pd.read_csv(tmp_path / "tables/variance.csv").set_index(["experiment", "source"])
    share = 100 * table.loc[("digits", "method"), "share"]
    assert f"of the variance of accuracy over 16 trainings, {share:.0f} % is the paradigm" in said
    assert "There is one strategy and one number of labels, so nothing is said of it" in said
    assert "<svg" in said and "tables/variance.csv" in said
    before = {name: (tmp_path / name).read_bytes() for name in variance.FILES}
    shuffled = runs_of(grid).sample(frac=1, random_state=0)
    made(variance, results_of(tmp_path, grid, shuffled))
    assert before == {name: (tmp_path / name).read_bytes() for name in variance.FILES}


def test_variance_says_what_it_cannot_split(tmp_path):
    grid = small_grid()
    grid["experiments"]["mnist"]["methods"]["semi"]["strategies"] = ["ceal"]
    said = made(variance, results_of(tmp_path, grid, runs_of(grid)))
    assert "Not split: MNIST, b = 10" in said
    equal = runs_of(small_grid()).assign(accuracy=50.0)
    said = made(variance, results_of(tmp_path, small_grid(), equal))
    assert "all 16 accuracies are equal" in said and "no variance to split" in said


CONFIG = {
    "results_dir": "results",
    "datasets": {"digits": {}},
    "experiments": {"tiny": {"dataset": "digits", "budget": 4, "initial": 10}},
    "cycles": 3,
    "seeds": 3,
    "methods": {"baseline": {"pre": "none", "semi": "none", "strategies": ["random", "coreset"]}},
}


@pytest.fixture
def grown(tmp_path):
    """A results folder with labeled sets: Random's differ by seed, CoreSet's are the same."""
    config = resolve(json.loads(json.dumps(CONFIG)))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 4, 4, 1), dtype=np.uint8)
    names = [str(label) for label in range(CLASSES)]
    data = tmp_path / "datasets" / "digits"
    data.mkdir(parents=True)
    pool = write_pool(data / "pool.npy", data / "pool.json", images, "digits", names, 0)
    sets, rows = {}, []
    for seed in range(3):
        for strategy in ("random", "coreset"):
            first = np.arange(10)
            later = np.arange(20, 28)
            if strategy == "random":
                later = rng.permutation(np.arange(10, N))[:8]
            for cycle in (1, 2):
                index = np.concatenate([first, later[: 4 * cycle]])
                order = np.repeat([0, 1, 2], (10, 4, 4))[: len(index)]
                labels = index % CLASSES
                folder = tmp_path / f"runs/tiny/baseline/{strategy}/seed{seed}/cycle{cycle}"
                folder.mkdir(parents=True)
                columns = {"index": index, "label": labels, "cycle": order}
                path = folder / "labeled.parquet"
                write_index_set(path, "labeled", columns, pool, seed, cycle)
                rows.append((strategy, seed, cycle, labels))
            sets[strategy, seed] = index, order
        rows.append(("initial", seed, 0, first % CLASSES))
    runs = pd.DataFrame(
        {
            **{"experiment": "tiny", "dataset": "digits", "budget": 4, "method": "baseline"},
            **{"strategy": strategy, "seed": seed, "cycle": cycle, "n_labels": len(labels)},
            **{"accuracy": 50.0},
            "labels_per_class": " ".join(map(str, np.bincount(labels, minlength=CLASSES))),
        }
        for strategy, seed, cycle, labels in rows
    )
    grid = summary(config)
    return results_of(tmp_path, grid, runs, settings=config), sets, images


def test_selection_reads_the_sets_that_were_trained_on(grown):
    results, sets, images = grown
    said = made(selection, results)
    table = pd.read_csv(results.folder / "tables/selection.csv").set_index("strategy")
    assert list(table["n_seeds"]) == [3, 3] and set(table["acquired"]) == {8}
    assert set(table["space"]) == {"pixels"}
    assert table.loc["coreset", "overlap_seeds"] == 1  # the same images for all seeds
    assert table.loc["random", "overlap_seeds"] < 0.3
    own = {strategy: [set(sets[strategy, seed][0][10:].tolist()) for seed in range(3)]
           for strategy in ("random", "coreset")}  # fmt: skip
    other = [len(a & b) / len(a | b) for a, b in zip(*own.values(), strict=True)]
    pairs = pd.read_csv(results.folder / "tables/selection_overlap.csv")
    assert pairs["jaccard"].tolist() == pytest.approx([np.mean(other)], abs=1e-6)
    assert table["overlap_strategies"].tolist() == pytest.approx([np.mean(other)] * 2, abs=1e-6)
    rows = images.reshape(N, -1).astype(np.float32)
    rows = closeness.unit(rows - rows.mean(axis=0))
    far = [closeness.distance(rows, *sets["random", seed]) for seed in range(3)]
    wanted = np.mean(far) / closeness.typical(rows)
    assert table.loc["random", "distance"] == pytest.approx(wanted, abs=1e-5)
    assert 0 < table.loc["random", "near_duplicates"] <= 1
    assert "CoreSet (Baseline) repeats itself most: a Jaccard index of 1.00" in said
    assert "<svg" in said and "in the space of pixels" in said


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take a second each, and are looked at in the tests above."""
    monkeypatch.setattr(selection, "save", lambda figure, out: None)


def test_a_grid_half_finished_is_compared_as_far_as_it_is(grown, undrawn):
    results, _, _ = grown
    runs = results.runs
    late = (runs["strategy"] == "random") & (runs["cycle"] == 2)
    some = runs[~late & ~((runs["strategy"] == "coreset") & (runs["seed"] == 2))]
    half = results_of(results.folder, results.grid, some, settings=results.settings, partial=True)
    selection.make(half)
    table = pd.read_csv(half.folder / "tables/selection.csv").set_index("strategy")
    assert table["n_seeds"].to_dict() == {"random": 3, "coreset": 2}
    assert table["acquired"].to_dict() == {"random": 4, "coreset": 8}
    pairs = pd.read_csv(half.folder / "tables/selection_overlap.csv")
    assert pairs["n_seeds"].tolist() == [2]


def test_dropped_seeds_are_left_out_and_a_missing_file_is_named(grown, undrawn):
    results, _, _ = grown
    grid = results.grid | {"drop_seeds": [0]}
    selection.make(dataclasses.replace(results, grid=grid))
    table = pd.read_csv(results.folder / "tables/selection.csv")
    assert set(table["n_seeds"]) == {2}
    path = "runs/tiny/baseline/random/seed1/cycle2/labeled.parquet"
    (results.folder / path).unlink()
    with pytest.raises(UserError, match=f"{path} is missing"):
        selection.make(results)


def test_evidence_alone_tells_the_class_balance(grown, tmp_path, undrawn):
    results, _, _ = grown
    results = dataclasses.replace(results, source=tmp_path / "elsewhere")
    selection.make(results)
    said = selection.show(results)
    table = pd.read_csv(results.folder / "tables/selection.csv")
    assert table["class_balance"].notna().all() and table["overlap_seeds"].isna().all()
    assert "Only the class balance" in said and "<svg" not in said


def test_results_copied_without_their_pool_tell_the_class_balance(grown, undrawn):
    results, _, _ = grown
    (results.folder / "datasets/digits/pool.npy").unlink()
    selection.make(results)
    table = pd.read_csv(results.folder / "tables/selection.csv")
    assert table["class_balance"].notna().all() and table["overlap_seeds"].isna().all()


def test_the_rule_is_given_what_is_read_and_nothing_that_goes(grown):
    results, _, _ = grown
    files = acquired.files(results.settings)
    assert len(set(files)) == len(files) == 2 + 6
    for name, path in files:
        assert (results.folder / path).exists(), name
    assert sum(path.endswith("cycle2/labeled.parquet") for _, path in files) == 6


def test_features_that_stay_are_the_space(grown):
    results, _, images = grown
    config = json.loads(json.dumps(CONFIG))
    config |= {"network": {"name": "head"}}
    config["methods"]["baseline"]["pre"] = "pretrained"
    settings = resolve(config)
    path = "datasets/digits/pretrain/pretrained/features.npy"
    assert ("features", path) in acquired.files(settings)
    (results.folder / path).parent.mkdir(parents=True)
    rows = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
    np.save(results.folder / path, rows)
    name, found = acquired.space(results.folder, settings, "digits")
    assert name == "pretrained" and np.array_equal(found, rows)
    name, found = acquired.space(results.folder, results.settings, "digits")
    assert name == "pixels" and found.shape == (N, 16)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(found[1] - found[0], (images[1].astype(int) - images[0]).ravel(), atol=1e-4)
