"""Images in the report: which are chosen, what stands under them, and how light they are."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from pages_by_hand import config, files_of_cells, results_of, whole
from PIL import Image

from wholepool.job.errors import UserError
from wholepool.report import pictures
from wholepool.report.pages import examples


@pytest.fixture
def results(tmp_path):
    found = results_of(tmp_path)
    files_of_cells(tmp_path)
    return found


def shown(html):
    """Title -> (first pixel, caption) of each picture under it."""
    found = {}
    for part in whole(html).split("<h4>")[1:]:
        title, rest = part.split("</h4>")
        cells = re.findall(r'base64,([^"]+)".*?<figcaption>(.*?)</figcaption>', rest, re.S)
        found[title] = [(pixels(uri)[0, 0], caption) for uri, caption in cells]
    return found


def pixels(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_the_rows_by_hand(results):
    html = examples.show(results)
    assert "Of Digits, b = 10, + SEMI, Random, seed 0." in html
    found = shown(html)
    # certainty rises with the index in cycle 2, whose unlabeled images are 9 to 19
    most = [(10 * at, f"a&lt;, {at / 100:.2f}") for at in range(19, 11, -1)]
    least = [(10 * at, f"a&lt;, {at / 100:.2f}") for at in (9, 10, 11)]
    assert found.pop("Most certain pseudo-labels of cycle 2") == most
    assert found.pop("Least certain pseudo-labels of cycle 2") == least
    # asked for next: 3, 4, 5 after cycle 0 and 6, 7, 8 after cycle 1, all taken for class a: four
    # of them are b or c; certainty falls with the index there
    wrong = [(40, "a&lt;, 0.96; is b"), (50, "a&lt;, 0.95; is c")]
    wrong += [(70, "a&lt;, 0.93; is b"), (80, "a&lt;, 0.92; is c")]
    (title,) = [title for title in found if title.startswith("Wrong")]
    assert "4 of the 6 whose image was asked for next" in title
    assert found.pop(title) == wrong
    # the strategies in the method's order; jLP's answers are not there
    assert list(found.items()) == [
        ("Asked for first by jLP", [(90, "no answer"), (100, "no answer"), (110, "no answer")]),
        ("Asked for first by Random", [(30, "a&lt;"), (40, "b"), (50, "c")]),
    ]


def test_a_half_finished_trajectory_shows_the_cycle_it_has_reached(results, tmp_path):
    shutil.rmtree(tmp_path / "runs/tiny/semi/random/seed0/cycle2")
    found = shown(examples.show(results))
    assert "Most certain pseudo-labels of cycle 1" in found
    (title,) = [title for title in found if title.startswith("Wrong")]
    assert "2 of the 3" in title


def test_without_semi_only_what_was_asked_is_shown(tmp_path):
    methods = {"baseline": config()["methods"]["baseline"]}
    results = results_of(tmp_path, config(methods=methods))
    files_of_cells(tmp_path)
    (tmp_path / "runs/tiny/semi").rename(tmp_path / "runs/tiny/baseline")
    found = shown(examples.show(results))
    assert list(found) == ["Asked for first by Random", "Asked for first by jLP"]


def test_no_hidden_label_is_read(results, tmp_path, monkeypatch):
    for name in ("oracle.parquet", "all_labels.parquet", "test_labels.npy"):
        (tmp_path / "datasets/digits" / name).write_text("not to be opened")
    opened = []
    reader = examples.__dict__["below"]
    monkeypatch.setattr(examples, "below", lambda *a: opened.append(reader(*a)) or reader(*a))
    examples.show(results)
    kinds = {path.name for path in opened}
    assert kinds == {"pool.npy", "pool.json", "labeled.parquet", "pseudo_labels.parquet",
                     "queries.parquet", "images.parquet"}  # fmt: skip


def test_what_is_not_there_is_said_and_what_is_torn_is_refused(results, tmp_path):
    path = tmp_path / "runs/tiny/semi/random/seed0/cycle2/pseudo_labels.parquet"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"pseudo_labels\.parquet"):
        examples.show(results)
    shutil.rmtree(tmp_path / "runs")
    assert "No pool" in examples.show(results)
    (tmp_path / "datasets/digits/pool.npy").unlink()
    assert "No pool stands in this results folder" in examples.show(results)


# --- pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "size"), [((8, 4, 1), (4, 8)), ((200, 100, 3), (48, 96))])
def test_an_image_is_made_smaller_but_never_larger(shape, size):
    image = np.full(shape, 77, dtype=np.uint8)
    found = pixels(pictures.png(image, 96).partition(",")[2])
    assert found.shape[:2] == size[::-1] and (found == 77).all()


def test_a_section_stays_below_its_bytes():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 96, 3), dtype=np.uint8) for _ in range(12)]
    row = pictures.Row("<noise>", [pictures.Picture(one, "x", "a&b.png") for one in noise])
    sizes = {}
    for most in (600_000, 200_000, 20_000, 3_000):
        html = whole(pictures.rows([row], most))
        uris = re.findall(r'src="([^"]+)"', html)
        assert sum(map(len, uris)) <= most
        sizes[most] = len(uris), pixels(uris[0].partition(",")[2]).shape[0]
    assert sizes[600_000] == (12, 96)  # noise takes 37 KB an image
    assert sizes[200_000][0] == 12 and 16 < sizes[200_000][1] < 96
    assert sizes[3_000][0] < 12 and sizes[3_000][1] == 16
    assert "&lt;noise&gt;" in html and 'title="a&amp;b.png"' in html
