import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from wholepool.job import files


def names(folder):
    return sorted(os.listdir(folder))


def test_success_leaves_the_new_content_alone(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    for text in ("first", "second"):
        with files.atomic(path) as temporary:
            assert temporary.parent == path.parent  # the same file system: rename is atomic
            temporary.write_text(text)
        assert path.read_text() == text
        assert names(path.parent) == ["a.txt"]


def test_the_old_content_stands_until_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_no_temporary(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), files.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_failure_makes_no_file(tmp_path):
    with pytest.raises(RuntimeError), files.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_failing_rename_leaves_no_temporary(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").touch()
    with pytest.raises(OSError), files.atomic(tmp_path / "a") as temporary:
        temporary.write_text("text")
    assert names(tmp_path) == ["a"]


def test_the_temporary_is_hidden_and_not_mistaken_for_the_file(tmp_path):
    with files.atomic(tmp_path / "a.json") as temporary:
        assert temporary.name.startswith(".")
        assert temporary.suffix != ".json"


def test_two_writers_do_not_share_a_temporary(tmp_path):
    path = tmp_path / "a.txt"
    with files.atomic(path) as first, files.atomic(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the outer one ends last
    assert names(tmp_path) == ["a.txt"]


WRITE = """
import sys, time
from wholepool.job.files import atomic
with atomic(sys.argv[1]) as temporary:
    temporary.write_text("half of the n")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.jobs
def test_what_a_killed_writer_left_goes_with_the_next_one_and_only_then(tmp_path):
    path = tmp_path / "a[1].txt"  # the name is no pattern
    command = [sys.executable, "-c", WRITE, str(path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    writer.stdout.readline()
    (left,) = names(tmp_path)
    files.write_text(path, "another writer's")
    assert names(tmp_path) == sorted([left, "a[1].txt"])  # the first still writes
    writer.kill()
    writer.wait()
    assert left in names(tmp_path)
    files.write_text(tmp_path / "a[1].txt.txt", "another file")
    assert left in names(tmp_path)
    files.write_text(path, "the next one's")
    assert names(tmp_path) == ["a[1].txt", "a[1].txt.txt"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        files.write_text(tmp_path / "a.txt", "text")
        (tmp_path / "b.txt").write_text("text")
        assert os.umask(mask) == mask  # left as it was
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "b.txt")]
    assert modes[0] == modes[1] == 0o666 & ~mask


def test_json_is_sorted_utf8_and_round_trips(tmp_path):
    path = tmp_path / "a.json"
    value = {"b": [1, 2.5, None], "a": {"é": "ü", "x": True}}
    files.write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value
    first = path.read_bytes()
    assert "é".encode() in first
    assert first.endswith(b"}\n")
    files.write_json(path, {"a": {"x": True, "é": "ü"}, "b": [1, 2.5, None]})
    assert path.read_bytes() == first


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_has_no_json_form_is_refused_and_nothing_overwritten(tmp_path, value):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises((ValueError, TypeError)):
        files.write_json(path, {"x": [value]})
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_arrays_round_trip_under_any_name(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    for name in ("a.npy", "no_suffix"):
        files.write_array(tmp_path / name, array)
        found = np.load(tmp_path / name, allow_pickle=False)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == np.float32
    assert names(tmp_path) == ["a.npy", "no_suffix"]


def test_object_arrays_are_refused_and_nothing_overwritten(tmp_path):
    files.write_array(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError):
        files.write_array(tmp_path / "a.npy", np.array([{}, None], dtype=object))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.zeros(3))
    assert names(tmp_path) == ["a.npy"]
