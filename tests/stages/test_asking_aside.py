"""Images that are set aside: a strategy asks as if the pool had none of them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import toy_pool

from wholepool.__main__ import main
from wholepool.data.indexsets import write_index_set
from wholepool.data.pool import write_pool

N, B = 40, 6
ASIDE = np.array([0, 5, 6, 17, 30, 39])
LABELED = np.array([1, 2, 3, 8, 20, 38])
REST = np.setdiff1d(np.arange(N), ASIDE)


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """A pool with images that are set aside, and one that never had them."""
    folder = tmp_path_factory.mktemp("aside")
    toy, labels = toy_pool(N, 8)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(N, 5)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    probabilities = rng.dirichlet(np.ones(4), N).astype(np.float32)
    for name, rows in (("all", np.arange(N)), ("rest", REST)):
        below = folder / name
        below.mkdir()
        how = "toy", list(toy.class_names), 0
        pool = write_pool(below / "pool.npy", below / "pool.json", toy.images[rows], *how)
        np.save(below / "embeddings.npy", embeddings[rows])
        np.save(below / "probabilities.npy", probabilities[rows])
        known = np.searchsorted(rows, LABELED)
        columns = {"index": known, "label": labels[LABELED], "cycle": np.zeros(len(known))}
        write_index_set(below / "labeled.parquet", "labeled", columns, pool, 3, 0)
        if name == "all":
            write_index_set(below / "aside.parquet", "aside", {"index": ASIDE}, pool, cycle=0)
            aside = np.setdiff1d(np.arange(N), [*LABELED, 4, 9])
            write_index_set(below / "most.parquet", "aside", {"index": aside}, pool, cycle=0)
            every = np.setdiff1d(np.arange(N), LABELED)
            write_index_set(below / "every.parquet", "aside", {"index": every}, pool, cycle=0)
            write_index_set(below / "both.parquet", "aside", {"index": LABELED[:1]}, pool, cycle=0)
    return folder


def asked(below, stage, strategy, aside=None, code=0, needs=("embeddings",)):
    """What a strategy asks for: its table, or nothing where it is refused."""
    files = {"pool": "pool.npy", "info": "pool.json", "out": "queries.parquet"}
    files |= {name: f"{name}.npy" for name in needs}
    if stage == "acquire":
        files["labeled"] = "labeled.parquet"
    if aside:
        files["aside"] = f"{aside}.parquet"
    words = [word for name, file in files.items() for word in (f"--{name}", str(below / file))]
    more = ["--seed", "3"] if stage == "ask" else ["--cell", f"e/m/{strategy}/3/0"]
    settings = json.dumps({"typiclust": {"neighbors": 3, "max_clusters": 10}})
    words += ["--strategy", strategy, "--budget", str(B), "--settings", settings]
    assert main([stage, *words, *more, "--device", "cpu"]) == code
    return pq.read_table(below / "queries.parquet").to_pydict() if code == 0 else {}


@pytest.mark.parametrize(
    "stage, strategy, needs",
    [
        ("ask", "random", ()),
        ("ask", "typiclust", ("embeddings",)),
        ("acquire", "random", ()),
        ("acquire", "coreset", ("embeddings",)),
        ("acquire", "uncertainty", ("probabilities",)),
        ("acquire", "badge", ("embeddings", "probabilities")),
    ],
)
def test_it_asks_as_of_a_pool_without_them(pools, clean_process, stage, strategy, needs):
    found = asked(pools / "all", stage, strategy, "aside", needs=needs)
    wanted = asked(pools / "rest", stage, strategy, needs=needs)
    assert found["index"] == REST[wanted["index"]].tolist()
    assert np.array(found["score"]).tobytes() == np.array(wanted["score"]).tobytes()
    assert not set(found["index"]) & (set(ASIDE) | (set(LABELED) if stage == "acquire" else set()))


def test_where_fewer_are_left_it_asks_for_these(pools, clean_process):
    assert sorted(asked(pools / "all", "acquire", "coreset", "most")["index"]) == [4, 9]
    assert asked(pools / "all", "acquire", "coreset", "every")["index"] == []


def test_a_labeled_image_that_is_set_aside_is_refused(pools, clean_process, caplog):
    asked(pools / "all", "acquire", "coreset", "both", code=2)
    assert f"sets image {LABELED[0]} aside, which is labeled" in caplog.text
