"""The journal: what is acknowledged is on disk, once and whole, and nothing in it is ever lost."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from histories import answer, image, made, merged, renamed, undo

from wholepool.job.errors import UserError
from wholepool.labeling import journal

KILLS = 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.jsonl"


@pytest.fixture
def two(path):
    """A journal with the classes c1 (cat) and c2 (dog)."""
    journal.append(path, made("c1", "cat"))
    journal.append(path, made("c2", "dog"))
    return path


def ids(path):
    return [one["id"] for one in journal.read(path)[0]]


def aside(path):
    return journal.read(path)[1]


def refused(path, one, words):
    """`append` refuses a line, in words, and leaves the file as it is."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(UserError, match=words) as error:
        journal.append(path, one)
    assert str(path) in str(error.value)
    assert (path.read_bytes() if path.exists() else None) == before


# what is written is read


def test_lines_are_read_as_they_were_written_in_order(two):
    lines = [
        answer("a", "c1", note="kept", shown={"guess": [True, None, 0.25]}),
        answer("b", "later", path='été/naïve, "x"\n.jpg'),
        undo("n0", id="back"),
        renamed("c1", "chat"),
        merged("c1", "c2"),
    ]
    lines[2]["of"] = lines[0]["id"]
    assert [journal.append(two, one) for one in lines] == lines
    assert journal.read(two)[0][2:] == lines
    assert aside(two) == []
    assert [json.loads(one) for one in two.read_text("utf-8").splitlines()[2:]] == lines


def test_text_is_readable_in_the_file(two):
    journal.append(two, made("c3", "Žluťoučký kůň"))
    assert "Žluťoučký kůň" in two.read_text("utf-8")


def test_a_path_that_is_no_utf8_is_kept(two):
    strange = os.fsdecode(b"caf\xe9.jpg")
    assert journal.append(two, answer("a", "c1", path=strange))["path"] == strange
    assert journal.read(two)[0][-1]["path"] == strange
    two.read_text("utf-8")


def test_what_comes_back_is_what_is_read_again(two):
    """Not what was sent: JSON has no tuples, and keys are text."""
    sent = answer("a", "c1", shown={"order": ("x", "y"), 3: 4})
    assert journal.append(two, sent)["shown"] == {"order": ["x", "y"], "3": 4}
    assert journal.read(two)[0][-1]["shown"] == {"order": ["x", "y"], "3": 4}


def test_no_file_is_an_empty_journal(path):
    assert journal.read(path) == ([], [])


def test_a_folder_is_no_journal(tmp_path):
    for action in (journal.read, lambda path: journal.append(path, made("c1"))):
        with pytest.raises(UserError, match="is a folder"):
            action(tmp_path)


def test_the_folder_is_made(tmp_path):
    path = tmp_path / "one" / "two" / "answers.jsonl"
    refused(path, answer("a", "c1"), "class 'c1' is not there")
    assert os.listdir(tmp_path) == []
    journal.append(path, made("c1", id="x"))
    assert ids(path) == ["x"]


def test_a_link_is_followed(two, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(two)
    journal.append(link, answer("a", "c1", id="x"))
    assert ids(two)[-1] == "x" and link.is_symlink()


def test_the_time_now_is_one_that_a_line_may_have(path):
    journal.append(path, made("c1") | {"time": journal.now()})
    assert abs(journal.datetime.fromisoformat(journal.now()).timestamp() - time.time()) < 5


# once, and safe


def test_a_line_that_is_sent_again_is_not_written_again(two):
    first = journal.append(two, answer("a", "c1", id="x"))
    before = two.read_bytes()
    assert journal.append(two, answer("a", "c2", id="x")) == first
    assert journal.append(two, undo(of="x", id="x")) == first
    journal.SEEN.clear()
    assert journal.append(two, answer("a", "c1", id="x")) == first
    assert two.read_bytes() == before


def test_a_line_that_was_taken_is_still_acknowledged_when_it_would_be_refused_now(two):
    first = journal.append(two, answer("a", "c1", id="x"))
    journal.append(two, undo(of=ids(two)[0]))
    refused(two, answer("b", "c1"), "is not there any more")
    assert journal.append(two, first) == first


def watched(monkeypatch):
    """What is written and synced from now on, by the name of the file, in order."""
    done, real = [], {"fsync": os.fsync, "write": os.write}

    def watch(name):
        def call(handle, *rest):
            done.append((name, Path(os.readlink(f"/proc/self/fd/{handle}")).name))
            return real[name](handle, *rest)

        monkeypatch.setattr(journal.os, name, call)

    watch("fsync")
    watch("write")
    return done


def test_it_is_on_disk_before_it_is_acknowledged(tmp_path, monkeypatch):
    path = tmp_path / "new" / "answers.jsonl"
    done = watched(monkeypatch)
    journal.append(path, made("c1", id="x"))
    own = ("fsync", path.name)
    assert done == [("fsync", tmp_path.name), ("write", path.name), own, ("fsync", "new")]
    done.clear()
    journal.append(path, answer("a", "c1"))
    assert done == [("write", path.name), own]
    done.clear()
    journal.append(path, made("c1", id="x"))  # whoever wrote it may have died before its fsync
    assert done == [own]


def test_a_file_that_another_made_and_did_not_sync_is_synced_with_its_folder(path, monkeypatch):
    path.touch()
    done = watched(monkeypatch)
    journal.append(path, made("c1"))
    assert done[-1] == ("fsync", path.parent.name)


def test_a_write_that_takes_a_part_only_goes_on(two, monkeypatch):
    real = os.write
    monkeypatch.setattr(journal.os, "write", lambda handle, content: real(handle, content[:7]))
    journal.append(two, answer("a", "c1", id="x"))
    assert ids(two)[-1] == "x" and aside(two) == []


def test_a_full_disk_names_the_file_and_the_line_can_be_sent_again(two, monkeypatch):
    real, left = os.write, [40]

    def write(handle, content):
        if not left[0]:
            raise OSError(28, "No space left on device")
        part, left[0] = content[: left[0]], 0
        return real(handle, part)

    monkeypatch.setattr(journal.os, "write", write)
    with pytest.raises(OSError, match="No space left") as error:
        journal.append(two, answer("a", "c1", id="x"))
    assert error.value.filename == str(two)
    monkeypatch.undo()
    assert "x" not in ids(two)
    journal.append(two, answer("a", "c1", id="x"))
    assert ids(two)[-1] == "x"
    assert [number for number, _ in aside(two)] == [3]


# a torn end


def test_a_torn_last_line_is_closed_and_set_aside(two):
    whole = two.read_bytes()
    with open(two, "ab") as file:
        file.write(b'{"id": "torn", "ti')
    assert [number for number, _ in aside(two)] == [3]
    journal.append(two, answer("a", "c1", id="x"))
    assert two.read_bytes().startswith(whole + b'{"id": "torn", "ti\n{')
    assert ids(two)[-1] == "x"
    [(number, reason)] = aside(two)
    assert number == 3 and "not JSON, perhaps cut off" in reason
    journal.append(two, answer("a", "c1", id="torn"))
    assert ids(two)[-1] == "torn"


def test_a_whole_last_line_without_an_end_counts(two):
    """An editor may have taken its end; or the writer was killed within the last byte."""
    first = journal.append(two, answer("a", "c1", id="x"))
    two.write_bytes(two.read_bytes().removesuffix(b"\n"))
    assert ids(two)[-1] == "x"
    assert journal.append(two, answer("a", "c1", id="x")) == first
    journal.append(two, answer("b", "c1", id="y"))
    assert ids(two)[-2:] == ["x", "y"] and aside(two) == []


def test_any_end_is_closed(two):
    """Each prefix of a file is a file to which lines can be added; whole lines stay."""
    content = two.read_bytes()
    for size in range(len(content) + 1):
        two.write_bytes(content[:size])
        before = journal.read(two)[0]
        journal.append(two, made("c9", id="new"))
        assert [one["id"] for one in before] + ["new"] == ids(two)
        assert two.read_bytes().startswith(content[:size])


# what is set aside

GOOD = answer("a", "c1", id="x")
CLASS = made("c1", id="c")


def without(key, one=GOOD):
    return {name: value for name, value in one.items() if name != key}


def raw(one):
    return json.dumps(one).encode()


BAD_LINES = {
    "NUL bytes": (b"\0" * 30 + raw(GOOD), "NUL bytes, as a crash"),
    "NUL bytes alone": (b"\0\0", "NUL bytes"),
    "no UTF-8": (raw(GOOD).replace(b"a.jpg", b"\xff.jpg"), "not UTF-8 from byte"),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "NUL bytes"),
    "no JSON": (b"cat: 3", "not JSON"),
    "cut off": (raw(GOOD)[:-1], "not JSON, perhaps cut off"),
    "two on a line": (raw(GOOD) + raw(GOOD | {"id": "y"}), "not JSON"),
    "NaN": (raw(GOOD | {"shown": {"score": float("nan")}}), "NaN is no number in JSON"),
    "deep": (b"[" * 100_000, "nested too deeply"),
    "a long number": (b"9" * 10_000, "not JSON"),
    "a list": (b"[1]", "it is a list, not a table"),
    "null": (b"null", "it is a NoneType, not a table"),
    "unknown kind": (raw(GOOD | {"kind": "like"}), "'kind' is 'like', not one of answer, undo"),
    "kind a list": (raw(GOOD | {"kind": []}), r"'kind' is \[\], not one of"),
    "unknown class": (raw(answer("a", "c7")), "no line makes the class 'c7'"),
    "rename of unknown": (raw(renamed("c7", "x")), "no line makes the class 'c7'"),
    "merge of unknown": (raw(merged("c7", "c8")), "no line makes the class 'c7' and 'c8'"),
    "blank name": (raw(made("c7", " \u00a0 ")), "'name' is .*, not one line of text"),
    "name of two lines": (raw(made("c7", "a\nb")), "'name' is .*, not one line of text"),
    "half a surrogate": (raw(made("c7", "\udc80")), "'name' is .*, not one line of text"),
    "class a number": (raw(made("c7") | {"class": 7}), "'class' is 7, not one line of text"),
    "same id": (raw(answer("b", "c1", id="c")), "line 1 has its id 'c' already"),
    "same class": (raw(made("c1", "other")), "line 1 has made its class 'c1'"),
    "long value": (raw(GOOD | {"image": "f" * 9999}), r"'image' is 'f{56}\.\.\., not a SHA-256"),
    **{
        f"no {key}": (raw(without(key)), f"it has no key {key!r}")
        for key in ("id", "time", "kind", "annotator", "image", "path", "answer", "cycle", "shown")
    },
    "no of": (raw(without("of", undo("x"))), "no key 'of'"),
    "no name": (raw(without("name", made("c7"))), "no key 'name'"),
    "no into": (raw(without("into", merged("c1", "c1"))), "no key 'into'"),
    **{
        f"{key} is {value!r}": (raw(GOOD | {key: value}), f"its {key!r} is ")
        for key, values in {
            "id": ["", " ", 3, None, "a\tb"],
            "time": [
                *("2026-01-31", "2026-01-31T12:00:00Z", "2026-02-30T12:00:00.000Z", 0),
                *("2026-01-31T12:00:00.000", "2026-01-31T12:00:00.000+02:00"),
            ],
            "annotator": [None, 3, "\ud800"],
            "image": ["a" * 63, "A" * 64, "g" * 64, image("a") + "\n", 5],
            "path": ["", None],
            "answer": ["cat", "c1", None, {}, {"class": None}, {"class": ""}, ["later"]],
            "cycle": [-1, 1.0, "0", True, None],
            "shown": [None, [], "yes"],
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_set_aside_with_its_number_and_a_reason(path, name):
    content, words = BAD_LINES[name]
    after = answer("z", "c1", id="z")
    path.write_bytes(raw(CLASS) + b"\n\n" + content + b"\n" + raw(after) + b"\n")
    lines, [(number, reason)] = journal.read(path)
    assert lines == [CLASS, after]
    assert number == 3
    assert re.search(words, reason)
    assert "\n" not in reason and len(reason) < 250
    before = path.read_bytes()
    journal.append(path, answer("n", "c1", id="new"))
    assert ids(path) == ["c", "z", "new"]
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000+00:00"])
def test_both_ways_to_write_utc_are_taken(path, time):
    journal.append(path, made("c1") | {"time": time})
    assert aside(path) == []


def test_files_of_other_editors_are_read(path):
    """CRLF, a byte order mark, blank lines, no end of the last line, other spacing and escapes."""
    content = json.dumps(made("c1", "été", id="c"), indent=None, separators=(",", ":"))
    other = json.dumps(answer("b", "c1", id="y"), ensure_ascii=False)
    path.write_bytes(
        b"\xef\xbb\xbf" + content.encode() + b"\r\n\r\n  \r\n \t" + other.encode("utf-8") + b"  "
    )
    assert ids(path) == ["c", "y"] and aside(path) == []
    assert journal.read(path)[0][0]["name"] == "été"
    journal.append(path, answer("a", "c1", id="x"))
    assert ids(path) == ["c", "y", "x"] and aside(path) == []
    path.write_bytes(b"\xef\xbb\xbf")
    assert journal.read(path) == ([], [])
    journal.append(path, made("c1", id="c"))
    assert ids(path) == ["c"] and aside(path) == []


def test_a_class_may_be_used_before_the_line_that_makes_it(path):
    """As in a file whose lines were sorted."""
    path.write_bytes(raw(GOOD) + b"\n" + raw(CLASS) + b"\n")
    assert ids(path) == ["x", "c"]


def test_lines_set_aside_are_in_the_order_of_the_file(path):
    """Also those of an unknown class, which is known at the end only."""
    rows = [raw(answer("a", "c9")), b"?", raw(answer("b", "c9")), b"?", raw(CLASS)]
    path.write_bytes(b"\n".join(rows))
    assert [number for number, _ in aside(path)] == [1, 2, 3, 4]


def test_an_id_of_a_line_set_aside_for_its_class_is_not_given_again(path):
    """Once the class is made, that line counts."""
    path.write_bytes(raw(CLASS) + b"\n" + raw(answer("a", "c2", id="x")) + b"\n")
    refused(path, answer("a", "c1", id="x"), "line 2 has the id 'x' already, and is set aside: no")
    journal.append(path, made("c2"))
    assert "x" in ids(path)
    assert journal.append(path, answer("a", "c1", id="x"))["answer"] == {"class": "c2"}


# what is refused


@pytest.mark.parametrize(
    "one",
    [
        *([], None, without("path"), GOOD | {"kind": "like"}, GOOD | {"image": "a"}),
        GOOD | {"shown": {"score": float("inf")}},
        GOOD | {"shown": {"what": {1, 2}}},
        GOOD | {"shown": {"what": 10**5000}},
    ],
    ids=range(8),
)
def test_a_malformed_line_is_refused_before_anything_is_written(path, one):
    refused(path, one, "a line is refused: ")
    journal.append(path, CLASS)
    refused(path, one, "a line is refused: ")


def test_a_line_that_holds_itself_is_refused(two):
    shown = {}
    shown["shown"] = shown
    refused(two, answer("a", "c1", shown=shown), "a line is refused: JSON cannot hold it")


def test_answers_of_classes_that_are_not_there_are_refused(two):
    refused(two, answer("a", "c3"), r"class 'c3' is not there; known: c1 \(cat\), c2 \(dog\)")
    journal.append(two, undo(of=ids(two)[0], id="u"))
    refused(two, answer("a", "c1"), r"'c1' is not there any more.* undone; known: c2 \(dog\)")
    journal.append(two, undo(of="u"))
    journal.append(two, answer("a", "c1"))


def test_an_answer_of_a_merged_class_is_taken_for_a_page_may_not_know_yet(two):
    journal.append(two, merged("c1", "c2"))
    journal.append(two, answer("a", "c1", id="x"))
    assert ids(two)[-1] == "x"


@pytest.mark.parametrize("name", ["cat", " CAT\u00a0", "Cat", "ｃａｔ"])
def test_two_classes_of_one_name_are_refused(two, name):
    if name == "ｃａｔ":  # another script is another name: only NFC, not NFKC
        journal.append(two, made("c3", name))
        return
    refused(two, made("c3", name), r"class 'c3' has the name .*, which class 'c1' \('cat'\) has")
    refused(two, renamed("c2", name), r"class 'c2' has the name .*, which class 'c1'")


def test_names_are_compared_after_composing_and_folding(two):
    journal.append(two, made("c3", "Cafe\u0301 STRASSE"))
    refused(two, made("c4", "café straße"), "which class 'c3'")


def test_a_class_may_be_renamed_to_its_own_name_in_another_case(two):
    journal.append(two, renamed("c1", "CAT"))


def test_the_id_of_a_class_is_given_once(two):
    refused(two, made("c1", "cow"), "line 1 has made the class 'c1': choose another id")
    journal.append(two, undo(of=ids(two)[0]))
    refused(two, made("c1", "cow"), "line 1 has made the class 'c1'")


def test_the_name_of_an_undone_or_merged_class_is_free(two):
    journal.append(two, undo(of=ids(two)[0], id="u"))
    journal.append(two, made("c3", "cat", id="cat3"))
    refused(two, undo(of="u"), "'c3' has the name 'cat', which class 'c1' .* Change that first")
    journal.append(two, renamed("c3", "tiger"))
    journal.append(two, undo(of="u"))
    journal.append(two, merged("c2", "c1", id="m"))
    journal.append(two, made("c4", "dog"))
    refused(two, undo(of="m"), "'c4' has the name 'dog'")


def test_renames_of_what_is_not_there_are_refused(two):
    refused(two, renamed("c3", "x"), "class 'c3' is not there")
    journal.append(two, merged("c1", "c2"))
    refused(two, renamed("c1", "x"), "class 'c1' is merged into 'c2': take that one")


def test_merges_without_effect_are_refused(two):
    refused(two, merged("c1", "c1"), "it is one class")
    refused(two, merged("c1", "c3"), "class 'c3' is not there")
    refused(two, merged("c3", "c1"), "class 'c3' is not there")
    journal.append(two, merged("c1", "c2", id="m"))
    refused(two, merged("c2", "c1"), "class 'c1' is merged into 'c2'")
    refused(two, merged("c1", "c2"), "class 'c1' is merged into 'c2'")
    journal.append(two, undo(of="m", id="u"))
    journal.append(two, merged("c2", "c1"))
    refused(two, undo(of="u"), "merged into 'c2' already. Change that first")  # would be a cycle


def test_the_making_of_a_class_that_has_merges_is_not_undone(two):
    journal.append(two, merged("c1", "c2", id="m"))
    for one in ids(two)[:2]:
        refused(two, undo(of=one), "line 'm', which merges class 'c1' into 'c2', has no effect")
    journal.append(two, undo(of="m"))
    journal.append(two, undo(of=ids(two)[1]))


def test_an_undo_of_nothing_is_refused(two):
    refused(two, undo(of="nothing"), "there is no line 'nothing' to be undone")
    refused(two, undo(of="me", id="me"), "there is no line 'me' to be undone")


# what others do to the file meanwhile


def test_after_preparing_an_append_parses_its_own_line_alone(two, tmp_path, monkeypatch):
    journal.SEEN.clear()
    journal.prepare(two)
    found, parsed = [], journal.parsed
    monkeypatch.setattr(journal, "parsed", lambda raw: found.append(raw) or parsed(raw))
    journal.append(two, answer("a", "c1", id="new"))
    assert [json.loads(raw)["id"] for raw in found] == ["new"]
    journal.prepare(tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_lines_of_other_processes_are_seen(two):
    journal.append(two, answer("a", "c1"))
    code = "import json, sys; from wholepool.labeling.journal import append\n"
    code += "for line in json.loads(sys.argv[2]): append(sys.argv[1], line)"
    lines = [made("c3", "cow"), answer("b", "c3", id="theirs")]
    subprocess.run([sys.executable, "-c", code, two, json.dumps(lines)], check=True)
    refused(two, made("c4", "cow"), "which class 'c3'")
    journal.append(two, answer("c", "c3"))
    assert journal.append(two, answer("z", "c1", id="theirs")) == lines[1]


def test_only_new_bytes_are_read(two, monkeypatch):
    for number in range(300):
        journal.append(two, answer(number, "c1"))
    read, real = [], os.pread

    def pread(*arguments):
        read.append(len(real(*arguments)))
        return real(*arguments)

    monkeypatch.setattr(journal.os, "pread", pread)
    journal.append(two, answer("a", "c1"))
    assert 0 < sum(read) < 3 * journal.TAIL < two.stat().st_size


@pytest.mark.parametrize("how", ["replaced", "in place", "shorter", "longer", "same size"])
def test_a_file_that_an_editor_wrote_anew_is_read_anew(two, how):
    journal.append(two, answer("a", "c1", id="x"))
    journal.append(two, made("c3", "cow"))
    lines = two.read_bytes().splitlines(keepends=True)
    if how == "shorter":
        new = b"".join(lines[:2])
    elif how == "longer":
        new = b"".join([*lines[:2], raw(made("c5", "hen", id="hen")) + b"\n", *lines[2:]])
    else:
        new = b"".join(lines).replace(b'"x"', b'"y"').replace(b'"c3"', b'"c5"')
    until_time_moves(two)
    if how == "replaced":
        other = two.with_suffix(".new")
        other.write_bytes(new)
        os.replace(other, two)
    else:
        two.write_bytes(new)
    refused(two, made("c5"), "has made the class 'c5'") if how != "shorter" else None
    if how == "shorter":
        refused(two, answer("b", "c3"), "class 'c3' is not there")
    journal.append(two, answer("a", "c1", id="x"))
    assert ids(two).count("x") == 1
    assert two.read_bytes().startswith(new)


def until_time_moves(path):
    """A file's time has a grain of some milliseconds; nobody edits a file within it."""
    other = path.with_suffix(".probe")
    while True:
        other.write_text("")
        if other.stat().st_mtime_ns > path.stat().st_mtime_ns:
            return


def test_a_file_that_was_removed_is_begun_anew(two):
    two.unlink()
    refused(two, answer("a", "c1"), "class 'c1' is not there; known: none")
    journal.append(two, made("c1", id="c"))
    assert ids(two) == ["c"]


def test_a_file_that_is_replaced_while_its_lock_is_waited_for(two):
    """The line is in the file that has the name in the end."""
    with open(two, "rb") as held:
        journal.fcntl.flock(held, journal.fcntl.LOCK_EX)
        thread = threading.Thread(target=journal.append, args=(two, answer("a", "c1", id="x")))
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive()
        other = two.with_suffix(".new")
        other.write_bytes(two.read_bytes())
        os.replace(other, two)
    thread.join()
    assert ids(two)[-1] == "x"


def test_a_reader_waits_for_a_writer(two):
    """It would take half a line for a torn one."""
    with open(two, "ab") as held:
        journal.fcntl.flock(held, journal.fcntl.LOCK_EX)
        content = raw(answer("a", "c1", id="x"))
        held.write(content[:50])
        held.flush()
        found = []
        thread = threading.Thread(target=lambda: found.append(journal.read(two)))
        thread.start()
        time.sleep(0.2)
        assert found == []
        held.write(content[50:] + b"\n")
    thread.join()
    assert found[0][0][-1]["id"] == "x" and found[0][1] == []


def test_a_file_system_without_locks_is_told(two, monkeypatch, caplog):
    def flock(*_):
        raise OSError(journal.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(journal.fcntl, "flock", flock)
    with caplog.at_level("WARNING", "wholepool"):
        journal.append(two, answer("a", "c1", id="x"))
    assert "has no locks" in caplog.text and ids(two)[-1] == "x"


def test_few_files_are_remembered(tmp_path):
    for number in range(3 * journal.FILES):
        journal.append(tmp_path / f"{number}.jsonl", made("c1"))
    assert len(journal.SEEN) <= journal.FILES


# several at once

WRITER = """
import json, os, random, sys
from wholepool.labeling import journal
path, name, count, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = random.Random(name)
line = json.loads(sys.argv[5])
for number in range(count):
    line["id"] = f"{name}-{number}"
    line["shown"] = {"much": "x" * rng.randrange(most)}
    journal.append(path, line)
    os.write(1, line["id"].encode() + b"\\n")
"""


def writer(path, name, count, most):
    arguments = [str(path), str(name), str(count), str(most), json.dumps(answer("a", "c1"))]
    command = [sys.executable, "-c", WRITER, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.jobs
def test_processes_and_threads_append_at_once(two):
    """Each line is there once and whole; those of one writer in their order."""
    writers = [writer(two, name, 150, 30_000) for name in range(4)]

    def write(name):
        for number in range(60):
            journal.append(two, answer("b", "c2", id=f"{name}-{number}"))
            journal.append(two, answer("b", "c2", id=f"same-{number}"))

    threads = [threading.Thread(target=write, args=(f"thread{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    read = [journal.read(two) for _ in range(20)]
    for thread in threads:
        thread.join()
    assert [one.wait() for one in writers] == [0] * 4
    lines, wrong = journal.read(two)
    assert wrong == [] and all(aside == [] for _, aside in read)
    assert all(lines[: len(some)] == some for some, _ in read)
    found = [one["id"] for one in lines]
    for name, count in [(n, 150) for n in range(4)] + [(f"thread{n}", 60) for n in range(4)]:
        own = [one for one in found if one.startswith(f"{name}-")]
        assert own == [f"{name}-{number}" for number in range(count)]
    assert sum(one.startswith("same-") for one in found) == 60
    assert len(found) == 2 + 600 + 240 + 60


SAME = """
import json, sys, time
from wholepool.job.errors import UserError
from wholepool.labeling import journal
write = journal.write
def late(handle, content):
    time.sleep(0.01)  # so that another may come between the look and the writing
    write(handle, content)
journal.write = late
line, made = json.loads(sys.argv[3]), json.loads(sys.argv[4])
for number in range(20):
    journal.append(sys.argv[1], line | {"id": f"same-{number}"})
    try:
        own = {"id": f"{sys.argv[2]}-{number}", "class": f"{sys.argv[2]}-{number}"}
        journal.append(sys.argv[1], made | own | {"name": f"name {number}"})
    except UserError:
        pass
"""


@pytest.mark.jobs
def test_of_processes_that_send_the_same_line_or_name_one_writes_it(two):
    lines = [json.dumps(answer("a", "c1")), json.dumps(made("c3"))]
    command = [sys.executable, "-c", SAME, str(two)]
    writers = [subprocess.Popen([*command, f"writer{n}", *lines]) for n in range(4)]
    assert [one.wait() for one in writers] == [0] * 4
    lines, wrong = journal.read(two)
    assert wrong == []
    assert sorted(one["name"] for one in lines if one["kind"] == "class")[2:] == sorted(
        f"name {number}" for number in range(20)
    )
    assert sum(one["kind"] == "answer" for one in lines) == 20


def test_threads_write_a_line_once_where_there_are_no_locks(two, monkeypatch):
    def flock(*_):
        raise OSError(journal.errno.ENOLCK, "No locks available")

    def late(handle, content):
        time.sleep(0.01)  # so that another may come between the look and the writing
        os.write(handle, content)

    monkeypatch.setattr(journal.fcntl, "flock", flock)
    monkeypatch.setattr(journal, "write", late)
    lines = [answer(number, "c1", id=f"same-{number}") for number in range(20)]
    threads = [
        threading.Thread(target=lambda: [journal.append(two, one) for one in lines])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.read(two)[0][2:] == lines and aside(two) == []


DIES = """
import json, os, signal, sys
from wholepool.labeling import journal
real = os.write
def write(handle, content):
    real(handle, content[: int(sys.argv[2])])
    os.kill(os.getpid(), signal.SIGKILL)
journal.os.write = write
journal.append(sys.argv[1], json.loads(sys.argv[3]))
"""


@pytest.mark.jobs
@pytest.mark.parametrize("size", [0, 1, 100, "all but its end", "all"])
def test_killed_within_a_line(two, size):
    one = answer("a", "c1", id="x")
    length = len(json.dumps(one))
    size = {"all but its end": length, "all": length + 1}.get(size, size)
    done = subprocess.run([sys.executable, "-c", DIES, two, str(size), json.dumps(one)])
    assert done.returncode == -signal.SIGKILL
    assert ("x" in ids(two)) == (size >= length)
    journal.append(two, answer("b", "c2", id="y"))
    journal.append(two, one)
    assert sorted(ids(two)[2:]) == ["x", "y"]
    assert len(aside(two)) == (0 < size < length)


def kill_writers(path, kills, most, seed):
    """Kill a writer so often; returns how many lines were acknowledged, and how many torn."""
    classes = [journal.append(path, made(key))["id"] for key in ("c1", "c2")]
    rng, acknowledged = random.Random(seed), classes
    for number in range(kills):
        one = writer(path, number, 10**9, most)
        acknowledged.append(one.stdout.readline().decode().strip())
        time.sleep(rng.uniform(0, 0.03))
        one.kill()
        acknowledged += one.stdout.read().decode().splitlines()
        one.wait()
        if number % 10 == 9 or number == kills - 1:
            lines, wrong = journal.read(path)
            found = [line["id"] for line in lines]
            assert len(set(found)) == len(found)
            assert set(acknowledged) <= set(found)
            # each kill may leave one line that was not acknowledged: torn or whole
            assert len(found) + len(wrong) <= len(acknowledged) + number + 1
            last = answer("after", "c2", id=f"after-{number}")
            acknowledged.append(journal.append(path, last)["id"])
            assert journal.read(path)[0][-1] == last
    return len(acknowledged), len(wrong)


@pytest.mark.jobs
def test_no_acknowledged_line_is_lost_by_kills(path):
    acknowledged, _ = kill_writers(path, KILLS, 100_000, seed=0)
    assert acknowledged > KILLS + 2 + 2  # of the classes, and of the lines after


@pytest.mark.long
@pytest.mark.parametrize("most", [2, 300_000], ids=["small", "large"])
def test_no_acknowledged_line_is_lost_by_a_thousand_kills(path, most):
    """Half of them of small lines, as answers are, half of large ones, which a kill can tear."""
    acknowledged = torn = 0
    for part in range(20):
        more, wrong = kill_writers(path, 25, most, seed=part)
        acknowledged, torn = acknowledged + more, torn + wrong
        path.unlink()
    print(f"500 kills, lines to {most} bytes: {acknowledged} acknowledged, {torn} torn")
    assert acknowledged > 600
