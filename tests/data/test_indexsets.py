import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wholepool.data import indexsets
from wholepool.data.pool import Pool, fingerprint
from wholepool.job.errors import UserError

KINDS = sorted(indexsets.SCHEMAS)


def make_pool(seed=0, n=20, classes=3):
    images = np.random.default_rng(seed).integers(0, 256, (n, 2, 2, 1)).astype(np.uint8)
    return Pool(
        images=images,
        dataset=f"toy{seed}",
        class_names=tuple("abcdefgh"[:classes]),
        mean=(0.5,),
        std=(0.25,),
        fingerprint=fingerprint(images),
    )


POOL = make_pool()


def columns_of(kind):
    """Valid columns of a kind."""
    every = {
        "index": np.array([7, 0, 19, 3]),
        "label": np.array([2, 0, 1, 1]),
        "cycle": np.array([0, 0, 1, 2]),
        "rank": np.arange(4),
        "score": np.array([0.5, -1.0, np.inf, 1e-300]),
        "weight": np.array([0, 1, 0.25, 0.75]),
        "probability": np.array([0.5, 1, 0.75, 0.25]),
        "second": np.array([1, 2, 0, 0]),
        "second_probability": np.array([0.5, 0, 0.25, 0.125]),
        "propagated": np.array([2, -1, 1, 0]),
        "certainty": np.array([0.5, 0, 0.25, 1]),
    }
    return {name: every[name].astype(dtype) for name, dtype in indexsets.SCHEMAS[kind].items()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rewrite(path, change_columns=None, metadata=None, drop=()):
    """Write the file again with changes that no writer of ours makes."""
    table = pq.read_table(path)
    arrays = {name: table.column(name) for name in table.column_names}
    arrays.update(change_columns or {})
    kept = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
    kept.update(metadata or {})
    kept = {k: v for k, v in kept.items() if k not in drop}
    pq.write_table(pa.table(arrays).replace_schema_metadata(kept), path)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tmp_path, kind):
    path = tmp_path / "new" / "set.parquet"
    indexsets.write_index_set(path, kind, columns_of(kind), POOL, seed=3, cycle=2)
    found = indexsets.read_index_set(path, kind, POOL)
    assert list(found) == list(indexsets.SCHEMAS[kind])
    for name, expected in columns_of(kind).items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == indexsets.SCHEMAS[kind][name]


@pytest.mark.parametrize("kind", KINDS)
def test_empty_sets_round_trip(tmp_path, kind):
    path = tmp_path / "set.parquet"
    empty = {name: column[:0] for name, column in columns_of(kind).items()}
    indexsets.write_index_set(path, kind, empty, POOL)
    found = indexsets.read_index_set(path, kind, POOL)
    assert all(len(column) == 0 for column in found.values())


def test_wider_columns_are_stored_as_the_schema_says(tmp_path):
    path = tmp_path / "set.parquet"
    wide = {name: column.astype(np.int64) for name, column in columns_of("labeled").items()}
    indexsets.write_index_set(path, "labeled", wide, POOL)
    assert indexsets.read_index_set(path, "labeled", POOL)["label"].dtype == np.int32


def test_metadata(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL, seed=3, cycle=2)
    found = {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
    expected = {
        "kind": "labeled",
        "dataset": "toy0",
        "fingerprint": POOL.fingerprint,
        "n": "20",
        "classes": "3",
        "seed": "3",
        "cycle": "2",
    }
    assert expected.items() <= found.items()
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    found = pq.read_schema(path).metadata
    assert (found[b"seed"], found[b"cycle"]) == (b"-1", b"-1")


def test_equal_sets_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        indexsets.write_index_set(tmp_path / name, "queries", columns_of("queries"), POOL, 1, 1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


BROKEN = [
    ("labeled", {"index": [7, 0, 7, 3]}, "index 7 occurs more than once"),
    ("labeled", {"index": [7, 0, 20, 3]}, "index 20 is outside the pool of 20 images"),
    ("labeled", {"index": [7, -1, 19, 3]}, "index -1 is outside"),
    ("labeled", {"label": [2, 0, 3, 1]}, "label 3 is not one of 3 classes"),
    ("oracle", {"label": [2, 0, -1, 1]}, "label -1 is not one of 3 classes"),
    ("pseudo_labels", {"label": [2, 0, 1, 9]}, "label 9 is not one of 3 classes"),
    ("labeled", {"cycle": [0, 0, -1, 2]}, "cycle -1 is no cycle"),
    ("queries", {"rank": [0, 1, 3, 2]}, "ranks are not 0, 1, 2"),
    ("queries", {"rank": [1, 2, 3, 4]}, "ranks are not 0, 1, 2"),
    ("pseudo_labels", {"weight": [0, 1, 1.5, 0]}, "weights must be finite and in"),
    ("pseudo_labels", {"weight": [0, 1, -0.25, 0]}, "weights must be finite and in"),
    ("pseudo_labels", {"weight": [0, 1, np.nan, 0]}, "weights must be finite and in"),
    ("pseudo_labels", {"weight": [0, 1, np.inf, 0]}, "weights must be finite and in"),
]


@pytest.mark.parametrize(("kind", "change", "message"), BROKEN)
def test_broken_content_is_refused_by_reader_and_writer(tmp_path, kind, change, message):
    path = tmp_path / "set.parquet"
    good = columns_of(kind)
    bad = {name: np.array(v, dtype=indexsets.SCHEMAS[kind][name]) for name, v in change.items()}
    indexsets.check(good, kind, POOL, "somewhere")
    with pytest.raises(UserError, match=f"^somewhere: {message}"):
        indexsets.check({**good, **bad}, kind, POOL, "somewhere")

    indexsets.write_index_set(path, kind, good, POOL)
    before = path.read_bytes()
    with pytest.raises(UserError, match=message):
        indexsets.write_index_set(path, kind, {**good, **bad}, POOL)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["set.parquet"]

    rewrite(path, {name: pa.array(column) for name, column in bad.items()})
    with pytest.raises(UserError, match=message) as refused:
        indexsets.read_index_set(path, kind, POOL)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("index", [0.5, 1.0, 2.0, 3.0]),
        ("index", [np.nan, 1.0, 2.0, 3.0]),
        ("label", [0.0, 0.9, 1.0, 2.0]),
        ("cycle", [0, 1, 2, 40000]),
    ],
)
def test_values_that_the_schema_cannot_hold_are_not_rounded_or_wrapped(tmp_path, name, values):
    """The writer checks as a reader would, which never sees what a cast has made of them."""
    bad = {**columns_of("labeled"), name: np.array(values)}
    with pytest.raises(UserError, match=name):
        indexsets.write_index_set(tmp_path / "set.parquet", "labeled", bad, POOL)
    assert names(tmp_path) == []


def test_a_refused_first_write_leaves_nothing(tmp_path):
    bad = {**columns_of("labeled"), "index": np.array([1, 1, 2, 3])}
    with pytest.raises(UserError):
        indexsets.write_index_set(tmp_path / "set.parquet", "labeled", bad, POOL)
    assert names(tmp_path) == []


def test_columns_of_different_lengths_leave_nothing(tmp_path):
    bad = {**columns_of("labeled"), "cycle": np.zeros(3, dtype=np.int16)}
    with pytest.raises(ValueError):  # pyarrow's errors are ValueErrors
        indexsets.write_index_set(tmp_path / "set.parquet", "labeled", bad, POOL)
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_another_kind_is_refused(tmp_path, kind, other):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, kind, columns_of(kind), POOL)
    if kind == other:
        indexsets.read_index_set(path, other, POOL)
        return
    with pytest.raises(UserError, match=f"of kind '{kind}', not '{other}'"):
        indexsets.read_index_set(path, other, POOL)


def test_another_pools_set_is_refused(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    with pytest.raises(UserError, match=r"belongs to data set 'toy0'.*not to 'toy1'"):
        indexsets.read_index_set(path, "labeled", make_pool(1))


def test_a_strange_fingerprint_is_quoted(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, metadata={"fingerprint": "a\nb"})
    with pytest.raises(UserError, match=r"fingerprint 'a\\nb', not"):
        indexsets.read_index_set(path, "labeled", POOL)


@pytest.mark.parametrize("drop", ["kind", "fingerprint"])
def test_a_file_without_our_metadata_is_refused(tmp_path, drop):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, drop=(drop,))
    with pytest.raises(UserError, match=str(path)):
        indexsets.read_index_set(path, "labeled", POOL)


def test_a_file_without_any_metadata_is_refused(tmp_path):
    path = tmp_path / "set.parquet"
    pq.write_table(pa.table(columns_of("labeled")), path)
    with pytest.raises(UserError, match="of kind None, not 'labeled'"):
        indexsets.read_index_set(path, "labeled", POOL)


@pytest.mark.parametrize(
    ("name", "dtype", "words"),
    [("index", np.int32, "int32, not int64"), ("label", np.float64, "double, not int32")],
)
def test_wrong_dtypes_are_refused(tmp_path, name, dtype, words):
    path = tmp_path / "set.parquet"
    columns = columns_of("labeled")
    indexsets.write_index_set(path, "labeled", columns, POOL)
    rewrite(path, {name: pa.array(columns[name].astype(dtype))})
    with pytest.raises(UserError, match=f"column {name} is {words}"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_missing_values_are_refused(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, {"label": pa.array([2, None, 1, 1], type=pa.int32())})
    with pytest.raises(UserError, match="column label"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_wrong_columns_are_refused(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, {"more": pa.array([1, 2, 3, 4])})
    with pytest.raises(UserError, match="has columns"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "set.parquet"
    with pytest.raises(UserError, match=r"set\.parquet is missing"):
        indexsets.read_index_set(path, "labeled", POOL)


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.99])
def test_truncated_files_are_refused(tmp_path, share):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="is not a complete Parquet file"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_a_text_file_is_refused(tmp_path):
    path = tmp_path / "set.parquet"
    path.write_text("index,label\n1,2\n")
    with pytest.raises(UserError, match="is not a complete Parquet file"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_rows_that_are_lost_are_missed(tmp_path):
    """One flipped bit in Parquet's footer, which has no checksum, can empty a file."""
    path = tmp_path / "set.parquet"
    for kept in (0, 3):
        indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
        pq.write_table(pq.read_table(path)[:kept], path)
        with pytest.raises(UserError, match=r"set\.parquet was damaged or changed.*delete it"):
            indexsets.read_index_set(path, "labeled", POOL)


def test_labels_that_were_changed_are_noticed(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, {"label": pa.array([1, 0, 1, 1], type=pa.int32())})
    with pytest.raises(UserError, match=r"set\.parquet was damaged or changed"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_a_file_of_an_earlier_version_without_a_checksum_is_read(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    rewrite(path, drop=("checksum",))
    found = indexsets.read_index_set(path, "labeled", POOL)
    for name, column in columns_of("labeled").items():
        np.testing.assert_array_equal(found[name], column)


def test_a_column_name_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    path.write_bytes(path.read_bytes().replace(b"label", b"l\xffbel"))
    with pytest.raises(UserError, match=r"set\.parquet is not a complete Parquet file"):
        indexsets.read_index_set(path, "labeled", POOL)


def test_a_refusal_is_one_paragraph(tmp_path):
    path = tmp_path / "set.parquet"
    path.write_bytes(b"PAR1" + bytes(4) + b"PAR1")  # Arrow explains this in several lines
    with pytest.raises(UserError) as refused:
        indexsets.read_index_set(path, "labeled", POOL)
    assert "\n" not in str(refused.value)


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path):
    path = tmp_path / "alpha=0.5" / "set.parquet"
    indexsets.write_index_set(path, "labeled", columns_of("labeled"), POOL)
    indexsets.read_index_set(path, "labeled", POOL)


def test_unlabeled_is_the_complement_ascending():
    found = indexsets.unlabeled(7, np.array([5, 0, 3]))
    assert found.tolist() == [1, 2, 4, 6]
    assert found.dtype == np.int64
    assert indexsets.unlabeled(3, np.array([], dtype=np.int64)).tolist() == [0, 1, 2]
    assert indexsets.unlabeled(3, np.array([2, 1, 0])).tolist() == []


@pytest.mark.parametrize(
    "values",
    [[1, 2], [1.5, None, 2.0], [None, 3], ["sup", "semi"], ["a", None, "é"], [1, 2.5], [], [None]]
    + [[0.1] * 9 + [None]],
    ids=str,
)
def test_lists_become_what_arrow_makes_of_them(values):
    made = indexsets.list_to_arrow(values)
    made.validate(full=True)
    assert made.equals(pa.array(values)) and made.null_count == values.count(None)


def test_lists_become_arrow_arrays_without_pandas():
    code = "import sys; from wholepool.data.indexsets import list_to_arrow as f; "
    code += "f([1, None]); f(['a']); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], text=True, stdout=subprocess.PIPE)
    assert done.stdout == "False\n"
