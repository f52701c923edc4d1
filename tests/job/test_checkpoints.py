"""Checkpoints: what they hold, which one is used, when one is written."""

import math
import os
import signal

import numpy as np
import pytest
import torch
from bits import same

from wholepool.job import checkpoints as resume
from wholepool.job.checkpoints import Checkpoints, digest, packed, unpacked
from wholepool.job.errors import Interrupted

torch.set_num_threads(1)
IDENTITY = {"settings": "a", "labels": "b"}


def state(number=0):
    """One of everything that a state may hold."""
    spread = torch.arange(24.0).reshape(2, 3, 4).transpose(0, 2)
    return {
        "number": number,
        "large": 2**127 + 1,
        "none": None,
        "tensor": torch.tensor(float(number)),
        "spread": spread,
        "arrays": [np.arange(3), np.zeros((0, 2), np.float32), np.array([True])],
        "nested": {"loss": [0.1, math.nan], "phase": "sup"},
    }


def kept(folder, identity=IDENTITY, seconds=0.0):
    return Checkpoints(folder, identity, seconds)


def names(folder):
    return sorted(os.listdir(folder))


# the format


def test_a_state_is_read_as_it_was_written():
    header, found = unpacked(packed({"identity": IDENTITY}, state()))
    assert header == {"identity": IDENTITY}
    assert same(found, state())


def test_every_flipped_bit_and_every_cut_is_noticed():
    content = packed({"identity": IDENTITY}, {"x": torch.arange(3.0)})
    for at in range(len(content)):
        torn = bytearray(content)
        torn[at] ^= 1 << at % 8
        with pytest.raises(ValueError):
            unpacked(bytes(torn))
        with pytest.raises(ValueError):
            unpacked(content[:at])


def test_digests_tell_parts_and_kinds_apart():
    values = [("ab", "c"), ("a", "bc"), ("abc",), (np.arange(2),), (np.arange(2.0),), ()]
    values += [(np.arange(2)[None],), (np.arange(2), np.arange(0)), (np.arange(0), np.arange(2))]
    assert len({digest(*value) for value in values}) == len(values)


# which one is used


def test_nothing_is_there_at_first(tmp_path):
    keep = kept(tmp_path / "c")
    assert keep.load() is None
    assert (keep.resumed, keep.spent) == (0, 0.0)
    assert not (tmp_path / "c").exists()


def test_the_newest_is_used_and_two_are_kept(tmp_path):
    keep = kept(tmp_path)
    for number in range(12):  # beyond 9: by number, not by name
        keep.reached(lambda number=number: state(number))
    assert names(tmp_path) == ["checkpoint-10.wholepool", "checkpoint-11.wholepool"]
    after = kept(tmp_path)
    assert same(after.load(), state(11))
    assert after.resumed == 1 and after.spent > 0
    after.reached(lambda: state(12))
    again = kept(tmp_path)
    assert again.load()["number"] == 12
    assert again.resumed == 2 and again.spent > after.spent


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:40],
        lambda content: content[:200] + b"?" + content[201:],
        lambda content: b"a model of something else",
        lambda content: content + b"more",
    ],
)
def test_a_torn_one_is_set_aside_and_the_one_before_is_used(tmp_path, caplog, damage):
    keep = kept(tmp_path)
    for number in range(2):
        keep.reached(lambda number=number: state(number))
    newest = tmp_path / "checkpoint-1.wholepool"
    newest.write_bytes(damage(newest.read_bytes()))
    with caplog.at_level("WARNING", "wholepool"):
        assert kept(tmp_path).load()["number"] == 0
    assert "checkpoint-1.wholepool is set aside as checkpoint-1.set-aside: it is not" in caplog.text
    assert names(tmp_path) == ["checkpoint-0.wholepool", "checkpoint-1.set-aside"]


def test_one_that_cannot_be_read_is_not_used(tmp_path, caplog):
    (tmp_path / "checkpoint-5.wholepool").mkdir()
    with caplog.at_level("WARNING", "wholepool"):
        assert kept(tmp_path).load() is None
    assert "is not whole" in caplog.text


@pytest.mark.parametrize(
    ("identity", "named"),
    [
        (IDENTITY | {"labels": "c"}, "labels"),
        (IDENTITY | {"more": "c"}, "more"),
        ({"labels": "b"}, "settings"),
        ({"settings": "x", "labels": "y"}, "labels, settings"),
    ],
)
def test_one_of_another_training_is_set_aside_and_says_what_differs(
    tmp_path, caplog, identity, named
):
    kept(tmp_path).reached(state)
    with caplog.at_level("WARNING", "wholepool"):
        assert kept(tmp_path, identity).load() is None
    assert f"it is of another training: {named} differ" in caplog.text
    assert names(tmp_path) == ["checkpoint-0.set-aside"]
    assert kept(tmp_path).load() is None


def test_after_success_nothing_is_left(tmp_path):
    folder = tmp_path / "model.checkpoints"
    keep = kept(folder)
    keep.reached(state)
    keep.reached(state)
    (folder / "checkpoint-1.wholepool").write_text("torn")
    (folder / ".checkpoint-2.wholepool.abc.part").write_text("killed while it was written")
    keep = kept(folder)
    assert keep.load() is not None
    keep.remove()
    assert names(tmp_path) == []


def test_what_others_put_there_stays(tmp_path):
    folder = tmp_path / "model.checkpoints"
    keep = kept(folder)
    keep.reached(state)
    (folder / "notes.txt").write_text("mine")
    keep.remove()
    assert names(folder) == ["notes.txt"]


def test_without_a_folder_nothing_is_kept_and_no_signal_is_taken():
    keep = Checkpoints(None, {})
    before = signal.getsignal(signal.SIGTERM)
    with keep.listening(), keep.busy(state):
        assert signal.getsignal(signal.SIGTERM) is before
        keep.reached(state)
    assert keep.load() is None
    keep.remove()


# when


def test_one_is_written_when_it_is_due(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    keep = kept(tmp_path, seconds=60)
    for minutes in np.arange(0, 5, 0.25):
        now[0] = 1000 + 60 * minutes
        keep.reached(lambda minutes=minutes: {"minutes": float(minutes)})
    after = kept(tmp_path)
    assert after.load() == {"minutes": 4.0}
    assert after.spent == 240
    assert names(tmp_path) == ["checkpoint-2.wholepool", "checkpoint-3.wholepool"]


@pytest.mark.parametrize("number", resume.SIGNALS)
def test_a_signal_writes_one_at_once_and_stops(tmp_path, number):
    def mine(*_):
        raise AssertionError("the handler from before")

    keep = kept(tmp_path, seconds=3600)
    before = signal.signal(number, mine)  # the tests themselves may run under nohup
    try:
        with pytest.raises(Interrupted, match=number.name), keep.listening():
            keep.reached(lambda: state(0))
            os.kill(os.getpid(), number)
            keep.reached(lambda: state(1))
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, before)
    assert kept(tmp_path).load()["number"] == 1


def test_what_nohup_starts_outlives_its_terminal(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        keep = kept(tmp_path, seconds=3600)
        with keep.listening():
            os.kill(os.getpid(), signal.SIGHUP)
            keep.reached(state)
        assert names(tmp_path) == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_ends_a_long_computation_and_the_state_before_it_is_kept(tmp_path):
    keep, steps = kept(tmp_path, seconds=3600), []
    with pytest.raises(Interrupted), keep.listening(), keep.busy(lambda: state(len(steps))):
        steps.append("a cluster")
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("another one")
    assert steps == ["a cluster"]
    assert kept(tmp_path).load()["number"] == 0


def test_a_second_signal_does_not_end_the_writing_that_the_first_asked_for(tmp_path, monkeypatch):
    keep, write = kept(tmp_path, seconds=3600), Checkpoints.write

    def interrupted(self, content):
        os.kill(os.getpid(), signal.SIGTERM)
        write(self, content)

    monkeypatch.setattr(Checkpoints, "write", interrupted)
    with pytest.raises(Interrupted), keep.listening(), keep.busy(lambda: state(0)):
        os.kill(os.getpid(), signal.SIGINT)
    assert kept(tmp_path).load()["number"] == 0


def test_a_signal_after_a_long_computation_waits_for_the_next_step(tmp_path):
    keep = kept(tmp_path, seconds=3600)
    with keep.listening():
        with keep.busy(lambda: state(0)):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            keep.reached(lambda: state(1))
    assert kept(tmp_path).load()["number"] == 1


def test_a_training_goes_on_where_no_checkpoint_can_be_written(tmp_path, caplog):
    keep = kept(tmp_path)
    keep.reached(lambda: state(0))
    for path in tmp_path.iterdir():  # nobody, not even root, writes below a file
        path.unlink()
    tmp_path.rmdir()
    tmp_path.write_text("a file")
    with caplog.at_level("WARNING", "wholepool"):
        keep.reached(lambda: state(1))
    assert "could not be written" in caplog.text and "goes on without it" in caplog.text
    tmp_path.unlink()
    tmp_path.mkdir()
    keep.reached(lambda: state(2))
    assert kept(tmp_path).load()["number"] == 2
