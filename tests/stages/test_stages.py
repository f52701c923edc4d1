"""A chain of stages by hand: what each leaves, and what it imports."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from by_hand import CLASSES, N, chain, python
from toys import toy_pool

from wholepool import __main__ as cli
from wholepool.stages import common

pytestmark = pytest.mark.usefixtures("clean_process")


def test_light_stages_succeed(light_stages):
    _, results, errors = light_stages
    assert [name for name, _, _ in results] == [
        *("data", "label_all", "initial", "propagate"),
        *["acquire"] * 5,
        *("label", "evaluate"),
    ]
    assert [code for _, code, _ in results] == [0] * len(results), errors


def test_light_stages_do_not_import_torch(light_stages):
    _, results, _ = light_stages
    assert [name for name, _, torch in results if torch] == []


RUN_ONE = """
import json, sys
from wholepool.__main__ import main
code = main(json.load(sys.stdin))
heavy = ("torch", "torchvision", "scipy", "pandas", "sklearn", "matplotlib")
print(json.dumps([code, [name for name in heavy if name in sys.modules]]))
"""
#: of the stages without a network, those that need more than NumPy and Arrow, and what
NEEDS = {"data": {"sklearn", "scipy", "pandas"}, "propagate": {"scipy"}, "acquire jlp": {"scipy"}}


def test_each_light_stage_imports_only_what_it_needs(light_stages):
    """A stage starts thousands of times: SciPy takes a tenth of a second, pandas a third."""
    folder, _, _ = light_stages
    for command in chain(folder):
        name = command[0]
        if name == "acquire":
            name += " " + command[command.index("--strategy") + 1]
        code, heavy = json.loads(python("-c", RUN_ONE, input=json.dumps(command)).stdout)
        assert (code, set(heavy) - NEEDS.get(name, set())) == (0, set()), name


def test_data_stage(light_stages):
    folder, _, _ = light_stages
    assert np.load(folder / "pool.npy").shape == (N, 16, 16, 1)
    assert np.load(folder / "test_images.npy").shape == (500, 16, 16, 1)
    assert np.load(folder / "test_labels.npy").shape == (500,)
    oracle = pq.read_table(folder / "oracle.parquet")
    assert oracle["index"].to_pylist() == list(range(N))
    info = json.loads((folder / "pool.json").read_text())
    assert info["n"] == N
    assert "label" not in json.dumps(info)


def test_initial_label_and_acquire_stages(light_stages):
    folder, _, _ = light_stages
    truth = pq.read_table(folder / "oracle.parquet")["label"].to_numpy()
    first = pq.read_table(folder / "labeled.parquet").to_pydict()
    assert np.bincount(first["label"], minlength=CLASSES).tolist() == [2] * CLASSES
    assert np.array_equal(truth[first["index"]], first["label"])
    queries = pq.read_table(folder / "queries-jlp.parquet").to_pydict()
    following = pq.read_table(folder / "next.parquet").to_pydict()
    assert following["index"] == first["index"] + queries["index"]
    assert np.array_equal(truth[following["index"]], following["label"])
    for strategy in ("random", "uncertainty", "ceal", "coreset", "jlp"):
        picked = pq.read_table(folder / f"queries-{strategy}.parquet")["index"].to_pylist()
        assert len(set(picked)) == 7
        assert not set(picked) & set(first["index"])


def test_propagate_measures_the_semi_that_it_is_told(light_stages, tmp_path, capsys):
    folder, _, _ = light_stages
    (command,) = [c for c in chain(folder) if c[0] == "propagate"]
    found = {"label_propagation": pq.read_table(command[command.index("--out") + 1])}
    for semi in ("label_propagation", "poisson"):
        out = tmp_path / f"{semi}.parquet"
        assert cli.main([*command, "--out", str(out), "--semi", semi]) == 0
        if semi in found:  # it is the default
            assert out.read_bytes() == (folder / "pseudo.parquet").read_bytes()
        found[semi] = pq.read_table(out)
    said = {semi: table.schema.metadata[b"version"].decode() for semi, table in found.items()}
    assert said == {"label_propagation": "propagate 1", "poisson": "propagate 1, poisson 1"}
    weights = {semi: table["weight"].to_numpy() for semi, table in found.items()}
    assert (weights["poisson"] > 0).all() and (weights["poisson"] <= 1).all()
    assert not np.array_equal(weights["poisson"], weights["label_propagation"])
    assert cli.main([*command, "--semi", "poison"]) != 0
    assert "did you mean poisson?" in capsys.readouterr().err


def test_label_all_stage(light_stages):
    folder, _, _ = light_stages
    truth = pq.read_table(folder / "oracle.parquet")["label"].to_pylist()
    everything = pq.read_table(folder / "all_labels.parquet").to_pydict()
    assert everything == {"index": list(range(N)), "label": truth, "cycle": [0] * N}


def test_draws_of_random_follow_the_seed_or_the_draw_seed(light_stages, tmp_path):
    folder, _, _ = light_stages
    found = {}
    table = pq.read_table(folder / "labeled.parquet")
    labeled = tmp_path / "labeled.parquet"  # of no seed, so that two can start from it
    pq.write_table(table.replace_schema_metadata(table.schema.metadata | {b"seed": b"-1"}), labeled)
    for seed, draw_seed in [(3, None), (3, 3), (4, None), (3, 7), (4, 7)]:
        (command,) = [c for c in chain(folder) if c[0] == "acquire" and "random" in c]
        command = [
            f"toy/semi/random/{seed}/0" if a == "toy/semi/random/3/0" else a for a in command
        ]
        command[command.index("--labeled") + 1] = str(labeled)
        out = str(tmp_path / f"{seed}-{draw_seed}.parquet")
        command[command.index("--out") + 1] = out
        if draw_seed is not None:
            command += ["--draw-seed", str(draw_seed)]
        assert cli.main(command) == 0
        found[seed, draw_seed] = pq.read_table(out)["index"].to_pylist()
    assert found[3, None] == found[3, 3]
    assert found[3, 7] == found[4, 7]
    assert found[3, None] != found[4, None]
    assert found[3, None] != found[3, 7]


def test_metrics_of_the_evaluate_stage(light_stages):
    folder, _, _ = light_stages
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["precision"] == "bfloat16"
    probabilities = np.load(folder / "test_probabilities.npy")
    truth = np.load(folder / "test_labels.npy")
    assert metrics["accuracy"] == pytest.approx(100 * (probabilities.argmax(1) == truth).mean())
    assert (metrics["n_labels"], metrics["pseudo_labels"]) == (20, N - 20)
    assert (metrics["seed"], metrics["cycle"], metrics["final_loss"]) == (3, 0, 1.0)


@pytest.mark.parametrize(
    ("precision", "lacks", "warned"),
    [
        ("bfloat16", True, True),
        ("bfloat16", False, False),
        ("float32", True, False),
    ],
)
def test_slow_bfloat16_is_warned_of(monkeypatch, caplog, precision, lacks, warned):
    monkeypatch.setattr(common, "lacks_bfloat16", lambda: lacks)
    network = {"name": "conv13", "width": 0.0625, "precision": precision}
    augment = {"translate": 1, "flip": False, "embedding_view": "plain"}
    args = SimpleNamespace(
        **{"device": "cpu", "threads": 1, "pool_memory_mb": None},
        settings={"network": network, "augment": augment},
    )
    with caplog.at_level("WARNING", "wholepool"):
        common.prepared(args, toy_pool(20, 12)[0], ("key",))
    assert ("has no instructions for it" in caplog.text) is warned
