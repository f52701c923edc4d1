"""The tiny grid, run for real: files, schemas, sharing, resume, repeatability."""

import json
import re
import shutil
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from running import contents, planned, snakemake

from wholepool.data.indexsets import SCHEMAS, read_index_set, read_metadata
from wholepool.data.pool import read_pool
from wholepool.grid.cells import cells
from wholepool.job.provenance import REPEATED, TIMES

pytestmark = pytest.mark.filterwarnings("error")
STRATEGIES = {"baseline": ["ceal", "jlp"], "pre+semi": ["coreset", "random"]}


@pytest.fixture(scope="module")
def pool(run):
    data = run / "results" / "datasets" / "digits"
    return read_pool(data / "pool.npy", data / "pool.json")


def all_cells():
    methods = {name: {"strategies": strategies} for name, strategies in STRATEGIES.items()}
    methods = {name: words | {"labels": "acquired"} for name, words in methods.items()}
    methods["full"] = {"labels": "all"}
    return list(cells({"tiny": {"methods": methods, "seeds": [0, 1], "cycles": 2}}))


def test_every_cell_has_its_files_and_the_large_ones_are_gone(run):
    assert len(all_cells()) == 14
    for cell in all_cells():
        folder = run / "results" / cell.path
        assert {"model.safetensors", "history.parquet", "metrics.json"} <= {
            path.name for path in folder.iterdir()
        }
        kept = {"test_probabilities.npy"}
        if cell.strategy == "initial":  # shared by strategies: see rules/cycle.smk
            kept |= {"embeddings.npy", "probabilities.npy"}
        found = {path.name for path in folder.rglob("*") if path.suffix in (".npy", ".npz")}
        assert found == kept, cell


def test_nothing_temporary_is_left(run):
    left = [path for path in (run / "results").rglob(".*") if path.is_file()]
    assert [path for path in left if path.name != ".snakemake_timestamp"] == []


def test_index_sets_keep_their_schema_and_grow_by_the_budget(run, pool):
    hidden = read_index_set(run / "results/datasets/digits/oracle.parquet", "oracle", pool)["label"]
    for method, strategies in STRATEGIES.items():
        for strategy in strategies:
            for seed in (0, 1):
                runs = run / "results" / "runs" / "tiny"
                first = read_index_set(
                    runs / f"initial/seed{seed}/labeled.parquet", "labeled", pool
                )
                folder = runs / method / strategy / f"seed{seed}"
                queries = read_index_set(folder / "cycle0/queries.parquet", "queries", pool)
                second = read_index_set(folder / "cycle1/labeled.parquet", "labeled", pool)
                assert np.bincount(first["label"]).tolist() == [1] * 10
                assert len(queries["index"]) == 10
                assert not np.isin(queries["index"], first["index"]).any()
                expected = np.concatenate([first["index"], queries["index"]])
                np.testing.assert_array_equal(second["index"], expected)
                np.testing.assert_array_equal(second["label"], hidden[expected])
                np.testing.assert_array_equal(second["cycle"], [0] * 10 + [1] * 10)
                schema = pq.read_schema(folder / "cycle1/labeled.parquet")
                assert schema.names == list(SCHEMAS["labeled"])
                assert schema.metadata[b"seed"] == str(seed).encode()


def test_ceal_trains_on_the_pseudo_labels_of_its_last_acquisition(run, pool):
    for seed in (0, 1):
        folder = run / f"results/runs/tiny/baseline/ceal/seed{seed}"
        pseudo = read_index_set(
            folder / "cycle0/acquired_pseudo_labels.parquet", "pseudo_labels", pool
        )
        assert len(pseudo["index"]) > 0
        labeled = read_index_set(folder / "cycle1/labeled.parquet", "labeled", pool)
        assert not np.isin(pseudo["index"], labeled["index"]).any()
        history = pq.read_table(folder / "cycle1/history.parquet")
        assert history["images"][0].as_py() == len(labeled["index"]) + len(pseudo["index"])
        metrics = json.loads((folder / "cycle1/metrics.json").read_text())
        assert metrics["pseudo_labels"] == len(pseudo["index"])


def test_semi_follows_sup_and_its_pseudo_labels_are_judged(run):
    folder = run / "results/runs/tiny/pre+semi/coreset/seed0/cycle1"
    history = pq.read_table(folder / "history.parquet").to_pandas()
    assert history["phase"].tolist() == ["sup"] * 4 + ["semi"] * 2
    metrics = json.loads((folder / "metrics.json").read_text())
    pseudo = pq.read_table(folder / "pseudo_labels.parquet").to_pandas()
    # an image whose classes are all as likely has no pseudo-label
    assert metrics["pseudo_labels"] == len(pseudo) and 150 < len(pseudo) <= 200 - 20
    assert (pseudo["weight"] > 0).all()
    assert 0 <= metrics["pseudo_label_accuracy"] <= 100
    baseline = run / "results/runs/tiny/baseline/jlp/seed0/cycle1/metrics.json"
    assert json.loads(baseline.read_text())["pseudo_labels"] is None


def test_tables_and_figures_are_there(run):
    tables, figures = run / "results" / "tables", run / "results" / "figures"
    accuracy = pd.read_csv(tables / "accuracy.csv")
    assert list(accuracy.columns) == (
        ["experiment", "dataset", "budget", "cycle", "n_labels", "method", "strategy"]
        + ["mean", "std", "n_seeds", "pre_drawn", "zero_score_share"]
    )
    assert len(accuracy) == 4 * 2 + 1  # method and strategy x cycle, and full supervision
    runs = pd.read_csv(tables / "runs.csv")
    assert len(runs) == 14
    for _, row in accuracy.iterrows():
        first = row["cycle"] == 0 and row["method"] != "full"
        strategy = "initial" if first else row["strategy"]
        same = runs[
            (runs["method"] == row["method"])
            & (runs["strategy"] == strategy)
            & (runs["cycle"] == row["cycle"])
        ]["accuracy"]
        assert row["n_seeds"] == 2
        assert row["mean"] == pytest.approx(same.mean(), abs=1e-6)
        assert row["std"] == pytest.approx(same.std(ddof=1), abs=1e-6)
    for number in (1, 2, 3):
        for kind in ("csv", "md", "tex"):
            assert (tables / f"table{number}.{kind}").stat().st_size > 50
    for number in (1, 2, 3, 4):
        for kind in ("png", "svg", "pdf"):
            assert (figures / f"figure{number}.{kind}").stat().st_size > 1000
    nmi = pd.read_csv(tables / "pretraining.csv")
    assert nmi["nmi_with_labels"].between(0, 1).all()


def test_the_runs_stand_beside_their_settings_and_the_comparison_says_not_run(run, tmp_path):
    settings = json.loads((run / "results/tables/settings.json").read_text())
    assert settings["datasets"]["digits"]["info"]["n"] == 200
    assert settings["datasets"]["digits"]["network"]["width"] == 0.0625
    assert settings["experiments"]["tiny"]["semi"]["epochs"] == 2
    run = shutil.copytree(run, tmp_path / "copy")  # other tests look at the run's own files
    snakemake(run, "--cores", "2", "compare_with_paper")
    path = run / "results/tables/compare_with_paper.csv"
    table = pd.read_csv(path, keep_default_na=False)
    own = table["evidence"].str.contains("tables")
    assert not own.any()  # digits is not in the paper
    assert {"not run", "not compared"} <= set(table["verdict"])
    text = (run / "results/tables/compare_with_paper.md").read_text()
    assert "Digits, b = 10" in text
    for kind in ("png", "svg", "pdf"):
        assert (run / f"results/figures/compare_with_paper.{kind}").stat().st_size > 1000


def test_every_job_has_a_log_and_a_benchmark(run):
    for cell in all_cells():
        name = f"train/tiny/{cell.method}/{cell.strategy}/seed{cell.seed}-cycle{cell.cycle}"
        log = (run / "results" / "logs" / f"{name}.log").read_text()
        assert "sup epoch 0: lr" in log and "images/s" in log and "left" in log
        assert (run / "results" / "benchmarks" / f"{name}.tsv").exists()


def test_after_a_crash_the_folder_is_unlocked_as_the_readme_says(tmp_path):
    """Without --cores, which is of no use there."""
    assert "Unlocked" in snakemake(tmp_path, "--unlock").stdout


def test_a_second_run_does_nothing(run):
    assert "Nothing to be done" in snakemake(run, "--cores", "2", "all").stdout


def test_a_pool_is_known_by_its_description_and_not_by_its_age(run, tmp_path):
    """Large pools are not hashed, so one that was copied or made again must still redo nothing."""
    run = shutil.copytree(run, tmp_path / "copy")
    data = run / "results/datasets/digits"
    (data / "pool.npy").touch()
    unhashed = ("all", "--max-checksum-file-size", "0")
    assert planned(run, *unhashed) == []
    info = json.loads((data / "pool.json").read_text())
    (data / "pool.json").write_text(json.dumps(info | {"fingerprint": "another"}))
    assert {"initial", "pretrain", "train"} <= {job.rule for job in planned(run, *unhashed)}


def test_a_new_strategy_costs_no_training_of_the_old_ones(run, varied):
    methods = {
        "baseline": {
            "pre": "none",
            "semi": "none",
            "strategies": ["ceal", "jlp", "uncertainty"],
        },
        "pre+semi": {
            "pre": "deepcluster",
            "semi": "label_propagation",
            "strategies": ["coreset", "random", "jlp"],
        },
    }
    jobs = planned(run, "all", config=varied(methods=methods))
    rules = {job.rule for job in jobs}
    assert not rules & {"pretrain", "embed_initial", "propagate_initial", "data", "initial"}
    again = [job.outputs[0] for job in jobs if job.rule in ("train", "embed", "label")]
    new = "|".join(("baseline/uncertainty", "pre\\+semi/jlp"))
    assert again and all(re.search(new, file) for file in again)
    assert len([job for job in jobs if job.rule == "train"]) == 2 * 2


def test_measuring_again_trains_nothing(run):
    rules = {job.rule for job in planned(run, "all", "--forcerun", "evaluate")}
    assert "evaluate" in rules
    assert not rules & {"train", "embed", "embed_initial", "propagate", "acquire", "label"}


def test_a_changed_key_redoes_what_depends_on_it_and_nothing_else(run, varied):
    jobs = planned(run, "all", config=varied(propagation={"k": 12}))
    trained = [job.outputs[0] for job in jobs if job.rule == "train"]
    # SEMI propagates in training, and jLP's graph has its k; CEAL knows neither
    assert len(trained) == 2 * (1 + 2) + 2 * 1
    assert all("/pre+semi/" in file or "/baseline/jlp/" in file for file in trained)
    assert not {job.rule for job in jobs} & {"pretrain", "data", "initial"}


def test_random_asks_for_the_same_images_under_all_methods(run, pool):
    """So that methods are compared in pairs, in every cycle."""
    seen = {}
    for method, strategies in STRATEGIES.items():
        for seed in (0, 1) if "random" in strategies else ():
            cell = run / f"results/runs/tiny/{method}/random/seed{seed}/cycle1/labeled.parquet"
            labeled = read_index_set(cell, "labeled", pool)["index"].tolist()
            assert seen.setdefault(seed, labeled) == labeled
    assert len(seen) == 2 and seen[0] != seen[1]


def test_each_seed_may_draw_its_own_pre(tmp_path, varied):
    made = "results/datasets/digits/pretrain/deepcluster/{}"
    targets = [made.format(f"seed{seed}/diagnosis.json") for seed in (0, 1)]
    snakemake(tmp_path, "--cores", "2", *targets, config=varied(pre_drawn="per_seed"))
    shared = [made.format("diagnosis.json")]
    snakemake(tmp_path, "--cores", "1", *shared, config=varied(pre_drawn="once"))
    folders = [(tmp_path / target).parent for target in [*targets, *shared]]
    weights = [(folder / "model.safetensors").read_bytes() for folder in folders]
    assert len(set(weights)) == 3
    told = [pq.read_schema(folder / "history.parquet").metadata for folder in folders]
    assert [told[0][b"seed"], told[1][b"seed"], told[2].get(b"seed")] == [b"0", b"1", None]


def test_the_share_of_queries_with_a_score_of_0_is_told(run):
    table = pd.read_csv(run / "results/tables/runs.csv")
    told = table["zero_score_share"].notna()
    assert set(table[told]["strategy"]) == set(table["strategy"]) - {"initial", "all", "random"}
    for _, row in table[told].iterrows():
        folder = run / f"results/runs/tiny/{row.method}/{row.strategy}/seed{row.seed}"
        scores = pq.read_table(folder / f"cycle{row.cycle - 1}/queries.parquet")["score"]
        zeros = [score == 0 for score in scores.to_pylist()]
        assert row.zero_score_share == pytest.approx(sum(zeros) / len(zeros), abs=1e-4)


@pytest.mark.long
def test_two_runs_give_the_same_bytes(run, tmp_path):
    """In another folder, in another order of jobs, on one core.

    By default two grids of the same bytes are run beside `run`: by tools/chain.py on one core
    (test_chain.py), and under fire (test_interruptions.py).
    """
    snakemake(tmp_path, "--cores", "1", "all")
    ours, theirs = contents(run), contents(tmp_path)
    assert ours.keys() == theirs.keys() and len(ours) > 12 * 3
    assert [path for path in ours if ours[path] != theirs[path]] == []


def test_every_run_says_what_made_it(run):
    table = pd.read_csv(run / "results/tables/runs.csv")
    assert list(table.columns[-len(TIMES) :]) == list(TIMES)
    for name in (*REPEATED, *TIMES):
        assert name == "settings" or table[name].notna().all(), name
    settings = json.loads((run / "results/tables/settings.json").read_text())
    for _, row in table.iterrows():
        cell = f"{row['method']}/{row['strategy']}/seed{row['seed']}/cycle{row['cycle']}"
        folder = run / "results/runs/tiny" / cell
        made = read_metadata(folder / "history.parquet")
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["settings"] == json.loads(made["settings"])
        assert metrics["settings"]["network"] == settings["datasets"]["digits"]["network"]
        assert made["settings_digest"] == metrics["settings_digest"] == row["settings_digest"]
        assert made["seed"] == str(row["seed"]) and metrics["commit"] == made["commit"]
        assert not metrics.keys() & set(TIMES)
        assert 0 <= row["seconds"] < 600 and row["resumed"] == 0
        began, ended = (datetime.fromisoformat(row[name]) for name in ("started", "finished"))
        assert abs((ended - began).total_seconds() - row["seconds"]) <= 1.1
    made = read_metadata(run / "results/datasets/digits/pretrain/deepcluster/history.parquet")
    assert json.loads(made["settings"])["deepcluster"]["epochs"] == 2
    assert {*REPEATED, *TIMES} - made.keys() == {"draw_seed"}


def test_index_sets_that_no_training_reads_say_what_made_them(run):
    """Those that one reads say nothing that changes with the code: see provenance.py."""
    folder = run / "results/runs/tiny/baseline"
    made = read_metadata(folder / "jlp/seed0/cycle0/queries.parquet")
    assert json.loads(made["settings"])["propagation"]["k"] == 10
    assert {"commit", "wholepool", "settings_digest"} <= made.keys()
    semi = run / "results/runs/tiny/pre+semi/random/seed0/cycle1/pseudo_labels.parquet"
    assert {"commit", "wholepool", "settings_digest"} <= read_metadata(semi).keys()
    for path in ("ceal/seed0/cycle0/acquired_pseudo_labels", "jlp/seed0/cycle1/labeled"):
        assert not {"commit", "wholepool"} & read_metadata(folder / f"{path}.parquet").keys()


def test_runs_that_a_changed_config_would_not_make_again_are_refused(run, varied, tmp_path):
    """Snakemake is told to look at times alone: it would build the table of another k."""
    run = shutil.copytree(run, tmp_path / "copy")
    process = snakemake(
        *(run, "--cores", "1", "--rerun-triggers", "mtime", "--forcerun", "runs", "--", "all"),
        config=varied(propagation={"k": 12}),
        check=False,
    )
    assert process.returncode != 0
    path = "results/runs/tiny/baseline/jlp/seed0/cycle0/queries.parquet"
    assert f"propagation.k is 10 in {path} and 13 more, 12 in the config" in process.stdout
    assert not (run / "results/tables/runs.csv").exists()
