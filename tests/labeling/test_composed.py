"""The next batch: its size, the audit's share in it, and that nothing tells which is which."""

import hashlib
import json

import numpy as np
import pytest

from wholepool.labeling import composed
from wholepool.labeling.audit import rank

IMAGES = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(300)]
PATHS = [f"{n}.png" for n in range(300)]
RESERVE = 0.2
AUDIT = sorted((n for n in range(300) if rank(IMAGES[n]) < RESERVE), key=lambda n: rank(IMAGES[n]))
FREE = np.array([n for n in range(300) if n not in AUDIT])


def chosen(queries=FREE[:20], again=(), answered=(), reserve=RESERVE, share=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return composed.chosen(IMAGES, np.array(queries), again, set(answered), reserve, share, rng)


def guesses(seed=0, n=300):
    rng = np.random.default_rng(seed)
    label = rng.choice(["c1", "c2"], n).tolist()
    other = rng.choice(["c1", "c2", ""], n).tolist()
    return composed.Guesses(label, rng.random(n), other, rng.random(n))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.25, 0.9])
@pytest.mark.parametrize("b", [1, 2, 3, 8, 20])
def test_a_batch_has_its_size_and_the_audit_its_share_of_it(b, share):
    counts = []
    for seed in range(60):
        places, audit = chosen(FREE[:b], share=share, seed=seed)
        assert len(places) == len(set(places)) == b
        assert set(places) == {*FREE[: b - audit].tolist(), *AUDIT[:audit]}
        counts.append(audit)
    assert max(counts) - min(counts) <= 1 and max(counts) < b
    wanted = share * b
    if wanted <= b - 1:
        spread = np.sqrt((wanted % 1) * (1 - wanted % 1) / 60)
        assert abs(np.mean(counts) - wanted) <= 5 * spread + 1e-9


def test_an_audit_image_that_is_answered_is_not_asked_for_again():
    answered = {IMAGES[at] for at in AUDIT[:-1]}
    places, audit = chosen(answered=answered)
    assert audit == 1 and AUDIT[-1] in places and len(places) == 20
    places, audit = chosen(answered={IMAGES[at] for at in AUDIT})
    assert (places, audit) == (FREE[:20].tolist(), 0)  # as the strategy has them


def test_without_an_audit_nothing_reserved_is_asked():
    for how in ({"reserve": 0}, {"share": 0.0}):
        assert chosen(**how) == (FREE[:20].tolist(), 0)
    assert chosen([]) == ([], 0)


def test_what_is_asked_again_comes_on_top_and_once():
    again = [int(FREE[50]), int(FREE[3]), AUDIT[0]]
    places, audit = chosen(again=again)
    # 16 of the strategy, 4 of the audit, and of the three one more: two are among these
    assert audit == 4 and len(places) == len(set(places)) == 21 and set(again) <= set(places)
    places, _ = chosen(again=again[:2], share=0.0)
    assert places[:2] == again[:2] and places[2:] == [n for n in FREE[:20] if n != FREE[3]]


def test_where_the_audit_stands_in_a_batch_is_chance():
    counts = np.zeros(20)
    for seed in range(400):
        places, _ = chosen(seed=seed)
        counts += [at in AUDIT for at in places]
    assert (abs(counts - 80) < 5 * np.sqrt(400 * 0.2 * 0.8)).all()


def test_the_strategy_s_rank_is_not_told_by_the_order():
    found = [chosen(seed=seed)[0].index(FREE[0]) for seed in range(200)]
    assert set(found) == set(range(20))


def test_no_entry_tells_which_image_is_the_audit_s():
    places, audit = chosen(again=[int(FREE[40])])
    scores = {int(at): 0.5 for at in FREE[:20]}
    near = {at: [1, 2, 3, 4, 5] for at in places}
    more = "typiclust", audit > 0, scores, [int(FREE[40])], guesses(), near
    found = composed.entries(places, IMAGES, PATHS, *more)
    assert [entry["image"] for entry in found] == [IMAGES[at] for at in places]
    assert [entry["path"] for entry in found] == [PATHS[at] for at in places]
    own = {"image", "path", "guess", "nearest", "everyone"}
    rest = {json.dumps({k: v for k, v in entry.items() if k not in own}) for entry in found}
    assert len(rest) == 1 and "score" not in rest.pop()
    shapes = {
        (*sorted(entry), *sorted(entry["guess"]), len(entry["nearest"]))
        for entry in found
        if "everyone" not in entry
    }
    assert len(shapes) == 1


def test_without_an_audit_the_score_is_told_and_of_a_cold_start_no_guess():
    scores = {7: 0.25}
    how = [7, 9], IMAGES, PATHS, "margin", False, scores, [9], None, {}
    assert composed.entries(*how) == [
        {"image": IMAGES[7], "path": "7.png", "why": {"strategy": "margin", "score": 0.25}},
        {"image": IMAGES[9], "path": "9.png", "everyone": True},
    ]


def test_a_guess_is_that_of_its_image():
    all_of = guesses()
    found = composed.entries([5, 2], IMAGES, PATHS, "x", True, {}, [], all_of, {5: [3]})
    for at, entry in zip([5, 2], found, strict=True):
        probability = round(all_of.probability[at], 4)
        assert entry["guess"] == {"class": all_of.label[at], "probability": probability}
    assert [entry["nearest"] for entry in found] == [[IMAGES[3]], []]


def test_the_nearest_are_those_of_a_sort():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 6))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labeled = np.array([3, 30, 7, 12, 25, 1, 19, 38])
    found = composed.nearest(rows, labeled, [0, 9, 14])
    for at in (0, 9, 14):
        wanted = sorted(labeled.tolist(), key=lambda one: -sum(rows[at] * rows[one]))
        assert found[at] == wanted[:5]
    assert composed.nearest(rows, labeled[:2], [0])[0] in ([3, 30], [30, 3])


def test_review_holds_only_what_it_may_least_certain_first():
    all_of, may = guesses(3), FREE[::2]
    found = composed.review(IMAGES, PATHS, all_of, may, {})
    places = [IMAGES.index(entry["image"]) for entry in found]
    assert sorted(places) == may.tolist() and not set(places) & set(AUDIT)
    assert places == sorted(may.tolist(), key=lambda at: all_of.probability[at])
    for at, entry in zip(places, found, strict=True):
        assert entry["path"] == PATHS[at] and entry["label"] == all_of.label[at]
        assert entry["certainty"] == round(all_of.probability[at], 4)
        differ = all_of.propagated[at] not in ("", all_of.label[at])
        least = min(all_of.probability[at], all_of.certainty[at])
        assert entry["disagreement"] == (round(least, 4) if differ else 0)


def test_review_is_cut_and_suspicious_answers_stand_first(monkeypatch):
    monkeypatch.setattr(composed, "REVIEWED", 10)
    found = composed.review(IMAGES, PATHS, guesses(), FREE, {4: 0.98})
    assert len(found) == 11
    # without a label: the answer that stands is shown, not the model's
    about = {"certainty": pytest.approx(0.02), "disagreement": 0.98}
    assert found[0] == {"image": IMAGES[4], "path": PATHS[4]} | about
