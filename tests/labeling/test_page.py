"""The page's server, over HTTP: what it writes, what it shows, and whom it refuses."""

import json
import os
import random
import signal
import socket
import sys
import threading
import time
import uuid

import labeled_page as pages
import pytest
from PIL import Image

from wholepool.job.errors import UserError
from wholepool.labeling import answers, journal
from wholepool.labeling.page import has_screen, serve

pages.needed()
pytestmark = pytest.mark.jobs
ROUNDS = int(os.environ.get("WHOLEPOOL_KILLS", "10"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for tests that write nothing, its folder and its batch."""
    root = tmp_path_factory.mktemp("page")
    folder, entries = pages.folder_of(root, 4)
    batch = pages.write_batch(root / "batch.json", entries)
    with pages.served(batch, folder, root / "journal.jsonl") as page:
        yield page, folder, entries


@pytest.fixture
def desk(tmp_path):
    """A server, its batch of six, and its journal."""
    folder, entries = pages.folder_of(tmp_path, 6)
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    path = tmp_path / "answers" / "journal.jsonl"
    with pages.served(batch, folder, path) as page:
        yield page, entries, path


def lines_of(path):
    lines, aside = journal.read(path)
    assert aside == []
    return lines


def test_answers_of_each_kind_are_in_the_journal(desk):
    page, entries, path = desk
    cat = page.written(kind="class", name="  a  cat ")
    assert (cat["class"], cat["name"]) == ("c1", "a cat")
    assert page.written(kind="class", name="dog")["class"] == "c2"
    given = [{"class": "c2"}, "later", "unsure", "bad"]
    for entry, answer in zip(entries, given, strict=False):
        page.answer(entry, answer, shown={"guess": True})
    found = [line for line in lines_of(path) if line["kind"] == "answer"]
    assert [line["answer"] for line in found] == given
    assert [line["path"] for line in found] == [entry["path"] for entry in entries[:4]]
    assert found[0] | {"id": "", "time": ""} == {
        "id": "",
        "time": "",
        "kind": "answer",
        "annotator": "ann",
        "image": entries[0]["image"],
        "path": entries[0]["path"],
        "answer": {"class": "c2"},
        "cycle": 1,
        "shown": {"guess": True},
    }
    state = page.get("state")
    done = [entry["image"] for entry in entries if state["answers"].get(entry["image"])]
    assert done == [entry["image"] for entry in entries[:4]]
    assert [state["answers"][image]["done"] for image in done] == [True, False, True, True]


def test_the_same_line_sent_again_is_written_once(desk):
    page, entries, path = desk
    page.written(kind="class", name="cat")
    first = page.written(id="k", kind="class", name="dog")
    again = page.written(id="k", kind="class", name="dog")  # its own name is not taken by another
    assert first == again
    line = page.answer(entries[0], {"class": "c1"}, id="a")
    assert page.answer(entries[0], {"class": "c1"}, id="a") == line
    undo = page.written(id="u", kind="undo", of="a")
    assert page.written(id="u", kind="undo", of="a") == undo
    assert [line["id"] for line in lines_of(path)][1:] == ["k", "a", "u"]


def test_undo_goes_back_through_all_answers_even_in_the_next_session(desk, tmp_path):
    page, entries, path = desk
    page.written(kind="class", name="cat")
    for entry in entries[:3]:
        page.answer(entry, {"class": "c1"})
    page.answer(entries[0], "bad")
    undone = []
    for _ in range(2):
        undo = page.get("state")["undo"]
        undone.append(undo["image"])
        page.written(kind="undo", of=undo["of"])
    assert undone == [entries[0]["image"], entries[2]["image"]]
    assert page.get("state")["answers"][entries[0]["image"]]["answer"] == {"class": "c1"}
    with pages.served(tmp_path / "batch.json", tmp_path / "images", path) as later:
        while undo := later.get("state")["undo"]:
            undone.append(undo["image"])
            later.written(kind="undo", of=undo["of"])
        assert later.get("state")["answers"] == {}
    assert undone[2:] == [entries[1]["image"], entries[0]["image"]]
    assert len(lines_of(path)) == 1 + 4 + 4


@pytest.mark.parametrize(
    "line, words",
    [
        ({"kind": "answer", "answer": {"class": "c9"}}, "no class 'c9'"),
        ({"kind": "answer", "answer": {"class": ["c1"]}}, "no class"),
        ({"kind": "answer", "answer": {"class": "c1", "more": 1}}, "no class"),
        ({"kind": "answer", "answer": "perhaps"}, "perhaps"),
        ({"kind": "answer", "answer": ["later"]}, "later"),
        ({"kind": "answer", "answer": "later", "image": "0" * 64}, "not in the batch"),
        ({"kind": "answer", "answer": "later", "image": {}}, "not in the batch"),
        ({"kind": "answer", "answer": "later", "shown": "all"}, "shown"),
        ({"kind": "undo", "of": "nothing"}, "no answer or merge of ann"),
        ({"kind": "undo", "of": {}}, "no answer or merge of ann"),
        ({"kind": "class", "name": " "}, "1 to 100"),
        ({"kind": "class", "name": "x" * 101}, "1 to 100"),
        ({"kind": "class", "name": "a\0b"}, "1 to 100"),
        ({"kind": "class", "name": 7}, "1 to 100"),
        ({"kind": "class", "name": "CAT"}, "cat already"),
        ({"kind": "rename", "class": "c7", "name": "ox"}, "no class 'c7'"),
        ({"kind": "rename", "class": "c2", "name": "cat"}, "cat already"),
        ({"kind": "merge", "class": "c1", "into": "c7"}, "no class 'c7'"),
        ({"kind": "merge", "class": ["c1"], "into": "c2"}, "no class"),
        ({"kind": "merge", "class": "c2"}, "no class None"),
        ({"kind": "merge", "class": "c2", "into": "c2"}, "dog is one class"),
        ({"kind": "close", "cycle": 0}, "close"),
        ({"kind": "class", "name": "ox", "id": ""}, "id"),
        ({"kind": "class", "name": "ox", "id": "x" * 101}, "id"),
        ({"kind": "class", "name": "ox", "id": 7}, "id"),
    ],
    ids=str,
)
def test_a_wrong_line_is_refused_in_words_and_writes_nothing(desk, line, words):
    page, entries, path = desk
    page.written(kind="class", name="cat")
    page.written(kind="class", name="dog")
    before = path.read_bytes()
    status, found = page.send(**{"image": entries[0]["image"]} | line)
    assert (status, words in found["error"]) == (400, True), found
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "body, kind, status",
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 60000, "application/json", 400),
        (b"{}", "text/plain", 415),  # a form of another site can send this without asking
        (b'"' + b"x" * 2**16 + b'"', "application/json", 413),
    ],
)
def test_a_body_that_is_no_line_is_refused(shared, body, kind, status):
    page, *_ = shared
    found = page.ask("lines", "POST", body, Content_Type=kind)
    assert found[0] == status
    assert json.loads(found[2])["error"]


def test_a_rename_keeps_answers_and_takes_a_name_in_another_case(desk):
    page, entries, _ = desk
    page.written(kind="class", name="cat")
    page.answer(entries[0], {"class": "c1"})
    page.written(kind="rename", **{"class": "c1", "name": "Cat"})
    state = page.get("state")
    assert state["classes"] == [{"class": "c1", "name": "Cat"}]
    assert state["answers"][entries[0]["image"]]["answer"] == {"class": "c1"}


def test_answers_of_a_merged_class_are_told_as_those_of_the_other(desk):
    page, entries, path = desk
    for name in ("cat", "kitten"):
        page.written(kind="class", name=name)
    page.answer(entries[0], {"class": "c2"})
    merge = {"kind": "merge", "class": "c2", "into": "c1", "annotator": "ann"}
    journal.append(path, {"id": "m", "time": journal.now()} | merge)
    state = page.get("state")
    assert state["classes"] == [{"class": "c1", "name": "cat"}]
    assert state["answers"][entries[0]["image"]]["answer"] == {"class": "c1"}
    assert page.send(kind="answer", image=entries[1]["image"], answer={"class": "c2"})[0] == 400
    assert page.written(kind="class", name="kitten")["class"] == "c3"  # an id has one meaning


def test_the_making_of_a_class_is_not_undone_on_the_page(desk):
    page, *_ = desk
    made = page.written(kind="class", name="cat")
    assert page.send(kind="undo", of=made["id"])[0] == 400


def test_answers_to_images_of_another_batch_are_told_when_it_is_there(desk, tmp_path):
    page, entries, path = desk
    page.written(kind="class", name="cat")
    pages.write_batch(tmp_path / "batch.json", entries[:1])
    page.answer(entries[0], {"class": "c1"})
    pages.write_batch(tmp_path / "batch.json", entries[1:], cycle=2)
    line = {"kind": "class", "class": "c2", "name": "dog", "annotator": "bob"}
    journal.append(path, {"id": "d", "time": journal.now()} | line)
    assert page.get("state")["answers"] == {}
    pages.write_batch(tmp_path / "batch.json", entries, cycle=3)
    assert list(page.get("state")["answers"]) == [entries[0]["image"]]


def test_undo_takes_back_the_annotator_s_merges_of_this_cycle_in_turn(desk, tmp_path):
    page, entries, path = desk
    for name in ("cat", "kitten", "dog", "puppy"):
        page.written(kind="class", name=name)
    old = page.written(kind="merge", **{"class": "c4", "into": "c3"})
    close = {"kind": "close", "cycle": 0, "annotator": "ann"}
    journal.append(path, {"id": "close", "time": journal.now()} | close)
    assert page.get("state")["undo"] is None  # what a closed cycle has learned from stays
    page.answer(entries[0], {"class": "c2"})
    merged = page.written(kind="merge", **{"class": "c2", "into": "c1"})
    with pages.served(tmp_path / "batch.json", tmp_path / "images", path, "bob") as other:
        other.written(kind="merge", **{"class": "c3", "into": "c1"})
        state = page.get("state")
        assert state["merged"] == {"c4": "c1", "c2": "c1", "c3": "c1"}
        assert state["undo"] == {"of": merged["id"], "class": "c2"}
        assert other.send(kind="undo", of=merged["id"])[0] == 400
    page.written(kind="undo", of=merged["id"])
    state = page.get("state")
    assert [one["name"] for one in state["classes"]] == ["cat", "kitten"]
    assert state["answers"][entries[0]["image"]]["answer"] == {"class": "c2"}
    assert state["undo"]["image"] == entries[0]["image"]
    assert old["into"] == "c3"


def test_two_processes_see_each_other_and_their_classes_differ(desk, tmp_path):
    page, entries, path = desk
    with pages.served(tmp_path / "batch.json", tmp_path / "images", path, "bob") as other:
        made = []

        def make(client, names):
            made.extend(client.written(kind="class", name=name)["class"] for name in names)

        threads = [
            threading.Thread(target=make, args=(client, [f"{letter}{n}" for n in range(15)]))
            for client, letter in ((page, "a"), (other, "b"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(made) == sorted(f"c{n}" for n in range(1, 31))
        page.answer(entries[0], {"class": "c1"})
        assert other.get("state")["answers"][entries[0]["image"]] == {
            "answer": {"class": "c1"},
            "by": "ann",
            "done": True,
        }
        assert other.get("state")["undo"] is None, "bob cannot undo what ann said"
        line = page.get("state")["undo"]["of"]
        assert other.send(kind="undo", of=line)[0] == 400
        other.answer(entries[0], {"class": "c2"})
        assert [one.get("state")["answers"][entries[0]["image"]]["answer"] for one in (page, other)]
    assert answers.state(lines_of(path)).disputed == {entries[0]["image"]}


def test_a_tie_is_asked_of_a_third_and_once_more_in_a_later_cycle(desk, tmp_path):
    page, entries, path = desk
    image = entries[0]["image"]
    page.written(kind="class", name="cat")
    page.written(kind="class", name="dog")
    batch, folder = tmp_path / "batch.json", tmp_path / "images"
    with pages.served(batch, folder, path, "bob") as bob:
        page.answer(entries[0], {"class": "c1"})
        bob.answer(entries[0], {"class": "c2"})
        assert page.get("state")["answers"][image]["done"]
    with pages.served(batch, folder, path, "carol") as carol:
        assert not carol.get("state")["answers"][image]["done"]
    pages.write_batch(batch, entries, cycle=2)
    assert not page.get("state")["answers"][image]["done"]
    page.answer(entries[0], {"class": "c2"})
    assert page.get("state")["answers"][image] == {
        "answer": {"class": "c2"},
        "by": "ann",
        "done": True,
    }


def test_an_image_for_everyone_is_asked_of_each_annotator(tmp_path):
    folder, entries = pages.folder_of(tmp_path, 2)
    entries[0]["everyone"] = True
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    path = tmp_path / "journal.jsonl"
    with pages.served(batch, folder, path) as ann, pages.served(batch, folder, path, "bob") as bob:
        for entry in entries:
            ann.answer(entry, "bad")
        for page, expected in ((ann, [True, True]), (bob, [False, True])):
            told = page.get("state")["answers"]
            assert [told[entry["image"]]["done"] for entry in entries] == expected


def test_windows_tell_each_other_which_image_they_have(shared):
    page, _, entries = shared
    first, second = entries[0]["image"], entries[1]["image"]
    assert page.get(f"state?window=one&at={first}")["others"] == []
    assert page.get(f"state?window=two&at={second}")["others"] == [first]
    assert page.get(f"state?window=one&at={first}")["others"] == [second]
    assert page.get("state?window=two&at=")["others"] == [first]
    assert page.get(f"state?window=one&at={first}")["others"] == []


def test_the_next_batch_is_taken_up_and_a_torn_one_is_not(desk, tmp_path):
    page, entries, _ = desk
    before = page.get("batch")
    (tmp_path / "batch.json").write_text('{"cycle": 2, "ima')
    assert page.get("batch") == before
    pages.write_batch(tmp_path / "batch.json", entries[2:], cycle=2)
    after = page.get("batch")
    assert [one["image"] for one in after["images"]] == [one["image"] for one in entries[2:]]
    assert page.get("state")["batch"] == after["batch"] != before["batch"]
    assert page.send(kind="answer", image=entries[0]["image"], answer="bad")[0] == 400
    assert page.answer(entries[2], "bad")["cycle"] == 2


def test_nearest_labeled_images_are_shown_from_the_journals_path(tmp_path):
    folder, entries = pages.folder_of(tmp_path, 3)
    path, gone = tmp_path / "journal.jsonl", "f" * 64
    batch = pages.write_batch(tmp_path / "batch.json", entries[:1])
    with pages.served(batch, folder, path) as page:
        page.written(kind="class", name="cat")
        page.answer(entries[0], {"class": "c1"})
        near = [entries[0]["image"], entries[2]["image"], gone]
        pages.write_batch(batch, [entries[1] | {"nearest": near}], cycle=2)
        [shown] = page.get("batch")["images"]
        assert shown["nearest"] == [{"image": entries[0]["image"], "label": "c1"}]
        assert page.ask(f"thumb/{entries[0]['image']}")[0] == 200
        for image in near[1:]:
            assert page.ask(f"thumb/{image}")[0] == 404


# ---- whom it refuses


def test_headers_of_every_answer(shared):
    page, _, entries = shared
    for path in ("", "static/page.js", "state", "batch", f"image/{entries[0]['image']}", "no/no"):
        _, headers, _ = page.ask(path)
        assert headers["content-security-policy"].startswith("default-src 'self';"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        kept = headers["cache-control"]
        assert kept == "no-store" if "image" not in path else "immutable" in kept
        assert "access-control-allow-origin" not in headers
    status, headers, _ = page.ask("/elsewhere", absolute=True)
    assert (status, headers["cache-control"]) == (403, "no-store")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_another_host_is_refused(shared, host):
    page, *_ = shared
    assert page.ask("state", Host=host.format(port=page.port))[0] == 403


def test_two_hosts_are_refused(shared):
    page, *_ = shared
    with socket.create_connection(("127.0.0.1", page.port)) as plain:
        hosts = f"Host: 127.0.0.1:{page.port}\r\nHost: evil.example\r\n"
        plain.sendall(f"GET /{page.token}/state HTTP/1.1\r\n{hosts}\r\n".encode())
        assert plain.recv(100).split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
    ],
)
@pytest.mark.parametrize("method, path", [("GET", "state"), ("POST", "lines")])
def test_another_origin_is_refused(shared, method, path, origin):
    page, *_ = shared
    given = origin.format(port=page.port)
    kind = "application/json"
    assert page.ask(path, method, "{}", Origin=given, Content_Type=kind)[0] == 403


def test_this_machine_by_either_name_is_served(shared):
    page, *_ = shared
    for name in ("127.0.0.1", "localhost", "LOCALHOST"):
        host = f"{name}:{page.port}"
        assert page.ask("state", Host=host)[0] == 200
        assert page.ask("state", Host=host, Origin=f"http://{host}")[0] == 200


def test_without_the_token_nothing_is_served(shared):
    page, _, entries = shared
    wrong = [page.token[:-1], page.token + "x", page.token.swapcase(), "", "..", "%00", "%C3%A4"]
    for token in wrong:
        for path in ("", "state", "static/page.js", f"image/{entries[0]['image']}"):
            assert page.ask(f"/{token}/{path}", absolute=True)[0] == 403, (token, path)
    assert page.ask(f"/{page.token}", absolute=True)[0] == 403
    assert page.ask("/", absolute=True)[0] == 403
    assert len(page.token) >= 20


def test_it_listens_on_the_loopback_only(shared):
    page, *_ = shared
    with open(f"/proc/{page.process.pid}/net/tcp") as file:
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    own = [address for address in listening if address.endswith(f":{page.port:04X}")]
    assert own == [f"0100007F:{page.port:04X}"]


def test_only_images_of_the_batch_are_served(shared, tmp_path):
    page, folder, _ = shared
    Image.new("RGB", (4, 4)).save(folder / "not-in-the-batch.png")
    asked = [
        f"image/{pages.identity(folder / 'not-in-the-batch.png')}",
        "image/photo-0.png",
        "image/../images/photo-0.png",
        "image/..%2f..%2fetc%2fpasswd",
        "image//etc/passwd",
        "static/../page.py",
        "static/..%2fpage.py",
        "static/%2e%2e%2fpage.py",
        "other/" + pages.identity(folder / "photo-0.png"),
    ]
    for path in asked:
        assert page.ask(path)[0] == 404, path


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder, entries = pages.folder_of(tmp_path, 2)
    secret = tmp_path / "secret.png"
    pages.picture(7).save(secret)
    (folder / "out.png").symlink_to(secret)
    (folder / "deep").symlink_to(tmp_path)
    (folder / "in.png").symlink_to(folder / entries[0]["path"])
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    image = pages.identity(secret)
    for path, status in [
        ("out.png", 404),
        ("deep/secret.png", 404),
        ("loop.png", 404),
        ("pipe.png", 404),
        ("sub", 404),
        ("gone.png", 404),
        ("in.png", 200),
    ]:
        digest = entries[0]["image"] if status == 200 else image
        batch = pages.write_batch(tmp_path / "batch.json", [{"image": digest, "path": path}])
        with pages.served(batch, folder, tmp_path / "journal.jsonl") as page:
            for size in ("image", "thumb"):
                found = page.ask(f"{size}/{digest}")
                assert found[0] == status, (path, found)
                assert status == 200 or path in found[2].decode()


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no"),
        ("[]", "list"),
        ('{"images": []}', "cycle"),
        ('{"cycle": true, "images": []}', "cycle"),
        ('{"cycle": 1}', "images"),
        ('{"cycle": 1, "images": [7]}', "images[0]"),
        ('{"cycle": 1, "images": [{"image": "a", "path": "b"}]}', "'a'"),
        ('{"cycle": 1, "images": [{"image": "%s", "path": "../b"}]}' % ("0" * 64), "'../b'"),
        ('{"cycle": 1, "images": [{"image": "%s", "path": "/b"}]}' % ("0" * 64), "'/b'"),
        ('{"cycle": 1, "images": [{"image": "%s", "path": ""}]}' % ("0" * 64), "path is ''"),
        ('{"cycle": 1, "images": [], "review": {"a": 1}}', "review"),
    ],
)
def test_a_wrong_batch_is_refused_with_its_name(tmp_path, text, words):
    (tmp_path / "batch.json").write_text(text)
    with pytest.raises(UserError, match="batch.json") as caught:
        serve(tmp_path / "batch.json", tmp_path, tmp_path / "journal.jsonl", open_browser=False)
    assert words in str(caught.value)


def test_what_is_missing_is_said(tmp_path, monkeypatch, shared):
    batch = tmp_path / "batch.json"
    with pytest.raises(UserError, match="batch.json is missing"):
        serve(batch, tmp_path, tmp_path / "j", open_browser=False)
    pages.write_batch(batch, [])
    with pytest.raises(UserError, match="nowhere is no folder"):
        serve(batch, tmp_path / "nowhere", tmp_path / "j", open_browser=False)
    with pytest.raises(UserError, match=f"port {shared[0].port} cannot be used"):
        serve(batch, tmp_path, tmp_path / "j", port=shared[0].port, open_browser=False)
    with pytest.raises(UserError, match="is a folder"):
        serve(batch, tmp_path, tmp_path, open_browser=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UserError, match=r"uvicorn.*pip install 'wholepool\[label\]'"):
        serve(batch, tmp_path, tmp_path / "j", open_browser=False)


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_screen()


def test_ctrl_c_ends_it_in_order(tmp_path):
    batch = pages.write_batch(tmp_path / "batch.json", [])
    with pages.served(batch, tmp_path, tmp_path / "j") as page:
        page.get("state")
        page.process.send_signal(signal.SIGINT)
        assert page.process.wait(60) == 0
        assert page.process.stderr.read() == ""


def test_a_disk_that_refuses_is_told_and_the_line_can_be_sent_again(tmp_path):
    folder, entries = pages.folder_of(tmp_path, 1)
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    blocked = tmp_path / "kept"
    with pages.served(batch, folder, blocked / "journal.jsonl") as page:
        blocked.write_text("a file where the journal's folder should be")
        line = {"id": "one", "kind": "answer", "image": entries[0]["image"], "answer": "bad"}
        status, found = page.send(**line)
        assert status == 503
        assert str(blocked) in found["error"]
        blocked.unlink()
        assert page.send(**line)[0] == 200
    assert [one["id"] for one in lines_of(blocked / "journal.jsonl")] == ["one"]


def test_a_name_that_is_not_utf8(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    path = os.fsdecode(b"caf\xe9.png")
    pages.picture(1).save(folder / path)
    batch = pages.write_batch(tmp_path / "batch.json", [pages.entry(folder, path)])
    with pages.served(batch, folder, tmp_path / "journal.jsonl") as page:
        [entry] = page.get("batch")["images"]
        assert entry["path"] == path
        assert page.ask(f"image/{entry['image']}")[0] == 200
        assert page.answer(entry, "unsure")["path"] == path
        (folder / path).unlink()
        assert page.ask(f"image/{entry['image']}")[0] == 404


# ---- killed at any moment


def stream(page, entries, acknowledged, stop):
    """Answer without end; note the id of each that the server says is saved."""
    rng = random.Random(uuid.uuid4().int)
    while not stop.is_set():
        key = uuid.uuid4().hex
        line = {"id": key, "kind": "answer", "image": rng.choice(entries)["image"]}
        try:
            if page.send(**line, answer=rng.choice(["later", "unsure", "bad"]))[0] == 200:
                acknowledged.append(key)
        except (OSError, ValueError, pages.http.client.HTTPException):
            return  # it was killed


def test_no_acknowledged_answer_is_lost_when_the_server_is_killed(tmp_path):
    """ROUNDS kills, at a random moment each; WHOLEPOOL_KILLS sets how many."""
    folder, entries = pages.folder_of(tmp_path, 5)
    batch, path = pages.write_batch(tmp_path / "batch.json", entries), tmp_path / "journal.jsonl"
    acknowledged = []
    for _ in range(ROUNDS):
        before = len(acknowledged)
        with pages.served(batch, folder, path) as page:
            stop = threading.Event()
            threads = [
                threading.Thread(target=stream, args=(page, entries, acknowledged, stop))
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            while len(acknowledged) == before:
                time.sleep(0.001)
            time.sleep(random.random() * 0.2)
            page.process.send_signal(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join(60)
    ids = [json.loads(line)["id"] for line in complete(path)]
    assert len(ids) == len(set(ids)), "a line is there twice"
    assert set(acknowledged) <= set(ids)
    assert len(acknowledged) >= ROUNDS
    assert set(acknowledged) <= {line["id"] for line in journal.read(path)[0]}


def complete(path):
    """The lines of the file that are whole; those that a kill tore are not JSON."""
    for line in path.read_bytes().split(b"\n"):
        try:
            json.loads(line)
        except ValueError:
            continue
        yield line
