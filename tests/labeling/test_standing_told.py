"""Where things stand, in five lines: each word, also of one."""

import copy

import pytest
from standings import NOBODY, PLAIN

from wholepool.labeling.standing import told


def status(**changes):
    """PLAIN, with the keys of its parts replaced."""
    found = copy.deepcopy(PLAIN)
    for key, value in changes.items():
        found[key] = found[key] | value if isinstance(found[key], dict) else value
    return found


def share(right, asked):
    return {"asked": asked, "right": right, "share": right / asked, "low": 0.5, "high": 0.984}


def test_at_its_least():
    assert told(PLAIN) == [
        "Images: 45.",
        "Answers: 9 to learn from (cat 7, dog 2), 0 for the audit.",
        "How good the labels are is not known: no image of the audit is answered.",
        "It is too early to say.",
        "A label for every image: predictions.csv.",
    ]


@pytest.mark.parametrize(
    "key, one, several",
    [
        ("copies", "1 file that is a copy", "2 files that are copies"),
        (
            "near",
            "1 pair that looks alike (near_duplicates.csv)",
            "2 pairs that look alike (near_duplicates.csv)",
        ),
        (
            "rejected",
            "1 file that gives no image (rejected.csv)",
            "2 files that give no image (rejected.csv)",
        ),
        ("gone", "1 image whose file is gone", "2 images whose files are gone"),
    ],
)
def test_of_images(key, one, several):
    for count, words in ((1, one), (2, several)):
        assert told(status(images={key: count}))[0] == f"Images: 45; {words}."


def test_of_images_all_at_once():
    found = told(status(images={"copies": 1, "near": 2, "rejected": 3, "gone": 4}))[0]
    assert found.count(", ") == 3 and found.count(";") == 1


def test_of_answers():
    found = told(status(answers={"unsure": 1, "bad": 2, "later": 3, "disputed": 4, "audit": 5}))
    assert found[1] == (
        "Answers: 9 to learn from (cat 7, dog 2), 5 for the audit; 1 unsure, 2 bad, 3 later, 4 "
        "disputed."
    )


@pytest.mark.parametrize(
    "images, kappa, words",
    [
        (1, None, "people agree on 75% of 1 image."),
        (8, 0.456, "people agree on 75% of 8 images, kappa 0.46."),
    ],
)
def test_of_agreement(images, kappa, words):
    agreed = {"images": images, "annotators": 2, "share": 0.75, "measure": "cohen", "kappa": kappa}
    assert told(status() | {"agreement": agreed})[1].endswith(f"; {words}")


def test_of_quality():
    found = told(status(audit=share(9, 10)))[2]
    assert found == (
        "Quality: about 90 % of the model's labels are right (50 to 98 %, 95 % interval of 10 "
        "audit images)."
    )
    assert "of 1 audit image)" in told(status(audit=share(1, 1)))[2]


def test_of_a_guess_that_was_in_view():
    for count, words in ((1, "1 of them was"), (2, "2 of them were")):
        found = told(status(audit=share(9, 10) | {"guess_shown": count}))[2]
        assert found.endswith(f" {words} answered with the model's guess in view.")


def test_of_a_test_folder_with_and_without_an_audit():
    for audit in (NOBODY, share(9, 10)):
        found = told(status(audit=audit) | {"test_accuracy": 71.25})[2]
        assert found.endswith(" On the test folder 71.2 % are right.")


def test_of_each_class_the_worst_first():
    two = {"cat": share(8, 8), "dog": share(1, 2)}
    found = told(status(audit=share(9, 10) | {"by_class": two}))[2]
    assert found.endswith("audit images). Right by class: dog 1 of 2, cat 8 of 8.")
    one = told(status(audit=share(8, 8) | {"by_class": {"cat": share(8, 8)}}))[2]
    assert "by class" not in one  # it would say the same again


def test_of_many_classes_only_the_worst():
    for n, rest in ((6, "1 class more"), (12, "7 classes more")):
        many = {f"c{at}": share(at, 12) for at in range(n)}
        found = told(status(audit=share(1, 12) | {"by_class": many}))[2]
        wanted = "c0 0 of 12, c1 1 of 12, c2 2 of 12, c3 3 of 12, c4 4 of 12"
        assert found.endswith(f" Right by class: {wanted}; {rest} in status.json.")


def test_of_suspicious_answers():
    for count, words in ((1, "1 answer deserves"), (2, "2 answers deserve")):
        assert told(status() | {"suspicious": count})[4] == (
            f"A label for every image: predictions.csv; {words} a second look (suspicious.csv)."
        )
