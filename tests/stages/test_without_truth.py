"""Stages where there is no test set, no truth, or an oracle that does not know everything yet."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from by_hand import CLASSES, N, chain, data_command

from wholepool import __main__ as cli
from wholepool.data.indexsets import write_index_set
from wholepool.data.pool import read_pool

pytestmark = pytest.mark.usefixtures("clean_process")
HALF = """
import numpy as np

KNOWS = "some"


def answer(queries, hidden, settings):
    return np.where(queries % settings["of"] == 0, hidden[queries], -1)
"""
SECTION = "properties: {of: {description: one in so many, type: integer, default: 2}}\n"
#: images without labels and without a test set
PHOTOS = """
import numpy as np

from wholepool.data.sources import Images


def read(settings, data_dir):
    train = np.random.default_rng(0).integers(0, 256, (80, 8, 8, 1), dtype=np.uint8)
    return Images(train, None, None, None, ["a", "b"])
"""


@pytest.fixture
def folder(light_stages, tmp_path):
    """The files of the chain by hand, to be changed."""
    return shutil.copytree(light_stages[0], tmp_path / "stages")


def command_of(folder, stage, **changes):
    """A stage's command of the chain, with options changed."""
    command = next(c for c in chain(folder) if c[0] == stage)
    for name, value in changes.items():
        command[command.index(f"--{name}") + 1] = str(value)
    return command


def metrics_of(folder):
    assert cli.main(command_of(folder, "evaluate")) == 0
    return json.loads((folder / "metrics.json").read_text())


def write(path, kind, columns, folder, **cell):
    pool = read_pool(folder / "pool.npy", folder / "pool.json")
    write_index_set(path, kind, columns, pool, **cell)


def forget_the_truth(folder):
    """As the stage data leaves the file where the source has no labels."""
    nobody = np.empty(0, int)
    write(folder / "oracle.parquet", "oracle", {"index": nobody, "label": nobody}, folder)


OF_THE_TEST_SET = ("accuracy", "nll", "ece", "per_class_accuracy")


def test_without_a_test_set_what_needs_one_is_null(folder, capsys):
    before = metrics_of(folder)
    np.save(folder / "test_labels.npy", np.empty(0, np.int32))
    np.save(folder / "test_probabilities.npy", np.empty((0, CLASSES), np.float32))
    after = metrics_of(folder)
    assert [after[name] for name in OF_THE_TEST_SET] == [None] * 4
    for name in before.keys() - {*OF_THE_TEST_SET}:
        assert after[name] == before[name], name
    assert "20 labels, no test set" in capsys.readouterr().err


def test_a_test_set_without_labels_is_none(folder):
    np.save(folder / "test_labels.npy", np.empty(0, np.int32))  # its predictions stay
    assert [metrics_of(folder)[name] for name in OF_THE_TEST_SET] == [None] * 4


def test_without_truth_pseudo_labels_are_counted_and_not_judged(folder):
    before = metrics_of(folder)
    forget_the_truth(folder)
    after = metrics_of(folder)
    judged = {"pseudo_label_accuracy", "pseudo_label_accuracy_weighted"}
    assert all(before[name] is not None and after[name] is None for name in judged)
    assert after["pseudo_labels"] == N - 20
    for name in before.keys() - judged:
        assert after[name] == before[name], name


def test_without_truth_a_pretraining_is_compared_with_itself_alone(folder):
    forget_the_truth(folder)
    rng = np.random.default_rng(0)
    np.save(folder / "clusters.npy", rng.integers(0, 5, (3, N)).astype(np.int32))
    (folder / "epochs.json").write_text("[0, 1, 2]")
    files = (
        "pool.npy",
        "info=pool.json",
        "oracle.parquet",
        "clusters.npy",
        "cluster-epochs=epochs.json",
    )
    command = ["diagnose", "--out", str(folder / "diagnosis.json")]
    for file in files:
        name, _, path = file.rpartition("=")
        command += [f"--{name or path.split('.')[0]}", str(folder / path)]
    assert cli.main(command) == 0
    found = json.loads((folder / "diagnosis.json").read_text())
    assert found["nmi"] == [None] * 3
    assert found["nmi_previous"][0] is None and all(0 <= v <= 1 for v in found["nmi_previous"][1:])


def asking(of):
    return json.dumps({"oracle": {"name": "half", "of": of}})


def test_what_the_oracle_does_not_know_yet_stays_unlabeled(folder, plugin):
    plugin("oracle", "half", HALF, SECTION)
    assert cli.main(command_of(folder, "label", settings=asking(2))) == 0
    first = pq.read_table(folder / "labeled.parquet").to_pydict()
    queries = pq.read_table(folder / "queries-jlp.parquet")["index"].to_pylist()
    known = [index for index in queries if index % 2 == 0]
    assert 0 < len(known) < len(queries)
    following = pq.read_table(folder / "next.parquet").to_pydict()
    assert following["index"] == first["index"] + known
    truth = pq.read_table(folder / "oracle.parquet")["label"].to_numpy()
    assert following["label"] == truth[following["index"]].tolist()
    assert following["cycle"] == [0] * 20 + [1] * len(known)


def test_an_oracle_that_knows_half_labels_half_of_all(folder, plugin):
    plugin("oracle", "half", HALF, SECTION)
    assert cli.main(command_of(folder, "label_all", settings=asking(2))) == 0
    found = pq.read_table(folder / "all_labels.parquet").to_pydict()
    assert found["index"] == list(range(0, N, 2))


def test_the_initial_labels_are_of_what_the_oracle_knows(folder, plugin, capsys):
    plugin("oracle", "half", HALF, SECTION)
    assert cli.main(command_of(folder, "initial", settings=asking(2), size=10)) == 0
    found = pq.read_table(folder / "labeled.parquet").to_pydict()
    assert len(found["index"]) == 10 and not any(index % 2 for index in found["index"])
    assert cli.main(command_of(folder, "initial", settings=asking(59), size=10)) == 2
    assert "the oracle knows none of class 0" in capsys.readouterr().err


def test_an_oracle_that_answers_no_class_is_named_and_nothing_is_written(folder, plugin, capsys):
    found = plugin("oracle", "half", HALF.replace("-1)", "99)"), SECTION)
    (folder / "next.parquet").unlink()
    assert cli.main(command_of(folder, "label", settings=asking(2))) == 2
    shown = capsys.readouterr().err
    assert f"{found.path}: oracle half must answer" in shown and "Traceback" not in shown
    assert not (folder / "next.parquet").exists()


def test_an_oracle_that_is_to_know_all_must_answer_all(folder, plugin, capsys):
    found = plugin("oracle", "half", HALF.replace('"some"', '"all"'), SECTION)
    assert cli.main(command_of(folder, "label_all", settings=asking(2))) == 2
    said = f"{found.path}: oracle half gave no answer (-1) for image 1, which has a label"
    assert said in (shown := capsys.readouterr().err) and 'declare KNOWS = "some"' in shown


def test_images_without_labels_make_a_pool_whose_oracle_knows_nothing(tmp_path, plugin, capsys):
    plugin("source", "photos", PHOTOS)
    assert cli.main(data_command(tmp_path, {"sampling": "uniform"}, source="photos")) == 0
    assert np.load(tmp_path / "pool.npy").shape == (N, 8, 8, 1)
    assert np.load(tmp_path / "test_images.npy").shape == (0, 8, 8, 1)
    assert np.load(tmp_path / "test_labels.npy").shape == (0,)
    assert pq.read_table(tmp_path / "oracle.parquet").num_rows == 0
    assert json.loads((tmp_path / "pool.json").read_text())["n_test"] == 0
    assert cli.main(data_command(tmp_path, source="photos")) == 2
    assert "the source has no labels: set it to uniform" in capsys.readouterr().err
    out = tmp_path / "labeled.parquet"
    assert cli.main(command_of(tmp_path, "initial", out=out)) == 2
    assert "the source has none: name another oracle" in capsys.readouterr().err


def test_an_answer_that_is_another_than_the_set_s_is_noticed(folder, plugin, capsys):
    """A set that was relabeled by hand, where the oracle knows better; of others it cannot tell."""
    plugin("oracle", "half", HALF, SECTION)
    path = folder / "labeled.parquet"
    columns = {name: np.array(values) for name, values in pq.read_table(path).to_pydict().items()}
    for parity, status in ((1, 0), (0, 2)):
        row = np.flatnonzero(columns["index"] % 2 == parity)[0]
        columns["label"][row] = (columns["label"][row] + 1) % CLASSES
        write(path, "labeled", columns, folder, seed=3, cycle=0)
        assert cli.main(command_of(folder, "evaluate", settings=asking(2))) == status
    assert "the set was relabeled after the oracle gave it" in capsys.readouterr().err
