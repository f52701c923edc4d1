"""What lines add up to, rule by rule. A twin of all rules at once is in tests/fuzz."""

import numpy as np
import pytest
from histories import answer, image, made, merged, renamed, undo
from sklearn.metrics import cohen_kappa_score

from wholepool.labeling import agreement
from wholepool.labeling.answers import state

TWO = [made("c1", "cat", id="c1"), made("c2", "dog", id="c2")]


def of(*lines):
    return state([*TWO, *lines])


def where(found, name="a"):
    """The class of an image, or the one set that it is in, or None."""
    places = [found.labels[image(name)]] if image(name) in found.labels else []
    for word in ("disputed", "later", "unsure", "bad"):
        if image(name) in getattr(found, word):
            places.append(word)
    assert len(places) <= 1
    return places[0] if places else None


def votes(*answers):
    return [answer("a", what, annotator=f"ann{who}") for who, what in enumerate(answers)]


def test_nothing_is_answered():
    found = state([])
    assert found.classes == found.labels == found.by_image == found.merged == {}
    assert found.agreement is None and found.notes == []
    assert found.disputed == found.later == found.unsure == found.bad == set()


def test_the_standing_lines_are_given_whole():
    first, other = answer("a", "c1", note="x"), answer("b", "bad", annotator="bea")
    found = of(first, other)
    assert found.by_image == {image("a"): {"ann": first}, image("b"): {"bea": other}}
    assert found.labels == {image("a"): "c1"} and found.bad == {image("b")}
    assert found.classes == {"c1": "cat", "c2": "dog"}


# one annotator


def test_a_newer_answer_takes_the_place_of_the_older_and_its_undo_brings_that_back():
    lines = [answer("a", "c1", id="x"), answer("a", "bad", id="y"), undo("y", id="u")]
    assert [where(of(*lines[:n])) for n in (1, 2, 3)] == ["c1", "bad", "c1"]
    assert of(*lines).by_image[image("a")]["ann"] is lines[0]
    assert where(of(*lines, undo("x"))) is None


def test_an_undo_of_an_undo_restores_and_so_on():
    lines = [answer("a", "c1", id="x"), undo("x", id="u"), undo("u", id="v"), undo("v", id="w")]
    assert [where(of(*lines[:n])) for n in (1, 2, 3, 4)] == ["c1", None, "c1", None]
    assert of(*lines[:2]).by_image == {} and of(*lines).notes == []


def test_a_line_undone_twice_stands_when_neither_undo_does():
    lines = [answer("a", "c1", id="x"), undo("x", id="u"), undo("x", id="v")]
    assert where(of(*lines, undo("u"))) is None
    assert where(of(*lines, undo("u"), undo("v"))) == "c1"


def test_an_undo_of_what_does_not_stand_before_it_is_noted_and_has_no_effect():
    found = of(undo("x", id="early"), answer("a", "c1", id="x"), undo("?", id="u"), undo("v", "v"))
    assert where(found) == "c1"
    assert [note.split("'")[1] for note in found.notes] == ["early", "u", "v"]
    assert found.notes[1] == (
        "line 'u', which undoes line '?', has no effect: no such line stands before it"
    )
    assert len(of(undo("?", id="u"), undo("u")).notes) == 0


def test_a_later_that_follows_a_class_asks_again():
    assert where(of(answer("a", "c1"), answer("a", "later"))) == "later"
    assert where(of(answer("a", "later"), answer("a", "c1"))) == "c1"


# several annotators


@pytest.mark.parametrize(
    ("answers", "won"),
    [
        (["c1", "c1", "c2"], "c1"),
        (["c1", "c2"], "disputed"),
        (["c1", "c2", "c1", "c2"], "disputed"),
        (["c1", "bad"], "disputed"),
        (["unsure", "bad"], "disputed"),
        (["c1", "c1", "c2", "bad", "unsure"], "c1"),  # most, not more than half
        (["bad", "bad", "c1"], "bad"),
        (["unsure", "unsure", "bad"], "unsure"),
        (["later", "later"], "later"),
        (["later", "later", "c2"], "c2"),
        (["later", "unsure"], "unsure"),
        (["later", "c1", "c2"], "disputed"),
    ],
)
def test_most_win_and_ties_are_disputed(answers, won):
    for order in (answers, answers[::-1]):
        assert where(of(*votes(*order))) == won


def test_an_annotator_has_one_vote():
    lines = [answer("a", "c1"), answer("a", "c1"), answer("a", "c2", annotator="bea")]
    assert where(of(*lines)) == "disputed"


# classes


def test_classes_are_in_the_order_in_which_they_were_made():
    found = state([made("z", "last"), made("a", " Cafe\u0301 "), renamed("z", "first")])
    assert list(found.classes.items()) == [("z", "first"), ("a", "Café")]


def test_renames_chain_and_are_undone():
    lines = [renamed("c1", "kitten", id="r"), renamed("c1", "lion", id="s")]
    assert of(*lines).classes["c1"] == "lion"
    assert of(*lines, undo("s")).classes["c1"] == "kitten"
    assert of(*lines, undo("r")).classes["c1"] == "lion"
    assert of(*lines, undo("r"), undo("s")).classes["c1"] == "cat"


def test_merges_chain_and_take_answers_along_old_and_new():
    lines = [made("c3", "cow"), answer("a", "c1"), merged("c1", "c2", id="m")]
    lines += [merged("c2", "c3", id="n"), answer("b", "c1"), answer("c", "c2")]
    found = of(*lines)
    assert found.labels == {image(name): "c3" for name in "abc"}
    assert found.classes == {"c3": "cow"} and found.merged == {"c1": "c3", "c2": "c3"}
    found = of(*lines, undo("m"))
    assert found.labels == {image("a"): "c1", image("b"): "c1", image("c"): "c3"}
    assert found.classes == {"c1": "cat", "c3": "cow"} and found.merged == {"c2": "c3"}


def test_a_merge_makes_two_answers_one():
    lines = votes("c1", "c2")
    assert where(of(*lines)) == "disputed"
    assert where(of(*lines, merged("c1", "c2"))) == "c2"


def test_merges_without_effect_are_noted_and_make_no_cycle():
    lines = [merged("c1", "c2", id="m"), merged("c2", "c1", id="n"), merged("c2", "c2", id="o")]
    found = of(*lines, merged("c1", "c2", id="p"), merged("c2", "c9", id="q"), answer("a", "c1"))
    assert where(found) == "c2" and found.classes == {"c2": "dog"}
    assert [note.split("'")[1] for note in found.notes] == list("nopq")
    assert found.notes[0] == (
        "line 'n', which merges class 'c2' into 'c1', has no effect: "
        "class 'c1' is merged into 'c2' already"
    )


def test_answers_of_a_class_whose_making_is_undone_are_disputed_and_come_back():
    lines = [answer("a", "c1"), *votes("c1", "c2", "c2"), undo("c1", id="u")]
    lines += [answer("b", "c1"), answer("b", "c1", "bea"), answer("b", "c2", "cy")]
    found = of(*lines)
    assert found.classes == {"c2": "dog"}
    assert where(found) == "disputed" and where(found, "b") == "disputed"  # 2 to 2, and 2 to 1
    assert found.by_image[image("b")]["bea"] in lines
    found = of(*lines, undo("u"))
    assert where(found) == "disputed" and where(found, "b") == "c1"
    assert where(of(*lines, answer("a", "c2"))) == "c2"


def test_merges_with_a_class_whose_making_is_undone_have_no_effect():
    found = of(merged("c1", "c2", id="m"), answer("a", "c1"), undo("c2"))
    assert where(found) == "c1" and found.classes == {"c1": "cat"}
    assert found.notes[0].endswith("class 'c2' is not there")


def test_classes_of_one_name_are_noted():
    found = state([made("c1", "Cat"), made("c2", "cat "), made("c3", "x"), renamed("c3", "CAT")])
    assert found.notes == [
        "class 'c2' has the name 'cat', which class 'c1' ('Cat') has already",
        "class 'c3' has the name 'CAT', which class 'c1' ('Cat') has already",
    ]


def test_a_class_may_have_the_id_of_another_answer():
    found = state([made("bad", "rotten"), answer("a", "bad") | {"answer": {"class": "bad"}}])
    assert found.labels == {image("a"): "bad"} and found.bad == set()


# agreement


def test_nobody_answered_the_same_image():
    assert of(answer("a", "c1"), answer("b", "c1", "bea")).agreement is None
    assert of(answer("a", "c1"), answer("a", "later", "bea")).agreement is None


def pairs(rng, n, skew):
    names = ["c1", "c2", "unsure", "bad"]
    first = rng.choice(names, n)
    other = np.where(rng.random(n) < skew, first, rng.choice(names, n))
    return first.tolist(), other.tolist()


@pytest.mark.parametrize("skew", [0.0, 0.3, 0.9])
def test_cohens_kappa_is_scikit_learns(skew):
    first, other = pairs(np.random.default_rng(3), 57, skew)
    lines = [answer(n, what, "ann") for n, what in enumerate(first)]
    lines += [answer(n, what, "bea") for n, what in enumerate(other)]
    lines += [answer("alone", "c1", "ann"), answer("also alone", "c1", "cy")]
    found = of(*lines).agreement
    assert (found.images, found.annotators, found.measure) == (57, 2, "cohen")
    assert found.kappa == pytest.approx(cohen_kappa_score(first, other), abs=1e-12)
    assert found.share == pytest.approx(np.mean(np.array(first) == other))


def test_agreement_follows_merges():
    lines = votes("c1", "c2") + [answer("b", "bad", "ann0"), answer("b", "bad", "ann1")]
    assert of(*lines).agreement.share == 0.5
    found = of(*lines, merged("c1", "c2")).agreement
    assert found.share == 1 and found.kappa == 1


def test_kappa_of_one_and_the_same_answer_is_none():
    assert of(*votes("c1", "c1")).agreement.kappa is None
    found = of(*votes("c1", "c1", "c1")).agreement
    assert (found.share, found.measure, found.kappa) == (1, "fleiss", None)


# The table of Fleiss (1971), "Measuring nominal scale agreement among many raters", as it is
# reprinted: 10 subjects, 14 raters, 5 categories; its kappa is 0.210
FLEISS = [
    *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
    *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
]


def test_fleiss_kappa_is_that_of_the_published_example():
    lines = [made(f"c{n}") for n in range(1, 6)]
    for name, counts in enumerate(FLEISS):
        given = [f"c{n}" for n, count in enumerate(counts, 1) for _ in range(count)]
        lines += [answer(name, what, f"ann{who}") for who, what in enumerate(given)]
    found = state(lines).agreement
    assert (found.images, found.annotators, found.measure) == (10, 14, "fleiss")
    assert round(found.kappa, 3) == 0.210
    assert found.share == pytest.approx(0.378, abs=5e-4)


def test_fleiss_kappa_with_missing_answers_weighs_images_alike():
    """Three images with 2, 3 and 4 answers, by hand."""
    table = [{"x": 2}, {"x": 2, "y": 1}, {"x": 1, "y": 3}]
    observed = (1 + 1 / 3 + 1 / 2) / 3
    x = (1 + 2 / 3 + 1 / 4) / 3
    expected = x**2 + (1 - x) ** 2
    assert agreement.fleiss(table) == pytest.approx((observed - expected) / (1 - expected))
    votes = {}
    for n, one in enumerate(table):
        given = [what for what in one for _ in range(one[what])]
        votes[n] = {f"{n} {who}": what for who, what in enumerate(given)}
    found = agreement.agreement(votes)
    assert found.kappa == pytest.approx(agreement.fleiss(table))
    assert found.share == pytest.approx((2 + 2 + 6) / (2 + 6 + 12))
