"""CVAT: annotations.xml both ways, its zip, both kinds of ImageNet zip, and what is not safe."""

import io
import tracemalloc
import xml.etree.ElementTree as ET
import zipfile

import pytest
from exchanged import MADE, answered, bytes_of, image_of, pool

from wholepool.job.errors import UserError
from wholepool.labeling import exchange
from wholepool.labeling.exchange import cvat, export_to
from wholepool.labeling.exchange.found import Found

#: as docs.cvat.ai describes version 1.1
XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>1</id><name>a task</name><size>3</size><mode>annotation</mode>
    <labels><label><name>cat</name><color>#fa3253</color><attributes/></label></labels>
    <owner><username>someone</username></owner></task><dumped>2026-11-25 10:00</dumped></meta>
  <image id="0" name="a &amp; b.png" width="4" height="3">
    <tag label="cat" source="manual"><attribute name="color">red</attribute></tag>
  </image>
  <image id="1" name="sub/c.png" subset="default" task_id="1" width="4" height="3">
    <box label="dog" source="manual" occluded="0" xtl="1" ytl="1" xbr="2" ybr="2" z_order="0"/>
  </image>
  <image id="2" name="d.png" width="4" height="3">
    <tag label="cat" source="file"/>
    <tag label="dog" source="manual"/>
  </image>
</annotations>
"""
FOUND = [Found("a & b.png", "cat"), Found("d.png", "cat"), Found("d.png", "dog")]


def zipped(tmp_path, files):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tags_are_read_and_drawings_are_not(tmp_path, encoding):
    path = tmp_path / "annotations.xml"
    path.write_bytes(XML.replace('encoding="utf-8"', "").encode(encoding))
    assert exchange.detect(path) == "cvat" and exchange.read(path) == FOUND


def test_the_zip_that_cvat_makes_of_it(tmp_path):
    path = zipped(tmp_path, {"annotations.xml": XML, "images/a & b.png": b"x"})
    assert exchange.detect(path) == "cvat" and exchange.read(path) == FOUND


def test_an_imagenet_zip_with_images(tmp_path):
    names = ["cat/a.png", "dog/sub/b.png", "no_label/c.png", "synonyms.md", "__MACOSX/cat/._a.png"]
    path = zipped(tmp_path, {name: bytes_of(name) for name in names} | {"cat/": b""})
    assert exchange.read(path) == [
        Found("a.png", "cat", image=image_of("cat/a.png")),
        Found("sub/b.png", "dog", image=image_of("dog/sub/b.png")),
    ]


def test_an_imagenet_zip_without_images(tmp_path):
    lines = 'a.png 1\n"sub dir/b".png 0 1\nc.png \nd.png\n'
    path = zipped(tmp_path, {"default.txt": lines, "synsets.txt": "cat\nbig dog\n"})
    assert exchange.read(path) == [
        Found("a.png", "big dog"),
        Found("sub dir/b.png", "cat"),
        Found("sub dir/b.png", "big dog"),
    ]


@pytest.mark.parametrize("line", ["a.png 2", "a.png -1", "a b.png 0", '"a.png 0', "a.png x"])
def test_a_line_that_is_none(tmp_path, line):
    path = zipped(tmp_path, {"default.txt": line, "synsets.txt": "cat\ndog\n"})
    with pytest.raises(UserError, match="ImageNet"):
        exchange.read(path)


def test_what_is_written(tmp_path):
    paths = ["a & <b>.png", 'sub/"c"\n.png', "d.png"]
    _, batch = pool(tmp_path / "photos", paths)
    batch[0] |= {"width": 40, "height": 30}
    lines = [*MADE, answered(paths[0], "c1"), answered(paths[1], "c2"), answered(paths[2], "bad")]
    out = tmp_path / "annotations.xml"
    assert export_to("cvat", out, tmp_path / "photos", batch, lines) == [out]
    root = ET.parse(out).getroot()
    assert [one.text for one in root.iterfind("meta/task/labels/label/name")] == ["cat", "dog"]
    images = root.findall("image")
    assert [one.get("name") for one in images] == paths
    assert [one.get("id") for one in images] == ["0", "1", "2"]
    assert (images[0].get("width"), images[0].get("height")) == ("40", "30")
    labels = [[tag.get("label") for tag in one.iter("tag")] for one in images]
    assert labels == [["cat"], ["dog"], []]
    out.write_text("mine")
    with pytest.raises(UserError, match="not overwritten"):
        export_to("cvat", out, tmp_path / "photos", batch, lines)


def test_what_xml_cannot_hold_is_refused(tmp_path):
    _, batch = pool(tmp_path / "photos", ["a\x01.png"])
    with pytest.raises(UserError, match=r"a\\x01.png.*rename"):
        export_to("cvat", tmp_path / "out.xml", tmp_path / "photos", batch, MADE)
    assert not (tmp_path / "out.xml").exists()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BEGIN = '<?xml version="1.0"?>'


@pytest.mark.parametrize(
    "text",
    [
        f'{BEGIN}<!DOCTYPE annotations [<!ENTITY l0 "ha">{LAUGHS}]><annotations>&l9;</annotations>',
        f'{BEGIN}<!DOCTYPE annotations [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>'
        '<image name="&x;"/></annotations>',
        f'{BEGIN}<!DOCTYPE annotations SYSTEM "http://127.0.0.1:1/x.dtd"><annotations/>',
        f"{BEGIN}<!DOCTYPE annotations><annotations/>",
    ],
)
def test_a_document_type_is_refused_before_anything_is_expanded(tmp_path, text):
    path = tmp_path / "annotations.xml"
    path.write_text(text)
    tracemalloc.start()
    with pytest.raises(UserError, match="document type"):
        exchange.read(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (XML[:-20], "annotations.xml"),
        (XML.replace('name="d.png"', ""), "'image' has no 'name'"),
        (XML.replace('<tag label="cat" source="file"/>', "<tag/>"), "'tag' has no 'label'"),
        ("<html><body/></html>", "'html'"),
        ("<annotations><track><box/></track></annotations>", "video"),
        ("<annotations>&x;</annotations>", "undefined entity"),
        ('<?xml version="1.0" encoding="nonsense"?><annotations/>', "annotations.xml"),
    ],
)
def test_what_is_no_annotations(tmp_path, text, words):
    path = tmp_path / "annotations.xml"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        exchange.read(path)


def test_a_tag_elsewhere_is_none(tmp_path):
    path = tmp_path / "annotations.xml"
    path.write_text(
        '<annotations><meta><tag label="x"/></meta><image name="a"><b><tag label="y"/>'
        "</b></image></annotations>"
    )
    assert exchange.read(path) == []


def test_what_is_no_zip(tmp_path, monkeypatch):
    path = zipped(tmp_path, {"readme.md": "x"})
    with pytest.raises(UserError, match="neither"):
        exchange.read(path)
    content = bytearray(zipped(tmp_path, {"cat/a": b"x" * 99}).read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(header) + flags] |= 1  # as if it were encrypted
    path.write_bytes(content)
    with pytest.raises(UserError, match="password"):
        exchange.read(path)
    monkeypatch.setattr(cvat, "LARGEST", 10)
    with pytest.raises(UserError, match="larger than 10 bytes"):
        exchange.read(zipped(tmp_path, {"annotations.xml": XML}))


def test_every_cut_of_a_zip_is_refused(tmp_path):
    whole = zipped(tmp_path, {"annotations.xml": XML}).read_bytes()
    path = tmp_path / "cut.zip"
    for size in range(2, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"cut\.zip"):
            exchange.read(path)
    assert zipfile.is_zipfile(io.BytesIO(whole))
