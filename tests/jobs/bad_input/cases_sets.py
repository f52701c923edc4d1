"""What can be wrong with index sets."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from spoiling import (
    case,
    columns,
    first_is,
    gone,
    is_folder,
    metadata,
    nothing,
    of_other_pool,
    rewritten,
    text,
    torn,
)

SETS = [
    case("no labeled set", "train", gone("labeled.parquet")).says(
        "labeled.parquet", "is missing", "makes it"
    ),
    case("half-written Parquet", "train", torn("labeled.parquet")).says(
        "labeled.parquet", "not a complete Parquet file", "again"
    ),
    case("empty file", "propagate", text("labeled.parquet", "")).says(
        "labeled.parquet", "not a complete Parquet file", "again"
    ),
    case("folder for a labeled set", "evaluate", is_folder("labeled.parquet")).says(
        "labeled.parquet", "directory", "again"
    ),
    case(
        "index twice", "train", columns("labeled.parquet", index=lambda i: i[[0, 0, *range(2, 20)]])
    ).says("labeled.parquet", "occurs more than once", "again"),
    case("index out of range", "train", columns("labeled.parquet", index=first_is(60))).says(
        "labeled.parquet", "index 60", "again"
    ),
    case("negative index", "acquire", columns("labeled.parquet", index=first_is(-1))).says(
        "labeled.parquet", "index -1", "again"
    ),
    case(
        "label that is no class", "propagate", columns("labeled.parquet", label=first_is(10))
    ).says("labeled.parquet", "label 10", "again"),
    case("cycle that is none", "train", columns("labeled.parquet", cycle=first_is(-3))).says(
        "labeled.parquet", "cycle -3", "again"
    ),
    case("labeled set of another data set", "train", of_other_pool("labeled.parquet")).says(
        "labeled.parquet", "fingerprint", "made for this pool"
    ),
    case("queries for a labeled set", "train", nothing, labeled="queries.parquet").says(
        "queries.parquet", "'queries'", "not 'labeled'"
    ),
    case(
        "wrong type", "train", columns("labeled.parquet", label=lambda v: v.astype(np.float64))
    ).says("labeled.parquet", "label is double", "again"),
    case("missing column", "label", columns("labeled.parquet", drop=("cycle",))).says(
        "labeled.parquet", "['index', 'label']", "again"
    ),
    case(
        "empty values",
        "train",
        columns("labeled.parquet", label=lambda v: pa.array([None, *v[1:].tolist()], pa.int32())),
    ).says("labeled.parquet", "1 empty values", "again"),
    case(
        "nothing is labeled",
        "train",
        rewritten(
            *("labeled.parquet", "labeled", 0, 0),
            **dict.fromkeys(("index", "label", "cycle"), lambda column: column[:0]),
        ),
    ).says("labeled.parquet", "no label", "again"),
    case(
        "relabeled before it grows",
        "label",
        rewritten("labeled.parquet", "labeled", 0, 0, label=lambda v: np.roll(v, 3)),
    ).says("labeled.parquet", "the oracle", "again"),
    case(
        "relabeled before it is judged",
        "evaluate",
        rewritten("labeled.parquet", "labeled", 0, 0, label=lambda v: (v + 1) % 10),
    ).says("labeled.parquet", "the oracle", "again"),
    case(
        "labeled set of another seed", "train", rewritten("labeled.parquet", "labeled", 4, 0)
    ).says("labeled.parquet", "seed 4", "of seed 0"),
    case(
        "labeled set of another cycle", "evaluate", rewritten("labeled.parquet", "labeled", 0, 2)
    ).says("labeled.parquet", "cycle 2", "of cycle 0"),
    case("queries of another cycle", "label", rewritten("queries.parquet", "queries", 0, 1)).says(
        "queries.parquet", "cycle 1", "of cycle 0"
    ),
    case(
        "queries that are labeled",
        "label",
        lambda folder: rewritten(
            *("queries.parquet", "queries", 0, 0),
            index=first_is(pq.read_table(folder / "labeled.parquet")["index"][0].as_py()),
        )(folder),
    ).says("queries.parquet", "labeled already", "again"),
    case(
        "queries out of order", "label", columns("queries.parquet", rank=lambda r: r[::-1].copy())
    ).says("queries.parquet", "ranks", "again"),
    case("no queries", "label", gone("queries.parquet")).says(
        "queries.parquet", "is missing", "makes it"
    ),
    case("heavy pseudo-label", "evaluate", columns("pseudo.parquet", weight=first_is(1.5))).says(
        "pseudo.parquet", "1.5", "in [0, 1]"
    ),
    case(
        "pseudo-labels of nothing", "evaluate", metadata("pseudo.parquet", fingerprint="f00")
    ).says("pseudo.parquet", "f00", "made for this pool"),
]
