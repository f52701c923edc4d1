"""float32 and the same bytes on a GPU: the settings without one, the bytes with one.

pytest tests/learn/test_device.py      on a machine with a GPU, before anything else is believed
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from toys import toy_pool
from trainings import LABELED, SIZE, N, build, settings

from wholepool.graph.kmeans import kmeans
from wholepool.learn.device import device_for, make_repeatable
from wholepool.learn.embedding import embed
from wholepool.learn.training import train
from wholepool.learn.views import Views

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]

#: in a process of its own: they are settings of the whole process
SAID = """
import os, torch
torch.cuda.is_available = lambda: {there}
from wholepool.learn.device import device_for
print(device_for({choice!r}).type)
backends = torch.backends
print(backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark)
print(backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled())
print(torch.is_deterministic_algorithms_warn_only_enabled())
print(torch.utils.deterministic.fill_uninitialized_memory)
print(os.environ.get("CUBLAS_WORKSPACE_CONFIG"), torch.cuda.is_initialized())
"""


def said(there, choice):
    environment = {k: v for k, v in os.environ.items() if k != "CUBLAS_WORKSPACE_CONFIG"}
    code = SAID.format(there=there, choice=choice)
    line = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    return run.stdout.split()


@pytest.mark.parametrize("choice", ["auto", pytest.param("cuda", marks=pytest.mark.long)])
def test_a_gpu_computes_float32_in_one_order(choice):
    """By "auto", where it finds one; asked for by name, left to `long`, it is the same one."""
    assert said(True, choice) == [
        *("cuda", "False", "False", "False", "True", "True", "True", "False", ":4096:8", "False")
    ]


def test_a_cpu_is_left_as_it_is():
    assert said(True, "cpu")[3:6] == ["False", "False", "False"]
    assert said(False, "auto")[0] == "cpu"


@pytest.fixture
def repeatable():
    """Without the exception that warn_only makes: an operation without such a kernel raises."""
    make_repeatable()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False


def trained(device, precision="float32"):
    """Weights and embeddings after SUP and SEMI, as bytes."""
    pool, labels = toy_pool(N, SIZE)
    network = build(precision=precision, dropout=0.5).to(device)
    views = Views(pool, 1, True, device=torch.device(device))
    given = settings(semi={"epochs": 0})
    train(network, views, LABELED, labels[LABELED], given, np.random.default_rng(0))
    weights = [value.cpu().numpy().tobytes() for value in network.state_dict().values()]
    return [*weights, *(array.tobytes() for array in embed(network, views))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_repeats_to_the_byte(repeatable, device, precision):
    torch.manual_seed(0)
    first = trained(device, precision)
    torch.manual_seed(0)
    assert trained(device, precision) == first


@pytest.mark.parametrize("device", DEVICES)
def test_kmeans_repeats_to_the_byte(repeatable, device):
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(3000, 16)).astype("float32"))
    found = [
        kmeans(points.to(device), 20, 5, np.random.default_rng(1)).centroids.cpu().numpy()
        for _ in range(2)
    ]
    assert found[0].tobytes() == found[1].tobytes()


@needs_gpu
def test_a_gpu_multiplies_and_convolves_in_float32():
    device = device_for("cuda")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 512, 512)).astype("float32")
    exact = a.astype("float64") @ b.astype("float64")
    found = (torch.tensor(a, device=device) @ torch.tensor(b, device=device)).cpu().numpy()
    assert np.abs(found - exact).max() < 2e-4  # TF32: 3e-2
    images, kernel = torch.randn(2, 64, 16, 16), torch.randn(64, 64, 3, 3)
    exact = torch.nn.functional.conv2d(images.double(), kernel.double())
    found = torch.nn.functional.conv2d(images.to(device), kernel.to(device)).cpu()
    assert (found - exact).abs().max() < 5e-4
