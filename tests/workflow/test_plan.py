"""The plan of jobs, without running any: counts, sharing, and the wall around hidden labels."""

import collections
import os
import re
import resource
import shutil
import subprocess

import pytest
import yaml
from running import ROOT, TINY, command, planned, snakemake

from wholepool.cost import work
from wholepool.grid import joblist, written
from wholepool.grid.config import resolve

#: the only rules that may read what a learner must not see
MAY_SEE_LABELS = {"initial", "label_all", "label", "evaluate", "diagnose"}
HIDDEN = re.compile(r"oracle\.parquet|test_labels\.npy")
#: files made from hidden labels that are not themselves answers of the oracle
DERIVED = re.compile(r"metrics\.json|diagnosis\.json|runs\.csv|accuracy\.csv|pretraining\.csv")
LEARNERS = {"pretrain", "train", "embed", "embed_initial", "propagate", "propagate_initial"} | {
    "predict",
    "acquire",
    "acquire_with_pseudo_labels",
}


@pytest.fixture(scope="module", params=[TINY, ROOT / "config.yaml"], ids=["tiny", "demo"])
def jobs(request, tmp_path_factory):
    return planned(tmp_path_factory.mktemp("plan"), "all", config=request.param)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return planned(tmp_path_factory.mktemp("plan"), "all")


@pytest.mark.parametrize("path", [TINY, ROOT / "config.yaml"], ids=["tiny", "demo"])
def test_the_plan_s_jobs_are_snakemake_s_file_by_file(tmp_path, path):
    config = resolve(yaml.safe_load(path.read_text(encoding="utf-8")))

    def below(files):
        return sorted(f"{config['results_dir']}/{file}" for file in files)

    counted = sorted(
        (job.rule, below(job.inputs.values()), below(job.outputs.values()))
        for job in joblist.planned(config)
    )
    found = planned(tmp_path, "all", config=path)
    found = [job for job in found if job.rule in written.OUTPUTS]
    assert counted == sorted((job.rule, sorted(job.inputs), sorted(job.outputs)) for job in found)


def test_only_the_oracle_and_evaluation_read_hidden_labels(jobs):
    readers = {job.rule for job in jobs if any(map(HIDDEN.search, job.inputs))}
    assert readers == MAY_SEE_LABELS
    assert {job.rule for job in jobs if HIDDEN.search(job.shell)} == MAY_SEE_LABELS | {"data"}


def test_nothing_that_learns_reads_a_measurement(jobs):
    assert {job.rule for job in jobs} >= LEARNERS
    for job in jobs:
        if job.rule in LEARNERS:
            assert not any(map(DERIVED.search, job.inputs)), job


def test_labels_reach_a_learner_only_as_labeled_sets(jobs):
    """Walk the DAG back from every learner: to the oracle's answers, or to unlabeled images."""
    maker = {file: job for job in jobs for file in job.outputs}

    def sources(job):
        for file in job.inputs:
            if maker[file].rule in ("initial", "label_all", "label", "data"):
                yield maker[file].rule, file
            else:
                yield from sources(maker[file])

    unlabeled = ("pool.npy", "pool.json", "test_images.npy")
    for job in jobs:
        if job.rule in LEARNERS:
            for rule, file in sources(job):
                answers = ("labeled.parquet", "all_labels.parquet")
                assert file.endswith(unlabeled if rule == "data" else answers), job
                full = "/full/" in job.outputs[0]
                assert file.endswith("all_labels.parquet") <= full, job


def test_pretraining_is_once_per_data_set_and_cycle_0_once_per_method_and_seed(tiny):
    count = collections.Counter(job.rule for job in tiny)
    assert count["pretrain"] == 1
    # 2 methods x 2 seeds x (cycle 0 + 2 strategies x cycle 1), and full supervision
    assert count["train"] == 2 * 2 * (1 + 2) + 2
    assert count["initial"] == 2
    trainings = [job for job in tiny if job.rule == "train"]
    first = [job for job in trainings if "/cycle0/" in job.outputs[0]]
    assert len(first) == 2 * 2 + 2
    assert all("/initial/" in job.outputs[0] or "/full/all/" in job.outputs[0] for job in first)
    theta = {file for job in trainings for file in job.inputs if "/pretrain/" in file}
    assert theta == {"results/datasets/digits/pretrain/deepcluster/model.safetensors"}


def test_the_initial_labeled_set_is_the_same_for_all_methods_and_strategies(tiny):
    first = [job for job in tiny if job.rule == "train" and "seed0/cycle0/" in job.outputs[0]]
    first = [job for job in first if "/full/" not in job.outputs[0]]
    assert len(first) == 2
    for job in first:
        assert "results/runs/tiny/initial/seed0/labeled.parquet" in job.inputs


def test_only_what_is_read_embeds_the_pool(tiny):
    """Nothing reads the pool's embeddings in the last cycle without SEMI, nor with all labels."""
    cells = {}
    for job in tiny:
        if job.rule in ("embed", "embed_initial", "predict"):
            cells.setdefault(job.rule, set()).update(
                file.split("runs/tiny/")[1].split("/seed")[0] + f"/{'cycle1' in file}"
                for file in job.outputs
            )
    assert cells["predict"] == {"baseline/ceal/True", "baseline/jlp/True", "full/all/False"}
    assert cells["embed"] == {"pre+semi/coreset/True", "pre+semi/random/True"}
    assert cells["embed_initial"] == {"baseline/initial/False", "pre+semi/initial/False"}


def test_ceal_may_be_kept_from_training(tmp_path, varied):
    """The public code makes CEAL's pseudo-labels and never trains on them."""
    joined = planned(tmp_path, "all", config=varied(ceal={"threshold": 0.9}))
    apart = planned(tmp_path, "all", config=varied(ceal={"threshold": 0.9, "join": False}))

    def trained_on(jobs):
        return sum("acquired_pseudo" in " ".join(job.inputs) for job in jobs if job.rule == "train")

    assert (trained_on(joined), trained_on(apart)) == (2, 0)
    assert len(joined) == len(apart)


def test_draws_follow_the_seed_or_are_those_of_one(tmp_path, varied):
    for moves, seeds in (("all", {"0", "1"}), ("initial", {"7"})):
        jobs = planned(tmp_path, "all", config=varied(seed_moves=moves))
        found = {
            job.rule: set() for job in jobs if job.rule in ("train", "embed", "acquire", "predict")
        }
        for job in jobs:
            if job.rule in found:
                found[job.rule] |= set(re.findall(r"--draw-seed (\d+)", job.shell))
        assert found == dict.fromkeys(found, seeds) and len(found) == 4


def test_labels_are_propagated_for_semi_alone(tmp_path, varied):
    """jLP makes a graph of its own."""
    methods = {"baseline": {"pre": "none", "semi": "none", "strategies": ["random", "jlp"]}}
    jobs = planned(tmp_path, "all", config=varied(methods=methods))
    assert not {"propagate", "propagate_initial"} & {job.rule for job in jobs}


def test_the_paper_is_planned_whole_within_a_minute(tmp_path):
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    config = ROOT / "workflow" / "grids" / "paper.yaml"
    output = snakemake(tmp_path, "--dry-run", "--quiet", "rules", "--", "all", config=config).stdout
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of CPU time, which other tests at the same time do not lengthen
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < 60
    counts = dict(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE))
    # 5 settings x 5 seeds x (4 cycle 0 + (5 + 5 + 4 + 4) strategies x 4 cycles + all labels)
    assert int(counts["train"]) == 5 * 5 * (4 + 18 * 4 + 1)
    assert int(counts["pretrain"]) == 4
    # no data set, and nothing else, of the demo has leaked in
    assert int(counts["data"]) == 4
    # as test_cost_plan.py asks of smaller grids
    wanted = work.jobs(resolve(yaml.safe_load(config.read_text())))
    counted = collections.Counter(job.rule for job in wanted)
    assert {rule: int(count) for rule, count in counts.items() if rule != "total"} == counted


def test_a_wrong_key_is_refused_before_anything_is_planned(tmp_path, varied):
    process = snakemake(tmp_path, "--dry-run", "all", config=varied(netwrok={}), check=False)
    assert process.returncode != 0
    assert "unknown key netwrok; did you mean network?" in process.stdout
    assert "Traceback" not in process.stdout
    assert not (tmp_path / "results").exists()


def test_the_comparison_with_the_paper_is_one_more_job_and_reads_what_is_checked_in(tiny, tmp_path):
    assert "compare_with_paper" not in {job.rule for job in tiny}
    jobs = planned(tmp_path, "compare_with_paper")
    (job,) = [job for job in jobs if job.rule == "compare_with_paper"]
    assert {"results/tables/runs.csv", "results/tables/settings.json"} <= set(job.inputs)
    assert str(ROOT / "evidence/paper.csv") in job.inputs
    assert "results/tables/compare_with_paper.md" in job.outputs


def test_a_path_that_is_no_cell_of_the_grid_is_told_so(tmp_path):
    path = "results/runs/tiny/full/jlp/seed0/cycle0/metrics.json"
    told = snakemake(tmp_path, "--dry-run", path, check=False).stdout
    cell = "results/runs/tiny/full/jlp/seed0/cycle0"
    assert f"{cell} is no cell of this grid: full has all in the place of a strategy" in told
    assert "KeyError" not in told


def test_without_slurm_its_profile_says_so_at_once(tmp_path):
    """The plugin would wait for ever. On this path are only the programs that Snakemake wants."""
    for name in ("bash", "sh", "which"):
        (tmp_path / name).symlink_to(shutil.which(name))
    line = command(tmp_path, "--executor", "slurm", "--jobs", "1", "all")
    process = subprocess.run(
        [*line],
        env=os.environ | {"PATH": str(tmp_path)},
        **{"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 60},
    )
    assert process.returncode != 0 and "this machine has no sbatch" in process.stdout
