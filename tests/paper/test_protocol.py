"""What counts as the paper's cell."""

import json

import pandas as pd
import pytest
import yaml
from evidence_of_tests import ONE, ROOT, at, compared, folder_of, points_of, resolved
from matplotlib.text import Text

from wholepool.grid import protocol, readings, sections, slices
from wholepool.grid.config import resolve
from wholepool.job import registry
from wholepool.paper import comparison, evidence
from wholepool.paper.figure import comparison_figure
from wholepool.paper.table import to_markdown

SOURCES = ["mnist", "svhn", "cifar10", "cifar100"]
#: no cell of the paper has another network, source or oracle
OF_PAPER = {"network": ["conv13"], "source": SOURCES, "oracle": ["hidden"]}


def every_key():
    """The keys of the config as `protocol.settings_of` names them, those of methods apart."""
    schema = sections.schema()
    definitions = schema["$defs"]
    levels = {name: definitions[name]["properties"] for name in ("dataset", "experiment", "method")}
    inline = {"source", "oracle", "network"}
    parts = set(sections.names("dataset")) | set(sections.names("experiment")) | {"sup"}
    found = {f"{name}.name" for name in inline}
    for name in parts:
        found |= {f"{name}.{key}" for key in definitions[name]["properties"]}
    for kind in inline:
        for plugin in registry.plugins(kind).values():
            if plugin.name not in OF_PAPER.get(kind, [plugin.name]):
                continue
            found |= {
                f"{kind}.{key}" for key in (plugin.section or {"properties": {}})["properties"]
            }
    found |= {f"methods.{key}" for key in levels["method"]} - {"methods.sup"}
    found |= {f"tables.{key}" for key in schema["properties"]["tables"]["properties"]}
    # no cell of the paper asks by another strategy than its five, or has another PRE
    others = set(registry.plugins("strategy")) - {"random", "uncertainty", "ceal", "coreset", "jlp"}
    others |= set(registry.plugins("pretrain")) - {"deepcluster"}
    found = {key for key in found if key.partition(".")[0] not in others}
    one = {*schema["properties"], *levels["dataset"], *levels["experiment"]} - others
    return found | (one - parts - inline - {"datasets", "experiments", "methods", "tables"})


def test_every_key_of_the_config_is_decided_on_once():
    kinds = [
        readings.fixed("mnist").keys(),
        readings.readings("mnist", semi=False).keys(),
        readings.ADDRESS,
        readings.NO_RESULT,
        slices.LATER,
    ]
    assert sorted(key for kind in kinds for key in kind) == sorted(every_key())


@pytest.mark.parametrize("source", SOURCES)
def test_the_papers_grid_keeps_the_protocol(source):
    plans = [p for p in resolved()["experiments"].values() if p["dataset"] == source]
    for plan in plans:
        used, allowed = set(), set()
        for method in protocol.METHODS.values():
            for strategy in ("random", "ceal", "jlp"):
                flat = protocol.reference_settings(
                    resolved(), source, plan["budget"], method, strategy, 1
                )
                assert protocol.reductions(flat, source, plan["budget"]) == {}
                used |= set(flat)
            semi = "semi" in method
            allowed |= set(protocol.protocol(source, plan["budget"], semi))
            for key, values in readings.readings(source, semi).items():
                assert flat.get(key, values[0].value) == values[0].value, key
        assert allowed <= used


def test_so_does_the_public_codes_grid():
    other = yaml.safe_load((ROOT / "workflow/grids/released_code.yaml").read_text())
    grid = resolve(other)
    told = {}
    for plan in grid["experiments"].values():
        where = plan["dataset"], plan["budget"]
        for method in ("baseline", "pre+semi"):
            for strategy in ("ceal", "jlp"):
                cell = (*where, method, strategy, 1)
                flat = protocol.reference_settings(grid, *cell)
                assert protocol.reductions(flat, *where) == {}
                reference = protocol.reference_settings(resolved(), *cell)
                told |= protocol.deviations(flat, reference, {}, where[0])
    assert all(text.endswith("(public code)") for text in told.values()), told
    mnist = readings.readings("mnist", semi=True).items()
    assert told.keys() == {
        key for key, (_, *others) in mnist if readings.CODE in {other.whose for other in others}
    }


def flat_of(**changes):
    """The settings of a cell of everything: PRE, SEMI, CEAL and jLP."""
    flat = {}
    for method, strategy in (("pre+semi", "ceal"), ("pre+semi", "jlp")):
        cell = ("cifar10", 100, method, strategy, 1)
        flat |= protocol.reference_settings(resolved(), *cell)
    return flat | changes


# off the protocol, one of each kind of value: number, list, word, flag
OTHERS = {
    **{"optimizer.momentum": 0, "propagation.k": 5, "propagation.alpha": 0.5},
    **{"propagation.gamma": 1, "deepcluster.pixel_epochs": 125, "jlp.graph": "none"},
    **{"pool.mean": [0.5, 0.5, 0.5], "network.weight_norm": False, "pre_drawn": "per_seed"},
}


@pytest.mark.parametrize("key", sorted(flat_of()))
def test_any_other_value_of_any_key_is_a_reduction(key):
    if key in readings.NO_RESULT:
        assert protocol.reductions(flat_of(**{key: "other"}), "cifar10", 100) == {}
        return
    for value in (OTHERS.get(key, "other"), "other", -1):
        changed = flat_of(**{key: value})
        assert protocol.reductions(changed, "cifar10", 100) == {key: value}
    for value in protocol.protocol("cifar10", 100, semi=True)[key]:
        assert protocol.reductions(flat_of(**{key: value}), "cifar10", 100) == {}


def test_what_the_paper_fixes_and_was_not_recorded_is_a_reduction():
    flat = flat_of()
    del flat["optimizer.momentum"]
    assert protocol.reductions(flat, "cifar10", 100) == {"optimizer.momentum": "not recorded"}
    unknown = {"conv13.groups": 2, "source.extra": True}
    assert protocol.reductions(flat_of(**unknown), "cifar10", 100) == unknown


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
    "optimizer.momentum": (0, "pre+semi", "optimizer.momentum"),
    "propagation.k": (5, "pre+semi", "propagation.k"),
    "propagation.alpha": (0.5, "pre+semi", "propagation.alpha"),
    "propagation.gamma": (1, "pre+semi", "propagation.gamma"),
    "propagation.balance": ("auto", "pre+semi", "propagation.balance"),
    "deepcluster.pixel_epochs": (125, "pre+semi", "deepcluster.pixel_epochs"),
    "pre_drawn": ("per_seed", "pre+semi", "pre_drawn"),
    "network.precision": ("bfloat16", "pre+semi", "network.precision"),
    "deepcluster.pca": (64, "pre+semi", "deepcluster.pca"),
    "own.full.epochs": (100, "full", "sup.epochs"),
    "own.full.batch_size": (64, "full", "sup.batch_size"),
    "own.full.lr": (0.1, "full", "sup.lr"),
    "own.full.cosine_period": (1.5, "full", "sup.cosine_period"),
}


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
        ("propagation.graph", "union", "propagation.graph: union (public code)"),
        ("own.pre+semi.epochs", 0, "sup.epochs: 0 (public code)"),
        ("deepcluster.pca", 256, "deepcluster.pca: 256 ([5])"),
        ("deepcluster.epochs", 400, "deepcluster.epochs: 400 (public code)"),
        ("pool.mean", None, "pool.mean: null (ours, the text is silent)"),
    ],
)
def test_another_reading_keeps_its_verdict_and_is_named(paper, tmp_path, key, value, shown):
    run = ("cifar10-b100", "pre+semi", "random", 1, {0: 50.0, 1: 51.0})
    table, _ = compared(paper, folder_of(tmp_path, [run], {key: value}))
    (row,) = at(table, "cifar10", 100, "pre+semi", "random", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == shown


@pytest.mark.parametrize(
    ("graph", "shown"), [("union", ""), ("reciprocal", "jlp.graph: reciprocal (the text)")]
)
def test_jlps_graph_may_be_either_and_is_said(paper, tmp_path, graph, shown):
    run = ("cifar10-b100", "baseline", "jlp", 1, {0: 38.0, 1: 39.0})
    table, others = compared(paper, folder_of(tmp_path, [run], {"jlp.graph": graph}))
    (row,) = at(table, "cifar10", 100, "baseline", "jlp", 1).itertuples()
    assert row.verdict == "within" and row.other_settings == shown
    line = "| jlp.graph | union (public code) | reciprocal (the text) |"
    assert line in to_markdown(table, others)


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
