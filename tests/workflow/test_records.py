"""What runs where Snakemake's own records are gone, or a file is: as if they were there."""

import os
import shutil

import pytest
from running import contents, planned, snakemake

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def moved(run, tmp_path):
    """The finished grid without Snakemake's records, as a copy elsewhere has it."""
    folder = tmp_path / "moved"
    folder.mkdir()
    shutil.copytree(run / "results", folder / "results")
    return folder


def rules(jobs):
    return {job.rule for job in jobs}


def test_a_copy_of_the_results_is_taken_as_it_is(moved):
    assert planned(moved, "all") == []


def test_a_copy_is_not_the_answer_to_another_config(moved, varied):
    """What the seeds, cycles and strategies add is made, and the tables anew."""
    jobs = planned(moved, "all", config=varied(cycles=3, seeds=3))
    trained = [job.outputs[-1] for job in jobs if job.rule == "train"]
    # of seed 2: all labels, two methods' cycle 0, four strategies' cycle 1; then cycle 2 of all
    assert len(trained) == 1 + 2 + 4 + 4 * 3
    assert {"runs", "tables", "figures"} <= rules(jobs)
    assert not any("seed0/cycle1" in path for path in trained)


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"propagation": {"k": 12}}, {"train", "propagate", "acquire", "runs"}),
        ({"pool": {"size": 200, "seed": 1}}, {"data", "initial", "pretrain", "train"}),
        ({"threads": 2}, {"pretrain", "train", "embed", "acquire"}),
        ({"pre_drawn": "per_seed"}, {"pretrain", "train"}),
    ],
)
def test_a_changed_key_redoes_a_copy_as_it_redoes_the_grid(run, moved, varied, changes, made):
    """With the records or without them the same jobs run."""
    config = varied(**changes)
    jobs = planned(moved, "all", config=config)
    assert made <= rules(jobs)
    both = [
        {path for job in found for path in job.outputs} - {"results/tables/pretraining.csv"}
        for found in (jobs, planned(run, "all", config=config))
    ]
    assert both[0] == both[1]


def test_a_job_has_the_threads_of_the_config_whatever_the_cores(run, varied):
    jobs = planned(run, "--cores", "1", "all", config=varied(threads=4))
    trainings = [job.shell for job in jobs if job.rule == "train"]
    assert len(trainings) == 14
    assert all("--threads 4 " in shell and '"threads":4}' in shell for shell in trainings)


def test_tables_without_records_follow_the_grid(moved, varied):
    """A strategy less, or another column of the tables: nothing is trained, but they are made."""
    jobs = planned(moved, "all", config=varied(tables={"ablation_strategies": ["random"]}))
    gathering = {"runs", "tables", "figures", "statistics", "report", "pretraining"}
    assert rules(jobs) == gathering | {"all"}


def test_records_of_other_files_count_for_nothing(run, moved, varied, tmp_path):
    """Other results were moved to where the records were made."""
    folder = tmp_path / "other"
    shutil.copytree(run, folder)
    config = varied(propagation={"k": 12})
    snakemake(folder, "--cores", "2", "--touch", "all", config=config)  # records of k = 12
    shutil.rmtree(folder / "results")
    shutil.copytree(moved / "results", folder / "results")
    assert {"train", "propagate", "acquire", "runs"} <= rules(planned(folder, "all", config=config))


def test_whoever_asks_for_times_alone_gets_that(moved, varied):
    times = ("--rerun-triggers", "mtime", "--", "all")
    assert planned(moved, *times, config=varied(propagation={"k": 12})) == []


RUNS = "results/runs/tiny"


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (
            "all",
            [
                f"{RUNS}/baseline/jlp/seed0/cycle1/history.parquet",
                f"{RUNS}/baseline/ceal/seed0/cycle1/model.safetensors",
                f"{RUNS}/baseline/ceal/seed1/cycle1/metrics.json",
                f"{RUNS}/pre+semi/random/seed0/cycle1/pseudo_labels.parquet",
                f"{RUNS}/pre+semi/random/seed1/cycle1/test_probabilities.npy",
                "results/datasets/digits/pretrain/deepcluster/diagnosis.json",
                "results/tables/settings.json",
            ],
        ),
        (
            "compare_with_paper",
            [
                f"{RUNS}/baseline/jlp/seed0/cycle0/queries.parquet",
                f"{RUNS}/pre+semi/random/seed0/cycle1/labeled.parquet",
                f"{RUNS}/pre+semi/initial/seed1/cycle0/embeddings.npy",
                "results/datasets/digits/pool.json",
            ],
        ),
    ],
)
def test_what_is_missing_is_made(run, target, names):
    """Every error that says "delete it, and it is made again" relies on it."""
    for name in names:
        (run / name).rename(run / f"{name}.away")
    try:
        made = {path for job in planned(run, target) for path in job.outputs}
        assert set(names) <= made
    finally:
        for name in names:
            (run / f"{name}.away").rename(run / name)


def test_a_torn_history_is_refused_and_made_again_as_the_error_says(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    path = copy / "results/runs/tiny/baseline/jlp/seed0/cycle1/history.parquet"
    before = contents(copy)
    os.truncate(path, 100)
    told = snakemake(copy, "--cores", "2", "all", check=False)
    assert told.returncode and "history.parquet" in told.stdout and "delete it" in told.stdout
    path.unlink()
    snakemake(copy, "--cores", "2", "all")
    assert contents(copy) == before
