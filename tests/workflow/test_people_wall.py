"""A folder that people label, through the real commands: the wall around the audit's answers.

Its pool has a class of 60 % and classes of five images, and its name is odd.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from running import planned

from wholepool.labeling import cycles, journal
from wholepool.labeling.audit import rank
from wholepool.labeling.ingest import read_manifest

NAME = '-é "b" #\'c'
SLUG = "e-b-c"
COLORS = {"dark": (20, 20, 20), "light": (160, 160, 160), "green": (20, 160, 20)}
COLORS |= {"red": (170, 20, 20)}
COUNTS = {"dark": 30, "light": 10, "green": 5, "red": 5}
#: what a model is made of, or asks by; and what only tells how good it is
BLIND = ("labeled.parquet", "aside.parquet", "head.npy", "queries.parquet", "predicted.parquet")
BLIND += ("pseudo_labels.parquet", "pool.json", "test_probabilities.npy", "batch.json")
TELLS = {"status.json", "predictions.csv", "report.html"}
SRC = Path(__file__).parents[2] / "src"


def photos(folder):
    """Fifty small images, of a name that tells their class, and a copy of one."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        for at in range(count):
            pixels = rng.integers(0, 80, (6, 6, 3)) + np.array(COLORS[name])
            image = Image.fromarray(pixels.astype(np.uint8)).resize((48, 40))
            image.save(folder / f"{name} {at}.png")
    shutil.copy(folder / "red 0.png", folder / 'red "copy", too.png')


def loop(folder, *words, code=0):
    """A verb of the loop, as a person calls it; what it printed, and what it logged."""
    done = subprocess.run(
        [sys.executable, "-m", "wholepool.loop", *words],
        cwd=folder,
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(SRC), "XDG_CACHE_HOME": str(folder.parent / "cache")},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def made(folder, name):
    return folder / "results" / SLUG / "people" / "labels" / name


def answers_file(folder):
    return folder / f"{NAME}.answers.jsonl"


def say(folder, kind, **more):
    line = {"id": uuid.uuid4().hex, "time": journal.now(), "kind": kind, "annotator": "ann"}
    journal.append(answers_file(folder), line | more)


def answer_all(folder, *more):
    """Answer the batch, and more images, by the names of their files."""
    found = json.loads(made(folder, "batch.json").read_text())
    for one in [*found["images"], *more]:
        key = one["path"].split()[0]
        lines = journal.read(answers_file(folder))[0]
        if key not in {line["class"] for line in lines if line["kind"] == "class"}:
            say(folder, "class", **{"class": key, "name": key})
        asked = {"image": one["image"], "path": one["path"], "cycle": found["cycle"], "shown": {}}
        say(folder, "answer", answer={"class": key}, **asked)


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """A cycle, closed, with answers to more images than were asked for; what `next` printed."""
    folder = tmp_path_factory.mktemp("people") / "first"
    folder.mkdir()
    photos(folder / NAME)
    loop(folder, "new", f"./{NAME}", "--batch", "8", "--audit", "0.25")
    said = [loop(folder, "next")[0]]
    asked = {one["image"] for one in json.loads(made(folder, "batch.json").read_text())["images"]}
    more = [one for one in listed(folder) if one.image not in asked]
    answer_all(folder, *({"image": one.image, "path": one.paths[0]} for one in more[::3]))
    said.append(loop(folder, "next")[0])
    return folder, said


@pytest.fixture(scope="module")
def flipped(labeled):
    """The same, where each answer to an image of the audit was another, and all is made again."""
    folder = labeled[0].parent / "flipped"
    shutil.copytree(labeled[0], folder)
    names = list(COLORS)
    text, count = [], 0
    for line in answers_file(folder).read_text().splitlines():
        line = json.loads(line)
        if line["kind"] == "answer" and rank(line["image"]) < reserve(folder):
            at = names.index(line["answer"]["class"])
            line["answer"] = {"class": answered_class(folder, names[at:] + names[:at])}
            count += 1
        text.append(json.dumps(line) + "\n")
    answers_file(folder).write_text("".join(text))
    for name in ("runs", "people"):
        shutil.rmtree(folder / "results" / SLUG / name)
    loop(folder, "next")
    return folder, count


def answered_class(folder, names):
    """The first of the classes after the first that the journal has."""
    made = {line["class"] for line in journal.read(answers_file(folder))[0] if "name" in line}
    return next(name for name in names[1:] if name in made)


def reserve(folder):
    import yaml

    settings = yaml.safe_load((folder / f"{NAME}.yaml").read_text())
    return settings["datasets"][SLUG]["oracle"]["audit_reserve"]


def results(folder):
    """Every file of a result, by its path; logs and times are left out."""
    below = folder / "results" / SLUG
    return {
        str(path.relative_to(below)): path.read_bytes()
        for path in sorted(below.rglob("*"))
        if path.is_file() and path.relative_to(below).parts[0] not in ("logs", "benchmarks")
        if path.name != "history.parquet"  # of times
    }


def test_a_flipped_audit_changes_only_what_is_told_of_it(labeled, flipped):
    folder, count = flipped
    before, after = results(labeled[0]), results(folder)
    assert count >= 4 and after.keys() <= before.keys()
    names = {Path(path).name for path in after if path.startswith(("runs", "people"))}
    assert set(BLIND) <= names, set(BLIND) - names
    differ = {path for path in after if before[path] != after[path]}
    assert {Path(path).name for path in differ} == TELLS
    status = [json.loads(before[path]) for path in differ if path.endswith("status.json")]
    other = json.loads(made(folder, "status.json").read_text())
    (status,) = status
    assert other["audit"]["right"] < status["audit"]["right"]
    for key in ("images", "answers", "agreement", "suspicious", "test_accuracy", "closed"):
        assert other[key] == status[key]
    reserved, changed = reserved_paths(folder), 0
    for one, two in zip(*map(rows, (labeled[0], folder)), strict=True):
        assert one["source"] == two["source"]
        if one != two:  # as people's own say
            assert one["source"] in ("person", "copy") and one["path"] in reserved
            changed += 1
    assert changed >= count


def rows(folder):
    with open(made(folder, "predictions.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def listed(folder):
    return read_manifest(folder / "results" / SLUG / "datasets" / SLUG / "images.parquet")


def reserved_paths(folder):
    audit = [one for one in listed(folder) if rank(one.image) < reserve(folder)]
    return {path for one in audit for path in one.paths}


def test_no_reserved_image_is_ever_learned_from_or_asked_for_by_a_strategy(labeled):
    folder = labeled[0]
    entries = listed(folder)
    audit = {at for at, one in enumerate(entries) if rank(one.image) < reserve(folder)}
    assert len(audit) >= 3
    files = [*(folder / "results").rglob("labeled.parquet")]
    files += (folder / "results").rglob("queries.parquet")
    assert len(files) >= 4
    for file in files:
        assert not audit & set(pq.read_table(file).column("index").to_pylist()), file
    asked = sorted((folder / "results").rglob("aside.parquet"))
    for file in asked:
        assert audit <= set(pq.read_table(file).column("index").to_pylist()), file
    review = json.loads(made(folder, "batch.json").read_text())["review"]
    lines = journal.read(answers_file(folder))[0]
    answered = {line["image"] for line in lines if line["kind"] == "answer"}
    doubted = made(folder, "suspicious.csv").read_text().splitlines()[1:]
    again = [one for one in review if "label" not in one]
    assert len(again) == len(doubted) < len(review)
    assert {one["image"] for one in review} & answered == {one["image"] for one in again}
    assert not any(rank(one["image"]) < reserve(folder) for one in review)


def test_only_three_rules_are_told_where_the_answers_are(labeled):
    folder = labeled[0]
    config = folder / f"{NAME}.yaml"
    jobs = planned(folder, "next_batch", "--forceall", config=config)
    tell = {job.rule for job in jobs if "answers.jsonl" in job.shell or "audit_" in job.shell}
    assert tell == {"answered", "batch", "standing"}
    rules = {job.rule.split("_")[0] for job in jobs}
    assert rules >= {"graph", "fit", "acquire", "predict", "embed"}
    outputs = {file for job in jobs if job.rule in ("batch", "standing") for file in job.outputs}
    for job in jobs:  # what these two write reaches nobody but the page
        assert job.rule in ("next_batch", "batch") or not outputs & set(job.inputs), job
    maker = {file: job for job in jobs for file in job.outputs}
    hidden = [job.rule for job in jobs if any("oracle.parquet" in file for file in job.inputs)]
    assert hidden == []
    for job in jobs:  # to a learner answers come as labeled sets, or not at all
        for file in job.inputs:
            if maker[file].rule == "answered" and job.rule not in ("batch", "standing"):
                assert file.endswith(("labeled.parquet", "aside.parquet", "pool.json")), job


def test_a_large_class_and_small_ones_are_learned_and_reported_each(labeled):
    folder, said = labeled
    status = json.loads(made(folder, "status.json").read_text())
    lines = journal.read(answers_file(folder))[0]
    assert set(status["classes"]) == {line["name"] for line in lines if line["kind"] == "class"}
    assert len(status["classes"]) >= 3
    counts = dict.fromkeys(status["classes"], 0)
    audit = dict.fromkeys(status["classes"], 0)
    for line in lines:
        if line["kind"] == "answer":
            reserved = rank(line["image"]) < reserve(folder)
            (audit if reserved else counts)[line["answer"]["class"]] += 1
    assert {name: one["labels"] for name, one in status["classes"].items()} == counts
    found = {name: one["audit"] for name, one in status["classes"].items()}
    assert {name: one["asked"] for name, one in found.items() if one} == {
        name: count for name, count in audit.items() if count
    }
    assert sum(one["predicted"] for one in status["classes"].values()) == 50
    assert status["classes"]["dark"]["predicted"] > 20
    assert status["images"] == {"n": 50, "copies": 1, "near": 0, "rejected": 0, "gone": 0}
    quality = said[-1].splitlines()[2]
    assert quality.startswith("Quality: ") and " Right by class: " in quality
    for name, one in found.items():
        if one:
            assert f"{name} {one['right']} of {one['asked']}" in quality


def test_each_file_has_a_label_and_most_are_right(labeled):
    found = rows(labeled[0])
    assert len(found) == 51 and all(row["label"] for row in found)
    right = [row["path"].split()[0] == row["label"] for row in found]
    assert np.mean(right) > 0.8
    people = [row for row in found if row["source"] == "person"]
    assert len(people) == answered(labeled[0])
    assert all(row["path"].split()[0] == row["label"] for row in people)


def answered(folder):
    return sum(line["kind"] == "answer" for line in journal.read(answers_file(folder))[0])


def test_a_batch_has_its_share_of_the_audit_and_a_cycle_is_closed_once(labeled):
    folder, said = labeled
    assert said[0].splitlines() == [
        "8 images are to be labeled next: `wholepool label`",
        f"All of this on one page, with images: results/{SLUG}/report.html",
    ]
    *standing, last, page = said[1].splitlines()
    assert len(standing) == 5 and [last, page] == said[0].splitlines()
    lines = journal.read(answers_file(folder))[0]
    assert len(cycles.ends(lines)) == 1
    first = [line for line in lines if line["kind"] == "answer"][:8]
    second = json.loads(made(folder, "batch.json").read_text())
    assert second["cycle"] == 1
    for batch in (first, second["images"]):
        assert sum(rank(one["image"]) < reserve(folder) for one in batch) == 2
    assert not {one["image"] for one in second["images"]} & {line.get("image") for line in lines}


def test_a_job_that_fails_says_why_and_keeps_the_answers(labeled):
    folder = labeled[0].parent / "failing"
    shutil.copytree(labeled[0], folder)
    answer_all(folder)
    before = answers_file(folder).read_bytes()
    (folder / "results" / SLUG / "datasets" / SLUG / "images.parquet").write_bytes(b"torn")
    said = loop(folder, "next", code=2)[1]
    assert "images.parquet is no complete manifest" in said
    assert "could not be finished: see above. Nothing that was answered is lost" in said
    assert "Traceback" not in said
    assert answers_file(folder).read_bytes().startswith(before)
