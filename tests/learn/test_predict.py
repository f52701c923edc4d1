"""Predictions of new images: a row each, by path; what is rejected; memory; what is left alone."""

import csv
import os

import numpy as np
import pytest
from PIL import Image

from wholepool.job.errors import UserError
from wholepool.learn import predict
from wholepool.learn.model_folder import Model
from wholepool.learn.predict import (
    HEADER,
    REJECTED,
    Prediction,
    predicted,
    refuse_others,
    write_predictions,
)

SIZE = 4


def by_red(sizes=None, classes=("a", "b", "c")):
    """A model whose classes have the probabilities of an image's red, green and blue."""

    def probabilities(images):
        assert images.dtype == np.uint8 and images.shape[1:] == (SIZE, SIZE, 3)
        if sizes is not None:
            sizes.append(len(images))
        means = images.mean(axis=(1, 2))[:, : len(classes)] + 1e-9
        return means / means.sum(axis=1, keepdims=True)

    return Model(classes, SIZE, probabilities)


def put(folder, name, color):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), color).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    put(folder, "b.png", (20, 50, 30))
    put(folder, 'a, "1".png', (80, 20, 0))
    put(folder, "sub/é\nc.png", (10, 10, 80))
    put(folder, "tie.png", (10, 45, 45))
    (folder / "torn.png").write_bytes((folder / "b.png").read_bytes()[:40])
    (folder / "sub/.hidden.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_row_for_each_image_by_path(photos):
    rejected = []
    found = list(predicted(by_red(), photos, rejected))
    assert [(one.path, one.label, one.second) for one in found] == [
        ('a, "1".png', "a", "b"),
        ("b.png", "b", "c"),
        ("sub/é\nc.png", "c", "a"),
        ("tie.png", "b", "c"),
    ]
    given = [(round(one.probability, 6), round(one.second_probability, 6)) for one in found]
    assert given == [(0.8, 0.2), (0.5, 0.3), (0.8, 0.1), (0.45, 0.45)]
    assert sorted(path for path, _ in rejected) == ["notes.txt", "sub/.hidden.png", "torn.png"]
    assert "hidden" in dict(rejected)["sub/.hidden.png"] and dict(rejected)["torn.png"]


def test_batches_are_of_at_most_as_many_as_the_network_takes(tmp_path, monkeypatch):
    for at in range(70):
        put(tmp_path, f"{at:02d}.png", (at, 100, 0))
    sizes = []
    found = list(predicted(by_red(sizes), tmp_path, [], threads=2))
    assert sizes == [32, 32, 6]
    assert [one.path for one in found] == [f"{at:02d}.png" for at in range(70)]
    wanted = [100 / (100 + at) for at in range(70)]
    np.testing.assert_allclose([one.probability for one in found], wanted, rtol=1e-6)


def test_one_file_alone(photos):
    (found,) = predicted(by_red(), photos / "b.png", [])
    assert found.path == "b.png" and found.label == "b"
    rejected = []
    assert list(predicted(by_red(), photos / "torn.png", rejected)) == []
    assert [path for path, _ in rejected] == ["torn.png"]


def test_one_class_has_no_second(photos):
    (found,) = predicted(by_red(classes=("all",)), photos / "b.png", [])
    assert found == Prediction("b.png", "all", 1.0, "", 0.0)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="nowhere is not there: name a folder of images, or one"):
        list(predicted(by_red(), tmp_path / "nowhere", []))


def test_a_name_that_is_no_text_is_told(photos):
    bad = os.fsencode(photos) + b"/\xff.png"
    with open(bad, "wb") as file:
        file.write((photos / "b.png").read_bytes())
    with pytest.raises(UserError, match=r"\\xff.png: its name is no UTF-8: rename it"):
        list(predicted(by_red(), os.fsdecode(bad), []))
    rejected = []
    assert len(list(predicted(by_red(), photos, rejected))) == 4
    assert "\\xff.png" in dict(rejected)


def test_the_files_are_csv(photos, tmp_path):
    out, aside = tmp_path / "p.csv", tmp_path / "r.csv"
    count, rejected = write_predictions(out, aside, by_red(), photos)
    rows = list(csv.DictReader(out.open(encoding="utf-8", newline="")))
    assert count == len(rows) == 4 and tuple(rows[0]) == HEADER
    assert HEADER == ("path", "label", "probability", "second", "second_probability")
    assert list(rows[2].values()) == ["sub/é\nc.png", "c", "0.800000", "a", "0.100000"]
    told = list(csv.reader(aside.open(encoding="utf-8", newline="")))
    assert told == [list(REJECTED), *map(list, rejected)] and rejected == sorted(rejected)
    assert len(rejected) == 3
    write_predictions(out, aside, by_red(), photos / "b.png")  # nothing of before is left
    assert len(out.read_text().splitlines()) == 2
    assert aside.read_text().splitlines() == ["path,reason"]


def test_no_image_at_all_leaves_what_was_there(photos, tmp_path):
    out, aside = tmp_path / "p.csv", tmp_path / "r.csv"
    out.write_text("before")
    with pytest.raises(UserError, match=r"torn.png: no image that can be read, but 'torn.png' \("):
        write_predictions(out, aside, by_red(), photos / "torn.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no image that can be read: name a folder"):
        write_predictions(out, aside, by_red(), tmp_path / "empty")
    assert out.read_text() == "before" and not aside.exists()


def test_a_job_that_dies_leaves_no_half_of_a_file(photos, tmp_path, monkeypatch):
    out = tmp_path / "p.csv"
    monkeypatch.setattr(predict, "BATCH", 2)
    calls = []

    def dying(images):
        calls.append(out.exists())
        if len(calls) == 2:
            raise RuntimeError("killed")
        return by_red().probabilities(images)

    with pytest.raises(RuntimeError, match="killed"):
        write_predictions(out, tmp_path / "r.csv", Model(("a", "b", "c"), SIZE, dying), photos)
    assert calls == [False, False] and os.listdir(tmp_path) == ["photos"]


def test_files_of_somebody_s_own_are_refused(tmp_path):
    refuse_others(tmp_path / "new.csv", HEADER)
    (tmp_path / "ours.csv").write_text(",".join(HEADER) + "\r\nx,y,1,z,0\r\n")
    refuse_others(tmp_path / "ours.csv", HEADER)
    for text in ("path,label\r\n", "", "\0" * 5000, ",".join(HEADER) + ",mine\r\n"):
        (tmp_path / "mine.csv").write_text(text, newline="")
        with pytest.raises(UserError, match=r"mine.csv is there already and does not begin with"):
            refuse_others(tmp_path / "mine.csv", HEADER)
        assert (tmp_path / "mine.csv").read_bytes() == text.encode()
