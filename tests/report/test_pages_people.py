"""The report's pages for those who label: where they stand, what is next, what to look at again."""

import csv
import re
import shutil

import numpy as np
import pytest
from pages_by_hand import whole, write_json
from standings import NOBODY, PLAIN

from wholepool.data.pool import write_pool
from wholepool.grid import people
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve
from wholepool.grid.plan import answered
from wholepool.job.registry import plugins
from wholepool.labeling.audit import wilson
from wholepool.labeling.ingest import Entry, write_manifest
from wholepool.report.pages import run, suspicious_answers, what_next, where_you_stand
from wholepool.report.results import Results

GAIN = {"expected": 3.25, "low": 0.5, "high": 6.0, "chance": 0.71, "batch": 20, "cost": None}
CYCLES = [
    {"labels": 20, "right": 12, "asked": 20, "kappa": None},
    {"labels": 40, "right": 16, "asked": 20, "kappa": 0.875},
    {"labels": 60, "right": 0, "asked": 0, "kappa": 0.9},
]


@pytest.fixture
def results(tmp_path):
    """A grid in which people have closed two cycles; nothing of theirs is there yet."""
    settings = resolve(
        {
            "data_dir": str(tmp_path),
            "datasets": {
                "photos": {
                    "source": {"name": "folder", "path": "photos", "labels": "none"},
                    "oracle": {"name": "journal", "answers": "answers.jsonl"},
                    "network": {"name": "head"},
                }
            },
            "experiments": {
                "labels": {"dataset": "photos", "budget": 6, "initial": {"strategy": "typiclust"}}
            },
            "seeds": 1,
            "methods": {
                "semi": {
                    **{"pre": "pretrained", "semi": "label_propagation"},
                    "strategies": ["typiclust"],
                }
            },
            "propagation": {"k": 5},
        }
    )
    assert people.asking(settings)
    settings["experiments"]["labels"]["cycles"] = 2
    return Results(
        *(tmp_path, summary(settings), {}, tmp_path / "runs.csv", tmp_path / "accuracy.csv"),
        settings=settings,
        source=tmp_path,
    )


def stand(results, **changes):
    write_json(results.folder / "people/labels/status.json", PLAIN | {"cycles": []} | changes)


# --- where you stand ------------------------------------------------------------------------


def test_before_the_first_cycle_each_page_says_what_to_do(results):
    assert "Nothing was learned from answers yet" in where_you_stand.show(results)
    assert "Nothing was learned yet. No batch has been picked yet:" in what_next.show(results)
    assert "<code>wholepool next</code>" in what_next.show(results)
    assert "Nothing was learned yet" in suspicious_answers.show(results)


def test_the_accuracy_is_told_with_its_interval_and_its_history(results):
    low, high = wilson(16, 20)
    audit = NOBODY | {"asked": 20, "right": 16, "share": 0.8, "low": low, "high": high}
    stand(results, audit=audit | {"by_class": {}, "guess_shown": 0}, cycles=CYCLES)
    html = whole(where_you_stand.show(results))
    told = f"about 80 % of the model&#39;s labels are right ({100 * low:.0f} to {100 * high:.0f} %"
    assert told in html
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in html.split("<tr>")[2:]]
    # Wilson's interval, written out: center and half-width of (p + z²/2n ± ...) / (1 + z²/n)
    expected = []
    for right in (12, 16):
        p, n, z = right / 20, 20, 1.959964
        center, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        ends = [100 * (center + sign * half) / (1 + z * z / n) for sign in (-1, 1)]
        expected.append(f"{ends[0]:.0f} to {ends[1]:.0f}")
    assert rows == [
        ["20", "12 of 20", "60", expected[0], "–"],
        ["40", "16 of 20", "80", expected[1], "0.88"],
        ["60", "–", "–", "–", "0.90"],
    ]


def test_without_an_audit_nothing_is_said_of_quality(results):
    stand(results)
    html = where_you_stand.show(results)
    assert "is not known: no image of the audit is answered" in html
    assert "<table>" not in html


# --- what next ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "batch", "command"),
    [("go on", 2, "label"), ("go on", None, "next"), ("stop", 2, "model"),
     ("your choice", 2, "label")],
)  # fmt: skip
def test_the_advice_and_the_command(word, batch, command, results):
    stand(results, advice={"said": "<So> it is.", "word": word, "kappa": None, "gain": GAIN})
    if batch:
        images = [{"image": str(at), "path": f"{at}.png"} for at in range(batch)]
        write_json(results.folder / "people/labels/batch.json", {"cycle": 1, "images": images})
    html = whole(what_next.show(results))
    assert "<strong>&lt;So&gt; it is.</strong>" in html
    assert re.findall("<code>(.*?)</code>", html) == [f"wholepool {command}"]
    assert "20 labels are expected to add 3.2 points of accuracy, with probability 80%" in html
    assert "between 0.5 and 6.0; the chance that it is worth a batch is 71%" in html
    assert ("2 images are in the batch" in html) == (command == "label")


def test_too_early_a_gain_is_not_told(results):
    stand(results)
    html = what_next.show(results)
    assert "It is too early to say." in html and "expected to add" not in html


# --- suspicious answers ---------------------------------------------------------------------


def suspicious(results, n):
    path = results.folder / "people/labels/suspicious.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "perhaps", "probability"))
        writer.writerows((f"d/<{at}>.png", "cat", "d&g", f"{0.99 - at / 100}") for at in range(n))


def test_suspicious_answers_are_shown_worst_first_with_their_images(results):
    folder, n = results.folder / "datasets/photos", 30
    folder.mkdir(parents=True)
    images = np.repeat(np.arange(n, dtype=np.uint8), 48).reshape(n, 4, 4, 3)
    write_pool(folder / "pool.npy", folder / "pool.json", images, "photos", ["cat", "dog"], 0)
    described = results.folder / answered("labels", 2)["described"]
    described.parent.mkdir(parents=True)
    shutil.copy(folder / "pool.json", described)
    entries = [Entry(str(at), (f"d/<{at}>.png",), 4, 4) for at in range(n)]
    write_manifest(folder / "images.parquet", entries)
    suspicious(results, 26)
    html = whole(suspicious_answers.show(results))
    assert "26 answers may be wrong" in html and "The first 24 are shown" in html
    assert html.count("<img") == 24
    first = html.split("<img")[1]
    assert 'title="d/&lt;0&gt;.png"' in first and "cat; perhaps d&amp;g (99%)" in first


def test_without_the_pool_suspicious_answers_are_a_table(results):
    suspicious(results, 1)
    html = whole(suspicious_answers.show(results))
    assert "1 answer may be wrong" in html and "<td>d/&lt;0&gt;.png</td>" in html
    suspicious(results, 0)
    assert "No answer is suspicious." in suspicious_answers.show(results)


# --- all ------------------------------------------------------------------------------------


def test_the_paragraph_of_a_grid_of_people(results):
    said = list(run.of_experiments(results))
    assert said == [
        "The experiment labels on photos asks people for 6 labels at a time; they have closed "
        "2 cycles."
    ]


def test_pages_of_people_stand_in_no_other_report():
    for name in ("where_you_stand", "what_next", "suspicious_answers"):
        page = plugins("page")[name]
        assert not page["PLACE"] and page["PEOPLE_PLACE"] in (5, 6, 7)
