"""From a folder of images through the stages to a model folder, and to predictions of another."""

import csv
import json
import logging

import numpy as np
import pytest
from models import NAMES, NETWORK, OWN, SIZE, photographs, pool_of

from wholepool.__main__ import main
from wholepool.data.indexsets import write_index_set
from wholepool.labeling.ingest import ingest

HOW = {"network": NETWORK, "pretrained": OWN, "augment": {"translate": 0, "flip": False}}
NEW = 41  # more than a batch


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A pool, the images to predict as its test set, and what features, embed_pool, fit leave."""
    folder = tmp_path_factory.mktemp("grid")
    pool, labels = pool_of(folder / "photos", folder, n=30)
    known = np.arange(12)
    columns = {"index": known, "label": labels[known], "cycle": np.zeros(12)}
    write_index_set(folder / "labeled.parquet", "labeled", columns, pool, 3, 0)
    photographs(folder / "new", NEW, seed=1)
    np.save(folder / "test_images.npy", ingest(folder / "new", SIZE).pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(name, "1")
        handlers = logging.getLogger("wholepool").handlers
        run(folder, "features", test_images=1, history=1, test_features=1, out="features.npy")
        run(folder, "embed_pool", features=1, embeddings=1)
        more = ("--cell", "toy/m/initial/3/0", "--semi", "none")
        outputs = dict.fromkeys(("history", "head", "test_probabilities"), 1)
        given = {"labeled": "labeled.parquet", "pseudo_labels": "pseudo_labels.parquet"}
        run(folder, "fit", *more, embeddings=1, test_features=1, **outputs, **given)
        yield folder
        logging.getLogger("wholepool").handlers = handlers


def command(folder, stage, *more, settings=HOW, **files):
    """The command of a stage of this pool; a file is NAME.npy where it is 1."""
    pre = ["--pre", "pretrained"] if stage in ("features", "embed_pool", "fit") else []
    named = {"pool": 1, "info": "pool.json", **files}
    paths = [
        word
        for name, file in named.items()
        for word in (
            f"--{name.replace('_', '-')}",
            str(folder / (f"{name}.npy" if file == 1 else file)),
        )
    ]
    return [stage, *pre, *paths, "--settings", json.dumps(settings), "--device", "cpu", *more]


def run(folder, stage, *more, code=0, **files):
    assert main(command(folder, stage, *more, **files)) == code


def predict(folder, *more, code=0, images="new", model="model", out="predictions.csv"):
    paths = ("--model", folder / model, "--images", folder / images, "--out", folder / out)
    assert main(["predict_images", *map(str, paths), "--device", "cpu", *more]) == code


def rows_of(path):
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


def test_predictions_are_those_of_the_grid(grid, clean_process):
    run(grid, "model", head=1, out="model")
    (grid / "new" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    predict(grid)
    found, wanted = rows_of(grid / "predictions.csv"), np.load(grid / "test_probabilities.npy")
    assert [row["path"] for row in found] == sorted(row["path"] for row in found)
    assert len(found) == len(wanted) == NEW
    assert [row["label"] for row in found] == [NAMES[at] for at in wanted.argmax(axis=1)]
    ordered = np.sort(wanted, axis=1)
    given = np.array([[row["probability"], row["second_probability"]] for row in found], float)
    np.testing.assert_allclose(given, ordered[:, [2, 1]], rtol=0, atol=1.5e-6)
    assert [row["second"] for row in found] == [NAMES[at] for at in wanted.argsort(axis=1)[:, 1]]
    assert {row["label"] for row in found} == set(NAMES)
    assert [row["path"] for row in rows_of(grid / "predictions.rejected.csv")] == ["torn.jpg"]
    predict(grid, "--threads", "2", out="again.csv")
    both = [(grid / name).read_bytes() for name in ("predictions.csv", "again.csv")]
    assert both[0] == both[1]


def test_how_good_it_is_comes_from_the_metrics(grid, clean_process, capsys):
    info = json.loads((grid / "pool.json").read_text())
    found = {"n_labels": 12, "accuracy": 90.5, "interval": [80.0, 95.0], "more": None}
    for fingerprint, code in (("another", 2), (info["fingerprint"], 0)):
        text = json.dumps({**found, "fingerprint": fingerprint})
        (grid / "metrics.json").write_text(text)
        run(grid, "model", head=1, metrics="metrics.json", out="measured", code=code)
    assert "metrics.json is of another pool than --pool" in capsys.readouterr().err
    del found["more"]
    assert json.loads((grid / "measured" / "model.json").read_text())["measured"] == found
    assert "90.5 % right (95 % interval: 80.0" in (grid / "measured" / "README.md").read_text()


def test_refusals_come_before_any_work(grid, clean_process, capsys):
    (grid / "mine").mkdir(exist_ok=True)
    (grid / "mine" / "notes.txt").write_text("mine")
    (grid / "mine.csv").write_text("path,label\n")
    run(grid, "model", head="nowhere.npy", out="mine", code=2)
    assert "mine is there already and is no model folder" in capsys.readouterr().err
    run(grid, "model", head=1, out="x", settings={**HOW, "network": {"name": "conv13"}}, code=2)
    assert "the network 'conv13', but a model folder is for head" in capsys.readouterr().err
    run(grid, "model", head=1, out="x", settings={"network": NETWORK}, code=2)
    assert "--settings lacks pretrained" in capsys.readouterr().err
    predict(grid, model="mine", out="mine.csv", code=2)
    assert "mine.csv is there already and does not begin with" in capsys.readouterr().err
    predict(grid, model="mine", out="new/p.csv", code=2)
    assert "p.csv lies in the folder of images: name a file" in capsys.readouterr().err
    aside = str(grid / "mine.csv")
    predict(grid, "--rejected", aside, model="mine", out="x.csv", code=2)
    assert "mine.csv is there already" in capsys.readouterr().err
    predict(grid, model="mine", out="x.csv", code=2)
    assert "mine is no model folder" in capsys.readouterr().err
    assert not {"x", "x.csv"} & {path.name for path in grid.iterdir()}
    assert (grid / "mine.csv").read_text() == "path,label\n"
