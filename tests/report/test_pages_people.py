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
from wholepool.report.pages import (
    labels_so_far,
    run,
    suspicious_answers,
    what_next,
    where_you_stand,
    your_classes,
)
from wholepool.report.results import Results

GAIN = {"expected": 3.25, "low": 0.5, "high": 6.0, "chance": 0.71, "batch": 20, "cost": None}
CYCLES = [
    {"labels": 20, "right": 12, "asked": 20, "kappa": None, "low": 0.387, "high": 0.781},
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
    assert "Nothing was learned yet: the model learns from" in where_you_stand.show(results)
    assert "Pick the first batch: <code>wholepool next</code>" in what_next.show(results)
    for page in (suspicious_answers, your_classes, labels_so_far):
        assert page.show(results) == ""


def test_the_accuracy_is_told_with_its_interval_and_its_history(results):
    low, high = wilson(16, 20)
    audit = NOBODY | {"asked": 20, "right": 16, "share": 0.8, "low": low, "high": high}
    stand(results, audit=audit | {"by_class": {}, "guess_shown": 0}, cycles=CYCLES)
    html = whole(where_you_stand.show(results))
    told = f"about 80 % of the model&#39;s labels are right ({100 * low:.0f} to {100 * high:.0f} %"
    assert told in html
    rows = [re.findall(r"<td.*?>(.*?)</td>", row) for row in html.split("<tr>")[2:]]
    assert rows == [
        ["20", "12 of 20", "60", "39 to 78", "–"],
        ["40", "16 of 20", "80", "–", "0.88"],
        ["60", "–", "–", "–", "0.90"],
    ]


def test_without_an_audit_nothing_is_said_of_quality(results):
    stand(results)
    html = where_you_stand.show(results)
    assert "is not known: no image of the audit is answered" in html
    assert "<table>" not in html


def test_one_cycle_is_no_history(results):
    stand(results, cycles=CYCLES[:1])
    assert "<table>" not in where_you_stand.show(results)


def test_each_class_has_a_row(results):
    audit = {"right": 3, "asked": 4, "share": 0.75, "low": 0.3, "high": 0.95}
    classes = {
        "<cat>": {"labels": 1200, "predicted": 30, "audit": audit},
        "dog": {"labels": 0, "predicted": 15, "audit": None},
    }
    stand(results, classes=classes)
    html = whole(your_classes.show(results))
    rows = [re.findall(r"<td.*?>(.*?)</td>", row) for row in html.split("<tr>")[2:]]
    assert rows == [["&lt;cat&gt;", "1,200", "30", "3 of 4"], ["dog", "0", "15", "–"]]


# --- what next ------------------------------------------------------------------------------

ANSWER = ["label", "next"]
TAKE = [
    "export --what predictions --format imagefolder --out sorted",
    "model --out model",
]


@pytest.mark.parametrize(
    ("word", "batch", "command"),
    [("go on", 2, ANSWER), ("go on", None, ["next"]), ("stop", 2, TAKE), ("go on", 0, TAKE),
     ("your choice", 2, ANSWER)],
)  # fmt: skip
def test_the_advice_and_the_command(word, batch, command, results):
    stand(results, advice={"said": "<So> it is.", "word": word, "kappa": None, "gain": GAIN})
    if batch is not None:
        images = [{"image": str(at), "path": f"{at}.png"} for at in range(batch)]
        write_json(results.folder / "people/labels/batch.json", {"cycle": 1, "images": images})
    html = whole(what_next.show(results))
    assert "<strong>&lt;So&gt; it is.</strong>" in html
    assert re.findall("<code>(.*?)</code>", html) == [f"wholepool {one}" for one in command]
    assert "20 labels are expected to add 3.2 points of accuracy, with probability 80%" in html
    assert "between 0.5 and 6.0; the chance that it is worth a batch is 71%" in html
    assert ("Answer 2 images" in html) == (command == ANSWER)
    assert ("Every image is answered" in html) == (batch == 0)


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


def described(results, n):
    """The pool of people after two cycles: n images, each of one gray value, its place."""
    folder = results.folder / "datasets/photos"
    folder.mkdir(parents=True)
    images = np.repeat(np.arange(n, dtype=np.uint8), 48).reshape(n, 4, 4, 3)
    write_pool(folder / "pool.npy", folder / "pool.json", images, "photos", ["cat", "dog"], 0)
    closed = results.folder / answered("labels", 2)["described"]
    closed.parent.mkdir(parents=True)
    shutil.copy(folder / "pool.json", closed)
    entries = [Entry(str(at), (f"d/<{at}>.png",), 4, 4) for at in range(n)]
    write_manifest(folder / "images.parquet", entries)


def test_suspicious_answers_are_shown_worst_first_with_their_images(results):
    described(results, 30)
    suspicious(results, 26)
    html = whole(suspicious_answers.show(results))
    assert "26 answers may be wrong" in html and "The first 24 are shown" in html
    assert html.count("<img") == 24
    first = html.split("<img")[1]
    assert (
        'title="d/&lt;0&gt;.png"' in first and "cat; perhaps d&amp;g (99%). &lt;0&gt;.png" in first
    )


def test_without_the_pool_suspicious_answers_are_a_table(results):
    suspicious(results, 1)
    html = whole(suspicious_answers.show(results))
    assert "1 answer may be wrong" in html and "<td>d/&lt;0&gt;.png</td>" in html
    suspicious(results, 0)
    assert "No answer is suspicious." in suspicious_answers.show(results)


# --- labels so far --------------------------------------------------------------------------


def test_labels_are_shown_of_all_and_of_each_class_from_sure_to_unsure(results):
    n = 30
    described(results, n)
    path = results.folder / "people/labels/predictions.csv"
    path.parent.mkdir(parents=True)
    # image 0 a person has answered; of the others every third is a dog, and the later the surer
    rows = ["path,label,source,probability", "d/<0>.png,cat,person,1", "d/copy.png,cat,copy,1"]
    rows += [
        f"d/<{at}>.png,{'cat' if at % 3 else 'dog'},classifier,{0.7 + at / 97:.4f}"
        for at in range(1, n)
    ]
    path.write_text("\n".join(rows) + "\n")
    found = {}
    for part in whole(labels_so_far.show(results)).split("<h4>")[1:]:
        title, rest = part.split("</h4>")
        found[title] = re.findall(r"<figcaption>(\w+) \((.*?)\)\. &lt;(\d+)&gt;", rest)
    least = found.pop("Least sure of all: look here first")
    assert [int(at) for _, _, at in least] == list(range(1, 9))
    assert least[0][:2] == ("cat", "71%") and least[2][:2] == ("dog", "73%")
    cats = found.pop("cat: from the surest to the least sure of 20")
    # 20 cats, 29, 28, 26, ..., 1, of which eight: the ranks 0, 3, 5, 8, 11, 14, 16 and 19
    assert [int(at) for _, _, at in cats] == [29, 25, 22, 17, 13, 8, 5, 1]
    assert cats[0][1] == "&gt; 99%"
    (dogs,) = found.values()
    assert [int(at) for _, _, at in dogs] == [27, 24, 21, 18, 12, 9, 6, 3]


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
