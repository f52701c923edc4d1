"""The command line: what each stage imports, how it fails, and a chain of stages by hand."""

import dataclasses
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import PROPAGATION

from wholepool import __main__ as cli
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError

pytestmark = pytest.mark.usefixtures("clean_process")
N, CLASSES = 60, 10
CEAL = {"threshold": 0.5, "decay": 0.0}
POOL = {"size": N, "sampling": "stratified", "seed": 0, "mean": None, "std": None}
POOL["grey_channels"] = 1
VIEWS = {"translate": 1, "flip": False}


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        **options,
    )


def data_command(folder, pool=None, source="digits"):
    return [
        "data",
        *("--name", "digits", "--data-dir", str(folder / "nowhere")),
        *("--settings", json.dumps({"source": source, "pool": POOL | (pool or {})})),
        *("--pool", str(folder / "pool.npy"), "--info", str(folder / "pool.json")),
        *("--oracle", str(folder / "oracle.parquet")),
        *("--test-images", str(folder / "test_images.npy")),
        *("--test-labels", str(folder / "test_labels.npy")),
    ]


def chain(folder):
    """The commands of every stage that needs no network, in an order in which they can run."""
    pool = ["--pool", str(folder / "pool.npy"), "--info", str(folder / "pool.json")]
    oracle = ["--oracle", str(folder / "oracle.parquet")]
    labeled = ["--labeled", str(folder / "labeled.parquet")]
    arrays = {name: ["--" + name, str(folder / name) + ".npy"] for name in ("embeddings",)}
    arrays["probabilities"] = ["--probabilities", str(folder / "probabilities.npy")]
    arrays["graph"] = ["--graph", str(folder / "graph.npz")]
    options = ["--settings", json.dumps({"propagation": PROPAGATION, "ceal": CEAL})]

    def cell(strategy, cycle=0):
        return ["--cell", f"semi/{strategy}/3/{cycle}"]

    commands = [
        data_command(folder),
        ["label_all", *pool, *oracle, "--out", str(folder / "all_labels.parquet")],
        ["initial", *pool, *oracle, "--out", labeled[1], "--seed", "3", "--size", "20"],
        [
            *("propagate", *pool, *labeled, *arrays["embeddings"], *arrays["graph"]),
            *("--out", str(folder / "pseudo.parquet"), *options, *cell("initial")),
            *("--device", "cpu"),
        ],
    ]
    needs = {
        "random": [],
        "uncertainty": arrays["probabilities"],
        "ceal": [
            *arrays["probabilities"],
            *("--pseudo-labels", str(folder / "ceal.parquet")),
        ],
        "coreset": arrays["embeddings"],
        "jlp": arrays["graph"],
    }
    for strategy, given in needs.items():
        queries = str(folder / f"queries-{strategy}.parquet")
        commands.append(
            [
                *("acquire", *pool, *labeled, "--strategy", strategy, "--out", queries),
                *("--budget", "7", *options, *cell(strategy), *given),
            ]
        )
    commands += [
        [
            *("label", *pool, *labeled, "--queries", str(folder / "queries-jlp.parquet"), *oracle),
            *("--out", str(folder / "next.parquet"), *cell("jlp", cycle=1)),
        ],
        [
            *("evaluate", *pool, *labeled, *oracle, *cell("initial")),
            *("--history", str(folder / "history.parquet")),
            *("--test-probabilities", str(folder / "test_probabilities.npy")),
            *("--test-labels", str(folder / "test_labels.npy")),
            *("--pseudo-labels", str(folder / "pseudo.parquet")),
            *("--out", str(folder / "metrics.json")),
        ],
    ]
    return commands


def write_embed_and_train_outputs(folder):
    """What the stages with a network would have left: random, but of the right kind."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(N, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.save(folder / "embeddings.npy", embeddings)
    for name, count in (("probabilities", N), ("test_probabilities", 500)):
        sharp = rng.dirichlet(np.full(CLASSES, 0.1), size=count).astype(np.float32)
        np.save(folder / f"{name}.npy", sharp)
    table = pa.table({"epoch": [0, 1], "loss": [2.0, 1.0]})
    metadata = {"device": "cpu", "threads": "1", "torch": "2", "wholepool": "0"}
    metadata["precision"] = "bfloat16"
    pq.write_table(table.replace_schema_metadata(metadata), folder / "history.parquet")


RUN_AND_WATCH = """
import json, sys
from wholepool.__main__ import main
heavy = []
for command in json.load(sys.stdin):
    code = main(command)
    heavy.append([command[0], code, "torch" in sys.modules or "torchvision" in sys.modules])
print(json.dumps(heavy))
"""


@pytest.fixture(scope="module")
def light_stages(tmp_path_factory):
    """Every stage without a network, run one after the other in a process that watches imports."""
    folder = tmp_path_factory.mktemp("stages")
    write_embed_and_train_outputs(folder)
    done = python("-c", RUN_AND_WATCH, input=json.dumps(chain(folder)))
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1]), done.stderr


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
        command = [f"semi/random/{seed}/0" if a == "semi/random/3/0" else a for a in command]
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


# the command line as such


def test_help_works_and_imports_neither_torch_nor_numpy():
    watch = (
        "import sys, runpy\n"
        "sys.argv = ['wholepool', '--help']\n"
        "try:\n"
        "    runpy.run_module('wholepool', run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    print('code', stop.code)\n"
        "print('heavy', [m for m in ('torch', 'numpy', 'scipy', 'pandas') if m in sys.modules])\n"
    )
    done = python("-c", watch)
    assert "code 0" in done.stdout
    assert "heavy []" in done.stdout
    for stage in ("data", "pretrain", "train", "embed", "propagate", "evaluate", "figures"):
        assert stage in done.stdout


def test_bad_input_gives_code_2_and_one_paragraph(tmp_path):
    done = python("-m", "wholepool", *data_command(tmp_path, {"size": 5000}))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    *before, last = done.stderr.splitlines()
    assert last.startswith("[data] pool.size is 5000")
    assert before in ([], ["[data] reading digits"])
    assert done.stdout == ""
    assert not (tmp_path / "pool.npy").exists()


def fail_with(monkeypatch, error):
    def data(args):
        """Fails."""
        raise error

    monkeypatch.setattr(cli, "data", data)


def test_bad_input_is_logged_without_a_traceback(tmp_path, monkeypatch, capsys):
    fail_with(monkeypatch, UserError("the file x is missing: fetch it"))
    log = tmp_path / "logs" / "job.log"
    assert cli.main([*data_command(tmp_path), "--log", str(log)]) == 2
    assert "the file x is missing: fetch it" in log.read_text()
    shown = capsys.readouterr().err
    assert shown == "[data] the file x is missing: fetch it\n"
    assert "Traceback" not in log.read_text()


def test_an_unexpected_error_gives_code_1_and_a_traceback_in_the_log(tmp_path, monkeypatch):
    fail_with(monkeypatch, ZeroDivisionError("oh"))
    log = tmp_path / "job.log"
    assert cli.main([*data_command(tmp_path), "--log", str(log)]) == 1
    text = log.read_text()
    assert "Traceback" in text
    assert "ZeroDivisionError: oh" in text
    assert "data failed" in text


def test_a_closed_pipe_is_no_crash(tmp_path, monkeypatch, capsys):
    fail_with(monkeypatch, BrokenPipeError())
    assert cli.main(data_command(tmp_path)) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["data"], ["label", "--cell", "too/few"]], ids=" ".join
)
def test_wrong_usage_gives_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_threads_reach_the_libraries(tmp_path, monkeypatch):
    seen = []

    def data(args):
        """Looks around."""
        seen.append([os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")])

    monkeypatch.setattr(cli, "data", data)
    assert cli.main([*data_command(tmp_path), "--threads", "3"]) == 0
    assert seen == [["3", "3"]]


def test_a_cell_names_the_lines_of_its_job(tmp_path, monkeypatch, capsys):
    def label(args):
        """Says where it is."""
        cli.logger.info("here %s", args.cell)

    monkeypatch.setattr(cli, "label", label)
    command = chain(tmp_path)[-2]
    assert command[0] == "label"
    assert cli.main(command) == 0
    assert capsys.readouterr().err == "[label semi/jlp/3/1] here ('semi', 'jlp', 3, 1)\n"


def test_a_missing_pool_is_bad_input(tmp_path, capsys):
    assert cli.main(chain(tmp_path)[1]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_bad_input(light_stages, tmp_path, monkeypatch, capsys):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder, _, _ = light_stages
    command = [
        *("pretrain", "--pre", "deepcluster", "--pool", str(folder / "pool.npy")),
        *("--info", str(folder / "pool.json"), "--out", str(tmp_path / "out")),
        *("--history", str(tmp_path / "h"), "--clusters", str(tmp_path / "c")),
        *("--cluster-epochs", str(tmp_path / "e"), "--device", "cuda"),
        *("--settings", json.dumps({"augment": VIEWS, "network": {}, "pretrain": {}})),
    ]
    assert cli.main(command) == 2
    shown = capsys.readouterr().err
    assert "no CUDA device" in shown
    assert "Traceback" not in shown


def test_a_strategy_that_breaks_its_contract_is_named(light_stages, tmp_path, monkeypatch, capsys):
    from wholepool.strategies import STRATEGIES, Acquisition, Strategy

    def acquire(query):
        return Acquisition(np.array([query.labeled[0]]), np.zeros(1))

    monkeypatch.setitem(STRATEGIES, "random", Strategy("random", acquire, (), (), False))
    folder, _, _ = light_stages
    command = next(c for c in chain(folder) if "acquire" in c and "random" in c)
    command[command.index("--out") + 1] = str(tmp_path / "queries")
    assert cli.main(command) == 2
    assert "random" in capsys.readouterr().err
    assert not (tmp_path / "queries").exists()


def test_a_strategy_that_repeats_an_image_is_refused(light_stages, tmp_path, monkeypatch):
    from wholepool.strategies import STRATEGIES, Acquisition, Strategy

    def acquire(query):
        return Acquisition(np.full(query.budget, query.unlabeled[0]), np.zeros(query.budget))

    monkeypatch.setitem(STRATEGIES, "random", Strategy("random", acquire, (), (), False))
    folder, _, _ = light_stages
    command = next(c for c in chain(folder) if "acquire" in c and "random" in c)
    command[command.index("--out") + 1] = str(tmp_path / "queries")
    assert cli.main(command) == 2
    assert not (tmp_path / "queries").exists()


def test_graph_device(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("wholepool.job.hardware.gpu_present", lambda: False)
    assert [cli.graph_device(word) for word in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]
    monkeypatch.setattr("wholepool.job.hardware.gpu_present", lambda: True)
    assert [cli.graph_device(word) for word in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    # a GPU that torch cannot use, such as beside a CPU build
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert cli.graph_device("auto") == "cpu"
    with pytest.raises(UserError, match="torch finds no CUDA device"):
        cli.graph_device("cuda")


def test_a_checkpoint_is_of_one_pool_and_its_normalization_and_weights_of_no_version(tmp_path):
    pool = Pool(np.zeros((4, 8, 8, 1), np.uint8), "toy", ("a", "b"), (0.5,), (0.2,), "print")
    args = SimpleNamespace(stage="train", settings={}, out=f"{tmp_path}/model.safetensors")
    args.checkpoint_seconds = 300
    one = cli.checkpoints(args, pool)
    for change in (
        {"mean": (0.4,)},
        {"std": (0.3,)},
        {"fingerprint": "x"},
        {"class_names": ("a",)},
    ):
        assert cli.checkpoints(args, dataclasses.replace(pool, **change)).key != one.key
    assert one.folder == tmp_path / "model.checkpoints"
    again = cli.checkpoints(args, pool)
    again.identity["versions"] = "others"
    assert again.key == one.key and again.identity != one.identity
