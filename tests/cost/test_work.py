"""What a grid costs, against Snakemake's own plan, real trainings, and sums written out."""

import collections
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from wholepool.cost import estimate
from wholepool.cost import work as cost
from wholepool.data.pool import Pool
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError
from wholepool.learn.networks.conv13 import Network, flops, state_bytes
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.semi import label_propagation
from wholepool.learn.training import train
from wholepool.learn.views import Views

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"


def grid(path=TINY, **changes):
    config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for section, values in changes.items():
        config[section] = config.get(section, {}) | values
    return resolve(config, SCHEMA)


def toy_pool(n):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 16, 16, 1), dtype=np.uint8)
    return Pool(images, "toy", tuple(map(str, range(10))), (0.5,), (0.3,), "")


@pytest.mark.parametrize(
    ("size", "batch", "drop", "expected"),
    [
        (10, 4, False, {4: 2, 2: 1}),
        (10, 4, True, {4: 2}),
        (3, 4, True, {3: 1}),
        (8, 4, False, {4: 2}),
        (0, 4, False, {}),
    ],
)
def test_batches_by_hand(size, batch, drop, expected):
    assert cost.batches(size, batch, drop) == collections.Counter(expected)


@pytest.mark.parametrize(
    "semi",
    [
        {},
        {"sup_epochs": 0},
        {"first_epochs": 2, "drop_last": True},
        {"epoch_share": 1, "labeled_size": 5},
    ],
)
@pytest.mark.parametrize("method", ["baseline", "pre+semi"])
def test_counted_images_are_those_of_a_real_training(method, semi, monkeypatch):
    config = grid(semi=semi)
    experiment, dataset = config["experiments"]["tiny"], config["datasets"]["digits"]
    words = experiment["methods"][method]
    n, labels = 90, np.arange(20)
    network = Network(1, 10, **dataset["network"])
    sizes = []
    plain = network.forward

    def counting(images):
        sizes.append(len(images))
        return plain(images)

    network.forward = counting
    propagations = []

    def spy(state):
        propagations.append(len(state.embeddings))
        return label_propagation.pseudo_label(state)

    chosen = None
    if words["semi"] != "none":
        chosen = SimpleNamespace(pseudo_label=spy)
    views = Views(toy_pool(n), **dataset["augment"])
    history = train(
        network, views, labels, labels % 10, experiment, np.random.default_rng(0), chosen
    )
    steps, passes = cost.training(n, 20, experiment, words)
    assert collections.Counter(sizes) == steps
    assert sum(row["images"] for row in history) == sum(k * v for k, v in steps.items())
    assert propagations == [n] * passes


@pytest.mark.parametrize(
    "changes", [{}, {"pixel_epochs": 0}, {"reassign_steps": 3, "epochs": 6}, {"drop_last": True}]
)
def test_counted_images_are_those_of_a_real_pretraining(changes):
    settings = grid(deepcluster=changes)["datasets"]["digits"]["deepcluster"]
    pool = toy_pool(90)
    network = Network(1, 10, width=1 / 16)
    views, given = Views(pool, 1, False), {"deepcluster": settings}
    result = deepcluster.pretrain(network, views, 10, given, np.random.default_rng(0))
    steps, pixels, embeddings = cost.deepcluster(90, settings)
    assert sum(k * v for k, v in steps.items()) == sum(row["images"] for row in result.history)
    assert pixels + embeddings == len(result.clusters)
    assert pixels == (settings["pixel_epochs"] > 0)


@pytest.mark.parametrize(("size", "channels", "width"), [(32, 3, 1), (28, 1, 0.25), (16, 1, 0.125)])
def test_flops_are_those_of_the_layers(size, channels, width):
    network = Network(channels, 10, width=width).eval()
    counted = []

    def convolution(layer, inputs, output):
        counted.append(2 * output[0].numel() * layer.in_channels * layer.kernel_size[0] ** 2)

    for layer in network.trunk:
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(convolution)
    network(torch.zeros(1, channels, size, size))
    head = 2 * network.embedding_dim * 10
    assert flops(size, channels, 10, width) == sum(counted) + head


def test_state_bytes_are_those_of_the_saved_network():
    network = Network(3, 10, width=0.25)
    expected = sum(v.numel() * v.element_size() for v in network.state_dict().values())
    assert state_bytes(3, 10, width=0.25) == expected


# time and disk


def rates_of(config, step=0.5, embed=0.01):
    """Made-up rates for a grid of one network."""
    plan = cost.jobs(config)
    job = next(job for job in plan if job.rule == "train")
    network = job.pool.settings["network"]
    graph = {
        **{"n": 100, "dimensions": job.pool.dimensions, "classes": 10, "search": 1.0},
        **{"solve": 0.5, "settings": dict(job.propagation)},
    }
    names = ("random", "uncertainty", "ceal", "coreset", "jlp")
    return {
        **{"device": "toy", "kind": "cpu", "processor": "toy", "threads": 1, "torch": "2"},
        "start": {"light": 0.0, "scipy": 0.0, "tables": 0.0, "torch": 0.0},
        "networks": [
            {
                **{"width": network["width"], "size": 16, "channels": 1, "weight_norm": True},
                "flops": flops(16, 1, 10, network["width"]),
                "steps": {"10": step, "50": step},
                "embed": embed,
            }
        ],
        "graphs": [graph],
        "kmeans": [{"n": 200, "dimensions": 8, "clusters": 20, "seconds": 0.0}],
        "strategies": [
            {"strategy": name, "n": 200, "dimensions": 8, "classes": 10, "k": 10}
            | {"fixed": 0.0, "pick": 0.1}
            for name in names
        ],
    }


def test_seconds_of_a_training_by_hand():
    config = grid()
    rates = rates_of(config)
    plan = cost.jobs(config)
    train_job = next(
        job for job in plan if job.rule == "train" and job.owner == ("tiny", "pre+semi")
    )
    # SUP: 4 epochs of one step on 10 labels; SEMI: 2 epochs of 95 draws, 22 a batch, so 5 steps
    steps = 4 + 2 * 5
    assert sum(train_job.steps.values()) == steps
    # two passes over 200 images, two graphs of twice the measured points
    expected = steps * 0.5 + 2 * 200 * 0.01 + 2 * (1.0 * 4 + 0.5 * 2)
    assert estimate.job_seconds(train_job, rates, {}) == pytest.approx(expected)


def test_rates_of_another_precision_are_scaled_and_named():
    """Rates without a precision, from before it could differ, are float32's."""
    half = grid(network={"precision": "bfloat16"})
    pool = next(job.pool for job in cost.jobs(half) if job.pool)
    rates = rates_of(half)
    known = rates["networks"][0]
    scaled = {}
    assert estimate.network_of(pool, rates, scaled) == (known, 1.0)
    assert "bfloat16" in next(iter(scaled)) and "float32" in next(iter(scaled.values()))
    own = known | {"precision": "bfloat16"}
    rates["networks"].append(own)
    assert estimate.network_of(pool, rates, {})[0] is own


def test_a_schedule_is_between_the_chain_and_the_sum():
    config = grid()
    plan, rates = cost.jobs(config), rates_of(config)
    durations = [estimate.job_seconds(job, rates, {}) for job in plan]
    last = None
    for slots in (1, 2, 4, 100):
        found = estimate.schedule(plan, durations, slots)
        assert found.chain <= found.seconds + 1e-9
        assert found.seconds >= sum(durations) / slots
        assert found.peak >= found.end
        assert last is None or found.seconds <= last * 1.01
        last = found.seconds
    one = estimate.schedule(plan, durations, 1)
    assert one.seconds == pytest.approx(sum(durations) + estimate.BETWEEN * len(plan))


def test_a_network_that_was_not_measured_is_scaled_and_said_so():
    config = grid(network={"width": 0.125})
    rates = rates_of(grid())
    scaled = {}
    job = next(job for job in cost.jobs(config) if job.rule == "train")
    row, factor = estimate.network_of(job.pool, rates, scaled)
    assert factor == pytest.approx(flops(16, 1, 10, 0.125) / row["flops"])
    assert len(scaled) == 1
    assert "scaled, not measured: width 0.125" in estimate.report(cost.jobs(config), rates, 1, "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"device": "x"})])
def test_a_file_without_rates_is_explained(tmp_path, text):
    path = tmp_path / "rates.json"
    path.write_text(text)
    with pytest.raises(UserError, match="no file of measured rates.*python -m wholepool"):
        estimate.read_rates(path)


def test_the_page_tells_trainings_jobs_hours_and_disk():
    config = grid()
    plan = cost.jobs(config)
    text = estimate.report(plan, rates_of(config), 2, "tiny.yaml")
    total = next(line for line in text.splitlines() if line.startswith("| total"))
    cells = [cell.strip() for cell in total.strip("|").split("|")]
    # 12 cells with cycles, 2 with all labels, one PRE
    assert cells[1:3] == ["15", str(len(plan))]
    assert "CEAL adds to 2 trainings" in text
    assert "disk:" in text and "2 job(s) at a time:" in text
