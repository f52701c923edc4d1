"""Evidence is read, checked and landed; what landed before keys had today's names reads alike."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from evidence_of_tests import ONE, compared, folder_of, results_of

from wholepool.grid.cells import sup_of
from wholepool.job.errors import UserError
from wholepool.paper import evidence
from wholepool.paper.table import write_comparison


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


def test_runs_without_a_test_set_are_left_out_and_a_lost_accuracy_is_not(paper, tmp_path):
    blind = ("svhn-b100", "baseline", "random", 1, {0: None, 1: None})
    with pytest.raises(UserError, match=r"svhn-b100.*is nan, but must be a percentage"):
        folder_of(tmp_path, [ONE, blind])
    settings = json.loads((tmp_path / "settings.json").read_text())
    settings["datasets"]["svhn"]["info"]["n_test"] = None
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    table, others = compared(paper, evidence.read_evidence(tmp_path))
    assert table["verdict"].value_counts()["within"] == 1 and len(others) == 0


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


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        (["once"], "All seeds share one PRE: its own variance is in no interval"),
        (["per_seed"], "Each seed has a PRE of its own."),
        (["once", "per_seed"], "In some experiments all seeds share one PRE"),
    ],
)
def test_whether_a_spread_has_pres_variance_is_said(drawn, told):
    methods = {"one": {"pre": "deepcluster"}, "other": {"pre": "none"}}
    plans = {d: {"pre_drawn": d, "methods": methods} for d in drawn}
    assert evidence.of_pre({"experiments": plans}).startswith(told)
    assert evidence.of_pre({"experiments": {"a": {"methods": {"b": {"pre": "none"}}}}}) == ""


def test_settings_are_found_beside_the_runs(tmp_path):
    folder_of(tmp_path / "results" / "tables", [ONE])
    tables = tmp_path / "results" / "tables"
    found = [evidence.settings_beside(p) for p in (tables, tables / "runs.csv", tables.parent)]
    assert found[0] and found[0] == found[1] == found[2]
    assert evidence.settings_beside(tmp_path) is None


# ---------------------------------------------------------------------------------------------
# What landed before keys had today's names
# ---------------------------------------------------------------------------------------------

FOLDERS = ["deviations", "one_label_per_class", "paper_on_cpu"]
#: what stood in evidence/ before keys changed names (of deviations a part), and in rows.csv every
#: row of theirs that is not "not run" or "not compared"
OLD = Path(__file__).with_name("old_landings")
OTHERS = {
    "deviations": [("digits", 10, 21), ("mnist", 10, 6)],
    "one_label_per_class": [("fashion_mnist", 10, 87), ("mnist", 10, 84)],
    "paper_on_cpu": [],
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_landed_folder_gives_the_rows_that_it_gave(paper, tmp_path, folder):
    table, others = compared(paper, evidence.read_evidence(OLD / folder))
    write_comparison(table, others, tmp_path)
    with open(tmp_path / "compare_with_paper.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(OLD / "rows.csv", encoding="utf-8", newline="") as file:
        expected = [row for row in csv.DictReader(file) if row["evidence"] == folder]
    assert [r for r in rows if r["verdict"] not in ("not run", "not compared")] == expected
    counts = Counter(row["verdict"] for row in rows)
    n_within = sum(row["verdict"] == "within" for row in expected)
    assert counts["not compared"] == 4 and counts["not run"] == 231 - n_within
    assert list(others.itertuples(index=False, name=None)) == OTHERS[folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_old_words_are_put_into_todays_and_lose_nothing(folder):
    old = json.loads((OLD / folder / "settings.json").read_text())
    new = evidence.read_evidence(OLD / folder).settings
    for name, data in old["datasets"].items():
        assert new["datasets"][name]["deepcluster"] == data["pretrain"]
        assert new["datasets"][name]["network"].items() >= data["network"].items()
        assert new["datasets"][name]["network"]["name"] == "conv13"
        assert "pretrain" not in new["datasets"][name]
    for name, plan in old["experiments"].items():
        now = new["experiments"][name]
        for section in ("sup", "semi"):
            epochs, period = now[section]["epochs"], now[section]["cosine_period"]
            assert epochs == plan[section]["epochs"]
            assert round(period * epochs, 9) == plan[section]["cosine_epochs"]
            assert not {"cosine_epochs", "sup_epochs"} & set(now[section])
        assert now["published_accuracy"] == plan["full_supervision"]
        assert not {"full", "full_supervision"} & set(now)
        for method, words in plan["methods"].items():
            sup = sup_of(now, now["methods"][method])
            before = plan["sup"]
            if words["labels"] == "all":
                before = before | plan["full"]
            elif words["semi"] != "none" and plan["semi"]["sup_epochs"] is not None:
                before = before | {"epochs": plan["semi"]["sup_epochs"]}
            assert sup["epochs"] == before["epochs"] and sup["lr"] == before["lr"]
            assert sup["batch_size"] == before["batch_size"]
            if sup["epochs"]:
                assert round(sup["cosine_period"] * sup["epochs"], 9) == before["cosine_epochs"]
        # what has todays words stays as it is
    assert evidence.in_todays_words(new) == new
