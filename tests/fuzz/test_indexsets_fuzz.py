"""Whatever stands on disk: an index set is read exactly as it was written, or refused by name."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wholepool.data import indexsets
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError

KINDS = sorted(indexsets.SCHEMAS)
EXTREMES = [-1, 0, 1, 127, 128, 2**15, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
OTHER_TYPES = ["bool", "int8", "int16", "int32", "int64", "uint64", "float32", "float64"]


def pool_of(n, classes, name="toy"):
    images = np.broadcast_to(np.uint8(0), (n, 1, 1, 1))
    digest = hashlib.sha256(name.encode()).hexdigest()
    names = tuple(map(str, range(classes)))
    return Pool(images, name, names, (0.5,), (0.5,), fingerprint=digest)


# the rules, value by value


def fits(value, dtype):
    """Whether a number is one that an integer type has."""
    try:
        whole = int(value) == value
    except (ValueError, OverflowError):  # NaN, infinity
        return False
    return whole and np.iinfo(dtype).min <= int(value) <= np.iinfo(dtype).max


def obeys(columns, kind, pool):
    """Whether columns of any type are an index set of a kind."""
    for name, dtype in indexsets.SCHEMAS[kind].items():
        if np.issubdtype(dtype, np.integer) and not all(fits(v, dtype) for v in columns[name]):
            return False
    seen = set()
    for index in map(int, columns["index"]):
        if index in seen or not 0 <= index < pool.n:
            return False
        seen.add(index)
    if not all(0 <= int(label) < pool.classes for label in columns.get("label", [])):
        return False
    if any(int(cycle) < 0 for cycle in columns.get("cycle", [])):
        return False
    if any(int(rank) != place for place, rank in enumerate(columns.get("rank", []))):
        return False
    return all(0 <= np.float32(weight) <= 1 for weight in columns.get("weight", []))


def same(found, written, kind):
    """Whether columns that were read are, in name, order, type and every bit, those written."""
    if list(found) != list(indexsets.SCHEMAS[kind]):
        return False
    for name, dtype in indexsets.SCHEMAS[kind].items():
        if found[name].dtype != dtype or found[name].ndim != 1:
            return False
        if found[name].tobytes() != written[name].astype(dtype).tobytes():
            return False
    return True


def read(path, kind, pool):
    """The columns, or None if they are refused with the file's name; any other error is raised."""
    try:
        return indexsets.read_index_set(path, kind, pool)
    except UserError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return None


# what is drawn


@st.composite
def pools(draw):
    n = draw(st.one_of(st.integers(1, 40), st.sampled_from([10**6, 2**31 + 5, 2**62])))
    return pool_of(n, draw(st.integers(1, 12)), draw(st.text(max_size=8)))


@st.composite
def index_sets(draw, pool):
    """A kind and valid columns of it."""
    kind = draw(st.sampled_from(KINDS))
    index = draw(st.lists(st.integers(0, pool.n - 1), unique=True, max_size=30))

    def column(values, dtype):
        return np.array(
            draw(st.lists(values, min_size=len(index), max_size=len(index))), dtype=dtype
        )

    every = {
        "index": lambda: np.array(index, dtype=np.int64),
        "label": lambda: column(st.integers(0, pool.classes - 1), np.int32),
        "cycle": lambda: column(st.integers(0, 2**15 - 1), np.int16),
        "rank": lambda: np.arange(len(index), dtype=np.int32),
        "score": lambda: column(st.floats(), np.float64),
        "weight": lambda: column(st.floats(0, 1, width=32), np.float32),
        "second": lambda: column(st.integers(0, pool.classes - 1), np.int32),
        "propagated": lambda: column(st.integers(-1, pool.classes - 1), np.int32),
    }
    every |= dict.fromkeys(("probability", "second_probability", "certainty"), every["weight"])
    return kind, {name: every[name]() for name in indexsets.SCHEMAS[kind]}


@st.composite
def spoilt(draw, columns, pool):
    """Columns that may break a rule: a value replaced, a row doubled, or another type."""
    columns, rows = dict(columns), len(columns["index"])
    change = draw(st.sampled_from(["value", "value", "value", "row", "type"]))
    if change == "row" and rows:
        row = draw(st.integers(0, rows - 1))
        return {name: np.append(column, column[row]) for name, column in columns.items()}
    name = draw(st.sampled_from(list(columns)))
    values, dtype = columns[name].tolist(), columns[name].dtype
    if rows and change != "row":
        limits = [-1, pool.classes, pool.n, pool.classes - 1, pool.n - 1, 1 + 2**-20, 1 + 2**-30]
        numbers = st.one_of(st.sampled_from(limits), st.sampled_from(EXTREMES), st.floats())
        values[draw(st.integers(0, rows - 1))] = draw(numbers)
    if change == "type":
        dtype = np.dtype(draw(st.sampled_from(OTHER_TYPES)))
    with np.errstate(all="ignore"):
        if dtype.kind in "iu":  # wrapped, as a careless program would
            numbers = [int(v) if np.isfinite(v) else 0 for v in values]
            bits = np.iinfo(dtype).bits
            numbers = [v % 2**bits for v in numbers]
            columns[name] = np.array(numbers, dtype=f"u{dtype.itemsize}").view(dtype)
        else:
            columns[name] = np.array(values).astype(dtype)
    return columns


@st.composite
def damage(draw, content):
    """Bytes after accidents: flipped bits, lost, doubled, moved and zeroed parts, a lost end."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(1, 40))
        accident = draw(st.sampled_from(["flip", "set", "lose", "double", "zero", "end", "splice"]))
        if accident == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif accident == "set" and content:
            content[at] = draw(st.integers(0, 255))
        elif accident == "lose":
            del content[at : at + length]
        elif accident == "double":
            content[at:at] = content[at : at + length]
        elif accident == "zero":
            content[at : at + length] = bytes(len(content[at : at + length]))
        elif accident == "end":
            del content[at:]
        elif accident == "splice":
            content[at : at + length] = draw(st.binary(max_size=40))
    return bytes(content)


# what holds


@given(st.data())
def test_what_is_written_is_read(folder, data):
    pool = data.draw(pools())
    kind, columns = data.draw(index_sets(pool))
    assert obeys(columns, kind, pool)
    path = folder / "written.parquet"
    indexsets.write_index_set(path, kind, columns, pool, seed=3, cycle=1)
    assert same(indexsets.read_index_set(path, kind, pool), columns, kind)
    before = path.read_bytes()
    indexsets.write_index_set(path, kind, columns, pool, seed=3, cycle=1)
    assert path.read_bytes() == before
    other = pool_of(pool.n, pool.classes, pool.dataset + "'")
    assert read(path, kind, other) is None
    assert all(read(path, name, pool) is None for name in KINDS if name != kind)


@settings(max_examples=4 * settings.default.max_examples)  # a rule is broken now and then
@given(st.data())
def test_the_writer_takes_what_obeys_the_rules_and_nothing_else(folder, data):
    pool = data.draw(pools())
    kind, good = data.draw(index_sets(pool))
    columns = data.draw(spoilt(good, pool))
    path = folder / "spoilt.parquet"
    path.write_bytes(b"before")
    if obeys(columns, kind, pool):
        indexsets.write_index_set(path, kind, columns, pool)
        assert same(indexsets.read_index_set(path, kind, pool), columns, kind)
    else:
        with pytest.raises(UserError) as refused:
            indexsets.write_index_set(path, kind, columns, pool)
        assert str(path) in str(refused.value)
        assert path.read_bytes() == b"before"
    assert not list(folder.glob(".spoilt*"))


@given(st.data())
def test_a_damaged_file_is_refused_or_as_it_was(folder, data):
    pool = data.draw(pools())
    kind, columns = data.draw(index_sets(pool))
    path = folder / "damaged.parquet"
    indexsets.write_index_set(path, kind, columns, pool, seed=1, cycle=1)
    path.write_bytes(data.draw(damage(path.read_bytes())))
    found = read(path, kind, pool)
    assert found is None or same(found, columns, kind)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_each_flipped_bit_is_refused_or_of_no_account(folder, kind):
    pool = pool_of(20, 3)
    columns = {
        name: np.arange(4).clip(max=1 if name == "weight" else 2 if name == "label" else 3)
        for name in indexsets.SCHEMAS[kind]
    }
    path = folder / "flipped.parquet"
    indexsets.write_index_set(path, kind, columns, pool)
    content = path.read_bytes()
    refused = 0
    for place in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        found = read(path, kind, pool)
        assert found is None or same(found, columns, kind), place
        refused += found is None
    assert refused > 4 * len(content)


@given(st.binary(max_size=400), st.sampled_from(KINDS), st.booleans())
def test_any_bytes_are_refused(folder, content, kind, framed):
    if framed:  # so that they are taken for the footer of a Parquet file
        content = b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1"
    path = folder / "bytes.parquet"
    path.write_bytes(content)
    assert read(path, kind, pool_of(20, 3)) is None


@given(st.data())
def test_every_way_to_write_parquet_is_read(folder, data):
    """The rules are about content: not about compression, row groups, pages or encodings."""
    pool = data.draw(pools())
    kind, columns = data.draw(index_sets(pool))
    path = folder / "way.parquet"
    indexsets.write_index_set(path, kind, columns, pool)
    pq.write_table(
        pq.read_table(path),
        path,
        compression=data.draw(st.sampled_from(["none", "snappy", "gzip", "zstd", "lz4"])),
        row_group_size=data.draw(st.integers(1, 50)),
        use_dictionary=data.draw(st.booleans()),
        version=data.draw(st.sampled_from(["1.0", "2.4", "2.6"])),
        data_page_version=data.draw(st.sampled_from(["1.0", "2.0"])),
        write_statistics=data.draw(st.booleans()),
        write_page_checksum=data.draw(st.booleans()),
    )
    found = read(path, kind, pool)
    assert found is not None and same(found, columns, kind)


@given(st.data())
def test_a_table_that_another_program_changed_is_refused(folder, data):
    """With our metadata, checksum and all, but other rows, types, columns, nulls or values."""
    pool = data.draw(pools())
    kind, columns = data.draw(index_sets(pool))
    path = folder / "changed.parquet"
    indexsets.write_index_set(path, kind, columns, pool)
    table = pq.read_table(path)
    metadata, rows = table.schema.metadata, table.num_rows
    arrays = dict(zip(table.column_names, table.columns, strict=True))
    change = data.draw(st.sampled_from(["spoil", "null", "drop", "add", "order", "take", "type"]))
    name = data.draw(st.sampled_from(list(arrays)))
    if change == "spoil":
        spoilt_columns = data.draw(spoilt(columns, pool))
        arrays = {name: pa.array(column) for name, column in spoilt_columns.items()}
    elif change == "null" and rows:
        hole = data.draw(st.integers(0, rows - 1))
        values = [None if row == hole else v for row, v in enumerate(arrays[name].to_pylist())]
        arrays[name] = pa.array(values, type=arrays[name].type)
    elif change == "drop":
        del arrays[name]
    elif change == "add":
        arrays[data.draw(st.text(min_size=1, max_size=5))] = pa.nulls(rows, pa.int32())
    elif change == "order":
        arrays = dict(data.draw(st.permutations(list(arrays.items()))))
    elif change == "take":
        kept = data.draw(st.lists(st.integers(0, max(rows - 1, 0)), max_size=rows and 60))
        kept = pa.array(kept, type=pa.int64())
        arrays = {name: column.take(kept) for name, column in arrays.items()}
    elif change == "type":
        other = data.draw(st.sampled_from([pa.string(), pa.binary(), pa.list_(pa.int64())]))
        values = [[] if pa.types.is_list(other) else "1"] * rows
        arrays[name] = pa.array(values, type=other)
    pq.write_table(pa.table(arrays).replace_schema_metadata(metadata), path)
    found = read(path, kind, pool)
    assert found is None or same(found, columns, kind)


@given(
    metadata=st.dictionaries(
        st.one_of(
            st.sampled_from([b"kind", b"fingerprint", b"dataset", b"checksum", b"n"]),
            st.binary(max_size=9),
        ),
        st.one_of(st.sampled_from([b"labeled", b"oracle", b"20"]), st.binary(max_size=70)),
        max_size=6,
    ),
    kind=st.sampled_from(KINDS),
)
@example(metadata={b"kind": b"oracle"}, kind="oracle")
def test_other_metadata_is_refused(folder, metadata, kind):
    pool = pool_of(20, 3)
    path = folder / "metadata.parquet"
    columns = {name: np.zeros(1) for name in indexsets.SCHEMAS[kind]}
    indexsets.write_index_set(path, kind, columns, pool)
    kept = pq.read_schema(path).metadata
    pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), path)
    assert read(path, kind, pool) is None
    pq.write_table(pq.read_table(path).replace_schema_metadata({**kept, **metadata}), path)
    found = read(path, kind, pool)
    read_by_us = ("kind", "fingerprint", "checksum")
    changed = any(
        metadata.get(k.encode(), kept[k.encode()]) != kept[k.encode()] for k in read_by_us
    )
    assert (found is None) == changed


@settings(max_examples=settings.default.max_examples // 8)  # each as long as many others
@given(
    rows=st.sampled_from([2**10, 2**16, 2**18 + 1, 2**20]),
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    lost=st.integers(1, 3),
)
def test_many_rows(folder, rows, seed, kind, lost):
    """Several pages and row groups; and some rows less."""
    rng = np.random.default_rng(seed)
    pool = pool_of(rows, 10)
    columns = {
        "index": rng.permutation(rows),
        "label": rng.integers(0, 10, rows),
        "cycle": rng.integers(0, 5, rows),
        "rank": np.arange(rows),
        "score": rng.normal(size=rows),
        "weight": rng.random(rows, dtype=np.float32),
        "second": rng.integers(0, 3, rows),
        "propagated": rng.integers(-1, 3, rows),
    }
    shares = ("probability", "second_probability", "certainty")
    columns |= dict.fromkeys(shares, columns["weight"])
    columns = {name: columns[name] for name in indexsets.SCHEMAS[kind]}
    path = folder / "many.parquet"
    indexsets.write_index_set(path, kind, columns, pool)
    assert same(indexsets.read_index_set(path, kind, pool), columns, kind)
    pq.write_table(pq.read_table(path)[:-lost], path)
    assert read(path, kind, pool) is None
