"""What a grid costs, against real trainings, and sums written out."""

import collections
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from toys import toy_pool

from wholepool.cost import estimate
from wholepool.cost.throughput import FORMAT, SAME, STARTS, facts_of, measure, unlike
from wholepool.cost.work import jobs
from wholepool.grid import slices
from wholepool.grid.config import resolve
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.learn.networks.conv13 import Network, describe
from wholepool.learn.pretrain import deepcluster
from wholepool.learn.semi import label_propagation
from wholepool.learn.training import train, work
from wholepool.learn.views import Views
from wholepool.learn.work import epochs_of

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"


def grid(method=None, **changes):
    """The tiny grid with some sections changed; with one method alone, if its words are given."""
    config = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    for section, values in changes.items():
        old = config.pop(section, {})
        if values is not None:
            config[section] = old | values if isinstance(values, dict) else values
    if method is not None:
        words = {"pre": "none", "semi": "none", "strategies": ["random"]}
        config["methods"] = {"mine": words | method}
    return resolve(config)


def plugin_from(monkeypatch, folder, kind, name, text):
    """Let a module of this text be a plug-in, for one test."""
    path = folder / f"{name}.py"
    path.write_text(text)
    monkeypatch.syspath_prepend(folder)
    found = registry.plugins(kind) | {name: registry.Plugin(kind, name, name, path)}
    plain = registry.plugins
    monkeypatch.setattr(registry, "plugins", lambda k: found if k == kind else plain(k))


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
    assert epochs_of(size, batch, drop, 1) == collections.Counter(expected)
    assert epochs_of(size, batch, drop, 3) == collections.Counter(
        {key: 3 * value for key, value in expected.items()}
    )


@pytest.mark.parametrize(
    ("semi", "sup"),
    [
        ({}, {}),
        ({}, {"epochs": 0}),
        ({"first_epochs": 2, "drop_last": True}, {}),
        ({"epoch_share": 1, "labeled_size": 5}, {}),
    ],
)
@pytest.mark.parametrize("method", ["baseline", "pre+semi"])
def test_counted_images_are_those_of_a_real_training(method, semi, sup):
    name = "label_propagation" if method == "pre+semi" else "none"
    config = grid({"semi": name, "sup": sup if name != "none" else {}}, semi=semi)
    experiment, dataset = config["experiments"]["tiny"], config["datasets"]["digits"]
    words = experiment["methods"]["mine"]
    settings = slices.train(dataset, experiment, words)
    n, labels = 90, np.arange(20)
    network = Network(1, 10, width=1 / 16)
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

    chosen, module = None, None
    if words["semi"] != "none":
        chosen, module = SimpleNamespace(pseudo_label=spy), label_propagation
    views = Views(toy_pool(n, 16, 10)[0], **dataset["augment"])
    history = train(network, views, labels, labels % 10, settings, np.random.default_rng(0), chosen)
    counted = work(n, 20, settings, module)
    assert collections.Counter(sizes) == counted.steps
    assert sum(row["images"] for row in history) == counted.trained
    assert propagations == [n] * counted.propagations
    assert counted.embedded == n * counted.propagations
    assert counted.unknown == ""


@pytest.mark.parametrize(
    "changes", [{}, {"pixel_epochs": 0}, {"reassign_steps": 3, "epochs": 6}, {"drop_last": True}]
)
def test_counted_images_are_those_of_a_real_pretraining(changes):
    settings = {"deepcluster": grid(deepcluster=changes)["datasets"]["digits"]["deepcluster"]}
    network = Network(1, 10, width=1 / 16)
    views = Views(toy_pool(90, 16, 10)[0], 1, False)
    result = deepcluster.pretrain(network, views, 10, settings, np.random.default_rng(0))
    counted = deepcluster.work(90, 10, settings)
    runs = {one.points: one.runs for one in counted.clusterings}
    assert counted.trained == sum(row["images"] for row in result.history)
    assert sum(runs.values()) == len(result.clusters)
    assert runs.get("pixels", 0) == (settings["deepcluster"]["pixel_epochs"] > 0)
    assert counted.embedded == 90 * runs["embeddings"]
    assert {one.clusters for one in counted.clusterings} == {20}


def described(size, channels, width):
    settings = {"weight_norm": True, "dropout": 0.5, "logit_scale": 1, "precision": "float32"}
    return describe((size, size, channels), 10, {"width": width, **settings})


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
    assert described(size, channels, width)["flops"] == sum(counted) + head


def test_bytes_and_dimensions_are_those_of_the_network():
    network = Network(3, 10, width=0.25)
    expected = sum(v.numel() * v.element_size() for v in network.state_dict().values())
    found = described(32, 3, 0.25)
    assert (found["bytes"], found["dimensions"]) == (expected, network.embedding_dim)


# what is not known


SOURCE = """
def read(settings, data_dir):
    raise AssertionError("not to be asked")
"""


def test_a_source_that_knows_nothing_is_read_from_its_pool(tmp_path, monkeypatch):
    plugin_from(monkeypatch, tmp_path, "source", "unsized", SOURCE)
    given = {"results_dir": str(tmp_path), "datasets": {"digits": {"source": "unsized"}}}
    with pytest.raises(UserError, match=r"unsized is not known.*snakemake --cores 1 .*pool\.json"):
        jobs(grid(**given))
    info = {"n": 300, "n_test": 70, "height": 8, "width": 9, "channels": 3, "classes": 4}
    (tmp_path / "datasets" / "digits").mkdir(parents=True)
    (tmp_path / "datasets" / "digits" / "pool.json").write_text(json.dumps(info))
    pool = next(job.pool for job in jobs(grid(**given)) if job.rule == "train")
    assert (pool.n, pool.n_test, pool.shape, pool.classes) == (300, 70, (8, 9, 3), 4)


def test_a_pretraining_that_tells_nothing_is_not_estimated(tmp_path, monkeypatch):
    plugin_from(monkeypatch, tmp_path, "pretrain", "silent_pre", "def pretrain(*given): ...")
    config = grid({"pre": "silent_pre"})
    text = estimate.report(jobs(config), rates_of(config), 1, "x")
    assert "not estimated: PRE silent_pre, which does not say how much it does, in 1 job(s)" in text


SEMI = """
READS = ("semi",)

def phase(context): ...
"""
TELLS = """
from collections import Counter
from wholepool.learn.work import Work

def work(n, labels, settings):
    return Work(Counter({50: settings["semi"]["epochs"] * (n - labels)}), embedded=7)
"""


def test_a_phase_that_tells_nothing_is_not_estimated(tmp_path, monkeypatch):
    plugin_from(monkeypatch, tmp_path, "semi", "silent_semi", SEMI)
    config = grid({"semi": "silent_semi"})
    text = estimate.report(jobs(config), rates_of(config), 1, "x")
    trainings = sum(job.rule == "train" for job in jobs(config))
    assert f"silent_semi, which does not say how much it does, in {trainings} job(s)" in text


def test_the_work_of_a_phase_is_what_its_module_tells(tmp_path, monkeypatch):
    plugin_from(monkeypatch, tmp_path, "semi", "told_semi", SEMI + TELLS)
    job = next(j for j in jobs(grid({"semi": "told_semi"})) if j.rule == "train")
    # SUP: 4 epochs of one step on 10 labels; the phase: 2 epochs of 190
    assert job.work.steps == {10: 4, 50: 380}
    assert (job.work.embedded, job.work.unknown) == (7, "")


@pytest.mark.parametrize("told", [True, False])
def test_features_are_as_wide_as_the_pretraining_tells_or_has_made_them(
    tmp_path, monkeypatch, told
):
    text = 'GIVES = "features"\n\ndef features(*given): ...\n'
    if told:
        text += "def work(*given):\n    from wholepool.learn.work import Work\n"
        text += "    return Work(dimensions=12)\n"
    name = f"wide_{told}".lower()
    plugin_from(monkeypatch, tmp_path, "pretrain", name, text)
    plugin_from(monkeypatch, tmp_path, "network", "toy_eater", EATER)
    own = {"digits": {"network": {"name": "toy_eater"}}}
    config = grid({"pre": name}, results_dir=str(tmp_path), datasets=own, network=None)
    if not told:
        with pytest.raises(UserError, match=rf"PRE {name} is not known.*features\.npy"):
            jobs(config)
        folder = tmp_path / "datasets" / "digits" / "pretrain" / name
        folder.mkdir(parents=True)
        np.save(folder / "features.npy", np.zeros((5, 12), np.float32))
    plan = jobs(config)
    train_job = next(job for job in plan if job.rule == "train")
    assert (train_job.pool.shape, train_job.pool.network["dimensions"]) == ((12,), 12)
    made = next(job for job in plan if job.rule == "features")
    assert sorted(made.outputs.values())[1:] == [500 * 48 + 128, 1297 * 48 + 128]
    assert name in made.work.unknown


EATER = """
EATS = "features"

def build(*given): ...

def describe(shape, classes, settings):
    return {"dimensions": shape[0], "flops": 2 * shape[0] * classes, "bytes": 4 * shape[0]}
"""


# time and disk


def rates_of(config, step=0.5, embed=0.01):
    """Made-up rates for a grid: of its own facts, at 100 images."""
    result = {"networks": [], "graphs": [], "kmeans": [], "strategies": []}
    made = {
        "networks": {"steps": {"10": step, "50": step}, "embed": embed},
        "graphs": {"search_seconds": 1.0, "solve": 0.5},
        "kmeans": {"seconds": 0.0},
        "strategies": {"fixed": 0.0, "pick": 0.1},
    }
    for kind, facts, _ in (found for job in jobs(config) for found in facts_of(job)):
        if not any(unlike(row, facts) == SAME for row in result[kind]):
            result[kind].append(facts | {"n": 100} | made[kind])
    return {
        **{"format": FORMAT, "device": "toy", "kind": "cpu", "processor": "toy", "threads": 1},
        **{"torch": "2", "start": dict.fromkeys(STARTS, 0.0)},
        **result,
    }


def seconds_of(job, rates):
    return estimate.job_seconds(job, rates, {})


def test_seconds_of_a_training_by_hand():
    config = grid()
    rates = rates_of(config)
    job = next(j for j in jobs(config) if (j.rule, j.method) == ("train", "pre+semi"))
    # SUP: 4 epochs of one step on 10 labels; SEMI: 2 epochs of 95 draws, 22 a batch, so 5 steps
    steps = 4 + 2 * 5
    assert sum(job.work.steps.values()) == steps
    # two passes over 200 images, two graphs of twice the measured points
    expected = steps * 0.5 + 2 * 200 * 0.01 + 2 * (1.0 * 4 + 0.5 * 2)
    assert seconds_of(job, rates) == pytest.approx(expected)


@pytest.mark.parametrize(("search", "growth"), [("exact", 4), ("approximate", 2**1.4)])
def test_only_an_exact_search_grows_by_the_square(search, growth):
    config = grid(propagation={"search": search})
    job = next(job for job in jobs(config) if job.rule == "propagate")
    assert job.pool.n == 200
    assert seconds_of(job, rates_of(config)) == pytest.approx(growth * 1.0 + 2 * 0.5)


def test_a_large_pool_is_searched_approximately(tmp_path, monkeypatch):
    plugin_from(monkeypatch, tmp_path, "source", "large", SOURCE + KNOWN.format(n=100_001))
    plugin_from(monkeypatch, tmp_path, "source", "small", SOURCE + KNOWN.format(n=100_000))
    found = {}
    for source in ("large", "small"):
        config = grid(datasets={"digits": {"source": source}})
        job = next(job for job in jobs(config) if job.rule == "propagate")
        found[source] = next(facts for _, facts, _ in facts_of(job))["search"]
    assert found == {"large": "approximate", "small": "exact"}
    config = grid(propagation={"search": {"faiss": "IVF16,Flat"}})
    job = next(job for job in jobs(config) if job.rule == "propagate")
    assert next(facts for _, facts, _ in facts_of(job))["search"] == "approximate"


KNOWN = """
KNOWN = {{"n": {n}, "n_test": 10, "size": 16, "channels": 1, "classes": 10}}
"""


def test_rates_of_the_same_precision_are_scaled_first_and_named():
    half = grid(network={"precision": "bfloat16"})
    job = next(job for job in jobs(half) if job.rule == "train")
    facts = next(facts for _, facts, _ in facts_of(job))
    rates, scaled = rates_of(grid()), {}
    known = rates["networks"][0]
    assert estimate.nearest(rates, "networks", facts, scaled) is known
    assert "bfloat16" in next(iter(scaled)) and "float32" in next(iter(scaled.values()))
    # of its own precision, though of other FLOPs
    wide = known | {"precision": "bfloat16", "width": 1, "flops": 200 * known["flops"]}
    rates["networks"].append(wide)
    assert estimate.nearest(rates, "networks", facts, {}) is wide
    own = known | {"precision": "bfloat16"}
    rates["networks"].append(own)
    scaled = {}
    assert estimate.nearest(rates, "networks", facts, scaled) is own
    assert scaled == {}


def test_a_schedule_is_between_the_chain_and_the_sum():
    config = grid()
    plan, rates = jobs(config), rates_of(config)
    durations = [seconds_of(job, rates) for job in plan]
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
    job = next(job for job in jobs(config) if (job.rule, job.method) == ("train", "baseline"))
    ratio = described(16, 1, 0.125)["flops"] / rates["networks"][0]["flops"]
    steps = sum(job.work.steps.values())
    assert seconds_of(job, rates) == pytest.approx(ratio * steps * 0.5)
    text = estimate.report(jobs(config), rates, 1, "x")
    assert "scaled, not measured: networks of flops" in text
    assert "width 0.125, from flops" in text


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"device": "x"}), '{"format": 1}'])
def test_a_file_without_rates_is_explained(tmp_path, text):
    path = tmp_path / "rates.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"no file of measured rates.*python -m wholepool"):
        estimate.read_rates(path)


def test_rates_without_what_the_grid_does_are_explained():
    config = grid()
    rates = rates_of(config)
    rates["strategies"] = [row for row in rates["strategies"] if row["strategy"] != "jlp"]
    with pytest.raises(UserError, match=r"hold no strategies, jlp.*python -m wholepool"):
        estimate.report(jobs(config), rates, 1, "x")


def test_the_page_tells_trainings_jobs_hours_and_disk():
    config = grid()
    plan = jobs(config)
    text = estimate.report(plan, rates_of(config), 2, "tiny.yaml")
    total = next(line for line in text.splitlines() if line.startswith("| total"))
    cells = [cell.strip() for cell in total.strip("|").split("|")]
    # 12 cells with cycles, 2 with all labels, one PRE
    assert cells[1:3] == ["15", str(len(plan))]
    assert "a strategy adds to 2 trainings" in text
    # 4 epochs, each of at most 180 more images
    assert "1.44 k more images" in text
    assert "not estimated" not in text and "scaled" not in text
    assert "disk:" in text and "2 job(s) at a time:" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (999.4, "999"), (999.6, "1 k"), (12_345, "12.3 k"), (8.14e9, "8.14 G")],
)
def test_numbers_have_three_digits(value, text):
    assert estimate.count(value) == text


def test_measured_rates_are_those_of_the_grid(monkeypatch):
    """All that a grid does is measured, so nothing is scaled."""
    monkeypatch.setattr("wholepool.cost.throughput.ENOUGH", 0.01)
    monkeypatch.setattr(
        "wholepool.cost.throughput.STARTS",
        dict.fromkeys(STARTS, "pass"),
    )
    config = grid()
    rates = json.loads(json.dumps(measure(jobs(config), "cpu", 1)))
    text = estimate.report(jobs(config), rates, 1, "x")
    assert "scaled" not in text and "not estimated" not in text
    assert {row["strategy"] for row in rates["strategies"]} == {"ceal", "jlp", "coreset", "random"}
