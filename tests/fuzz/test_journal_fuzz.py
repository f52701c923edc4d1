"""Whatever a journal holds, it is read; what lines add up to is by a twin of the rules."""

import json
import unicodedata

import pytest
from histories import answer, image, line, made, merged, renamed, undo
from hypothesis import given, settings
from hypothesis import strategies as st

from wholepool.job.errors import UserError
from wholepool.labeling import journal
from wholepool.labeling.answers import state

KEYS = ["c1", "c2", "c3", "c4"]
NAMES = ["cat", "Cat ", "dog", "DOG", "cow", "Cafe\u0301", "café"]
IMAGES = "abc"
ANNOTATORS = ["ann", "bea", "cy"]


@st.composite
def histories(draw, most=40):
    """Lines of distinct ids, with much undoing; some without sense."""
    lines = []
    keys, names = st.sampled_from(KEYS), st.sampled_from(NAMES)
    kinds = ["answer", "answer", "answer", "undo", "undo", "class", "rename", "merge"]
    for number in range(draw(st.integers(0, most))):
        kind, id = draw(st.sampled_from(kinds)), f"i{number}"
        if kind == "answer":
            what = draw(st.sampled_from([*KEYS, "later", "unsure", "bad"]))
            who = draw(st.sampled_from(ANNOTATORS))
            lines.append(answer(draw(st.sampled_from(IMAGES)), what, who, id))
        elif kind == "undo":
            lines.append(undo(f"i{draw(st.integers(-1, number + 1))}", id))
        elif kind == "class":
            lines.append(made(draw(keys), draw(names), id))
        elif kind == "rename":
            lines.append(renamed(draw(keys), draw(names), id))
        else:
            lines.append(merged(draw(keys), draw(keys), id))
    return lines


# the twin: each question is answered from the lines alone, from scratch


def stands(lines, at):
    for later in range(at + 1, len(lines)):
        undoes = lines[later]["kind"] == "undo" and lines[later]["of"] == lines[at]["id"]
        if undoes and stands(lines, later):
            return False
    return True


class Twin:
    def __init__(self, lines):
        self.all = lines
        self.lines = [one for at, one in enumerate(lines) if stands(lines, at)]

    def exists(self, key):
        return any(one["kind"] == "class" and one["class"] == key for one in self.lines)

    def parents(self):
        """Class -> what it was merged into, and the ids of the merges that do not count."""
        found, useless = {}, set()
        for one in self.lines:
            if one["kind"] == "merge":
                key, into = one["class"], one["into"]
                free = {k for k in KEYS if self.exists(k) and k not in found}
                if {key, into} <= free and key != into:
                    found[key] = into
                else:
                    useless.add(one["id"])
        return found, useless

    def root(self, key):
        parents = self.parents()[0]
        return self.root(parents[key]) if key in parents else key

    def classes(self):
        order = [one["class"] for one in self.lines if one["kind"] == "class"]
        return [(key, self.name(key)) for key in dict.fromkeys(order) if self.root(key) == key]

    def name(self, key):
        renames = [x for x in self.lines if x["kind"] == "rename" and x["class"] == key]
        first = [x for x in self.lines if x["kind"] == "class" and x["class"] == key]
        return unicodedata.normalize("NFC", [first[0], *renames][-1]["name"]).strip()

    def of_one(self, name, who):
        own = [
            one
            for one in self.lines
            if one["kind"] == "answer" and one["image"] == image(name) and one["annotator"] == who
        ]
        return own[-1] if own else None

    def given(self, name):
        return {who: one for who in ANNOTATORS if (one := self.of_one(name, who))}

    def result(self, name):
        """A class, a set's name, or None."""
        words = []
        for one in self.given(name).values():
            what = one["answer"]
            words.append(self.root(what["class"]) if isinstance(what, dict) else what)
        if not words:
            return None
        words = [word for word in words if word != "later"]
        if not words:
            return "later"
        ranked = sorted(set(words), key=words.count, reverse=True)
        if len(ranked) > 1 and words.count(ranked[0]) == words.count(ranked[1]):
            return "disputed"
        won = ranked[0]
        return "disputed" if won in KEYS and not self.exists(won) else won

    def useless(self):
        """The ids of undos and merges without effect."""
        found = self.parents()[1]
        ids = [one["id"] for one in self.all]
        for one in self.lines:
            if one["kind"] == "undo" and one["of"] not in ids[: ids.index(one["id"])]:
                found.add(one["id"])
        return found


def first_of_each_class(lines):
    """As `read` gives them: a class is made once."""
    keys, found = set(), []
    for one in lines:
        if one["kind"] == "class":
            if one["class"] in keys:
                continue
            keys.add(one["class"])
        found.append(one)
    return found


@settings(max_examples=4 * settings.default.max_examples)
@given(histories())
def test_lines_add_up_as_the_twin_says(lines):
    lines = first_of_each_class(lines)
    before = json.dumps(lines)
    found, twin = state(lines), Twin(lines)
    assert list(found.classes.items()) == twin.classes()
    assert found.merged == {key: twin.root(key) for key in twin.parents()[0]}
    for name in IMAGES:
        assert found.by_image.get(image(name), {}) == twin.given(name)
        result = twin.result(name)
        assert found.labels.get(image(name)) == (result if result in KEYS else None)
        for word in ("disputed", "later", "unsure", "bad"):
            assert (image(name) in getattr(found, word)) == (result == word)
    noted = {note.split("'")[1] for note in found.notes if note.startswith("line ")}
    assert noted == twin.useless()
    folded = [name.casefold() for _, name in twin.classes()]
    same = [note for note in found.notes if note.startswith("class ")]
    assert len(same) == len(folded) - len(set(folded))
    assert len(same) + len(noted) == len(found.notes)
    assert json.dumps(lines) == before


@given(histories(), st.data())
def test_what_append_takes_never_contradicts_itself(folder, lines, data):
    """And what it refuses leaves no trace; what it remembers is what a fresh look would show."""
    path = folder / "appended.jsonl"
    path.unlink(missing_ok=True)
    taken, refused = [], 0
    for one in [made("c1", "cat", "first"), *lines]:
        if data.draw(st.booleans()):
            journal.SEEN.clear()
        try:
            taken.append(journal.append(path, one))
        except UserError as error:
            assert str(path) in str(error)
            refused += 1
    found, aside = journal.read(path)
    assert found == taken and aside == []
    assert len(taken) + refused == len(lines) + 1
    assert state(found).notes == []
    content = path.read_bytes()
    assert [journal.append(path, one) for one in taken] == taken
    assert path.read_bytes() == content


# damage

JUNK = st.one_of(
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b" ")),
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b"1", b'"x"', b"\0" * 9, b"\xff\xfe{", b'{"id": "i1"', b"\r"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def files(draw):
    """(lines that must all be read, a file that holds them among others)."""
    classes = [made(key, key, f"make {key}") for key in KEYS]
    lines = [*classes, *[one for one in draw(histories()) if one["kind"] != "class"]]
    lines = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    dumps = [
        lambda one: json.dumps(one).encode(),
        lambda one: json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode(),
    ]
    raw = [(one, draw(st.sampled_from(dumps))(one)) for one in lines]
    for _ in range(draw(st.integers(0, 5))):
        other = dict(draw(st.sampled_from(lines))) | {"id": "spoilt"}
        other[draw(st.sampled_from([*other, "kind", "class", "of"]))] = draw(VALUES)
        junk = draw(st.one_of(JUNK, st.just(json.dumps(other).encode())))
        if b'"i' in junk or b'"make' in junk or b'"kind": "class"' in junk:
            continue  # it could take the id of a line, or its class
        raw.insert(draw(st.integers(0, len(raw))), (None, junk))
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    content = b"".join(one + end for _, one in raw)
    content = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + content
    return lines, content


@given(files())
def test_lines_that_are_untouched_are_all_read(folder, file):
    lines, content = file
    path = folder / "junk.jsonl"
    path.write_bytes(content)
    found, aside = journal.read(path)
    assert [one for one in found if one["id"] != "spoilt"] == list(lines)
    rows = content.split(b"\n")
    numbers = [number for number, _ in aside]
    assert numbers == sorted(set(numbers))
    assert all(rows[number - 1].strip() and reason for number, reason in aside)
    blank = sum(not one.removeprefix(b"\xef\xbb\xbf").strip() for one in rows)
    assert len(found) + len(aside) + blank == len(rows)
    state(found)
    new = journal.append(path, answer("new", "c1", id="new"))
    assert path.read_bytes().startswith(content)
    assert journal.read(path) == ([*found, new], aside)


@given(files(), st.data())
def test_a_damaged_file_is_read_and_its_whole_lines_too(folder, file, data):
    """Bytes flipped, lost, doubled and inserted, ends lost: a line without a touched byte is read.

    Not where the damage makes of another line one of the same id, or takes away its class.
    """
    lines, content = file
    path, rows = folder / "damaged.jsonl", content.split(b"\n")
    touched = set()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(rows) - 1))
        touched.add(at)
        row = bytearray(rows[at])
        place = data.draw(st.integers(0, max(len(row) - 1, 0)))
        length = data.draw(st.integers(1, 30))
        accident = data.draw(st.sampled_from(["flip", "lose", "double", "insert", "end", "zero"]))
        if accident == "flip" and row:
            row[place] ^= 1 << data.draw(st.integers(0, 7))
        elif accident == "lose":
            del row[place : place + length]
        elif accident == "double":
            row[place:place] = row[place : place + length]
        elif accident == "insert":
            row[place:place] = data.draw(st.binary(max_size=30))
        elif accident == "end":
            del row[place:]
        elif accident == "zero":
            row[place : place + length] = bytes(len(row[place : place + length]))
        rows[at] = bytes(row)
    if data.draw(st.booleans()):
        last = data.draw(st.integers(0, len(rows) - 1))
        rows, touched = rows[: last + 1], touched | {last}
    path.write_bytes(b"\n".join(rows))
    found, _ = journal.read(path)
    assert all(isinstance(one, dict) for one in found)
    state(found)
    whole = [one for one in lines if json_row(one, rows, touched)]
    kept = {key for one in whole if one["kind"] == "class" for key in [one["class"]]}
    changed = {one["id"] for one in found if one not in lines}
    for one in whole:
        needs = {one.get("class"), one.get("into")} - {None}
        needs |= {one["answer"]["class"]} if isinstance(one.get("answer"), dict) else set()
        if needs <= kept and one["id"] not in changed:
            assert one in found or one["kind"] == "class"
    journal.append(path, line("class", "after", **{"class": "c77", "name": "of after"}))
    after, _ = journal.read(path)
    assert after[-1]["id"] == "after" and after[:-1] == found


def json_row(one, rows, touched):
    """Whether a row that was not touched is this line."""
    for at, row in enumerate(rows):
        if at not in touched and f'"{one["id"]}"'.encode() in row:
            try:
                return json.loads(row.removeprefix(b"\xef\xbb\xbf")) == one
            except ValueError:
                return False
    return False


@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_kept(folder, content):
    path = folder / "bytes.jsonl"
    path.write_bytes(content)
    found, aside = journal.read(path)
    assert found == []
    journal.append(path, made("c1", id="new"))
    assert path.read_bytes().startswith(content)
    after, again = journal.read(path)
    assert [one["id"] for one in after] == ["new"] and again == aside


@pytest.mark.long
@settings(max_examples=settings.default.max_examples // 4)
@given(histories(most=300))
def test_long_histories(lines):
    lines = first_of_each_class(lines)
    found, twin = state(lines), Twin(lines)
    assert list(found.classes.items()) == twin.classes()
    for name in IMAGES:
        assert found.by_image.get(image(name), {}) == twin.given(name)
        result = twin.result(name)
        assert found.labels.get(image(name)) == (result if result in KEYS else None)
