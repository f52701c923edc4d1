"""What an import adds to a journal: nothing twice, nothing over a newer answer, nothing guessed."""

import dataclasses
import itertools
import os

import pytest
from exchanged import (
    MADE,
    TIMES,
    answered,
    bytes_of,
    entries,
    image_of,
    imported,
    labels,
    pool,
    round_trip,
)
from histories import line, merged, renamed, undo

from wholepool.job.errors import UserError
from wholepool.labeling import exchange, journal
from wholepool.labeling.answers import state
from wholepool.labeling.exchange import export_to, import_from
from wholepool.labeling.exchange.found import Found
from wholepool.labeling.exchange.place import Left, place, told
from wholepool.labeling.exchange.placed import Paths

PATHS = ["a.png", "b/a.png", "b/c.png", "d.png"]
MANIFEST = entries(PATHS)


def plan(found, lines=MADE, format="csv", **more):
    return place(found, MANIFEST, "photos", lines, format, "ann", **more)


def total(plan):
    new = sum(line["kind"] == "answer" for line in plan.lines)
    return new + plan.known + plan.earlier + sum(one.count for one in plan.left)


def given(plan):
    return {(line["path"], line["annotator"]): line["answer"] for line in plan.lines}


# ---- which image


@pytest.mark.parametrize(
    ("path", "means"),
    [
        ("a.png", "a.png"),  # exactly, though b/a.png ends with it
        ("./b//a.png", "b/a.png"),
        ("b\\a.png", "b/a.png"),
        ("c.png", "b/c.png"),
        ("photos/d.png", "d.png"),
        ("C:\\Users\\x\\photos\\b\\c.png", "b/c.png"),
        ("/somewhere/else/d.png", "d.png"),
        (os.path.abspath("photos/b/a.png"), "b/a.png"),
        (os.path.abspath("photos/a.png"), "a.png"),
    ],
)
def test_a_path_means_an_image(path, means):
    assert Paths(MANIFEST, "photos").of(Found(path, "cat")).path == means
    assert given(plan([Found(path, "cat")])) == {(means, "ann"): {"class": "c1"}}


def test_a_path_that_may_mean_several():
    (left,) = plan([Found("/x/b/a.png", "cat")]).left  # photos may be /x, or /x/b
    assert left == Left("ambiguous", "/x/b/a.png", "one of a.png, b/a.png", 1)


def test_a_path_that_means_none():
    found = [Found("b/C.png", "cat"), Found("b/C.png", "dog"), Found("nothing like", "cat")]
    result = plan(found)
    assert result.lines == []
    assert result.left == [
        Left("image", "b/C.png", "did you mean b/c.png?", 2),
        Left("image", "nothing like", "", 1),
    ]


def test_unicode_is_compared_composed_and_a_backslash_may_be_a_letter():
    manifest = entries(["cafe\u0301.png", "a\\b.png", "sub/x.png"])
    paths = Paths(manifest, "photos")
    assert paths.of(Found("caf\u00e9.png", "cat")).path == "cafe\u0301.png"
    assert paths.of(Found("a\\b.png", "cat")).path == "a\\b.png"
    assert paths.of(Found("sub\\x.png", "cat")).path == "sub/x.png"


def test_an_image_id_decides():
    found = Found("d.png", "cat", image=image_of("a.png"))
    assert given(plan([found])) == {("a.png", "ann"): {"class": "c1"}}
    (left,) = plan([Found("d.png", "cat", image=image_of("other bytes"))]).left
    assert left == Left("image", "d.png", "did you mean d.png?", 1)


def test_copies_are_one_image_and_a_file_that_is_there_is_meant_before_one_that_is_gone():
    copies = [dataclasses.replace(MANIFEST[0], paths=("a.png", "copy.png"))]
    result = place(
        [Found("copy.png", "cat"), Found("a.png", "cat")], copies, "p", MADE, "csv", "ann"
    )
    assert len(result.lines) == result.earlier == 1
    old = dataclasses.replace(entries(["old"])[0], paths=("a.png",), gone=True)
    for manifest in itertools.permutations([old, MANIFEST[0]]):
        (one,) = place([Found("a.png", "cat")], manifest, "p", MADE, "csv", "ann").lines
        assert one["image"] == image_of("a.png")
    assert place([Found("a.png", "cat")], [old], "p", MADE, "csv", "ann").lines  # a label is kept


def test_what_is_placed_by_an_end_is_told():
    assert plan([Found("c.png", "cat"), Found("d.png", "cat")]).by_end == [("c.png", "b/c.png")]


# ---- which class


def test_a_class_in_another_spelling_is_left_and_can_be_named():
    found = [Found("a.png", "Cat"), Found("d.png", "Cat"), Found("b/c.png", "dog")]
    for new_classes in (False, True):
        result = plan(found, new_classes=new_classes)
        assert given(result) == {("b/c.png", "ann"): {"class": "c2"}}
        assert result.left == [Left("spelling", "Cat", "did you mean cat?", 2)]
    result = plan(found, names={"Cat": "cat"})
    assert len(result.lines) == 3 and not result.left


def test_an_unknown_class_is_made_only_when_that_is_allowed(tmp_path):
    found = [Found("a.png", "dogs"), Found("d.png", " a  cow"), Found("b/c.png", "a cow")]
    assert plan(found).left == [
        Left("class", "dogs", "did you mean dog?", 1),
        Left("class", " a  cow", "known: cat, dog", 1),
        Left("class", "a cow", "known: cat, dog", 1),
    ]
    result = plan(found, new_classes=True)
    assert [line["name"] for line in result.lines[:2]] == ["dogs", "a cow"]
    assert [line["class"] for line in result.lines[:2]] == ["c3", "c4"]
    assert [line["answer"]["class"] for line in result.lines[2:]] == ["c3", "c4", "c4"]


def test_of_new_spellings_the_most_frequent_is_made():
    found = [Found("a.png", "COW"), Found("d.png", "cow"), Found("b/c.png", "cow")]
    result = plan(found, new_classes=True)
    assert result.lines[0]["name"] == "cow"
    assert result.left == [Left("spelling", "COW", "did you mean cow?", 1)]


@pytest.mark.parametrize("name", ["a\x01b", "x" * 101, "\x7f"])
def test_a_class_that_cannot_be(name):
    result = plan([Found("a.png", name)], new_classes=True)
    assert result.lines == [] and [one.why for one in result.left] == ["class"]


def test_names_from_before_a_class_was_renamed_or_merged():
    lines = [*MADE, renamed("c1", "felis"), line("class", **{"class": "c3", "name": "kitten"})]
    lines.append(merged("c3", "c1"))
    found = [Found("a.png", "cat"), Found("d.png", "kitten"), Found("b/c.png", "felis")]
    assert {one["answer"]["class"] for one in plan(found, lines).lines} == {"c1"}
    lines.append(line("class", **{"class": "c4", "name": "cat"}))  # now another has the name
    assert given(plan(found[:1], lines)) == {("a.png", "ann"): {"class": "c4"}}
    lines.append(renamed("c4", "wild cat"))  # now two had it
    assert [one.why for one in plan(found[:1], lines).left] == ["class"]


def test_a_class_whose_making_was_undone_is_made_again(tmp_path):
    path = tmp_path / "journal"
    first = plan([Found("a.png", "cow")], new_classes=True)
    for one in [*MADE, *first.lines, undo(first.lines[0]["id"], "u")]:
        journal.append(path, one)
    again = plan([Found("d.png", "cow")], journal.read(path)[0], new_classes=True)
    for one in again.lines:
        journal.append(path, one)
    assert labels(journal.read(path)[0])[image_of("d.png")] == "cow"


# ---- which answer


def test_the_newest_of_a_persons_answers_counts():
    found = [
        Found("a.png", name, time=TIMES[at]) for name, at in (("cat", 1), ("dog", 3), ("cat", 2))
    ]
    for order in itertools.permutations(found):
        result = plan(order)
        assert given(result) == {("a.png", "ann"): {"class": "c2"}}
        assert result.earlier == 2


def test_the_newest_answer_is_not_passed_over_for_an_older_one_of_a_known_class():
    result = plan([Found("a.png", "cat", time=TIMES[1]), Found("a.png", "cow", time=TIMES[2])])
    assert result.lines == [] and [one.why for one in result.left] == ["class"]


@pytest.mark.parametrize("time", ["", TIMES[2]])
def test_answers_that_contradict_each_other(time):
    found = [Found("a.png", "cat", time=time), Found("a.png", "dog", time=time)]
    result = plan([*found, Found("d.png", "cat", time=time), Found("d.png", "cat", time=time)])
    assert given(result) == {("d.png", "ann"): {"class": "c1"}}
    assert result.left == [Left("torn", "a.png", "cat or dog", 2)]
    people = [dataclasses.replace(one, annotator=who) for one, who in zip(found, "ab", strict=True)]
    assert len(plan(people).lines) == 2


def test_a_word_and_a_class_of_its_name_are_two_answers():
    lines = [*MADE, line("class", **{"class": "c3", "name": "later"})]
    word, name = Found("a.png", "later", True), Found("a.png", "later")
    assert given(plan([word], lines, "label_studio")) == {("a.png", "ann"): "later"}
    assert given(plan([name], lines, "label_studio")) == {("a.png", "ann"): {"class": "c3"}}
    assert [one.why for one in plan([word, name], lines, "label_studio").left] == ["torn"]
    ids = [plan([one], lines, "label_studio").lines[0]["id"] for one in (word, name)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("at", "stands", "what", "outcome"),
    [
        (4, "c1", "dog", "older"),
        (5, "c1", "dog", "older"),  # not later
        (6, "c1", "dog", "new"),
        (None, "c1", "dog", "older"),  # perhaps
        (4, "c1", "cat", "known"),
        (6, "c1", "cat", "known"),
        (None, "c1", "cat", "known"),
        (6, "bad", "cat", "new"),
        (4, "later", "cat", "older"),
    ],
)
def test_an_answer_and_the_one_that_stands(at, stands, what, outcome):
    time = "" if at is None else TIMES[at]
    lines = [*MADE, answered("a.png", stands, time=TIMES[5])]
    result = plan([Found("a.png", what, time=time)], lines)
    found = {"new": len(result.lines), "known": result.known}
    found |= {one.why: one.count for one in result.left}
    assert {key: count for key, count in found.items() if count} == {outcome: 1}
    other = plan([Found("a.png", what, time=time, annotator="bea")], lines)
    assert len(other.lines) == 1  # another person's answer stands in nobody's way


def test_an_answer_that_was_undone_stands_in_no_ones_way():
    lines = [*MADE, answered("a.png", "c1", id="x"), undo("x")]
    assert len(plan([Found("a.png", "dog", time=TIMES[4])], lines).lines) == 1


def test_what_equals_the_answer_after_a_merge_is_known():
    lines = [*MADE, answered("a.png", "c2"), merged("c2", "c1")]
    assert plan([Found("a.png", "cat", time=TIMES[9])], lines).known == 1


# ---- twice


def table(folder, rows, name="answers.csv"):
    path = folder / name
    path.write_text("path,label,annotator,time\n" + "".join(f"{','.join(row)}\n" for row in rows))
    return path


def started(tmp_path):
    for one in MADE:
        journal.append(tmp_path / "journal", one)
    return tmp_path / "journal"


def test_importing_twice_changes_nothing(tmp_path):
    path = started(tmp_path)
    rows = [("a.png", "cat", "", ""), ("d.png", "cow", "bea", TIMES[1]), ("b/c.png", "bad", "", "")]
    first = imported(table(tmp_path, rows), MANIFEST, path, new_classes=True)
    before = path.read_bytes()
    assert len(first.lines) == 4
    again = imported(table(tmp_path, rows), MANIFEST, path, new_classes=True)
    assert again.lines == [] and again.known == 3 and path.read_bytes() == before
    rows.append(("b/a.png", "dog", "", ""))  # exported again, with one more
    more = imported(table(tmp_path, rows), MANIFEST, path)
    assert given(more) == {("b/a.png", "ann"): {"class": "c2"}} and more.known == 3
    assert path.read_bytes().startswith(before)


def test_a_correction_stays_when_the_old_file_is_imported_again(tmp_path):
    for time in ("", TIMES[1]):
        folder = tmp_path / f"at {time}"
        folder.mkdir()
        path = started(folder)
        file = table(folder, [("a.png", "cat", "", time)])
        (first,) = imported(file, MANIFEST, path).lines
        journal.append(path, answered("a.png", "c2", time=journal.now()))
        assert imported(file, MANIFEST, path).known == 1
        assert labels(journal.read(path)[0]) == {image_of("a.png"): "dog"}
        journal.append(path, undo(first["id"]))
        assert imported(file, MANIFEST, path).known == 1


def test_a_row_that_was_changed_in_a_file_without_times(tmp_path):
    path = started(tmp_path)
    imported(table(tmp_path, [("a.png", "cat", "", "")]), MANIFEST, path)
    imported(table(tmp_path, [("a.png", "dog", "", "")]), MANIFEST, path)
    assert labels(journal.read(path)[0]) == {image_of("a.png"): "dog"}
    journal.append(path, answered("a.png", "bad", time=journal.now()))  # on the page, since
    result = imported(table(tmp_path, [("a.png", "later", "", "")]), MANIFEST, path)
    assert [one.why for one in result.left] == ["older"]
    assert state(journal.read(path)[0]).bad == {image_of("a.png")}


def test_a_row_without_a_time_replaces_no_answer_that_has_one(tmp_path):
    path = started(tmp_path)
    imported(table(tmp_path, [("a.png", "cat", "", TIMES[1])]), MANIFEST, path)
    result = imported(table(tmp_path, [("a.png", "dog", "", "")]), MANIFEST, path)
    assert [one.why for one in result.left] == ["older"]


def test_an_import_that_is_killed_goes_on(tmp_path):
    found = [Found(path, "cow") for path in PATHS]
    whole = plan(found, new_classes=True)
    for kept in range(len(whole.lines)):
        rest = plan(found, [*MADE, *whole.lines[:kept]], new_classes=True)
        assert [one["id"] for one in rest.lines] == [one["id"] for one in whole.lines[kept:]]


def test_ids_come_from_the_content_alone():
    found = [Found("a.png", "cat", time=TIMES[1])]
    reference = plan(found).lines[0]["id"]
    assert plan(found, [*MADE, answered("d.png", "c1")]).lines[0]["id"] == reference
    others = [
        plan([dataclasses.replace(found[0], **change)], **more).lines[0]["id"]
        for change, more in [
            ({"path": "d.png"}, {}),
            ({"answer": "dog"}, {}),
            ({"time": TIMES[2]}, {}),
            ({"annotator": "bea"}, {}),
            ({}, {"format": "cvat"}),
        ]
    ]
    assert len({reference, *others}) == 6


def test_every_line_is_one_that_the_journal_takes_and_says_where_it_is_from(tmp_path):
    path = started(tmp_path)
    found = [Found("a.png", "cat", time=TIMES[1]), Found("d.png", "unsure", True)]
    for one in plan(found, cycle=3).lines:
        assert journal.append(path, one) == one
        assert one["cycle"] == 3 and one["shown"] == {}
    timed, untimed = journal.read(path)[0][-2:]
    assert timed["imported"] == {"format": "csv", "time": TIMES[1]} and timed["time"] == TIMES[1]
    assert untimed["imported"] == {"format": "csv", "time": ""} and untimed["time"] > TIMES[9]


def test_every_answer_is_counted_once():
    found = [
        Found(path, name, word, who, time)
        for path, (name, word), who, time in itertools.product(
            ["a.png", "d.png", "none", "c.png"],
            [("cat", False), ("Cat", False), ("bad", True), ("cow", False)],
            ["", "bea"],
            ["", TIMES[1], TIMES[9]],
        )
    ]
    lines = [*MADE, answered("a.png", "c1"), answered("c.png", "bad", "bea")]
    for some in (found, found[::3], found[::5], found[::7]):
        for new_classes in (False, True):
            assert total(plan(some, lines, new_classes=new_classes)) == len(some)


# ---- in words, and the ways in


def test_a_plan_in_words():
    found = [Found(f"x{at}", "cat") for at in range(12)]
    found += [Found("a.png", "cow"), Found("d.png", "Cat"), Found("c.png", "cat")]
    text = told(plan(found, new_classes=True))
    assert text[:4] == [
        "2 answers are new",
        "classes to be made: cow",
        "1 are placed by the end of their path:",
        "  'c.png' as 'b/c.png'",
    ]
    assert "12 are left out: no such image:" in text and "  and 2 more" in text
    assert "  'Cat' (1): did you mean cat?" in text
    assert told(plan([])) == ["0 answers are new"]


@pytest.mark.parametrize("format", ["csv", "cvat", "imagefolder", "fiftyone"])
def test_round_trips(tmp_path, format):
    lines = [*MADE, answered("a.png", "c1"), answered("b/c.png", "c2"), answered("d.png", "bad")]
    result = round_trip(format, tmp_path, PATHS, lines)
    assert not result.left and not result.by_end
    assert labels([*MADE, *result.lines]) == labels(lines)
    assert exchange.detect(tmp_path / "out") == format


def test_the_guess_is_named_and_what_is_disputed_has_no_answer(tmp_path):
    _, batch = pool(tmp_path / "photos", PATHS)
    batch[3]["guess"] = {"class": "c2", "probability": 0.5}
    lines = [*MADE, answered("a.png", "c1"), answered("a.png", "c2", "bea"), merged("c2", "c1")]
    lines.append(renamed("c1", "felis"))
    (out, _) = export_to("label_studio", tmp_path / "t.json", tmp_path / "photos", batch, lines)
    assert out.read_text().count('"felis"') == 2  # one guess, one answer: both after the merge
    (out,) = export_to("csv", tmp_path / "t.csv", tmp_path / "photos", batch, lines[:-2])
    assert "cat" not in out.read_text()


def test_unknown_formats_options_and_files(tmp_path):
    with pytest.raises(UserError, match="'cvt'; did you mean cvat"):
        export_to("cvt", tmp_path / "x", tmp_path, [], MADE)
    with pytest.raises(UserError, match="copy is no option of the format csv"):
        export_to("csv", tmp_path / "x", tmp_path, [], MADE, copy=True)
    with pytest.raises(UserError, match="'cvt'; did you mean cvat"):
        import_from(tmp_path / "x", [], tmp_path, MADE, "ann", format="cvt")
    (tmp_path / "x").write_bytes(bytes_of("x"))
    with pytest.raises(UserError, match="known: label_studio, cvat, csv, imagefolder, fiftyone"):
        import_from(tmp_path / "x", [], tmp_path, MADE, "ann")
    with pytest.raises(UserError, match="cannot be read"):
        import_from(tmp_path / "none", [], tmp_path, MADE, "ann")
