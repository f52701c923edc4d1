"""The files behind a source: what is recorded of them, and what counts as a change."""

import json
import os
from types import SimpleNamespace

import pytest

from wholepool.data import behind
from wholepool.job.errors import UserError


@pytest.fixture
def data(tmp_path):
    """Arrays and a folder of photographs, recorded as the stage data does it."""
    folder = tmp_path / "data"
    (folder / "photos" / "cats").mkdir(parents=True)
    for name in ("images.npy", "photos/a.png", "photos/cats/b.png", "photos/.hidden"):
        (folder / name).write_text(name)
    names = ["images.npy", "photos"]
    record = {"listed": names, "files": behind.prints(names, folder)}
    (tmp_path / "files.json").write_text(json.dumps(record))
    return folder


def changed(data):
    return behind.changed(data.parent / "files.json", data)


def later(path):
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def test_all_files_are_recorded_but_hidden_ones(data):
    files = json.loads((data.parent / "files.json").read_text())["files"]
    assert list(files) == ["images.npy", "photos/a.png", "photos/cats/b.png"]
    assert files["images.npy"]["size"] == 10 and len(files["images.npy"]["sha256"]) == 64
    assert changed(data) == ""


@pytest.mark.parametrize("name", ["images.npy", "photos/a.png", "photos/cats/b.png"])
def test_another_content_is_a_change(data, name):
    path = data / name
    path.write_text(name.upper())  # of the same size
    later(path)
    assert changed(data) == name
    path.write_text(name)
    assert changed(data) == ""


def test_another_size_is_a_change_without_a_look_at_times(data):
    before = (data / "images.npy").stat()
    (data / "images.npy").write_text("more and more")
    os.utime(data / "images.npy", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed(data) == "images.npy"


def test_a_file_is_read_only_when_its_time_has_changed(data, monkeypatch):
    monkeypatch.setattr(behind, "digest_of", lambda path: pytest.fail(f"{path} was read"))
    assert changed(data) == ""


def test_a_copy_of_other_times_elsewhere_is_no_change(data, tmp_path):
    for path in [path for path in data.rglob("*") if path.is_file()]:
        later(path)
    data.rename(tmp_path / "moved")
    assert behind.changed(tmp_path / "files.json", tmp_path / "moved") == ""


def test_a_new_file_in_a_folder_is_a_change(data):
    (data / "photos" / ".DS_Store").touch()
    assert changed(data) == ""
    (data / "photos" / "cats" / "c.png").touch()
    assert changed(data) == "photos/cats/c.png"


def test_what_is_gone_is_no_change(data):
    (data / "images.npy").unlink()
    (data / "photos" / "a.png").unlink()
    (data / "photos" / "link.png").symlink_to(data / "nowhere")
    assert changed(data) == ""
    data.rename(data.parent / "away")
    assert changed(data) == ""


def test_no_record_is_no_change_and_a_torn_one_is(data):
    record = data.parent / "files.json"
    for text in ("{", "[]", '{"listed": []}'):
        record.write_text(text)
        assert changed(data) == str(record)
    record.unlink()
    assert changed(data) == ""


def test_a_file_that_changes_while_it_is_read_keeps_what_it_was_before(data):
    before = behind.prints(["images.npy"], data)
    (data / "images.npy").write_text("downloaded again")
    (data / "new.npy").touch()
    after = behind.prints(["images.npy", "new.npy"], data, before)
    assert after["images.npy"] == before["images.npy"] and after["new.npy"]["size"] == 0


def test_a_file_that_is_not_there_after_reading_is_refused(data):
    with pytest.raises(UserError, match=r"none\.npy is what the source says, by files\(\)"):
        behind.prints(["none.npy"], data, {})
    assert behind.prints(["none.npy"], data) == {}


def listed(value, data_dir):
    module = SimpleNamespace(files=lambda settings, folder: value)
    return behind.listed(module, {}, data_dir, "lab.py: source 'odd'")


def test_paths_are_kept_below_the_data_or_whole(tmp_path):
    data = tmp_path / "data"
    given = [data / "a.npy", str(data / "b" / "c"), tmp_path / "elsewhere"]
    assert listed(given, data) == ["a.npy", "b/c", str(tmp_path / "elsewhere")]
    assert behind.listed(SimpleNamespace(), {}, data, "") == []


@pytest.mark.parametrize("value", ["a.npy", None, 3, [3], [None]])
def test_what_are_no_paths_is_refused(tmp_path, value):
    with pytest.raises(
        UserError, match=r"^lab.py: source 'odd' says by files\(\) .* list of paths"
    ):
        listed(value, tmp_path)
