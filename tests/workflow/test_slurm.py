"""The tiny grid through a real SLURM (tests/slurm/cluster.sh): whole, and with what can fail.

Each time it must end in the bytes of the local run, with no two processes at one output.
"""

import collections
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from running import ROOT, TINY, command, contents, environment, planned, snakemake

CLUSTER = ROOT / "tests" / "slurm" / "cluster.sh"
WATCH = ROOT / "tests" / "slurm" / "watch"
PIDS = Path("/var/lib/wholepool-slurm")
PROFILE = ROOT / "profiles" / "slurm"
#: what a test changes: no GPU, and a look at the queue every second instead of every 20
FASTER = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10", "--jobs", "4")
ON_CPU = ("--config", "device=cpu")
#: a job for each of: PRE, the cells of cycle 0, and those of cycle 1 (what asks for them, too)
JOBS = 1 + (2 * 2 + 2) + 2 * 2 * 2

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("installed")]


def cluster(verb):
    return subprocess.run([CLUSTER, verb], text=True, stderr=subprocess.PIPE)


@pytest.fixture(scope="session")
def installed():
    """The cluster. No test makes one, as that takes root, Debian packages and /etc."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    if cluster("status").returncode:
        pytest.skip("no SLURM: tests/slurm/cluster.sh up makes one, as .ci/run does")


@pytest.fixture
def slurm():
    """Make a grid to be run; afterwards nothing of it runs and all daemons do."""
    grids = []

    def grid(folder, config=TINY):
        grids.append(Grid(folder, config))
        return grids[-1]

    yield grid
    for grid in grids:
        if grid.driver is not None and grid.driver.poll() is None:
            grid.driver.kill()
            grid.driver.wait()
    restart()
    subprocess.run(["scancel", "--user", str(os.getuid())], check=True)
    subprocess.run(["scontrol", "update", "PartitionName=main", "State=UP"], check=True)


def kill(daemon):
    os.kill(int((PIDS / f"{daemon}.pid").read_text()), signal.SIGKILL)


def restart():
    """Start what was killed."""
    started = cluster("up")
    assert started.returncode == 0, started.stderr


class Grid:
    """A run of the grid on SLURM in a folder of its own, whose stages are watched."""

    def __init__(self, folder, config):
        self.folder, self.config, self.driver = folder, config, None
        (folder / "watch" / "hold").mkdir(parents=True)

    def start(self, *arguments, targets=("all",)):
        """The driver, with its output in a file."""
        given = environment() | {"WHOLEPOOL_WATCH": str(self.folder / "watch")}
        given["PYTHONPATH"] = f"{WATCH}{os.pathsep}{given.get('PYTHONPATH', '')}"
        line = ("--profile", str(PROFILE), *FASTER, *(arguments or ON_CPU), "--", *targets)
        with open(self.folder / "said", "a") as said:
            self.driver = subprocess.Popen(
                command(self.folder, *line, config=self.config),
                env=given,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def said(self):
        return (self.folder / "said").read_text()

    def hold(self, stage):
        """Stop every process of a stage at its start."""
        (self.folder / "watch" / "hold" / stage).touch()

    def release(self, stage):
        (self.folder / "watch" / "hold" / stage).unlink()

    def starts(self, stage=""):
        """The processes of the stages so far, in the order in which they began."""
        trace = self.folder / "watch" / "trace"
        lines = trace.read_text().splitlines() if trace.exists() else []
        found = [Start(*line.split(" ")) for line in lines]
        return [start for start in found if start.stage == stage or not stage]

    def until(self, condition, seconds=240):
        end = time.monotonic() + seconds
        while not condition():
            assert self.driver.poll() is None, f"the driver ended before:\n{self.said()[-4000:]}"
            assert time.monotonic() < end, f"waited in vain:\n{self.said()[-4000:]}"
            time.sleep(0.2)

    def until_started(self, stage, count=1):
        """Wait for processes of a stage on SLURM; the ids of their jobs."""
        self.until(lambda: len(self.starts(stage)) >= count)
        return [start.job for start in self.starts(stage)]

    def finish(self, seconds=600):
        assert self.driver.wait(seconds) == 0, self.said()[-8000:]
        assert [start for start in self.starts() if start.event != "starts"] == []


class Start(NamedTuple):
    """A process of a stage that began: what it makes is told by its log."""

    event: str
    stage: str
    log: str
    job: str
    pid: str
    when: str


def state(job):
    """What the accounting says of a job."""
    line = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=State", "--jobs", job]
    return subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def queue():
    """The ids of the jobs in SLURM's queue."""
    line = ["squeue", "--noheader", "--format=%i"]
    return set(subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE).stdout.split())


def scancel(*jobs):
    subprocess.run(["scancel", *jobs], check=True)


def repeated(grid, stage):
    """What a stage made more than once."""
    counts = collections.Counter(start.log for start in grid.starts(stage))
    return [log for log, count in counts.items() if count > 1]


def test_the_grid_through_slurm_one_job_a_cycle(slurm, run, tmp_path):
    grid = slurm(tmp_path)
    grid.start()
    grid.finish()
    assert contents(tmp_path) == contents(run)
    jobs = collections.defaultdict(set)
    for start in grid.starts():
        if start.job != "-":
            jobs[start.job].add(start.log.removeprefix("results/logs/").removesuffix(".log"))
    assert len(jobs) == JOBS
    cell = "tiny/pre+semi/coreset/seed0-cycle"
    stages = {f"{stage}/{cell}1" for stage in ("label", "train", "embed", "propagate", "evaluate")}
    assert stages | {f"acquire/{cell}0"} in jobs.values()
    local = {start.stage for start in grid.starts() if start.job == "-"}
    assert {"data", "initial", "label_all", "runs", "tables", "figures"} <= local
    assert not local & {"train", "pretrain", "embed", "propagate", "acquire", "evaluate", "label"}


def test_a_job_and_half_of_a_group_are_cancelled(slurm, run, tmp_path):
    """The same driver does what is left of them, and no finished training again."""
    grid = slurm(tmp_path)
    grid.hold("pretrain")
    grid.hold("evaluate")
    grid.start()
    (alone,) = grid.until_started("pretrain")
    scancel(alone)
    grid.until(lambda: state(alone).startswith("CANCELLED"))
    grid.release("pretrain")
    group = grid.until_started("evaluate")[0]
    scancel(group)
    grid.until(lambda: state(group).startswith("CANCELLED"))
    grid.release("evaluate")
    grid.finish()
    assert contents(tmp_path) == contents(run)
    assert len(repeated(grid, "pretrain")) == 1
    assert len(repeated(grid, "evaluate")) == 1
    assert repeated(grid, "train") == []


def test_a_gpu_job_gets_its_gpu(slurm, tmp_path):
    """With the profile's own device; a stand-in for Python makes the files, without a GPU."""
    stub = tmp_path / "stub" / "python"
    stub.parent.mkdir()
    stub.write_text(
        "#!/bin/bash\n"
        'echo "$3 $SLURM_JOB_ID $CUDA_VISIBLE_DEVICES" >>gpus\n'
        'for name in "$@"; do [[ $name = results/* && ! -e $name ]] && echo >"$name"; done\n'
        "exit 0\n"
    )
    stub.chmod(0o755)
    target = "results/runs/tiny/baseline/jlp/seed0/cycle1/metrics.json"
    line = command(tmp_path, "--profile", str(PROFILE), *FASTER, "--", target)
    path = f"{stub.parent}{os.pathsep}{environment()['PATH']}"
    process = subprocess.run(
        line, env=os.environ | {"PATH": path}, text=True, capture_output=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-8000:]
    seen = [row.split(" ") for row in (tmp_path / "gpus").read_text().splitlines()]
    gpus = {(stage, job): devices for stage, job, devices in seen if job}
    assert {stage for stage, _ in gpus} >= {"train", "embed", "acquire", "evaluate"}
    assert all(len(devices.split(",")) == 1 and devices for devices in gpus.values())
    for job in {job for _, job in gpus}:
        row = ["sacct", "--noheader", "--allocations", "--format=AllocTRES%200", "--jobs", job]
        assert "gres/gpu=1" in subprocess.run(row, text=True, stdout=subprocess.PIPE).stdout


def test_a_job_that_is_cancelled_before_it_starts_leaves_nothing_stale(slurm, tmp_path, varied):
    """The result of other settings that was there must not pass for its own."""
    target = "results/datasets/digits/pretrain/deepcluster/model.safetensors"
    snakemake(tmp_path, "--cores", "1", target)
    config = varied(deepcluster={"epochs": 1, "batch_size": 50, "clusters_per_class": 2})
    grid = slurm(tmp_path, config)
    subprocess.run(["scontrol", "update", "PartitionName=main", "State=DOWN"], check=True)
    grid.start(*ON_CPU, "--retries", "0", targets=[target])
    grid.until(queue)
    scancel(*queue())
    assert grid.driver.wait(120) != 0
    assert "pretrain" in {job.rule for job in planned(tmp_path, target, config=config)}


@pytest.mark.long
@pytest.mark.parametrize(("daemon", "seconds"), [("slurmd", 10), ("slurmctld", 45)])
def test_a_daemon_is_killed_and_restarted(slurm, run, tmp_path, daemon, seconds):
    """While jobs run: they go on, and the driver waits for what it is not told."""
    grid = slurm(tmp_path)
    grid.hold("train")
    grid.start()
    grid.until_started("train", 4)
    kill(daemon)
    grid.release("train")
    time.sleep(seconds)
    restart()
    grid.finish()
    assert contents(tmp_path) == contents(run)


@pytest.mark.long
def test_the_accounting_is_away_for_a_minute(slurm, run, tmp_path):
    grid = slurm(tmp_path)
    grid.start()
    grid.until_started("pretrain")
    kill("slurmdbd")
    time.sleep(60)
    assert grid.driver.poll() is None
    restart()
    grid.finish()
    assert contents(tmp_path) == contents(run)
    assert repeated(grid, "train") == []


@pytest.mark.long
def test_a_job_is_stopped_by_its_time_limit(slurm, run, tmp_path):
    grid = slurm(tmp_path)
    grid.hold("pretrain")
    # a signal 120 s before the end of a minute would come at the start
    soon = ("--default-resources", "slurm_extra='--signal=USR1@5'", "mem_mb=4000", "runtime=60")
    grid.start(*ON_CPU, *soon, "--set-resources", "pretrain:runtime=1", "diagnose:runtime=0")
    (job,) = grid.until_started("pretrain")
    grid.until(lambda: state(job) == "TIMEOUT")
    grid.release("pretrain")
    grid.finish()
    assert contents(tmp_path) == contents(run)
    assert len(repeated(grid, "pretrain")) == 1


@pytest.mark.long
def test_a_job_is_requeued_and_does_what_is_left(slurm, run, tmp_path):
    """As after a preemption: the same job runs once more."""
    grid = slurm(tmp_path)
    grid.hold("evaluate")
    grid.start()
    job = grid.until_started("evaluate")[0]
    subprocess.run(["scontrol", "requeue", job], check=True)
    grid.until(lambda: state(job) in ("PENDING", "REQUEUED"))
    grid.release("evaluate")
    grid.finish()
    assert contents(tmp_path) == contents(run)
    assert repeated(grid, "train") == []
    assert len(repeated(grid, "evaluate")) == 1


@pytest.mark.long
def test_the_driver_is_killed_and_its_jobs_run_on(slurm, tmp_path, varied):
    """The next driver cancels them; they write a checkpoint, and its own jobs go on from there."""
    config = varied(sup={"epochs": 400, "batch_size": 10, "lr": 0.05, "cosine_period": 1.05})
    alone = tmp_path / "alone"
    alone.mkdir()
    snakemake(alone, "--cores", "2", "all", config=config)
    folder = tmp_path / "grid"
    grid = slurm(folder, config)
    grid.start()
    grid.until_started("train", 3)
    grid.until(lambda: len(list(folder.rglob(".model.safetensors.lock"))) >= 3)
    jobs = set(grid.until_started("train"))
    grid.driver.kill()
    grid.driver.wait()
    assert all(state(job) == "RUNNING" for job in jobs)
    grid.start()
    grid.finish()
    assert "cancelling the jobs that it left on the cluster" in grid.said()
    assert all(state(job).startswith("CANCELLED") for job in jobs)
    logs = "".join(path.read_text() for path in (folder / "results" / "logs").rglob("*.log"))
    assert "going on from" in logs
    assert contents(folder) == contents(alone)


@pytest.mark.long
def test_the_driver_is_killed_and_its_jobs_still_wait(slurm, run, tmp_path):
    """The next driver cancels them, too, before any has begun."""
    grid = slurm(tmp_path)
    partition = ["scontrol", "update", "PartitionName=main"]
    subprocess.run([*partition, "State=DOWN"], check=True)
    grid.start()
    grid.until(lambda: grid.said().count("has been submitted with SLURM jobid") == 4)
    waiting = queue()
    assert len(waiting) == 4
    grid.driver.kill()
    grid.driver.wait()
    grid.start()
    grid.until(lambda: len(queue() - waiting) == 4)
    subprocess.run([*partition, "State=UP"], check=True)
    grid.finish()
    assert all(state(job).startswith("CANCELLED") for job in waiting)
    assert not waiting & {start.job for start in grid.starts()}
    assert contents(tmp_path) == contents(run)


@pytest.mark.long
def test_slurm_warns_of_the_time_limit_and_a_checkpoint_is_written(slurm, tmp_path, varied):
    """The signal reaches the stage, and kills nothing between SLURM and it."""
    epochs = {"epochs": 400, "batch_size": 50, "clusters_per_class": 2, "pixel_epochs": 1}
    config = varied(deepcluster=epochs)
    target = "results/datasets/digits/pretrain/deepcluster/model.safetensors"
    grid = slurm(tmp_path / "grid", config)
    soon = ("--default-resources", "slurm_extra='--signal=USR1@20'", "mem_mb=4000", "runtime=60")
    grid.start(*ON_CPU, *soon, "--set-resources", "pretrain:runtime=1", targets=[target])
    (tmp_path / "alone").mkdir()
    snakemake(tmp_path / "alone", "--cores", "1", target, config=config)
    grid.finish()
    assert len(repeated(grid, "pretrain")) == 1
    assert contents(grid.folder) == contents(tmp_path / "alone")
    jobs = {start.job for start in grid.starts("pretrain")}
    assert sorted(map(state, jobs))[0] == "COMPLETED"
    assert "TIMEOUT" not in set(map(state, jobs))
