"""CSV: whatever encoding, delimiter and quotes it has, and what is no table."""

import codecs
import csv
import time

import pytest
from exchanged import MADE, answered, entries, image_of, pool

from wholepool.job.errors import UserError
from wholepool.labeling import exchange
from wholepool.labeling.exchange import export_to, import_from
from wholepool.labeling.exchange.found import Found


def written(tmp_path, content):
    path = tmp_path / "answers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content):
    return exchange.read(written(tmp_path, content))


TABLE = 'path,label\n"a, b.png",é\n"c ""d"".png",dog\n"e\nf.png",\n'
FOUND = [Found("a, b.png", "é"), Found('c "d".png', "dog")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(tmp_path, encoding):
    assert read(tmp_path, TABLE.encode(encoding)) == FOUND


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, b""])
@pytest.mark.parametrize("name", ["utf-16-be", "utf-16-le", "utf-32-be"])
def test_wide_letters_with_and_without_their_mark(tmp_path, mark, name):
    if name == "utf-32-be":
        assert read(tmp_path, codecs.BOM_UTF32_BE + TABLE.encode(name)) == FOUND
    elif name == "utf-16-be" or not mark:
        assert read(tmp_path, mark + TABLE.encode(name)) == FOUND


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_delimiter_and_the_quotes_are_found(tmp_path, delimiter, quote, quoting, end):
    rows = [
        ("label", "Path", "more"),
        ("d,o;g", "a\t\"|'.png", ""),
        ("", "b", "x"),
        ("cat", "c", "y"),
    ]
    if quote == "'" and quoting == csv.QUOTE_MINIMAL:
        rows[1] = ("dog", "a.png", "")  # nothing in the header tells
    path = tmp_path / "a.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        options = {"delimiter": delimiter, "quotechar": quote, "lineterminator": end}
        csv.writer(file, quoting=quoting, **options).writerows(rows)
    assert exchange.detect(path) == "csv"
    assert exchange.read(path) == [Found(rows[1][1], rows[1][0]), Found("c", "cat")]


def test_what_excel_writes(tmp_path):
    assert read(tmp_path, "sep=;\r\npath;label\r\na.png;cat\r\n;\r\n\r\n") == [
        Found("a.png", "cat")
    ]


def test_every_column(tmp_path):
    image = image_of("a")
    text = f"image,time,path,annotator,label\n{image},2026-01-31 13:00:00.5+01:00,a,bea,unsure\n"
    expected = Found("a", "unsure", True, "bea", "2026-01-31T12:00:00.500Z", image)
    assert read(tmp_path, text) == [expected]
    assert (
        read(tmp_path, "path,label,time\na,cat,2026-01-31\n")[0].time == "2026-01-31T00:00:00.000Z"
    )


def test_a_time_without_a_zone_is_utc_wherever_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (found,) = read(tmp_path, "path,label,time\na,cat,2026-01-31T09:00\n")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found.time == "2026-01-31T09:00:00.000Z"


def test_the_words_that_are_no_class(tmp_path):
    found = read(tmp_path, "path,label\na,later\nb,unsure\nc,bad\nd,Bad\n")
    assert [(one.answer, one.word) for one in found] == [
        ("later", True),
        ("unsure", True),
        ("bad", True),
        ("Bad", False),
    ]


def test_a_class_that_is_called_as_a_word(tmp_path):
    """It is refused both ways: an answer would be taken for another."""
    lines = [*MADE, {**MADE[0], "id": "m3", "class": "c3", "name": "bad"}]
    _, batch = pool(tmp_path / "photos", ["a"])
    with pytest.raises(UserError, match="'bad'.*rename the class"):
        export_to("csv", tmp_path / "out.csv", tmp_path / "photos", batch, lines)
    assert not (tmp_path / "out.csv").exists()
    path = written(tmp_path, "path,label\na,bad\n")
    with pytest.raises(UserError, match="'bad'.*rename the class"):
        import_from(path, entries(["a"]), "photos", lines, "ann")


def test_what_is_written(tmp_path):
    paths = ["a, b.png", 'c"d.png', "e\r\nf.png", "é.png"]
    _, batch = pool(tmp_path / "photos", paths)
    lines = [*MADE, answered(paths[0], "c1"), answered(paths[2], "c2"), answered(paths[3], "bad")]
    out = tmp_path / "answers.csv"
    assert export_to("csv", out, tmp_path / "photos", batch, lines) == [out]
    with open(out, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = list(zip(paths, ["cat", "", "dog", ""], strict=True))
    assert [(row["path"], row["label"]) for row in rows] == expected
    assert [row["image"] for row in rows] == [image_of(path) for path in paths]
    out.write_text("path,label\nmine,cat\n")
    with pytest.raises(UserError, match="not overwritten"):
        export_to("csv", out, tmp_path / "photos", batch, lines)
    assert "mine" in out.read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header"),
        (b"file,class\na,cat\n", "no header"),
        (b"path,label\na,cat,x\n", "row 1 has 3 fields, not 2"),
        (b'path,label\n"a,cat\n', "no complete table"),
        (b"path,label,label\na,cat,dog\n", "two columns of one name"),
        (b"path,label\n,cat\n", "row 1 has no path"),
        (b"path,label,time\na,cat,noon\n", "row 1: time is 'noon'"),
        (b"path,label,time\na,cat,0001-01-01T00:00:00+09:00\n", "row 1: time is"),
        (b"path,label,image\na,cat,0f\n", "row 1: image is '0f'"),
        (b"path,label\na\0,cat\n", "no text"),
        (b"\xff\xfep", "no text"),
        (b"path,label\na\x81,cat\n", "no text"),
    ],
)
def test_what_is_no_table(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read(tmp_path, content)


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match=str(path)):
            exchange.read(path, "csv")
