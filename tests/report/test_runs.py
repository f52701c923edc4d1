import json

import pandas as pd
import pytest
from finished import (
    BARE,
    INFOS,
    ONE,
    OTHER,
    add_metadata,
    plan,
    write_json,
    write_metadata,
    write_results,
)

from wholepool.grid import made, slices, versions
from wholepool.grid.cells import cells
from wholepool.job.errors import UserError
from wholepool.job.provenance import digest
from wholepool.report import runs
from wholepool.report.accuracy import read_runs


@pytest.fixture
def results(tmp_path):
    write_results(tmp_path, plan())
    return tmp_path


def gather(results, config=None):
    return runs.gather(results, config or plan(), INFOS)


def test_a_row_for_each_cell_in_the_order_of_the_plan(results):
    table = gather(results)
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
    table = gather(results)
    assert list(table.columns) == [
        *("experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"),
        *("zero_score_share", "accuracy", "per_class", "missing"),
        *("commit", "settings_digest", "fingerprint", "draw_seed", "device", "threads"),
        *("precision", "wholepool", "torch", "numpy", "scipy", "python"),
        *("started", "finished", "seconds", "resumed"),
    ]
    small = table["experiment"] == "small"
    assert set(table[small]["dataset"]) == {"digits"}
    assert set(table[~small]["dataset"]) == {"mnist"}
    assert set(table[small]["budget"]) == {10}
    assert set(table[~small]["budget"]) == {20}
    assert set(table["per_class"]) == {"50  33.3333"}
    assert set(table["commit"]) == {"c0ffee"} and set(table["seconds"]) == {"12.5"}
    assert table["torch"].isna().all()


def test_files_outside_the_plan_are_of_no_account(results):
    expected = gather(results)
    folder = results / "runs/small/semi/random/seed9/cycle1"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("not JSON")
    (folder / "history.parquet").write_text("not Parquet")
    pd.testing.assert_frame_equal(gather(results), expected)


def test_a_missing_cell_is_named(results):
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    path.unlink()
    with pytest.raises(UserError, match=r"semi/jlp/seed1/cycle2/metrics\.json is missing"):
        gather(results)


@pytest.mark.parametrize(
    ("name", "value"), [("method", "pre"), ("strategy", "random"), ("seed", 0), ("cycle", 1)]
)
def test_metrics_in_the_wrong_folder_are_refused(results, name, value):
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics[name] != value
    path.write_text(json.dumps({**metrics, name: value}))
    with pytest.raises(UserError, match=f"{name} is {value!r}.*delete it"):
        gather(results)


def test_csv_round_trip_and_equal_bytes(results, tmp_path):
    out = tmp_path / "tables" / "runs.csv"
    runs.write_runs(results, plan(), INFOS, out)
    first = out.read_bytes()
    assert b"\r" not in first
    given = gather(results).dropna(axis="columns", how="all")
    read = pd.read_csv(out, dtype=dict.fromkeys(("seconds", "resumed", "draw_seed"), str))
    pd.testing.assert_frame_equal(read[given.columns], given, check_dtype=False)
    runs.write_runs(results, plan(), INFOS, out)
    assert out.read_bytes() == first


def test_what_needs_truth_is_empty_where_there_is_none(results, tmp_path):
    for path in results.rglob("metrics.json"):
        if "/large/" in str(path):
            metrics = json.loads(path.read_text())
            path.write_text(json.dumps(metrics | {"accuracy": None, "per_class": None}))
    out = tmp_path / "tables" / "runs.csv"
    runs.write_runs(results, plan(), INFOS, out)
    table = read_runs(out)
    large = table["experiment"] == "large"
    assert large.any() and table[large][["accuracy", "per_class"]].isna().all(axis=None)
    assert table[~large]["accuracy"].notna().all()
    assert list(table.columns) == list(gather(results).columns)


def test_a_failure_leaves_the_old_table(results, tmp_path):
    out = tmp_path / "tables" / "runs.csv"
    runs.write_runs(results, plan(), INFOS, out)
    first = out.read_bytes()
    (results / "runs/small/semi/jlp/seed1/cycle2/metrics.json").unlink()
    with pytest.raises(UserError):
        runs.write_runs(results, plan(), INFOS, out)
    assert out.read_bytes() == first
    assert [path.name for path in out.parent.iterdir()] == ["runs.csv"]


# what made the results


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"propagation": {"k": 12}},
            "propagation.k is 50 in {0}/runs/small/semi/initial/seed0/cycle0/history.parquet and "
            "23 more, 12 in the config",  # 10 trainings with SEMI, as many propagations, 4 of jLP's
        ),
        (
            {"deepcluster": {"lr": 0.5}},
            "deepcluster.lr is 0.02 in {0}/datasets/mnist/pretrain/deepcluster/history.parquet, "
            "0.5 in the config",
        ),
        (
            {"seed_moves": "initial"},
            "draw_seed is 0 in {0}/runs/small/baseline/initial/seed0/cycle0/history.parquet and 18 "
            "more, 7 in the config; draw_seed is 1 in",  # 11 trainings, 8 acquisitions
        ),
        (
            {"sup": {"lr": 0.1, "batch_size": 8}},
            "sup.batch_size is 32 in {0}/runs/small/baseline/initial/seed0/cycle0/history.parquet "
            "and 21 more, 8 in the config; sup.lr is 0.2 in",
        ),
        (
            {"experiments": {"small": ONE, "large": {**OTHER, "methods": {"pre": BARE}}}},
            "pre is deepcluster in {0}/runs/large/pre/initial/seed0/cycle0/history.parquet and 5 "
            "more, none in the config",
        ),
        (
            {"experiments": {"small": {**ONE, "budget": 20, "initial": 10}}},
            "budget is 10 in {0}/runs/small/baseline/random/seed0/cycle0/queries.parquet and 11 "
            "more, 20 in the config",
        ),
        (
            {"experiments": {"small": {**ONE, "initial": 30}}},
            "size is 10 in {0}/runs/small/initial/seed0/labeled.parquet and 1 more, 30 in the",
        ),
        (
            {"pool": {"seed": 1, "size": 400, "mean": [0.5]}},
            "pool.mean is None in {0}/datasets/digits/source.json and 1 more, [0.5] in the config",
        ),
        ({"pool": {"size": 400}}, "pool.size is None in {0}/datasets/digits/source.json and 1"),
        ({"pool": {"seed": 1}}, "pool.seed is 0 in {0}/datasets/digits/source.json and 1 more, 1"),
        (
            {"threads": 2},
            "threads is None in {0}/datasets/mnist/pretrain/"
            "deepcluster/history.parquet and 48 more",
        ),
    ],
)
def test_runs_of_other_settings_are_refused_with_the_difference(results, changes, says):
    with pytest.raises(UserError) as caught:
        gather(results, plan(**changes))
    assert says.format(results) in str(caught.value)
    assert "Delete these files" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_results_of_another_version_are_refused(results):
    path = results / "runs/small/semi/random/seed1/cycle1/queries.parquet"
    add_metadata(path, version="acquire 1, random 1")
    write_json(path.with_name("metrics.json"), version="evaluate 0")
    with pytest.raises(UserError) as caught:
        gather(results)
    now = versions.of_acquire("random")
    assert f"version is acquire 1, random 1 in {path}, {now} in this code" in str(caught.value)
    assert f"evaluate 0 in {path.with_name('metrics.json')}" in str(caught.value)


def test_runs_that_were_computed_apart_are_said(results, caplog):
    assert runs.mixed(gather(results)) == ""
    write_json(results / "runs/small/semi/jlp/seed1/cycle2/metrics.json", device="NVIDIA A100")
    assert "device: cpu (21 runs), NVIDIA A100 (1 runs)" in runs.mixed(gather(results))
    with caplog.at_level("WARNING", "wholepool"):
        runs.write_runs(results, plan(), INFOS, results / "runs.csv")
    assert "not all computed alike" in caplog.text
    assert "device: cpu" in runs.mixed(read_runs(results / "runs.csv"))


def test_one_run_of_other_settings_among_many_is_found(results):
    path = results / "runs/small/baseline/random/seed1/cycle2/history.parquet"
    config = plan(augment={"translate": 3})
    words = config["experiments"]["small"]["methods"]["baseline"]
    other = slices.train(config["datasets"]["digits"], config["experiments"]["small"], words)
    add_metadata(path, settings=json.dumps(other), settings_digest=digest(other))
    with pytest.raises(UserError) as caught:
        gather(results)
    assert f"augment.translate is 3 in {path}, 4 in the config. Delete" in str(caught.value)


def test_queries_of_other_settings_are_refused_where_training_has_none_of_them(tmp_path):
    methods = {"baseline": {"strategies": ["ceal", "random"]}}
    experiment = {"dataset": "digits", "budget": 10, "methods": methods}
    one = plan(experiments={"only": experiment})
    write_results(tmp_path, one)
    assert len(gather(tmp_path, one)) == 2 * (1 + 2 * 2)
    with pytest.raises(UserError) as caught:
        gather(tmp_path, plan(experiments={"only": experiment}, ceal={"threshold": 0.5}))
    path = tmp_path / "runs/only/baseline/ceal/seed0/cycle0/queries.parquet"
    says = f"ceal.threshold is 0.1 in {path} and 3 more, 0.5 in the config"
    assert says in str(caught.value)


def test_runs_on_other_data_are_refused(results):
    infos = INFOS | {"digits": {"fingerprint": "d2"}}
    with pytest.raises(
        UserError, match=r"fingerprint is d1 in .* and 55 more, d2 in its pool.json"
    ):
        runs.gather(results, plan(), infos)
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    path.write_text(path.read_text().replace('"d1"', '"d3"'))
    with pytest.raises(
        UserError, match=r"fingerprint is d3 in .*jlp/seed1/cycle2/metrics.json, d1 in"
    ):
        gather(results)


def test_metrics_of_another_training_are_refused(results):
    path = results / "runs/small/semi/jlp/seed1/cycle2/metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"settings_digest": "0" * 16}))
    with pytest.raises(UserError, match=f"{path} measured a training with settings 0000"):
        gather(results)


def test_results_of_before_they_said_what_made_them_are_taken_with_empty_columns(results):
    old = {"device": "cpu", "threads": "1"}
    for path, _, _ in made.of_results(plan()):
        if not path.endswith(".json"):
            write_metadata(results / path, **old)
    for path in results.rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        for name in ("settings", "settings_digest", "commit"):
            del metrics[name]
        path.write_text(json.dumps(metrics))
    table = gather(results, plan(propagation={"k": 12}))
    assert len(table) == 22
    assert table[["commit", "settings_digest", "seconds", "resumed"]].isna().all(axis=None)
    assert set(table["fingerprint"]) == {"d1", "m1"}


def test_a_missing_history_is_named(results):
    (results / "runs/small/semi/jlp/seed1/cycle2/history.parquet").unlink()
    with pytest.raises(UserError, match=r"semi/jlp/seed1/cycle2/history\.parquet is missing"):
        gather(results)


def test_pretraining_tables_by_hand(tmp_path):
    diagnoses = []
    for name, dataset in (("a", "digits"), ("b/seed1", "mnist")):
        path = tmp_path / dataset / "pretrain" / name / "diagnosis.json"
        path.parent.mkdir(parents=True)
        found = {"dataset": dataset, "epoch": [1, 2], "nmi": [0.25, 0.5], "nmi_previous": [None, 1]}
        path.write_text(json.dumps(found))
        diagnoses.append(path)
    runs.write_pretraining(diagnoses, tmp_path / "pre.csv")
    assert (tmp_path / "pre.csv").read_text().splitlines() == [
        "dataset,pre,seed,epoch,nmi_with_labels,nmi_with_previous",
        "digits,a,,1,0.25,",
        "digits,a,,2,0.5,1.0",
        "mnist,b,1,1,0.25,",
        "mnist,b,1,2,0.5,1.0",
    ]
