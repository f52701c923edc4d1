"""The report says in what a grid differs from the paper's own, and in nothing else."""

from grids_of_results import runs_of, small_grid
from pages_by_hand import POOL, config, results_of, whole

from wholepool.grid.config import resolve
from wholepool.job.registry import plugins
from wholepool.job.yaml import read_yaml
from wholepool.report.pages import deviations


def no_runs():
    return runs_of(small_grid()).iloc[:0]


def test_the_papers_own_grid_deviates_in_nothing(tmp_path):
    given = read_yaml("workflow/grids/paper.yaml", "paper")
    names = list(given["datasets"])
    pools = {name: POOL | plugins("source")[name]["KNOWN"] for name in names}
    results = results_of(tmp_path, given, no_runs(), pools)
    assert deviations.differing(results).empty
    assert "All settings are the paper" in deviations.show(results)
    # but one changed key is found, where it is, and whose it is
    given["propagation"] = {"graph": "union", "k": 49}
    changed = results_of(tmp_path / "changed", given, no_runs(), pools)
    assert list(deviations.differing(changed).itertuples(index=False, name=None)) == [
        ("propagation.k", "49", "50", "all"),
        ("propagation.graph", "union (public code)", "reciprocal", "all"),
    ]


def test_another_data_set_strategy_and_method_are_told_by_their_names(tmp_path):
    methods = config()["methods"]
    methods["semi"]["strategies"] = ["badge"]
    methods["semi"]["semi"] = "poisson"
    methods["full"] = {"labels": "all", "sup": {"epochs": 7}}
    results = results_of(tmp_path, config(methods=methods, sup={"epochs": 9}), no_runs())
    found = list(deviations.differing(results).itertuples(index=False, name=None))
    assert found[:3] == [
        ("strategies", "BADGE", "Random, Uncertainty, CEAL, CoreSet and jLP", "all"),
        ("data set", "Digits", "MNIST, SVHN, CIFAR-10 and CIFAR-100", "all"),
        ("methods.semi", "poisson", "label_propagation", "all"),
    ]
    assert ("sup.epochs", "9", "200", "all: Baseline and + SEMI") in found
    assert ("sup.epochs", "7", "200", "all: Full supervision") in found
    assert not [row for row in found if row[0].startswith(("pool.n", "source.", "badge."))]


def test_every_ready_grid_can_be_compared(tmp_path):
    for name in ("modern_cpu", "released_code", "one_label_per_class"):
        settings = resolve(read_yaml(f"workflow/grids/{name}.yaml", name))
        pools = {dataset: POOL for dataset in settings["datasets"]}
        given = read_yaml(f"workflow/grids/{name}.yaml", name)
        results = results_of(tmp_path / name, given, no_runs(), pools)
        assert whole(deviations.show(results)).count("<tr>") > 2
