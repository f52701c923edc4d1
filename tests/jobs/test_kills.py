"""Real jobs, killed at random moments: what they end in is what they end in undisturbed.

A server process has torch loaded and forks the jobs, so that each starts at once; every job is a
process of its own, which runs a stage's command and is killed with SIGKILL.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
import yaml
from processes import alive, until
from workflow.running import TINY

from wholepool.grid.config import resolve
from wholepool.job.checkpoints import number_of, unpacked

KILLS = 24  # in all, over PRE, SUP and SEMI
SERVER = """
import json, os, sys
import scipy.sparse, torch
import wholepool.learn.pretrain.deepcluster, wholepool.learn.semi.label_propagation
import wholepool.learn.training
from wholepool.__main__ import main
torch.set_num_threads(1)
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND), 2)
        os._exit(main(job["argv"]))
    print(pid)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.fixture(scope="module")
def start():
    """Start a job; returns its pid, and what waits for its exit status."""
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def job(argv, log):
        server.stdin.write(json.dumps({"argv": argv, "log": str(log)}) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline()), lambda: int(server.stdout.readline())

    yield job
    server.stdin.close()
    server.wait()


@pytest.fixture(scope="module")
def stages(tmp_path_factory, start):
    """(stage, folder) -> the stage's command; the pool and the initial labels are there."""
    config = yaml.safe_load(TINY.read_text()) | {"checkpoint_seconds": 0}
    config["deepcluster"] = config["deepcluster"] | {"epochs": 12}
    config["sup"] = config["sup"] | {"epochs": 25, "batch_size": 5}
    config["semi"] = config["semi"] | {"epochs": 8, "batch_size": 24}
    grid = resolve(config)
    dataset, experiment = grid["datasets"]["digits"], grid["experiments"]["tiny"]
    settings = json.dumps(dataset | experiment)
    data = tmp_path_factory.mktemp("data")
    pool = ["--pool", f"{data}/pool.npy", "--info", f"{data}/pool.json"]
    oracle = ["--oracle", f"{data}/oracle.parquet"]
    labeled = f"{data}/labeled.parquet"
    common = ["--settings", settings, "--device", "cpu", "--checkpoint-seconds", "0"]

    def stage(name, folder):
        out = ["--out", f"{folder}/model.safetensors", "--history", f"{folder}/history.parquet"]
        if name == "pretrain":
            more = ["--clusters", f"{folder}/clusters.npy"]
            more += ["--cluster-epochs", f"{folder}/cluster_epochs.json", "--pre", "deepcluster"]
            return ["pretrain", *pool, *common, *out, *more]
        cell = ["--cell", "tiny/pre+semi/random/0/0", "--labeled", labeled]
        return ["train", *pool, *common, *out, *cell, "--semi", "label_propagation"]

    for argv in (
        [
            *("data", "--name", "digits", "--data-dir", "none", "--settings", settings, *pool),
            *("--made", f"{data}/source.json", "--files", f"{data}/files.json"),
            *(*oracle, "--test-images", f"{data}/test_images.npy"),
            *("--test-labels", f"{data}/test_labels.npy"),
        ],
        [
            *("initial", *pool, *oracle, "--settings", settings),
            *("--seed", "0", "--size", "10", "--out", labeled),
        ],
    ):
        _, wait = start(argv, data / "log")
        assert wait() == 0, (data / "log").read_text()
    return stage


def contents(folder):
    """What a job has left: bytes by name; of the history its rows, since it tells of times."""
    found = {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name not in ("log", "history.parquet")
    }
    return found | {"history": pq.read_table(folder / "history.parquet").to_pylist()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, start, stages):
    """What each stage leaves if nothing happens to it."""
    found = {}
    for name in ("pretrain", "train"):
        folder = tmp_path_factory.mktemp(name)
        _, wait = start(stages(name, folder), folder / "log")
        assert wait() == 0, (folder / "log").read_text()
        found[name] = contents(folder)
    return found


def newest(folder):
    """The newest checkpoint's number and path, or -1 and None."""
    paths = sorted(folder.glob("checkpoint-*.wholepool"), key=number_of)
    return (number_of(paths[-1]), paths[-1]) if paths else (-1, None)


def let_go_on(folder, steps, pid, rng):
    """Wait until the job has written `steps` more checkpoints, and then until it is time to kill.

    That is some milliseconds later, or in the midst of the next writing. False if the job ends.
    """
    goal = newest(folder)[0] + steps
    while newest(folder)[0] < goal:
        if not alive(pid):
            return False
        time.sleep(0.001)
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0, 0.02))
        return True
    end = time.monotonic() + 1
    while time.monotonic() < end and not list(folder.glob(".checkpoint-*.part")):
        pass
    return True


@pytest.mark.parametrize(
    ("name", "kills", "steps"), [("pretrain", KILLS // 3, 4), ("train", KILLS - KILLS // 3, 10)]
)
def test_killed_again_and_again_a_job_ends_in_the_same_bytes(
    tmp_path, start, stages, undisturbed, name, kills, steps
):
    rng = random.Random(name)
    folder, phases, torn = tmp_path / "model.checkpoints", set(), 0
    for _ in range(kills):
        pid, wait = start(stages(name, tmp_path), tmp_path / "log")
        assert let_go_on(folder, rng.randint(1, steps), pid, rng), (tmp_path / "log").read_text()
        os.kill(pid, signal.SIGKILL)
        assert wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
        torn += bool(list(folder.glob(".checkpoint-*.part")))
        history = unpacked(newest(folder)[1].read_bytes())[1]
        phases.add(history["position"][0] if name == "train" else "pretrain")
    _, wait = start(stages(name, tmp_path), tmp_path / "log")
    assert wait() == 0, (tmp_path / "log").read_text()
    assert torn > 0, "no kill came while a checkpoint was written"
    assert phases == ({"pretrain"} if name == "pretrain" else {"sup", "semi"})
    assert (tmp_path / "log").read_text().count("going on from") == kills
    assert contents(tmp_path) == undisturbed[name]  # and so no lock, no checkpoint is left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("name", ["pretrain", "train"])
def test_a_job_that_is_asked_to_stop_says_that_it_is_to_be_resumed(
    tmp_path, start, stages, undisturbed, name, number
):
    argv = stages(name, tmp_path)
    seldom = [*argv, "--checkpoint-seconds", "3600"]  # so that the signal alone writes one
    epochs = tmp_path.with_suffix(".log")
    seldom += ["--log", str(epochs)]
    pid, wait = start(seldom, tmp_path / "log")
    until(lambda: epochs.exists() and "epoch 0" in epochs.read_text())
    os.kill(pid, number)
    assert wait() == os.EX_TEMPFAIL
    said = (tmp_path / "log").read_text()
    assert f"stopped by {number.name}: to be resumed" in said
    assert os.listdir(tmp_path / "model.checkpoints") == ["checkpoint-0.wholepool"]
    _, wait = start(argv, tmp_path / "log")
    assert wait() == 0, (tmp_path / "log").read_text()
    assert contents(tmp_path) == undisturbed[name]


def test_a_checkpoint_of_other_labels_or_settings_is_not_gone_on_from(tmp_path, start, stages):
    argv = stages("train", tmp_path)
    pid, wait = start(argv, tmp_path / "log")
    assert let_go_on(tmp_path / "model.checkpoints", 3, pid, random.Random(0))
    os.kill(pid, signal.SIGKILL)
    wait()
    settings = json.loads(argv[argv.index("--settings") + 1])
    settings["sup"] = settings["sup"] | {"epochs": 1}
    settings["semi"] = settings["semi"] | {"epochs": 1}
    other = list(argv)
    other[argv.index("--settings") + 1] = json.dumps(settings)
    _, wait = start(other, tmp_path / "log")
    assert wait() == 0
    said = (tmp_path / "log").read_text()
    assert "it is of another training: settings differ" in said and "going on" not in said
    assert len(pq.read_table(tmp_path / "history.parquet")) == 2
    assert not (tmp_path / "model.checkpoints").exists()


def test_of_two_equal_jobs_at_once_one_waits_and_does_nothing_again(
    tmp_path, stages, undisturbed, start
):
    """As when a driver was killed and its successor starts what still runs on the cluster."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    argv = stages("train", tmp_path)
    pid, wait = start(argv, first)
    assert let_go_on(tmp_path / "model.checkpoints", 1, pid, random.Random(0))
    os.kill(pid, signal.SIGSTOP)
    with open(second, "w") as log:
        other = subprocess.Popen([sys.executable, "-m", "wholepool", *argv], stderr=log)
    while "waiting" not in second.read_text():
        assert other.poll() is None
        time.sleep(0.05)
    os.kill(pid, signal.SIGCONT)
    assert wait() == 0 and other.wait() == 0
    said = second.read_text()
    assert f"is being written by process {pid}" in said
    assert "has been made meanwhile: nothing is left to do" in said
    first.unlink()
    second.unlink()
    assert contents(tmp_path) == undisturbed["train"]
