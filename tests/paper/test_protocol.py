"""What counts as the paper's cell."""

import json

import pandas as pd
import pytest
from evidence_of_tests import ONE, at, compared, folder_of, points_of, resolved
from matplotlib.text import Text

from wholepool.paper import comparison, evidence, protocol
from wholepool.paper.figure import comparison_figure
from wholepool.paper.table import to_markdown


@pytest.mark.parametrize("source", ["mnist", "svhn", "cifar10", "cifar100"])
def test_the_papers_grid_keeps_the_protocol(source):
    plans = [p for p in resolved()["experiments"].values() if p["dataset"] == source]
    for plan in plans:
        used, allowed = set(), set()
        for method in protocol.METHODS.values():
            flat = protocol.reference_settings(
                resolved(), source, plan["budget"], method, "random", 1
            )
            assert protocol.reductions(flat, source, plan["budget"]) == {}
            used |= set(flat)
            allowed |= set(protocol.protocol(source, plan["budget"], "semi" in method))
        assert allowed <= used


# what is changed -> its value, the method that shows it, and how it is named
REDUCTIONS = {
    "pool.size": (6000, "pre+semi", "pool.n"),
    "n_test": (5000, "pre+semi", "pool.n_test"),
    "initial": (200, "pre+semi", "initial"),
    "network.name": ("other", "pre+semi", "network.name"),
    "network.width": (0.5, "pre+semi", "network.width"),
    "network.dropout": (0.25, "pre+semi", "network.dropout"),
    "network.logit_scale": (10, "pre+semi", "network.logit_scale"),
    "augment.translate": (2, "pre+semi", "augment.translate"),
    "augment.flip": (False, "pre+semi", "augment.flip"),
    "sup.epochs": (100, "pre", "sup.epochs"),
    "sup.batch_size": (64, "pre+semi", "sup.batch_size"),
    "sup.lr": (0.1, "pre+semi", "sup.lr"),
    "sup.cosine_period": (1.5, "pre+semi", "sup.cosine_period"),
    "own.pre.epochs": (50, "pre", "sup.epochs"),
    "own.pre+semi.epochs": (50, "pre+semi", "sup.epochs"),
    "semi.epochs": (100, "pre+semi", "semi.epochs"),
    "semi.batch_size": (256, "pre+semi", "semi.batch_size"),
    "semi.labeled_size": (20, "pre+semi", "semi.labeled_size"),
    "semi.lr": (0.1, "pre+semi", "semi.lr"),
    "semi.cosine_period": (1.5, "pre+semi", "semi.cosine_period"),
    "semi.epoch_share": (0.25, "pre+semi", "semi.epoch_share"),
    "deepcluster.epochs": (100, "pre+semi", "deepcluster.epochs"),
    "own.full.epochs": (100, "full", "sup.epochs"),
    "own.full.batch_size": (64, "full", "sup.batch_size"),
    "own.full.lr": (0.1, "full", "sup.lr"),
    "own.full.cosine_period": (1.5, "full", "sup.cosine_period"),
}


def test_every_key_of_the_protocol_is_tried():
    named = {shown for _, _, shown in REDUCTIONS.values()}
    assert named == set(protocol.protocol("cifar10", 100, semi=True))


@pytest.mark.parametrize("key", REDUCTIONS)
def test_a_reduced_run_never_gets_a_verdict(paper, tmp_path, key):
    value, method, shown = REDUCTIONS[key]
    cell = (method, "all", 0) if method == "full" else (method, "random", 1)
    apart = ("n_test", "network.name")
    infos = {"n_test": value} if key == "n_test" else {}
    changes = {} if key in apart else {key: value}
    folder_of(tmp_path, [("cifar10-b100", *cell, {0: 50.0, 1: 51.0})], changes, infos)
    if key == "network.name":  # which no config can have yet
        path = tmp_path / "settings.json"
        path.write_text(path.read_text().replace('"conv13"', f'"{value}"'))
    table, others = compared(paper, evidence.read_evidence(tmp_path))
    budget = None if cell[0] == "full" else 100
    missing, reduced = at(table, "cifar10", budget, *cell).itertuples()
    assert missing.verdict == "not run" and pd.isna(missing.mean)
    assert missing.paper_mean > 0
    assert reduced.verdict == "reduced"
    assert pd.isna([reduced.difference, reduced.standard_error, reduced.paper_mean]).all()
    assert reduced.reduced_by.startswith(f"{shown}: ") and ";" not in reduced.reduced_by
    assert not table["verdict"].isin(comparison.VERDICTS).any()
    text = to_markdown(table, others)
    assert text.index("None was run yet") < text.index("## Reduced runs") < text.index(shown)
    figure = comparison_figure(table)
    points = points_of(figure)
    assert points and not any(whose == "ours" for _, _, whose in points)
    note = figure.legends[0].findobj(Text)[-1].get_text()
    assert "reduced runs, 1 of CIFAR-10" in note


def test_settings_of_a_method_count_only_where_it_uses_them(paper, tmp_path):
    changes = {"semi.epochs": 10, "deepcluster.epochs": 10, "propagation.k": 5}
    table, _ = compared(paper, folder_of(tmp_path, [ONE], changes))
    (row,) = at(table, "cifar10", 100, "baseline", "random", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == ""


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("propagation.graph", "union", "propagation.graph: union"),
        ("own.pre+semi.epochs", 0, "sup.epochs: 0"),
        ("network.weight_norm", False, "network.weight_norm: false"),
        ("network.precision", "bfloat16", "network.precision: bfloat16"),
        ("deepcluster.pca", 64, "deepcluster.pca: 64"),
        ("pool.mean", None, "pool.mean: null"),
    ],
)
def test_another_reading_keeps_its_verdict_and_is_named(paper, tmp_path, key, value, shown):
    run = ("cifar10-b100", "pre+semi", "random", 1, {0: 50.0, 1: 51.0})
    table, _ = compared(paper, folder_of(tmp_path, [run], {key: value}))
    (row,) = at(table, "cifar10", 100, "pre+semi", "random", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == shown


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
