"""Label Studio: what a real 1.23.2 exported, tasks and configuration, and what is no export."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from exchanged import MADE, answered, entries, image_of, pool

from wholepool.job.errors import UserError
from wholepool.labeling import exchange
from wholepool.labeling.exchange import export_to, import_from, label_studio
from wholepool.labeling.exchange.found import Found
from wholepool.labeling.exchange.place import Left

EXPORTS = Path(__file__).parent / "exports"
KINDS = ["export.json", "export_min.json", "export.csv"]
PATH, WHO = "pics/a b é.png", "label-studio-1"
DOG = Found(PATH, "dog", False, WHO, "2026-11-25T23:10:07.662Z")
CAT = Found(PATH, "cat", False, WHO, "2026-11-25T23:10:07.980Z")
SKIPPED = Found(PATH, "later", True, WHO, "2026-11-25T23:10:08.293Z")


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_export_holds_the_answers_that_were_given(kind):
    path = EXPORTS / kind
    assert exchange.detect(path) == "label_studio"
    expected = {DOG, CAT} | ({SKIPPED} if kind == "export.json" else set())
    assert set(exchange.read(path)) == expected


def test_all_three_exports_make_the_same_lines():
    """Of one person's answers the newest counts, also where a later file has fewer of them."""
    manifest = entries(["a b é.png"])
    lines = []
    for kind in KINDS[1:]:
        plan = import_from(EXPORTS / kind, manifest, "pics", MADE, "ann")
        assert plan.earlier == 1 and not plan.left
        assert plan.by_end == [(PATH, "a b é.png")]
        lines.append(plan.lines)
    assert lines[0] == lines[1]
    (line,) = lines[0]
    assert line["answer"] == {"class": "c1"} and line["annotator"] == WHO
    assert line["time"] == CAT.time and line["path"] == "a b é.png"
    (whole,) = import_from(EXPORTS / KINDS[0], manifest, "pics", MADE, "ann").lines
    assert whole["answer"] == "later"  # it was skipped after both, which JSON alone tells


def changed(tmp_path, change, kind="export.json"):
    found = json.loads((EXPORTS / kind).read_text())
    change(found)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(found))
    return path


def test_several_people_are_several_annotators(tmp_path):
    def change(tasks):
        tasks[0]["annotations"][1]["completed_by"] = {"id": 7, "email": "bea@example.org"}

    found = exchange.read(changed(tmp_path, change))
    assert [one.annotator for one in found] == [WHO, "bea@example.org", WHO]
    plan = import_from(changed(tmp_path, change), entries(["a b é.png"]), "pics", MADE, "ann")
    given = {line["annotator"]: line["answer"] for line in plan.lines}
    assert given == {WHO: "later", "bea@example.org": {"class": "c1"}}


def test_the_image_id_decides_over_the_path(tmp_path):
    def change(tasks):
        for task in tasks:
            task["data"]["wp_id"] = image_of("renamed since.png")

    path = changed(tmp_path, change)
    plan = import_from(path, entries(["a b é.png", "renamed since.png"]), "pics", MADE, "ann")
    assert {line["path"] for line in plan.lines} == {"renamed since.png"} and not plan.by_end
    plan = import_from(path, entries(["a b é.png"]), "pics", MADE, "ann")
    assert plan.lines == []
    assert plan.left == [Left("image", PATH, "did you mean a b é.png?", 3)]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/data/local-files/?d=a%20b/%C3%A9%23%25%3F%26%2B.png", "a b/é#%?&+.png"),
        ("http://host:8080/data/local-files/?d=a%5Cb.png", "a\\b.png"),
        ("http://host/pictures/a%20b.png?size=2", "/pictures/a b.png"),
        ("pictures/a.png", "pictures/a.png"),
    ],
)
def test_the_path_of_an_address(address, path):
    assert label_studio.image_of({"image": address}) == (path, "")


def test_several_choices_are_several_answers(tmp_path):
    def change(rows):
        rows[0]["label"] = {"choices": ["cat", "dog"]}

    found = exchange.read(changed(tmp_path, change, "export_min.json"))
    assert [one.answer for one in found] == ["cat", "dog", "dog"]
    text = (EXPORTS / "export.csv").read_text()
    path = tmp_path / "several.csv"
    path.write_text(text.replace('"cat"', '"{""choices"":[""cat"",""dog""]}"'))
    assert exchange.read(path) == found


def test_tasks_and_their_configuration(tmp_path):
    photos = tmp_path / "my photos"
    _, batch = pool(photos, ["a #1?.png", "sub/b%20é.png", "c.png"])
    batch[0] |= {"rank": 0, "score": 0.25, "guess": {"class": "c1", "probability": 0.75}}
    batch[1] |= {"rank": 1, "guess": {"class": "c1"}}
    lines = [*MADE, answered("sub/b%20é.png", "c2")]
    made = export_to("label_studio", tmp_path / "tasks.json", photos, batch, lines)
    assert made == [tmp_path / "tasks.json", tmp_path / "tasks.xml"]
    tasks = json.loads(made[0].read_text())
    for task, entry in zip(tasks, batch, strict=True):
        served = parse_qs(urlsplit(task["data"]["image"]).query)["d"]
        assert served == ["my photos/" + entry["path"]]
        assert task["data"]["wp_id"] == entry["image"]
    assert tasks[0]["data"]["wp_rank"] == 0 and tasks[0]["data"]["wp_score"] == 0.25
    guesses = [task.get("predictions", [{}])[0] for task in tasks]
    assert [one.get("score") for one in guesses] == [0.75, 1.0, None]
    words = [[part["value"]["choices"] for part in one.get("result", [])] for one in guesses]
    assert words == [[["cat"]], [["dog"]], []]
    for result in guesses[0]["result"]:
        root = ET.fromstring(made[1].read_text())
        choices = root.find("Choices")
        assert result["from_name"] == choices.get("name") == "label"
        assert result["to_name"] == choices.get("toName") == root.find("Image").get("name")
    assert root.find("Image").get("value") == "$image"
    assert exchange.detect(made[0]) == "label_studio" and exchange.read(made[0]) == []


def test_the_configuration_names_every_class_with_the_pages_keys():
    names = ['a "b" & <c>', "two\tparts", *map(str, range(40))]
    found = ET.fromstring(label_studio.configuration(names)).iter("Choice")
    found = [(one.get("value"), one.get("hotkey")) for one in found]
    assert [name for name, _ in found] == names
    script = Path(label_studio.__file__).parents[1] / "static" / "keys.js"
    keys = re.search(r'KEYS = \[\.\.\."(\w+)"\]', script.read_text())[1]
    assert [key for _, key in found] == [*keys, *[None] * (42 - len(keys))]


def test_the_document_root(tmp_path):
    photos = tmp_path / "a" / "photos"
    photos.mkdir(parents=True)
    _, batch = pool(photos, ["x.png"])
    export_to("label_studio", tmp_path / "t.json", photos, batch, MADE, root=tmp_path)
    (task,) = json.loads((tmp_path / "t.json").read_text())
    assert task["data"]["image"].endswith("?d=a/photos/x.png")
    for root in (photos, tmp_path / "b"):
        with pytest.raises(UserError, match="does not lie below"):
            export_to("label_studio", tmp_path / "u.json", photos, batch, MADE, root=root)
    assert not (tmp_path / "u.json").exists()


@pytest.mark.parametrize("name", ["tasks.json", "tasks.xml"])
def test_nothing_is_overwritten(tmp_path, name):
    _, batch = pool(tmp_path / "photos", ["x.png"])
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="not overwritten"):
        export_to("label_studio", tmp_path / "tasks.json", tmp_path / "photos", batch, MADE)
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).unlink()
    for _ in range(2):  # the same again is no other
        export_to("label_studio", tmp_path / "tasks.json", tmp_path / "photos", batch, MADE)


def data_gone(tasks):
    del tasks[0]["data"]["image"]


def result_a_number(tasks):
    tasks[0]["annotations"][0]["result"] = 3


def choice_a_number(tasks):
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = [4]


def time_a_word(tasks):
    tasks[0]["annotations"][0]["updated_at"] = "yesterday"


def half_a_letter(tasks):
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["\ud800"]


@pytest.mark.parametrize(
    "change", [data_gone, result_a_number, choice_a_number, time_a_word, half_a_letter]
)
def test_a_spoilt_export_is_refused(tmp_path, change):
    path = changed(tmp_path, change)
    with pytest.raises(UserError, match="changed.json"):
        exchange.read(path)


def test_rows_without_the_columns_are_refused(tmp_path):
    for gone in ("image", "annotator"):
        path = changed(tmp_path, lambda rows, gone=gone: rows[1].pop(gone), "export_min.json")
        with pytest.raises(UserError, match=f"row 2.*{gone}"):
            exchange.read(path)
