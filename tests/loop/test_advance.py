"""`wholepool next`: what it does by what is answered. Snakemake is replaced by a batch."""

import json
import shutil

import pytest
from histories import answer, line, made
from models import photographs
from standings import PLAIN

from wholepool.job.errors import UserError
from wholepool.labeling import cycles, journal
from wholepool.labeling.audit import rank
from wholepool.labeling.ingest import read_manifest
from wholepool.loop import advance
from wholepool.loop.new import new
from wholepool.loop.project import opened


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    photographs(folder / "photos", 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new("photos", None, 4, 0.25)
    return folder


@pytest.fixture
def project(made_once, tmp_path, monkeypatch):
    """Of thirty images; each run leaves the next batch: three to train on and one of the audit."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    found = opened(None)
    ran = []

    def run(now, cores):
        ran.append((now.cycles, cores))
        batch(now)

    monkeypatch.setattr(advance, "run", run)
    found.__dict__["ran"] = ran
    return found


def images():
    entries = read_manifest("results/photos/datasets/photos/kept/images.parquet")
    reserve = opened(None).settings["datasets"]["photos"]["oracle"]["audit_reserve"]
    audit = [one for one in entries if rank(one.image) < reserve]
    return [one for one in entries if one not in audit], audit


def batch(now, count=3):
    """The batch of the open cycle, as the stage would have written it."""
    free, audit = images()
    at = now.cycles
    these = free[3 * at : 3 * at + count] + audit[at : at + (count > 0)]
    file = now.made("batch")["out"]
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"image": one.image, "path": one.paths[0]} for one in these]
    file.write_text(json.dumps({"cycle": at, "images": listed, "review": []}))


def say(project, what, places):
    """Answer the images at some places of the batch."""
    found = json.loads(project.made("batch")["out"].read_text())
    if not any(one["kind"] == "class" for one in project.lines()):
        journal.append(project.journal, made("c1", "cat"))
    for at in places:
        one = found["images"][at]
        more = {"image": one["image"], "path": one["path"], "cycle": found["cycle"]}
        journal.append(project.journal, answer("", what, **more))


def next_(project, go_on=False, cores=None):
    """Its lines, of a project as a new process opens it."""
    return advance.advance(opened(None), go_on, cores)


def closed(project):
    return len(cycles.ends(project.lines()))


def test_the_first_time_a_batch_is_picked_and_nothing_closed(project):
    assert next_(project, cores=3) == ["4 images are to be labeled next: `wholepool label`"]
    assert project.__dict__["ran"] == [(0, 3)] and not project.journal.exists()


def test_where_nothing_is_answered_nothing_is_closed(project):
    next_(project)
    assert next_(project, go_on=True) == next_(project)
    assert closed(project) == 0 and len(project.__dict__["ran"]) == 3


def test_a_part_waits_unless_it_is_to_go_on(project):
    next_(project)
    say(project, "c1", [0, 3])
    said = next_(project)
    assert said == [
        "2 of 4 images of the batch are answered. Go on with `wholepool label`, or learn from what "
        "there is: `wholepool next --go-on`"
    ]
    assert closed(project) == 0 and len(project.__dict__["ran"]) == 1
    next_(project, go_on=True)
    assert closed(project) == 1 and project.__dict__["ran"][-1] == (1, None)
    assert project.lines()[-1]["cycle"] == 0


def test_all_answered_closes_once(project):
    next_(project)
    say(project, "c1", range(4))
    assert next_(project)[-1] == "4 images are to be labeled next: `wholepool label`"
    next_(project)
    assert closed(project) == 1 and [one[0] for one in project.__dict__["ran"]] == [0, 1, 1]


def test_one_image_is_not_several(project, monkeypatch):
    next_(project)
    monkeypatch.setattr(advance, "run", lambda now, cores: batch(now, 1))
    next_(project)
    say(project, "c1", [0])
    monkeypatch.setattr(advance, "run", lambda now, cores: None)
    say(project, "later", [1])
    assert next_(project)[-1].startswith("1 of 2 images of the batch is answered")
    monkeypatch.setattr(advance, "standing", lambda now: [])
    assert next_(project, go_on=True)[-1].startswith("Every image is answered")


def test_only_the_audit_is_answered(project):
    next_(project)
    say(project, "c1", [3])
    with pytest.raises(UserError, match="no answer names a class of an image outside the audit"):
        next_(project, go_on=True)
    assert closed(project) == 0
    assert next_(project)[-1].startswith("1 of 4 images")


@pytest.mark.parametrize("what", ["unsure", "bad"])
def test_a_batch_without_any_class_is_told_and_can_be_mended(project, what):
    next_(project)
    say(project, what, range(4))
    with pytest.raises(UserError, match="nothing to learn from.*or change an answer"):
        next_(project)
    assert closed(project) == 0
    say(project, "c1", [0])
    next_(project)
    assert closed(project) == 1


def test_later_is_no_answer(project):
    next_(project)
    say(project, "later", range(4))
    assert next_(project)[-1].startswith("0 of 4 images of the batch are answered")
    say(project, "c1", range(4))
    next_(project)
    assert closed(project) == 1


def test_answers_without_a_batch_are_learned_from_at_once(project):
    """As after an import."""
    journal.append(project.journal, made("c1", "cat"))
    for one in images()[0][:2]:
        more = {"image": one.image, "path": one.paths[0]}
        journal.append(project.journal, answer("", "c1", **more))
    next_(project)
    assert closed(project) == 1 and project.__dict__["ran"] == [(1, None)]


def test_a_line_that_closes_is_no_answer(project):
    next_(project)
    say(project, "c1", range(4))
    next_(project)
    journal.append(project.journal, line("close", cycle=0))  # of another program
    next_(project, go_on=True)
    assert closed(project) == 1


def test_when_all_is_answered_it_says_so(project, monkeypatch):
    next_(project)
    say(project, "c1", range(4))
    monkeypatch.setattr(advance, "run", lambda now, cores: batch(now, 0))
    assert next_(project) == [
        "Every image is answered, set aside or in the audit: there is nothing left to ask."
    ]


def test_standing_is_told_with_the_place_of_the_table(project):
    file = project.made("standing")["status"]
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(PLAIN))
    assert advance.standing(opened(None)) == []  # no cycle is closed: of another journal
    journal.append(project.journal, line("close", cycle=0))
    said = advance.standing(opened(None))
    assert said[0] == "Images: 45." and len(said) == 5
    assert said[4] == f"A label for every image: {project.made('standing')['out']}."


def test_a_checkout_that_is_missing_is_named(project, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(advance, "SNAKEFILE", tmp_path / "Snakefile")
    with pytest.raises(UserError, match="Snakefile is missing: wholepool runs from a checkout"):
        advance.run(project, 1)
