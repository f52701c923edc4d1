"""The comparison with the paper: the checked-in figures, the verdicts, what counts as a cell."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import ttest_ind_from_stats

from wholepool import __main__ as cli
from wholepool.data.sources import SOURCES
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError
from wholepool.paper import comparison, evidence
from wholepool.paper.figure import comparison_figure, write_comparison_figure
from wholepool.paper.table import summary, to_markdown, write_comparison

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "evidence" / "paper.csv"
GRID = ROOT / "workflow" / "grids" / "paper.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
WORDS = {
    name: {"labels": labels, "pre": pre, "semi": semi}
    for (labels, pre, semi), name in comparison.METHODS.items()
}


@pytest.fixture(scope="module")
def paper():
    return comparison.read_paper(PAPER)


def resolved(changes=()):
    """The paper's grid with some "section.key" changed for all, or under one experiment."""
    config = yaml.safe_load(GRID.read_text())
    for key, value in dict(changes).items():
        section, _, name = key.partition(".")
        if section == "pool":
            for data in config["datasets"].values():
                data["pool"][name] = value
        elif not name:
            config[section] = value
        else:
            config.setdefault(section, {})[name] = value
            for own in config["experiments"].values():
                own.get(section, {}).pop(name, None)
    return resolve(config, SCHEMA)


def folder_of(path, runs, changes=(), infos=()):
    """Evidence: runs as (experiment, method, strategy, cycle, {seed: accuracy})."""
    settings = resolved(changes)
    found = {}
    for name, data in settings["datasets"].items():
        s = SOURCES[data["source"]]
        sizes = {"n": data["pool"]["size"] or s.n, "n_test": s.n_test, "classes": s.classes}
        sizes |= {"height": s.size, "width": s.size, "channels": s.channels}
        found[name] = sizes | dict(infos)
    for plan in settings["experiments"].values():
        plan["methods"]["full"] = WORDS["full"] | {"strategies": []}
    evidence.write_settings(settings, found, path / "settings.json")
    rows = []
    for experiment, method, strategy, cycle, accuracies in runs:
        plan = settings["experiments"][experiment]
        n = plan["initial"] + cycle * plan["budget"]
        if method == "full":
            n = found[plan["dataset"]]["n"]
        first = (experiment, plan["dataset"], plan["budget"], method, strategy)
        rows += [(*first, seed, cycle, n, value, "cpu", "c1") for seed, value in accuracies.items()]
    table = pd.DataFrame(rows, columns=[*evidence.RUN_COLUMNS, "device", "commit"])
    table.to_csv(path / "runs.csv", index=False)
    return evidence.read_evidence(path)


def compared(paper, *folders):
    return comparison.compare(paper, folders, resolved())


def at(table, dataset, budget, method, strategy, cycle):
    same = (table["dataset"] == dataset) & (table["cycle"] == cycle)
    same &= (table["budget"] == budget).fillna(False) if budget else table["budget"].isna()
    return table[same & (table["method"] == method) & (table["strategy"] == strategy)]


ONE = ("cifar10-b100", "baseline", "random", 1, {0: 36.0, 1: 37.0, 2: 38.5})
# ---------------------------------------------------------------------------------------------
# The checked-in figures
# ---------------------------------------------------------------------------------------------


def test_the_papers_figures_are_complete_and_each_there_once(paper):
    raw = pd.read_csv(PAPER)
    assert list(raw.columns) == list(comparison.PAPER_COLUMNS)
    assert raw["source"].value_counts().to_dict() == {
        "Table III": 215,
        "Table II": 16,
        "Figure 3 caption": 3,
        "Section VI-E text": 1,
    }
    blocks = raw[raw["method"] != "full"].groupby(["dataset", "budget", "method"]).size().to_dict()
    whole, no_ceal = 1 + 5 * 4, 1 + 4 * 4
    assert blocks == {
        ("mnist", 10, "semi"): 1,
        ("svhn", 100, "baseline"): whole,
        ("svhn", 100, "pre"): whole,
        ("svhn", 100, "pre+semi"): no_ceal,
        ("cifar10", 100, "baseline"): whole,
        ("cifar10", 100, "pre"): whole,
        ("cifar10", 100, "semi"): 2 * 3,
        ("cifar10", 100, "pre+semi"): no_ceal + 2,
        ("cifar10", 1000, "baseline"): whole,
        ("cifar10", 1000, "semi"): no_ceal,
        ("cifar100", 1000, "baseline"): whole,
        ("cifar100", 1000, "pre"): whole,
        ("cifar100", 1000, "semi"): 2 * 3,
        ("cifar100", 1000, "pre+semi"): no_ceal + 2,
    }
    cycles = raw[raw["method"] != "full"]
    assert (cycles["n_labels"] == cycles["budget"] * (cycles["cycle"] + 1)).all()
    assert (cycles["n_seeds"] == 5).all()
    assert raw["mean"].between(0, 100).all()
    assert (cycles["std"].isna() == (cycles["dataset"] == "mnist")).all()
    full = raw[raw["method"] == "full"]
    assert full[["budget", "std", "n_seeds"]].isna().all().all()
    assert (full["n_labels"] == [SOURCES[name].n for name in full["dataset"]]).all()
    assert not raw.duplicated(["dataset", "budget", "cycle", "method", "strategy"]).any()
    first = raw[(raw["cycle"] == 0) & raw["method"].isin(["baseline", "pre"])]
    assert set(first["strategy"]) == {"initial"}


@pytest.mark.parametrize(
    ("cell", "mean", "std"),
    [
        (("cifar10", 100, "baseline", "initial", 0), 29.17, 1.62),
        (("cifar10", 100, "pre+semi", "initial", 0), 39.84, 2.63),
        (("cifar10", 100, "pre+semi", "uncertainty", 0), 41.47, 3.22),
        (("cifar10", 100, "semi", "jlp", 0), 36.73, 5.70),
        (("cifar10", 1000, "semi", "initial", 0), 78.85, 0.86),
        (("cifar10", 1000, "baseline", "jlp", 3), 83.82, 0.02),
        (("cifar100", 1000, "pre+semi", "coreset", 4), 53.67, 1.29),
        (("svhn", 100, "pre+semi", "random", 4), 91.44, 0.80),
        (("mnist", 10, "semi", "random", 1), 90.89, math.nan),
        (("svhn", None, "full", "all", 0), 96.97, math.nan),
        (("cifar10", None, "full", "all", 0), 94.84, math.nan),
        (("cifar100", None, "full", "all", 0), 76.43, math.nan),
    ],
)
def test_printed_figures_by_hand(paper, cell, mean, std):
    (row,) = at(paper, *cell).itertuples()
    np.testing.assert_equal((row.mean, row.std), (mean, std))


def test_a_cell_twice_is_refused(tmp_path):
    lines = PAPER.read_text().splitlines()
    (tmp_path / "paper.csv").write_text("\n".join([*lines, lines[2]]))
    with pytest.raises(UserError, match=r"svhn, 100, 0, baseline, initial twice"):
        comparison.read_paper(tmp_path / "paper.csv")


# ---------------------------------------------------------------------------------------------
# The verdict
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_verdicts_agree_with_welchs_test(seed):
    rng = np.random.default_rng(seed)
    ours = rng.normal(50, rng.uniform(0.1, 5), rng.integers(2, 7)).tolist()
    mean, std = rng.normal(50, 4), rng.uniform(0.05, 5)
    found = comparison.judge(ours, mean, std, 5)
    p = ttest_ind_from_stats(
        np.mean(ours), np.std(ours, ddof=1), len(ours), mean, std, 5, equal_var=False
    ).pvalue
    expected = "within" if p >= 0.05 else "above" if np.mean(ours) > mean else "below"
    assert found.verdict == expected
    assert found.difference == pytest.approx(np.mean(ours) - mean)
    error = math.sqrt(np.var(ours, ddof=1) / len(ours) + std**2 / 5)
    assert found.standard_error == pytest.approx(error)
    assert found.deviation_used == "both"


def test_the_edge_is_within_and_a_hair_beyond_is_not():
    # t(0.975; 8) = 2.306004135..., both deviations sqrt(2.5): s.e. = 1, 8 degrees of freedom
    ours = [48.0, 49.0, 50.0, 51.0, 52.0]
    for offset, verdicts in ((2.30600, ("within", "within")), (2.30601, ("above", "below"))):
        for sign, verdict in zip((1, -1), verdicts, strict=True):
            found = comparison.judge(ours, 50 - sign * offset, math.sqrt(2.5), 5)
            assert found.verdict == verdict
            assert found.standard_error == pytest.approx(1)
            assert found.degrees_of_freedom == pytest.approx(8)


def test_one_seed_takes_the_papers_deviation_for_both():
    found = comparison.judge([52.0], 50.0, 2.0, 5)
    assert found.standard_error == pytest.approx(2 * math.sqrt(1 + 1 / 5))
    assert found.degrees_of_freedom == 4
    assert found.verdict == "within" and "one seed" in found.deviation_used
    assert comparison.judge([60.0], 50.0, 2.0, 5).verdict == "above"


def test_without_a_printed_deviation_ours_stands_alone():
    found = comparison.judge([90.0, 91.0, 92.0], 90.89, math.nan, 5)
    assert found.standard_error == pytest.approx(1 / math.sqrt(3))
    assert found.degrees_of_freedom == 2
    assert found.verdict == "within" and "none printed" in found.deviation_used
    alone = comparison.judge([91.0], 90.89, math.nan, 0)
    assert alone.verdict == "no verdict" and math.isnan(alone.standard_error)


def test_no_spread_at_all_is_judged_by_the_means():
    assert comparison.judge([50.0, 50.0], 50.0, 0.0, 5).verdict == "within"
    assert comparison.judge([50.0, 50.0], 50.1, 0.0, 5).verdict == "below"


# ---------------------------------------------------------------------------------------------
# What counts as the paper's cell
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["mnist", "svhn", "cifar10", "cifar100"])
def test_the_papers_grid_keeps_the_protocol(source):
    plans = [p for p in resolved()["experiments"].values() if p["dataset"] == source]
    for plan in plans:
        allowed = comparison.protocol(source, plan["budget"])
        used = set()
        for method in comparison.METHODS.values():
            flat = comparison.reference_settings(
                resolved(), source, plan["budget"], method, "random", 1
            )
            assert comparison.reductions(flat, source, plan["budget"]) == {}
            used |= set(flat)
        assert set(allowed) <= used


def test_everything_is_not_run_where_nothing_was(paper, tmp_path):
    table, others = compared(paper, folder_of(tmp_path, []))
    assert len(table) == 235 and len(others) == 0
    assert table["verdict"].value_counts().to_dict() == {"not run": 231, "not compared": 4}
    assert table[["mean", "difference", "n_seeds"]].isna().all().all()
    text = to_markdown(table, others)
    assert "0 were run" in text and "None was run yet" in text and "CEAL 1-4" in text


def test_a_cell_that_both_have(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path / "mine", [ONE]))
    (row,) = at(table, "cifar10", 100, "baseline", "random", 1).itertuples()
    assert (row.paper_mean, row.paper_std, row.n_seeds) == (36.66, 1.08, 3)
    assert row.mean == pytest.approx(np.mean([36, 37, 38.5]), abs=1e-6)
    assert row.difference == pytest.approx(np.mean([36, 37, 38.5]) - 36.66, abs=1e-6)
    assert row.verdict == "within" and row.evidence == "mine" and row.device == "cpu"
    assert (row.pool, row.test_set) == ("50000 of 50000", "10000 of 10000")
    assert (row.width, row.sup_epochs, row.sup_batch, row.translate, row.flip) == (1, 200, 32, 4, 1)
    assert pd.isna(row.semi_epochs) and pd.isna(row.pre_epochs)
    assert pd.isna(row.reduced_by) or row.reduced_by == ""
    assert row.other_settings == ""
    assert (table["verdict"] == "not run").sum() == 230


def test_cycle_0_is_shared_and_what_the_paper_trained_again_is_listed(paper, tmp_path):
    runs = [
        ("cifar10-b100", "pre+semi", "initial", 0, {0: 40.0, 1: 41.0}),
        ("cifar10-b100", "semi", "initial", 0, {0: 37.0, 1: 38.0}),
    ]
    table, _ = compared(paper, folder_of(tmp_path, runs))
    verdicts = {
        (method, strategy): list(at(table, "cifar10", 100, method, strategy, 0)["verdict"])
        for method in ("semi", "pre+semi")
        for strategy in ("initial", "uncertainty", "jlp")
    }
    assert verdicts == {
        # Table III prints one
        ("pre+semi", "initial"): ["within"],
        ("pre+semi", "uncertainty"): ["not compared"],
        ("pre+semi", "jlp"): ["not compared"],
        # Table II alone prints it, twice: both are the same cell of ours
        ("semi", "initial"): [],
        ("semi", "uncertainty"): ["within"],
        ("semi", "jlp"): ["within"],
    }


def test_methods_are_known_by_what_they_do_and_not_by_name(paper, tmp_path):
    folder_of(tmp_path, [ONE])
    path = tmp_path / "settings.json"
    settings = json.loads(path.read_text())
    methods = settings["experiments"]["cifar10-b100"]["methods"]
    methods["baseline"], methods["pre"] = methods["pre"], methods["baseline"]
    path.write_text(json.dumps(settings))
    table, _ = compared(paper, evidence.read_evidence(tmp_path))
    assert list(at(table, "cifar10", 100, "pre", "random", 1)["verdict"]) == ["below"]
    assert list(at(table, "cifar10", 100, "baseline", "random", 1)["verdict"]) == ["not run"]


REDUCTIONS = {
    "pool.size": 6000,
    "initial": 200,
    "network.width": 0.5,
    "network.dropout": 0.25,
    "network.logit_scale": 10,
    "augment.translate": 2,
    "augment.flip": False,
    "sup.epochs": 100,
    "sup.batch_size": 64,
    "sup.lr": 0.1,
    "sup.cosine_epochs": 300,
    "semi.epochs": 100,
    "semi.sup_epochs": 50,
    "semi.batch_size": 256,
    "semi.labeled_size": 20,
    "semi.lr": 0.1,
    "semi.cosine_epochs": 300,
    "semi.epoch_share": 0.25,
    "pretrain.epochs": 100,
    "n_test": 5000,
    "full.epochs": 100,
    "full.batch_size": 64,
    "full.lr": 0.1,
    "full.cosine_epochs": 300,
}


def test_every_key_of_the_protocol_is_tried():
    named = {"pool.size": "pool.n", "n_test": "pool.n_test"}
    assert {named.get(key, key) for key in REDUCTIONS} == set(comparison.protocol("cifar10", 100))


@pytest.mark.parametrize("key", REDUCTIONS)
def test_a_reduced_run_never_gets_a_verdict(paper, tmp_path, key):
    cell = ("pre+semi", "random", 1)
    if key.startswith("full"):
        cell = ("full", "all", 0)
    elif key in ("sup.epochs",):
        cell = ("pre", "random", 1)
    infos = {"n_test": 5000} if key == "n_test" else {}
    changes = {} if key == "n_test" or key.startswith("full") else {key: REDUCTIONS[key]}
    folder_of(tmp_path, [("cifar10-b100", *cell, {0: 50.0, 1: 51.0})], changes, infos)
    if key.startswith("full"):
        path = tmp_path / "settings.json"
        settings = json.loads(path.read_text())
        plan = settings["experiments"]["cifar10-b100"]
        sup = plan["sup"]
        plan["full"] = {name: sup[name] for name in ("epochs", "batch_size", "lr", "cosine_epochs")}
        plan["full"][key.removeprefix("full.")] = REDUCTIONS[key]
        path.write_text(json.dumps(settings))
    table, others = compared(paper, evidence.read_evidence(tmp_path))
    budget = None if cell[0] == "full" else 100
    missing, reduced = at(table, "cifar10", budget, *cell).itertuples()
    assert missing.verdict == "not run" and pd.isna(missing.mean)
    assert missing.paper_mean > 0
    assert reduced.verdict == "reduced"
    assert pd.isna([reduced.difference, reduced.standard_error, reduced.paper_mean]).all()
    shown = {"pool.size": "pool.n", "n_test": "pool.n_test"}.get(key, key)
    assert reduced.reduced_by.startswith(f"{shown}: ") and ";" not in reduced.reduced_by
    assert not table["verdict"].isin(comparison.VERDICTS).any()
    text = to_markdown(table, others)
    assert text.index("None was run yet") < text.index("## Reduced runs") < text.index(shown)
    figure = comparison_figure(table)
    labels = [c.get_label() for axes in figure.axes for c in axes.containers]
    assert labels and not any(label.startswith("ours") for label in labels)
    assert any("reduced runs, 1 of CIFAR-10" in t.get_text() for t in figure.texts)


def test_settings_of_a_method_count_only_where_it_uses_them(paper, tmp_path):
    changes = {"semi.epochs": 10, "pretrain.epochs": 10, "propagation.k": 5}
    table, _ = compared(paper, folder_of(tmp_path, [ONE], changes))
    (row,) = at(table, "cifar10", 100, "baseline", "random", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == ""


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("propagation.graph", "union", "propagation.graph: union"),
        ("semi.sup_epochs", 0, "semi.sup_epochs: 0"),
        ("network.weight_norm", False, "network.weight_norm: false"),
        ("network.precision", "bfloat16", "network.precision: bfloat16"),
        ("pretrain.pca", 64, "pretrain.pca: 64"),
        ("pool.mean", None, "pool.mean: null"),
    ],
)
def test_another_reading_keeps_its_verdict_and_is_named(paper, tmp_path, key, value, shown):
    run = ("cifar10-b100", "pre+semi", "random", 1, {0: 50.0, 1: 51.0})
    table, _ = compared(paper, folder_of(tmp_path, [run], {key: value}))
    (row,) = at(table, "cifar10", 100, "pre+semi", "random", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == shown


def test_full_supervision(paper, tmp_path):
    runs = [("svhn-b100", "full", "all", 0, {0: 96.9, 1: 97.1})]
    table, _ = compared(paper, folder_of(tmp_path, runs))
    (row,) = at(table, "svhn", None, "full", "all", 0).itertuples()
    assert row.verdict == "within" and row.deviation_used == "ours alone: none printed"
    assert row.sup_epochs == 200


# ---------------------------------------------------------------------------------------------
# Several folders
# ---------------------------------------------------------------------------------------------


def test_seeds_of_equal_settings_join_and_others_stay_apart(paper, tmp_path):
    run = ("cifar10-b100", "semi", "jlp", 1)
    one = folder_of(tmp_path / "one", [(*run, {0: 45.0, 1: 46.0})])
    two = folder_of(tmp_path / "two", [(*run, {2: 47.0})])
    other = folder_of(tmp_path / "other", [(*run, {0: 80.0})], {"propagation.graph": "union"})
    table, _ = compared(paper, one, two, other)
    first, second = at(table, "cifar10", 100, "semi", "jlp", 1).itertuples()
    assert (first.n_seeds, first.mean, first.evidence) == (3, 46.0, "one two")
    assert (second.n_seeds, second.mean, second.evidence) == (1, 80.0, "other")
    assert "in 2 settings: 1 within, 1 above, 0 below" in summary(table)


def test_one_seed_with_two_results_is_refused_and_a_copy_counts_once(paper, tmp_path):
    one = folder_of(tmp_path / "one", [ONE])
    copy = folder_of(tmp_path / "copy", [ONE])
    table, _ = compared(paper, one, copy)
    assert list(at(table, "cifar10", 100, "baseline", "random", 1)["n_seeds"]) == [3]
    other = folder_of(tmp_path / "other", [(*ONE[:4], {1: 37.01})])
    with pytest.raises(UserError, match=r"Seed 1 .*baseline.*one and in .*other with the same"):
        compared(paper, one, other)


def test_runs_without_a_cell_in_the_paper_are_counted(paper, tmp_path):
    runs = [("cifar10-b1000", "pre", "random", 1, {0: 75.0, 1: 76.0})]
    table, others = compared(paper, folder_of(tmp_path, runs))
    assert others.to_dict("records") == [{"dataset": "cifar10", "budget": 1000, "n_runs": 2}]
    assert "2 of CIFAR-10, b = 1000" in to_markdown(table, others)


def test_wrong_evidence_is_explained(paper, tmp_path):
    with pytest.raises(UserError, match=r"runs\.csv is missing"):
        evidence.read_evidence(tmp_path)
    folder_of(tmp_path, [ONE])
    runs = tmp_path / "runs.csv"
    good = runs.read_text()
    runs.write_text(good.replace("n_labels", "labels"))
    with pytest.raises(UserError, match="lacks the column.*n_labels"):
        evidence.read_evidence(tmp_path)
    runs.write_text(good.replace("37.0", "137.0"))
    with pytest.raises(UserError, match="seed 1.*is 137.0"):
        evidence.read_evidence(tmp_path)
    runs.write_text(good.replace("cifar10-b100", "strange"))
    with pytest.raises(UserError, match=r"experiment strange.*settings\.json"):
        evidence.read_evidence(tmp_path)
    runs.write_text(good.replace(",200,", ",300,"))
    with pytest.raises(UserError, match="300 labels"):
        compared(paper, evidence.read_evidence(tmp_path))
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(UserError, match="not a complete JSON"):
        evidence.read_evidence(tmp_path)


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def test_equal_evidence_is_equal_bytes(paper, tmp_path):
    one = folder_of(tmp_path / "one", [ONE])
    small = folder_of(tmp_path / "small", [ONE], {"network.width": 0.5})
    for name in ("first", "second"):
        table, others = compared(paper, one, small)
        write_comparison(table, others, tmp_path / name)
        write_comparison_figure(table, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == [f"compare_with_paper.{kind}" for kind in ("csv", "md", "pdf", "png", "svg")]
    for name in names:
        first, second = (tmp_path / which / name for which in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    read = pd.read_csv(tmp_path / "first" / "compare_with_paper.csv")
    assert list(read.columns) == list(comparison.COLUMNS)


def test_panels_say_how_much_was_run(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path, [ONE]))
    figure = comparison_figure(table)
    assert [axes.get_title() for axes in figure.axes] == [
        "(a) MNIST, b = 10: 0 of 1 cells run",
        "(b) SVHN, b = 100: 0 of 59 cells run",
        "(c) CIFAR-10, b = 100: 1 of 65 cells run",
        "(d) CIFAR-10, b = 1000: 0 of 38 cells run",
        "(e) CIFAR-100, b = 1000: 0 of 65 cells run",
    ]
    ours = [
        c.get_label() for a in figure.axes for c in a.containers if c.get_label().startswith("ours")
    ]
    assert ours == ["ours/baseline/random/1"]


def results_of(folder, runs):
    """A finished grid: tables, weights, metrics and benchmarks."""
    folder_of(folder / "tables", runs)
    cell = folder / "runs/cifar10-b100/baseline/random/seed0/cycle1"
    cell.mkdir(parents=True, exist_ok=True)
    (cell / "model.safetensors").write_bytes(b"weights")
    (cell / "metrics.json").write_text("{}")
    for name, seconds in (("train/a.tsv", 30.5), ("train/b.tsv", 9.5), ("tables.tsv", 2)):
        path = folder / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:30\n")
    return folder


def test_landing_copies_metrics_and_says_where_they_come_from(tmp_path):
    results, out = results_of(tmp_path / "results", [ONE]), tmp_path / "reference" / "one"
    evidence.land(results, "snakemake all", out, commit="abc123")
    assert sorted(p.name for p in out.iterdir()) == ["provenance.json", "runs.csv", "settings.json"]
    for name in ("runs.csv", "settings.json"):
        assert (out / name).read_bytes() == (results / "tables" / name).read_bytes()
    found = json.loads((out / "provenance.json").read_text())
    assert found["command"] == "snakemake all" and found["commit"] == "abc123"
    assert found["runs_commits"] == ["c1"] and found["dirty"] is None
    assert found["devices"] == ["cpu"] and found["cpu"]
    assert found["job_seconds"] == {"tables": 2.0, "train": 40.0}
    assert found["job_seconds_total"] == 42.0
    assert 30 <= found["wall_seconds"] < 60


def test_landing_overwrites_nothing_unasked(tmp_path):
    results, out = results_of(tmp_path / "results", [ONE]), tmp_path / "one"
    evidence.land(results, "first", out, commit="abc")
    evidence.land(results, "again", out, commit="abc")
    assert json.loads((out / "provenance.json").read_text())["command"] == "first"
    results_of(results, [(*ONE[:4], {0: 40.0})])
    with pytest.raises(UserError, match=r"one holds another landing.*--replace"):
        evidence.land(results, "second", out, commit="abc")
    evidence.land(results, "second", out, commit="abc", replace=True)
    assert json.loads((out / "provenance.json").read_text())["command"] == "second"
    assert "40.0" in (out / "runs.csv").read_text()


def test_a_landing_finds_its_commit_or_asks_for_it(tmp_path, monkeypatch):
    results = results_of(tmp_path / "results", [ONE])
    monkeypatch.setattr(evidence, "checkout", lambda: ("f00", True))
    evidence.land(results, "snakemake all", tmp_path / "one")
    found = json.loads((tmp_path / "one" / "provenance.json").read_text())
    assert (found["commit"], found["dirty"]) == ("f00", True)
    monkeypatch.setattr(evidence, "checkout", lambda: None)
    with pytest.raises(UserError, match="commit of the code is not known.*--commit"):
        evidence.land(results, "snakemake all", tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_an_unfinished_grid_does_not_land(tmp_path):
    with pytest.raises(UserError, match=r"runs\.csv is missing"):
        evidence.land(tmp_path / "results", "snakemake all", tmp_path / "one", commit="abc")
    assert not (tmp_path / "one").exists()


@pytest.mark.usefixtures("clean_process")
def test_both_stages_by_hand(paper, tmp_path):
    results = results_of(tmp_path / "results", [ONE])
    out = tmp_path / "one"
    land = ["land", "--results", str(results), "--command", "x", "--out", str(out)]
    assert cli.main([*land, "--commit", "abc"]) == 0
    compare = ["compare", "--evidence", str(results / "tables"), str(out), "--paper", str(PAPER)]
    compare += ["--paper-grid", str(GRID), "--schema", str(SCHEMA)]
    made = tmp_path / "made"
    assert cli.main([*compare, "--tables", str(made), "--figures", str(made)]) == 0
    table = pd.read_csv(made / "compare_with_paper.csv")
    assert set(table["verdict"]) == {"within", "not run", "not compared"}
    (row,) = table[table["verdict"] == "within"].itertuples()
    assert (row.n_seeds, row.evidence) == (3, "one results/tables")
