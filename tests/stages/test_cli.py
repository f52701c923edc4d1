"""The command line: how it fails, and what it does for every stage."""

import dataclasses
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from by_hand import VIEWS, chain, data_command, python

from wholepool import __main__ as cli
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.stages.common import checkpoints, graph_device
from wholepool.stages.options import STAGES

pytestmark = pytest.mark.usefixtures("clean_process")


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


def replace(monkeypatch, stage, run):
    """Run another function in a stage's place, with the same command line."""
    monkeypatch.setitem(STAGES, stage, dataclasses.replace(STAGES[stage], run=run))


def fail_with(monkeypatch, error):
    def data(args):
        """Fails."""
        raise error

    replace(monkeypatch, "data", data)


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

    replace(monkeypatch, "data", data)
    assert cli.main([*data_command(tmp_path), "--threads", "3"]) == 0
    assert seen == [["3", "3"]]


def test_a_cell_names_the_lines_of_its_job(tmp_path, monkeypatch, capsys):
    def label(args):
        """Says where it is."""
        logger.info("here %s", args.cell.name)

    replace(monkeypatch, "label", label)
    command = chain(tmp_path)[-2]
    assert command[0] == "label"
    assert cli.main(command) == 0
    assert capsys.readouterr().err == "[label toy/semi/jlp/3/1] here toy/semi/jlp/3/1\n"


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
        *("--settings", json.dumps({"augment": VIEWS, "network": "conv13", "deepcluster": {}})),
    ]
    assert cli.main(command) == 2
    shown = capsys.readouterr().err
    assert "no CUDA device" in shown
    assert "Traceback" not in shown


ODD = """
import numpy as np

from wholepool.strategies import Acquisition


def acquire(query):
    picked = np.array({picked})
    return Acquisition(picked, np.zeros(len(picked)))
"""


@pytest.mark.parametrize(
    ("picked", "said"),
    [
        ("[query.labeled[0]]", "but returned an array (1,)"),
        ("np.full(query.budget, query.unlabeled[0])", "but asks for an image twice"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named(
    light_stages, tmp_path, plugin, capsys, picked, said
):
    plugin("strategy", "odd", ODD.format(picked=picked))
    folder, _, _ = light_stages
    command = next(c for c in chain(folder) if "acquire" in c and "random" in c)
    command[command.index("--strategy") + 1] = "odd"
    command[command.index("--out") + 1] = str(tmp_path / "queries")
    assert cli.main(command) == 2
    shown = capsys.readouterr().err
    assert "strategy odd broke its contract" in shown and said in shown
    assert not (tmp_path / "queries").exists()


def test_graph_device(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("wholepool.job.hardware.gpu_present", lambda: False)
    assert [graph_device(word) for word in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]
    monkeypatch.setattr("wholepool.job.hardware.gpu_present", lambda: True)
    assert [graph_device(word) for word in ("auto", "cpu", "cuda")] == [
        "cuda",
        "cpu",
        "cuda",
    ]
    # a GPU that torch cannot use, such as beside a CPU build
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert graph_device("auto") == "cpu"
    with pytest.raises(UserError, match="torch finds no CUDA device"):
        graph_device("cuda")


def test_a_checkpoint_is_of_one_pool_and_its_normalization_and_weights_of_no_version(tmp_path):
    pool = Pool(np.zeros((4, 8, 8, 1), np.uint8), "toy", ("a", "b"), (0.5,), (0.2,), "print")
    args = SimpleNamespace(stage="train", settings={}, out=f"{tmp_path}/model.safetensors")
    args.checkpoint_seconds = 300
    one = checkpoints(args, pool, {"semi": "label_propagation"})
    for change in (
        {"mean": (0.4,)},
        {"std": (0.3,)},
        {"fingerprint": "x"},
        {"class_names": ("a",)},
    ):
        assert checkpoints(args, dataclasses.replace(pool, **change), {}).key != one.key
    assert one.folder == tmp_path / "model.checkpoints"
    again = checkpoints(args, pool, {"semi": "label_propagation"})
    assert "label_propagation 1" in again.identity["versions"]  # a raised VERSION starts again
    again.identity["versions"] = "others"
    assert again.key == one.key and again.identity != one.identity
