"""People's answers as of a closed cycle: by a replay of the lines, and rule by rule."""

import json

import numpy as np
import pytest
from histories import answer, image, line, made, merged, renamed, undo

from wholepool.data.oracles import journal
from wholepool.job.errors import UserError
from wholepool.labeling.audit import rank

NAMES = ("cat", "dog", "owl")
TWO = [made("c1", "cat"), made("c2", "dog")]
RESERVE = 0.3
IMAGES = [image(number) for number in range(12)]
AUDIT = [at for at, one in enumerate(IMAGES) if rank(one) < RESERVE]
FREE = [at for at in range(12) if at not in AUDIT]


def close(cycle):
    return line("close", cycle=cycle)


@pytest.fixture
def told(tmp_path):
    """Write lines, and ask what they say when so many cycles are closed."""
    settings = {"answers": "answers.jsonl", "audit_reserve": RESERVE}

    def ask(lines, closed, images=IMAGES, names=NAMES):
        text = "".join(json.dumps(one) + "\n" for one in lines)
        (tmp_path / "answers.jsonl").write_text(text)
        return journal.answers(images, list(names), settings, tmp_path, closed)

    ask.settings, ask.folder = settings, tmp_path
    return ask


def answers_of(found):
    return {at: NAMES[label] for at, label in enumerate(found.label) if label >= 0}


# a replay, line by line, each question from scratch


def prefix(lines, closed):
    """The lines before the one that closed the last of so many cycles."""
    kept, done = [], 0
    for one in lines:
        if one["kind"] == "close" and one["cycle"] == done:
            done += 1
            if done == closed:
                return kept
        kept.append(one)
    raise AssertionError(closed)


def standing(lines):
    kept = list(lines)
    for at in range(len(lines) - 1, -1, -1):
        one = lines[at]
        if one["kind"] == "undo" and one in kept:
            kept = [k for k in kept if k["id"] != one["of"] or lines.index(k) > at]
    return kept


def replayed(lines):
    """image -> name of its class, or "unsure", "bad", "later", "tie"."""
    kept = standing(lines)
    name = {one["class"]: one["name"] for one in kept if one["kind"] == "class"}
    into = {}
    for one in kept:
        if one["kind"] == "rename":
            name[one["class"]] = one["name"]
        if one["kind"] == "merge" and not {one["class"], one["into"]} & into.keys():
            into[one["class"]] = one["into"]
    said = {}
    for one in kept:
        if one["kind"] == "answer":
            word = one["answer"]
            if isinstance(word, dict):
                word = word["class"]
                while word in into:
                    word = into[word]
            said.setdefault(one["image"], {})[one["annotator"]] = word
    found = {}
    for which, given in said.items():
        votes = sorted(word for word in given.values() if word != "later")
        best = max((votes.count(word) for word in votes), default=0)
        winners = sorted({word for word in votes if votes.count(word) == best})
        word = "later" if not votes else winners[0] if len(winners) == 1 else "tie"
        found[which] = name.get(word, word)
    return found


def random_lines(rng):
    """Answers of two people to twelve images, undos, a rename, a merge, three closed cycles."""
    lines = [*TWO, made("c3", "bird")]
    for cycle in range(3):
        for _ in range(int(rng.integers(4, 14))):
            what = ["c1", "c2", "c3", "c1", "c2", "later", "unsure", "bad"][rng.integers(8)]
            who = ["ann", "bea"][int(rng.random() < 0.3)]
            lines.append(answer(int(rng.integers(12)), what, who, cycle=cycle))
            if rng.random() < 0.15:
                lines.append(undo([one for one in lines if one["kind"] == "answer"][-1]["id"]))
        if cycle == 0:
            lines.append(renamed("c3", "owl"))
        if cycle == 1 and rng.random() < 0.5:
            lines.append(merged("c3", "c2"))
        lines.append(close(cycle))
    return lines


@pytest.mark.parametrize("seed", range(30))
def test_answers_are_those_of_a_replay(told, seed):
    lines = random_lines(np.random.default_rng(seed))
    merges = {one["class"] for one in lines if one["kind"] == "merge"}
    for closed in (1, 2, 3):
        now = replayed(prefix(lines, closed))
        now = {which: "owl" if word == "bird" else word for which, word in now.items()}
        if merges:  # what was merged later counts as what it was merged into
            now = {which: "dog" if word == "owl" else word for which, word in now.items()}
        found = told(lines, closed)
        labels = {IMAGES.index(which): word for which, word in now.items() if word in NAMES}
        assert answers_of(found) == labels
        aside = {IMAGES.index(which) for which, word in now.items() if word in ("unsure", "bad")}
        assert set(np.flatnonzero(found.aside)) == aside
        again = {IMAGES.index(which) for which, word in now.items() if word in ("later", "tie")}
        assert set(found.again) == again and len(found.again) == len(again)
        for at in labels:
            had = [IMAGES[at] in having(lines, cycle + 1) for cycle in range(closed)]
            assert found.cycle[at] == had.index(True)
        seen = [one["image"] for one in lines if one["kind"] == "answer"]
        order = sorted(labels, key=lambda at: seen.index(IMAGES[at]))
        assert found.order == order
        assert found.to_train_on().tolist() == [at for at in order if at not in AUDIT]
        assert found.audited().tolist() == sorted(set(order) & set(AUDIT))
        np.testing.assert_array_equal(np.flatnonzero(found.reserved), AUDIT)


def having(lines, closed):
    """The images that have a class when so many cycles are closed."""
    special = ("unsure", "bad", "later", "tie")
    return {one for one, word in replayed(prefix(lines, closed)).items() if word not in special}


def test_the_audit_has_images_and_the_rest_too():
    assert len(AUDIT) >= 2 and len(FREE) >= 6


def test_a_reserved_image_is_never_trained_on(told):
    lines = [*TWO, *(answer(number, "c1") for number in range(12)), close(0)]
    found = told(lines, 1)
    assert found.to_train_on().tolist() == FREE and found.audited().tolist() == AUDIT


def test_a_correction_counts_from_the_next_cycle_and_the_closed_one_stays(told):
    at = FREE[0]
    before = [*TWO, answer(at, "c1"), close(0)]
    after = [*before, answer(at, "c2"), answer(FREE[1], "c2"), close(1)]
    first, again, second = told(before, 1), told(after, 1), told(after, 2)
    assert answers_of(first) == answers_of(again) == {at: "cat"}
    assert answers_of(second) == {at: "dog", FREE[1]: "dog"}
    assert second.cycle[at] == 0 and second.cycle[FREE[1]] == 1
    (told.folder / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in after))
    digests = journal.closed(told.settings, told.folder)
    told(before, 1)
    assert journal.closed(told.settings, told.folder) == digests[:1]


def test_nothing_counts_before_a_cycle_is_closed(told):
    found = told([*TWO, answer(FREE[0], "c1"), answer(FREE[1], "bad")], 0)
    assert (found.label == -1).all() and not found.aside.any()
    assert found.order == found.again == []
    assert found.reserved.sum() == len(AUDIT)


def test_a_class_whose_making_is_undone_gives_no_label_and_its_images_are_asked_again(told):
    lines = [*TWO, made("c3", "owl", id="m"), answer(FREE[0], "c3"), undo("m"), close(0)]
    found = told(lines, 1)
    assert answers_of(found) == {} and found.again == [FREE[0]]


def test_disputed_images_are_asked_before_those_of_later(told):
    one, two = FREE[:2]
    lines = [*TWO, answer(two, "later"), answer(one, "c1"), answer(one, "c2", "bea"), close(0)]
    assert told(lines, 1).again == [one, two]


def test_classes_are_those_of_the_last_cycle_in_the_order_they_were_made(told):
    lines = [*TWO, close(0), renamed("c1", "owl"), made("c4", "ant"), close(1), made("c5", "bee")]
    told(lines, 1, names=("owl", "dog", "ant"))
    assert journal.class_names(told.settings, told.folder) == ["owl", "dog", "ant"]
    (told.folder / "answers.jsonl").unlink()
    assert journal.class_names(told.settings, told.folder) == []


def test_an_image_that_is_not_in_the_folder_is_passed_over(told, caplog):
    found = told([*TWO, answer("gone", "c1"), answer(FREE[0], "c2"), close(0)], 1)
    assert answers_of(found) == {FREE[0]: "dog"}
    assert "1 answered images are not among those of the folder" in caplog.text


def test_a_class_that_the_images_have_not_is_refused_by_name(told):
    lines = [made("c9", "Doge"), answer(FREE[0], "c9"), close(0)]
    with pytest.raises(UserError, match="the class 'Doge' is not among those of the images"):
        told(lines, 1, names=("cat", "dog"))
    found = told([made("c9", " DOG "), answer(FREE[0], "c9"), close(0)], 1)
    assert answers_of(found) == {FREE[0]: "dog"}  # in another spelling
