"""Jobs spread over GPUs: real processes, made-up devices."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from wholepool import __main__ as cli
from wholepool.job import hardware

CLAIM = """
import sys
from pathlib import Path
from wholepool.job.hardware import claim_one
gpu, others, claim = claim_one(sys.argv[2:], Path(sys.argv[1]))
assert "torch" not in sys.modules
print(gpu, others, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Start n processes at once, each claiming one of some GPUs; ends them after the test."""
    started = []

    def run(n, gpus):
        command = [sys.executable, "-c", CLAIM, str(tmp_path / "gpus"), *gpus]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        jobs = [subprocess.Popen(command, **pipes) for _ in range(n)]
        started.extend(jobs)
        return {job: job.stdout.readline().split()[0] for job in jobs}

    yield run
    for job in started:
        job.kill()
        job.wait()
        job.stdin.close()
        job.stdout.close()


@pytest.mark.jobs
def test_jobs_that_start_at_once_spread_evenly(start):
    gpus = ["0", "3", "MIG-GPU-1a/2/0"]
    assert sorted(start(6, gpus).values()) == sorted(2 * gpus)


@pytest.mark.jobs
def test_a_killed_job_gives_its_gpu_back(start):
    jobs = start(4, ["0", "1"])
    victim = next(job for job, gpu in jobs.items() if gpu == "1")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert list(start(1, ["0", "1"]).values()) == ["1"]
    assert list(start(1, ["0", "1"]).values()) == ["0"]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of four GPUs, and a process that has claimed none."""
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / name).touch()
    places = {"/dev": tmp_path / "dev"}
    monkeypatch.setattr(hardware, "Path", lambda path: Path(places.get(path, path)))
    monkeypatch.setattr(hardware.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is set back after the test
    hardware.claim_gpu.cache_clear()
    yield monkeypatch
    hardware.claim_gpu.cache_clear()


@pytest.mark.parametrize(
    ("given", "visible"),
    [
        (None, ["0", "1", "2", "3"]),
        ("", []),
        ("-1", []),
        ("2,0", ["2", "0"]),
        ("1,-1,3", ["1"]),
        ("GPU-8a5f, GPU-77b1", ["GPU-8a5f", "GPU-77b1"]),
    ],
)
def test_what_is_hidden_is_not_used(machine, given, visible):
    if given is None:
        machine.delenv("CUDA_VISIBLE_DEVICES")
    else:
        machine.setenv("CUDA_VISIBLE_DEVICES", given)
    assert hardware.visible_gpus() == visible
    assert hardware.gpu_present() == bool(visible)
    claim = hardware.claim_gpu()
    assert (claim is not None) == bool(visible)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == (visible[0] if visible else given)


def test_without_a_device_the_variable_shows_none(machine, tmp_path):
    for path in (tmp_path / "dev").iterdir():
        path.unlink()
    machine.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert hardware.visible_gpus() == []


def test_a_process_claims_once(machine, start):
    machine.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    claim = hardware.claim_gpu()
    assert hardware.claim_gpu() is claim
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.parametrize(
    ("stage", "device", "expected"),
    [
        ("propagate", "auto", 1),
        ("propagate", "cpu", 0),
        ("label", "auto", 0),
        ("acquire", "auto", 0),  # it depends on the strategy
    ],
)
def test_only_stages_that_use_a_gpu_claim_one(monkeypatch, clean_process, stage, device, expected):
    claimed, ran = [], []
    monkeypatch.setattr(hardware, "claim_gpu", lambda: claimed.append(1))
    monkeypatch.setattr(cli, "parser", lambda description: Given(stage, device))
    monkeypatch.setitem(cli.STAGES, stage, replace(cli.STAGES[stage], run=ran.append))
    assert cli.main([]) == 0
    assert (len(claimed), len(ran)) == (expected, 1)


class Given:
    """A command line that was given whole."""

    def __init__(self, stage, device):
        self.args = SimpleNamespace(stage=stage, device=device, threads=1, log=None)

    def parse_args(self, arguments):
        return self.args


@pytest.mark.parametrize(
    ("lines", "lacks"),
    [
        ("flags\t\t: fpu avx2 avx512f\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16\n", False),
        ("flags\t\t: fpu amx_bf16\n", False),
        ("Features\t: fp asimd bf16\n", False),
        ("Features\t: fp asimd\n", True),
        ("processor\t: 0\n", False),  # nothing is known
    ],
)
def test_a_processor_without_bfloat16_is_known(tmp_path, lines, lacks):
    path = tmp_path / "cpuinfo"
    path.write_text(lines)
    assert hardware.lacks_bfloat16(path) is lacks
    assert not hardware.lacks_bfloat16(tmp_path / "nowhere")
