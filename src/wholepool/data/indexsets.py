"""The Parquet index sets that pass between stages: their schemas, writing, reading, checking.

A file's metadata name the pool that its indices point into, its place in the grid (seed, cycle),
and a checksum of its content: Parquet's own covers the pages, not the footer, where one flipped bit
can drop all rows. A reader checks the file's integrity, its kind, its pool and its content.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wholepool.data.pool import Pool
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic

SCHEMAS: dict[str, dict[str, type[np.generic]]] = {
    # index of the image, its label by the oracle, the cycle in which training first had it
    "labeled": {"index": np.int64, "label": np.int32, "cycle": np.int16},
    # images to be labeled next: rank 0 first; the score's meaning is its strategy's
    "queries": {"index": np.int64, "rank": np.int32, "score": np.float64},
    # pseudo-label and certainty weight in [0, 1]
    "pseudo_labels": {"index": np.int64, "label": np.int32, "weight": np.float32},
    # the hidden labels: only the oracle and evaluation read them
    "oracle": {"index": np.int64, "label": np.int32},
    # images that a strategy is not to ask for: reserved for the audit, or set aside by people
    "aside": {"index": np.int64},
    # what a model says of each image of the pool: the classifier's best two classes with their
    # probabilities; the class by propagation, -1 where there is none, and its certainty
    "predicted": {
        "index": np.int64,
        "label": np.int32,
        "probability": np.float32,
        "second": np.int32,
        "second_probability": np.float32,
        "propagated": np.int32,
        "certainty": np.float32,
    },
}

Columns = dict[str, np.ndarray]


def write_index_set(
    path: str | Path,
    kind: str,
    columns: Columns,
    pool: Pool,
    seed: int = -1,
    cycle: int = -1,
    more: Mapping[str, str] | None = None,
) -> None:
    """Write one index set of a kind in SCHEMAS, after a reader's checks; `more` is metadata.

    `seed` and `cycle` are -1 where they do not apply. Raises UserError if a check fails.
    """
    cast = {}
    for name, dtype in SCHEMAS[kind].items():
        with np.errstate(invalid="ignore"):
            cast[name] = columns[name].astype(dtype)
        if np.issubdtype(dtype, np.integer) and not np.array_equal(cast[name], columns[name]):
            raise UserError(f"{path}: column {name} has values that {np.dtype(dtype)} cannot hold")
    check(cast, kind, pool, str(path))
    metadata = {"kind": kind, "dataset": pool.dataset, "fingerprint": pool.fingerprint}
    numbers = {"n": pool.n, "classes": pool.classes, "seed": seed, "cycle": cycle}
    metadata |= {name: str(number) for name, number in numbers.items()}
    metadata |= {"checksum": checksum(cast), **(more or {})}
    table = pa.table({name: to_arrow(array) for name, array in cast.items()}, metadata=metadata)
    with atomic(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def read_index_set(
    path: str | Path, kind: str, pool: Pool, seed: int | None = None, cycle: int | None = None
) -> Columns:
    """Read and check one index set; returns its columns by name.

    It must be of `seed` and `cycle`, unless it is of all; None takes any. Raises UserError if the
    file is missing or torn, of another kind or data set, if its content breaks the rules of
    `check`, or is not what was written.
    """
    table = read_table(path)
    metadata = text_metadata(table.schema)
    if metadata.get("kind") != kind:
        found = metadata.get("kind")
        raise UserError(
            f"{path} is an index set of kind {found!r}, not {kind!r}: give one of those"
        )
    if metadata.get("fingerprint") != pool.fingerprint:
        raise UserError(
            f"{path} belongs to data set {metadata.get('dataset')!r} with fingerprint "
            f"{metadata.get('fingerprint', '')[:12]!r}, not to {pool.dataset!r} with "
            f"{pool.fingerprint[:12]!r}: its indices would point at other images. Use the file "
            "made for this pool"
        )
    for name, wanted in (("seed", seed), ("cycle", cycle)):
        if wanted is not None and metadata.get(name) not in (str(wanted), "-1"):
            raise UserError(
                f"{path} is of {name} {metadata.get(name)}, but is to be used as one of {name} "
                f"{wanted}: give the file that was made for it"
            )
    names = table.column_names
    if names != list(SCHEMAS[kind]):
        raise UserError(f"{path} has columns {names}, not {list(SCHEMAS[kind])}: {AGAIN}")
    columns = {}
    for name, dtype in SCHEMAS[kind].items():
        column, declared = table.column(name), pa.from_numpy_dtype(dtype)
        if column.type != declared:
            raise UserError(f"{path}: column {name} is {column.type}, not {declared}: {AGAIN}")
        if column.null_count:
            raise UserError(f"{path}: column {name} has {column.null_count} empty values: {AGAIN}")
        columns[name] = np.from_dlpack(column.combine_chunks())
    check(columns, kind, pool, str(path), f": {AGAIN}")
    # files of earlier versions have none
    if "checksum" in metadata and metadata["checksum"] != checksum(columns):
        raise UserError(
            f"{path} was damaged or changed after it was written: its content does not fit its "
            f"checksum: {AGAIN}"
        )
    return columns


def checksum(columns: Columns) -> str:
    """SHA-256, in hexadecimal, of columns: their names, types and bytes."""
    digest = hashlib.sha256()
    for name, array in columns.items():
        digest.update(f"{name} {array.dtype} {len(array)}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read_table(path: str | Path) -> pa.Table:
    """A Parquet file's table; UserError if it is missing or torn."""
    with opened(path) as file:
        return file.read()


@contextmanager
def opened(path: str | Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file, open; what goes wrong with it within is a UserError."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: run the stage that makes it") from error
    except PermissionError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")  # Arrow's may have several lines
        raise UserError(f"{path} is not a complete Parquet file ({reason}): {AGAIN}") from error


def read_metadata(path: str | Path) -> dict[str, str]:
    """A Parquet file's metadata alone; UserError as `read_table`."""
    with opened(path) as file:
        return text_metadata(file.schema_arrow)


def text_metadata(schema: pa.Schema) -> dict[str, str]:
    """A Parquet file's metadata: text by name."""
    return {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in (schema.metadata or {}).items()
    }


# pyarrow's own conversions from and to NumPy import pandas, as pq.read_table does: a third of a
# second in each of thousands of jobs. from_dlpack, the two below and pq.ParquetFile do not.


def to_arrow(array: np.ndarray) -> pa.Array:
    """A numeric array (n,) as an Arrow array."""
    array = np.ascontiguousarray(array)
    kind = pa.from_numpy_dtype(array.dtype)
    return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(array)])


def list_to_arrow(values: list[Any]) -> pa.Array:
    """A list of int, float or str (one kind, or None) as an Arrow array, as pa.array makes it."""
    valid = np.array([value is not None for value in values], dtype=bool)
    if not valid.any():
        return pa.nulls(len(values))
    missing = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if isinstance(values[valid.argmax()], str):
        texts = [(value or "").encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        data = [missing, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(pa.string(), len(values), data)
    numbers = np.array([0 if value is None else value for value in values])
    kind = pa.from_numpy_dtype(numbers.dtype)
    return pa.Array.from_buffers(kind, len(values), [missing, pa.py_buffer(numbers)])


def check(columns: Columns, kind: str, pool: Pool, path: str, remedy: str = "") -> None:
    """Raise UserError, ended by `remedy`, unless indices are unique and in range, and so on."""
    index = columns["index"]
    ranges = {
        "index": (pool.n, f"outside the pool of {pool.n} images"),
        "label": (pool.classes, f"not one of {pool.classes} classes"),
    }
    for name, (end, fault) in ranges.items():
        values = columns.get(name, index[:0])
        bad = values[(values < 0) | (values >= end)]
        if len(bad):
            raise UserError(f"{path}: {name} {bad[0]} is {fault}{remedy}")
    unique, counts = np.unique(index, return_counts=True)
    if len(unique) < len(index):
        raise UserError(f"{path}: index {unique[counts > 1][0]} occurs more than once{remedy}")
    if "cycle" in columns and len(index) and columns["cycle"].min() < 0:
        raise UserError(f"{path}: cycle {columns['cycle'].min()} is no cycle{remedy}")
    if kind == "queries" and not np.array_equal(columns["rank"], np.arange(len(index))):
        raise UserError(f"{path}: ranks are not 0, 1, 2, ...{remedy}")
    if kind == "pseudo_labels":
        weight = columns["weight"]
        bad = weight[~((weight >= 0) & (weight <= 1))]  # NaN too
        if len(bad):
            raise UserError(
                f"{path}: weights must be finite and in [0, 1], but one is {bad[0]}{remedy}"
            )


def unlabeled(n: int, labeled: np.ndarray) -> np.ndarray:
    """U: the indices in [0, n) that are not in `labeled`, ascending, int64."""
    mask = np.ones(n, dtype=bool)
    mask[labeled] = False
    return np.flatnonzero(mask)
