import json

import pandas as pd
import pytest

from wholepool import runs
from wholepool.errors import UserError
from wholepool.grid import cells


def plan():
    def experiment(dataset, budget, methods):
        return {
            "dataset": dataset,
            "budget": budget,
            "cycles": 3,
            "seeds": [0, 1],
            "methods": {
                name: {"labels": "acquired", "strategies": words} for name, words in methods.items()
            },
        }

    return {
        "experiments": {
            "small": experiment("digits", 10, {"semi": ["random", "jlp"], "baseline": ["random"]}),
            "large": experiment("mnist", 20, {"baseline": ["coreset"]}),
        }
    }


def metrics_of(cell, number):
    return {
        "method": cell.method,
        "strategy": cell.strategy,
        "seed": cell.seed,
        "cycle": cell.cycle,
        "n_labels": 10 * (cell.cycle + 1),
        "accuracy": number + 0.125,
        "per_class": [50.0, None, 100 / 3],
        "missing": None,
    }


@pytest.fixture
def results(tmp_path):
    for number, cell in enumerate(cells(plan()["experiments"])):
        folder = tmp_path / cell.path
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics_of(cell, number)))
    return tmp_path


def test_a_row_for_each_cell_in_the_order_of_the_plan(results):
    table = runs.gather(results, plan())
    words = ["experiment", "method", "strategy", "seed", "cycle"]
    expected = [
        (c.experiment, c.method, c.strategy, c.seed, c.cycle) for c in cells(plan()["experiments"])
    ]
    assert list(table[words].itertuples(index=False, name=None)) == expected
    assert len(table) == 2 * 5 + 2 * 3 + 2 * 3
    # each row's numbers are its own cell's
    assert table["accuracy"].tolist() == [i + 0.125 for i in range(len(table))]
    assert table["n_labels"].tolist() == [10 * (c + 1) for c in table["cycle"]]


def test_columns_and_what_the_plan_adds(results):
    table = runs.gather(results, plan())
    assert list(table.columns) == [
        *("experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"),
        *("accuracy", "per_class", "missing"),
    ]
    small = table["experiment"] == "small"
    assert set(table[small]["dataset"]) == {"digits"}
    assert set(table[~small]["dataset"]) == {"mnist"}
    assert set(table[small]["budget"]) == {10}
    assert set(table[~small]["budget"]) == {20}
    assert set(table["per_class"]) == {"50  33.3333"}


def test_files_outside_the_plan_are_of_no_account(results):
    expected = runs.gather(results, plan())
    folder = results / "runs/small/semi/random/seed9/cycle1"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("not JSON")
    pd.testing.assert_frame_equal(runs.gather(results, plan()), expected)


def test_a_missing_cell_is_named(results):
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    path.unlink()
    with pytest.raises(UserError, match=r"semi/jlp/seed1/cycle2/metrics\.json is missing"):
        runs.gather(results, plan())


@pytest.mark.parametrize(
    ("name", "value"), [("method", "pre"), ("strategy", "random"), ("seed", 0), ("cycle", 1)]
)
def test_metrics_in_the_wrong_folder_are_refused(results, name, value):
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics[name] != value
    path.write_text(json.dumps({**metrics, name: value}))
    with pytest.raises(UserError, match=f"{name} is {value!r}.*delete it"):
        runs.gather(results, plan())


def test_csv_round_trip_and_equal_bytes(results, tmp_path):
    out = tmp_path / "tables" / "runs.csv"
    runs.write_runs(results, plan(), out)
    first = out.read_bytes()
    assert b"\r" not in first
    pd.testing.assert_frame_equal(
        pd.read_csv(out).drop(columns="missing"),
        runs.gather(results, plan()).drop(columns="missing"),
    )
    runs.write_runs(results, plan(), out)
    assert out.read_bytes() == first


def test_a_failure_leaves_the_old_table(results, tmp_path):
    out = tmp_path / "tables" / "runs.csv"
    runs.write_runs(results, plan(), out)
    first = out.read_bytes()
    (results / "runs/small/semi/jlp/seed1/cycle2/metrics.json").unlink()
    with pytest.raises(UserError):
        runs.write_runs(results, plan(), out)
    assert out.read_bytes() == first
    assert [path.name for path in out.parent.iterdir()] == ["runs.csv"]


def test_pretraining_tables_by_hand(tmp_path):
    diagnoses = []
    for name, dataset in (("a-seed0", "digits"), ("b-seed1", "mnist")):
        path = tmp_path / name / "diagnosis.json"
        path.parent.mkdir()
        found = {"dataset": dataset, "epoch": [1, 2], "nmi": [0.25, 0.5], "nmi_previous": [None, 1]}
        path.write_text(json.dumps(found))
        diagnoses.append(path)
    runs.write_pretraining(diagnoses, tmp_path / "pre.csv")
    assert (tmp_path / "pre.csv").read_text().splitlines() == [
        "dataset,pre,epoch,nmi_with_labels,nmi_with_previous",
        "digits,a-seed0,1,0.25,",
        "digits,a-seed0,2,0.5,1.0",
        "mnist,b-seed1,1,0.25,",
        "mnist,b-seed1,2,0.5,1.0",
    ]
