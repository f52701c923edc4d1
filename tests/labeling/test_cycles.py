"""Cycles of a journal: where each ends, whatever stands in the file."""

import numpy as np
import pytest
from histories import answer, line, undo

from wholepool.labeling.cycles import before, digest, ends


def close(cycle, id=None):
    return line("close", id, cycle=cycle)


def literal(lines):
    """A search for each cycle, behind the end of the one before."""
    found, begin = [], 0
    while True:
        wanted = [
            at
            for at in range(begin, len(lines))
            if lines[at]["kind"] == "close" and lines[at]["cycle"] == len(found)
        ]
        if not wanted:
            return found
        found.append(wanted[0])
        begin = wanted[0] + 1


@pytest.mark.parametrize("seed", range(40))
def test_ends_are_those_of_a_search(seed):
    rng = np.random.default_rng(seed)
    lines = [
        close(int(rng.integers(4))) if rng.random() < 0.5 else answer(int(rng.integers(9)), "c1")
        for _ in range(int(rng.integers(25)))
    ]
    assert ends(lines) == literal(lines)


def test_lines_out_of_order_twice_or_undone_have_no_effect():
    one, two = answer("a", "c1"), answer("b", "c1")
    lines = [close(1), one, close(0, "x"), close(0), undo("x"), two, close(2), close(1), close(1)]
    assert ends(lines) == [2, 7]
    assert list(before(lines, 1)) == lines[:2]
    assert list(before(lines, 2)) == lines[:7]


def test_nothing_counts_before_the_first_cycle_is_closed():
    assert ends([]) == [] and list(before([answer("a", "c1"), close(0)], 0)) == []


def test_what_is_added_later_leaves_a_closed_cycle():
    lines = [answer("a", "c1"), close(0), answer("a", "bad"), close(1)]
    assert digest(before(lines, 1)) == digest(before(lines[:2], 1))
    assert digest(before(lines, 2)) != digest(before(lines, 1))


def test_a_digest_is_another_for_other_lines_and_another_order():
    one, two = answer("a", "c1", id="1"), answer("b", "c1", id="2")
    other = {**one, "answer": "bad"}
    found = [digest(lines) for lines in ([one, two], [two, one], [other, two], [one], [])]
    assert len(set(found)) == 5
    assert digest([one, two]) == digest([dict(one), dict(two)])
