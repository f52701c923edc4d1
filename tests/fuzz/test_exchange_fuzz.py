"""The exchange with other tools: odd paths and classes come back, spoilt files are refused."""

import csv
import io
import json
import shutil
import zipfile

import pytest
from exchanged import MADE, answered, entries, image_of, labels, pool
from histories import line
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wholepool.job.errors import UserError
from wholepool.labeling import exchange, journal
from wholepool.labeling.classes import folded
from wholepool.labeling.exchange import export_to, import_from
from wholepool.labeling.exchange.cvat import NO_XML
from wholepool.labeling.exchange.found import one_line
from wholepool.labeling.lines import fault

#: what means something to some format, or to a file system, and letters of several scripts
SIGNS = " ,;|\t\n\r\"'#%?&+=\\.@:<>[]{}$*~-_éß한\u0301\u00a0\u2028\ufeff\x01\x85\U0001f600ab01"
PARTS = st.text(SIGNS, min_size=1, max_size=8).map(
    lambda part: part if part[0] != "." else "a" + part
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
LETTERS = "".join(sign for sign in SIGNS if sign.isprintable())
NAMES = st.text(LETTERS, max_size=8).map(lambda name: one_line("x" + name))


@st.composite
def pools(draw):
    """Distinct paths, of which none is a folder of another, each with a class's number or None."""
    paths = draw(st.lists(PATHS, min_size=1, max_size=6, unique=True))
    starts = {"/".join(path.split("/")[:at]) for path in paths for at in range(1, 4)}
    paths = [path for path in paths if not any(other.startswith(path + "/") for other in starts)]
    return {path: draw(st.none() | st.integers(0, 2)) for path in paths}


@st.composite
def class_lists(draw):
    """Three classes that a journal takes, and a folder can be called after."""
    names = draw(st.lists(NAMES, min_size=3, max_size=3, unique_by=folded))
    lines = [
        line("class", f"m{at}", **{"class": f"c{at}", "name": name})
        for at, name in enumerate(names)
    ]
    assume(not any(map(fault, lines)))
    return lines


@pytest.mark.parametrize("format", ["csv", "cvat", "imagefolder", "fiftyone"])
@settings(max_examples=settings.default.max_examples // 4)  # they write folders
@given(content=pools(), made=class_lists())
def test_what_goes_out_comes_back(folder, format, content, made):
    """By image id and by path alone; and a second time it changes nothing."""
    photos, out = folder / "photos", folder / "out"
    for old in (photos, out):
        shutil.rmtree(old, ignore_errors=True)
        old.unlink(missing_ok=True)
    manifest, batch = pool(photos, content)
    lines = [*made]
    lines += [answered(path, f"c{at}") for path, at in content.items() if at is not None]
    if format == "cvat" and any(map(NO_XML.search, [*content, *(one["name"] for one in made)])):
        with pytest.raises(UserError, match="XML cannot hold"):
            export_to(format, out, photos, batch, lines)
        return
    export_to(format, out, photos, batch, lines)
    if format in ("imagefolder", "fiftyone") and not out.is_dir():
        return  # nothing was answered
    plan = import_from(out, manifest, photos, made, "bea")
    assert not plan.left and not plan.by_end
    assert labels([*made, *plan.lines]) == labels(lines)
    assert import_from(out, manifest, photos, [*made, *plan.lines], "bea").lines == []
    if format == "csv":
        rows = list(csv.reader(io.StringIO(out.read_bytes().decode(), newline="")))
        out.unlink()
        with open(out, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=";").writerows(row[:2] for row in rows)
        plan = import_from(out, manifest, photos, made, "bea")
        assert labels([*made, *plan.lines]) == labels(lines)


@settings(max_examples=settings.default.max_examples // 4)  # they write folders
@given(content=pools(), made=class_lists())
def test_label_studio_gives_back_what_a_person_submits_there(folder, content, made):
    """Its export is our tasks with annotations, as a server made it (tests/labeling/exchange)."""
    photos, out = folder / "photos", folder / "tasks.json"
    shutil.rmtree(photos, ignore_errors=True)
    for old in (out, folder / "tasks.xml"):
        old.unlink(missing_ok=True)
    manifest, batch = pool(photos, content)
    export_to("label_studio", out, photos, batch, made)
    tasks = json.loads(out.read_text("utf-8"))
    for task, at in zip(tasks, content.values(), strict=True):
        value = {"choices": [made[at or 0]["name"]]}
        annotation = {"completed_by": 1, "result": [{"type": "choices", "value": value}]}
        annotation |= {"was_cancelled": False, "updated_at": "2026-11-25T23:10:07.980660Z"}
        task["annotations"] = [annotation] if at is not None else []
    expected = {image_of(path): made[at]["name"] for path, at in content.items() if at is not None}
    for with_id in (True, False):
        for task in tasks:
            if not with_id:
                del task["data"]["wp_id"]
        out.write_text(json.dumps(tasks))
        plan = import_from(out, manifest, photos, made, "ann")
        found = labels([*made, *plan.lines])
        if with_id:
            assert found == expected and not plan.left
        else:  # the document root lies above the folder: an end may mean several
            assert found.items() <= expected.items()
            assert len(found) + len(plan.left) == len(expected)
            assert {one.why for one in plan.left} <= {"ambiguous"}


XML = '<?xml version="1.0"?><annotations><image name="a"><tag label="cat"/></image></annotations>'


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


WHOLE = [
    b'path,label,time\n"a",cat,2026-01-31\nb,dog,\n',
    b"\xff\xfe" + "path;label\na;cat\n".encode("utf-16-le"),
    json.dumps(
        [
            {
                "data": {"image": "/data/local-files/?d=a", "wp_id": "x"},
                "annotations": [
                    {
                        "completed_by": {"id": 1, "email": "a@b"},
                        "result": [{"type": "choices", "value": {"choices": ["cat"]}}],
                        "was_cancelled": False,
                        "updated_at": "2026-11-25T23:10:07.980660Z",
                    }
                ],
            }
        ]
    ).encode(),
    b'[{"image": "a", "label": "cat", "annotator": 1, "updated_at": "2026-11-25T23:10:07Z"}]',
    b'"annotation_id","annotator","image","label","updated_at"\n1,"1","a","cat","2026-11-25"\n',
    XML.encode(),
    zipped({"annotations.xml": XML}),
    zipped({"cat/a.png": b"x", "no_label/b.png": b"y"}),
    zipped({"default.txt": '"a b".png 0\nc.png 1\n', "synsets.txt": "cat\ndog\n"}),
]


def never_a_traceback(path):
    """A plan whose lines the journal would take, or a refusal that names the file."""
    for format in ("", "csv", "cvat", "label_studio"):
        try:
            plan = import_from(path, entries(["a", "b"]), "photos", MADE, "ann", format=format)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error).replace(str(path), "")
        else:
            for one in plan.lines:
                assert journal.normal(path, one)


@given(
    st.sampled_from(WHOLE),
    st.data(),
)
def test_a_spoilt_file_is_read_or_refused(folder, whole, data):
    """Cut anywhere, and with some bytes overwritten, taken out or put in."""
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        end = at + data.draw(st.integers(0, 3))
        content[at:end] = data.draw(st.binary(max_size=4))
    path = folder / "spoilt"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    never_a_traceback(path)


VALUES = st.sampled_from(
    [None, True, 0, -1, 2.5, 1e400, "", "x", "\ud800", "\0", "[", [], ["cat"], [[]], [None], {}]
    + [{"choices": ["cat", 1]}, {"choices": 3}, {"d": {}}, {"image": "b"}, "http://[", "9" * 5000]
)


@given(st.data())
def test_any_json_is_read_or_refused(folder, data):
    """A real export in which any one value is another."""
    tasks = json.loads(data.draw(st.sampled_from(WHOLE[2:4])))
    at = tasks
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(VALUES)
    path = folder / "spoilt.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    never_a_traceback(path)


@given(st.binary(max_size=60), st.sampled_from([b"", b"PK", b"<", b"[", b"path,label\n"]))
def test_any_bytes_are_read_or_refused(folder, content, begin):
    path = folder / "anything"
    path.write_bytes(begin + content)
    never_a_traceback(path)


def test_the_whole_files_are_read(tmp_path):
    """Else the tests above would spoil what is refused anyway."""
    for content in WHOLE:
        path = tmp_path / "whole"
        path.write_bytes(content)
        assert exchange.read(path)
