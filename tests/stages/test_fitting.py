"""The stages of a network that is fitted at once: their numbers, and that none imports torch."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from by_hand import python
from toys import PROPAGATION, toy_pool

from wholepool.data.indexsets import write_index_set
from wholepool.data.pool import write_pool
from wholepool.graph.affinity import normalized_graph
from wholepool.graph.propagation import propagate_images
from wholepool.graph.stored import read_graph, write_graph
from wholepool.grid.slices import GRAPH_KEYS
from wholepool.job.errors import UserError
from wholepool.learn.networks import head

NETWORK = {"name": "head", "scale": 10.0, "penalty": 0.001}
HOW = PROPAGATION | {"k": 10, "graph": "union"}
RUN = """
import json, sys
from wholepool.__main__ import main
codes = [main(command) for command in json.load(sys.stdin)]
print(json.dumps([codes, sorted({"torch", "sklearn", "pandas"} & set(sys.modules))]))
"""


def run(*commands):
    """Exit codes of stages, and what heavy packages they have imported."""
    done = python("-c", RUN, input=json.dumps([list(map(str, one)) for one in commands]))
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def folder(tmp_path):
    """A pool of 60 with its features, of which four are labeled: class 2 and 3 have no label."""
    toy, labels = toy_pool(60, 16)
    rng = np.random.default_rng(0)
    rows = (np.eye(6)[labels] + 0.3 * rng.normal(size=(60, 6))).astype(np.float32)
    names = list(toy.class_names)
    pool = write_pool(tmp_path / "pool.npy", tmp_path / "pool.json", toy.images, "toy", names, 60)
    np.save(tmp_path / "features.npy", rows)
    known = np.array([0, 1, 4, 5])
    columns = {"index": known, "label": labels[known], "cycle": np.zeros(4)}
    write_index_set(tmp_path / "labeled.parquet", "labeled", columns, pool, 3, 0)
    return tmp_path


def embedding(folder):
    settings = {"network": NETWORK, "augment": {"translate": 0, "flip": False}}
    return [
        *("embed_pool", "--pool", folder / "pool.npy", "--info", folder / "pool.json"),
        *("--features", folder / "features.npy", "--pre", "blocks", "--device", "cpu"),
        *("--settings", json.dumps(settings), "--embeddings", folder / "embeddings.npy"),
    ]


def graphing(folder):
    settings = {key: HOW[key] for key in GRAPH_KEYS}
    return [
        *("graph", "--pool", folder / "pool.npy", "--info", folder / "pool.json"),
        *("--embeddings", folder / "embeddings.npy", "--settings", json.dumps(settings)),
        *("--device", "cpu", "--out", folder / "graph.npz"),
    ]


def fitting(folder, semi="none", *more):
    settings = {"network": NETWORK} | ({"propagation": HOW} if semi != "none" else {})
    return [
        *("fit", "--pool", folder / "pool.npy", "--info", folder / "pool.json"),
        *("--labeled", folder / "labeled.parquet", "--embeddings", folder / "embeddings.npy"),
        *("--test-features", folder / "features.npy", "--cell", "toy/m/initial/3/0"),
        *("--semi", semi, "--pre", "blocks", "--settings", json.dumps(settings), *more),
        *("--history", folder / "history.parquet", "--head", folder / "head.npy"),
        *("--test-probabilities", folder / "test_probabilities.npy"),
        *("--pseudo-labels", folder / "pseudo_labels.parquet", "--device", "cpu"),
    ]


def softmax(rows, matrix):
    logits = rows.astype(float) @ matrix[:, :-1].T.astype(float) + matrix[:, -1]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_labels_alone(folder):
    codes, heavy = run(embedding(folder), fitting(folder))
    assert (codes, heavy) == ([0, 0], [])
    embeddings = np.load(folder / "embeddings.npy")
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    labeled = pq.read_table(folder / "labeled.parquet").to_pydict()
    wanted = head.fit(embeddings[labeled["index"]], labeled["label"], np.ones(4), 4, NETWORK)
    np.testing.assert_allclose(np.load(folder / "head.npy"), wanted, atol=1e-4)
    found = np.load(folder / "test_probabilities.npy")
    np.testing.assert_allclose(found, softmax(embeddings, wanted), atol=1e-4)
    assert set(found.argmax(axis=1)) == {0, 1}  # the others have no label
    assert pq.read_table(folder / "pseudo_labels.parquet").num_rows == 0
    assert pq.read_table(folder / "history.parquet")["phase"].to_pylist() == ["sup"]


def test_with_semi_it_is_fitted_to_labels_and_weighted_pseudo_labels(folder):
    more = ("label_propagation", "--graph", folder / "graph.npz")
    codes, heavy = run(embedding(folder), graphing(folder), fitting(folder, *more))
    assert (codes, heavy) == ([0, 0, 0], [])
    embeddings = np.load(folder / "embeddings.npy")
    labeled = {
        name: np.array(column)
        for name, column in pq.read_table(folder / "labeled.parquet").to_pydict().items()
    }
    answer = propagate_images(embeddings, labeled["index"], labeled["label"], 4, HOW)
    rest = np.setdiff1d(np.flatnonzero(answer.weights > 0), labeled["index"])
    told = pq.read_table(folder / "pseudo_labels.parquet").to_pydict()
    assert told["index"] == rest.tolist() and told["label"] == answer.labels[rest].tolist()
    np.testing.assert_allclose(told["weight"], answer.weights[rest], atol=1e-6)
    rows = np.concatenate([labeled["index"], rest])
    targets = np.concatenate([labeled["label"], answer.labels[rest]])
    weights = np.concatenate([np.ones(4), answer.weights[rest]])
    wanted = head.fit(embeddings[rows], targets, weights, 4, NETWORK)
    np.testing.assert_allclose(np.load(folder / "head.npy"), wanted, atol=1e-3)
    assert pq.read_table(folder / "history.parquet")["phase"].to_pylist() == ["sup", "semi"]


def test_pseudo_labels_of_a_strategy_join_as_labels(folder):
    from wholepool.data.pool import read_pool

    pool = read_pool(folder / "pool.npy", folder / "pool.json")
    joining = {"index": np.array([8, 9]), "label": np.array([0, 1]), "weight": np.ones(2)}
    write_index_set(folder / "joining.parquet", "pseudo_labels", joining, pool, 3, -1)
    command = fitting(folder, "none", "--joining", folder / "joining.parquet")
    assert run(embedding(folder), command)[0] == [0, 0]
    embeddings = np.load(folder / "embeddings.npy")
    rows, targets = [0, 1, 4, 5, 8, 9], [0, 1, 0, 1, 0, 1]
    wanted = head.fit(embeddings[rows], np.array(targets), np.ones(6), 4, NETWORK)
    np.testing.assert_allclose(np.load(folder / "head.npy"), wanted, atol=1e-3)


def test_a_graph_is_read_as_it_was_written(folder):
    rows = head.embed(np.load(folder / "features.npy"), NETWORK)
    graph = normalized_graph(rows, HOW)
    write_graph(folder / "graph.npz", graph)
    found = read_graph(folder / "graph.npz", 60)
    assert (found.adjacency != graph.adjacency).nnz == 0 and found.recall == graph.recall
    np.testing.assert_array_equal(found.node, graph.node)
    np.testing.assert_array_equal(found.degree, graph.degree)


@pytest.mark.parametrize("wrong", ["other", "torn", "gone"])
def test_a_graph_of_other_images_or_a_torn_one_is_refused(folder, wrong):
    rows = head.embed(np.load(folder / "features.npy"), NETWORK)
    write_graph(
        folder / "graph.npz", normalized_graph(rows[:40] if wrong == "other" else rows, HOW)
    )
    if wrong == "torn":
        (folder / "graph.npz").write_bytes((folder / "graph.npz").read_bytes()[:300])
    if wrong == "gone":
        (folder / "graph.npz").unlink()
    with pytest.raises(UserError, match="graph.npz"):
        read_graph(folder / "graph.npz", 60)


def test_a_network_that_is_trained_is_not_fitted(folder):
    command = fitting(folder)
    at = command.index("--settings") + 1
    command[at] = json.dumps({"network": {"name": "conv13"}})
    assert run(embedding(folder), command)[0] == [0, 2]


@pytest.mark.parametrize(("nodes", "columns", "imports"), [(10_000, 10, False), (10_000, 32, True)])
def test_torch_is_imported_only_for_what_repays_it(nodes, columns, imports):
    """A fitted network's cell of 10,000 images takes half as long without."""
    done = python(
        "-c",
        "import sys, numpy as np\n"
        "from scipy import sparse\n"
        "from wholepool.graph.conjugate_gradients import solver\n"
        f"graph = sparse.diags_array([0.5], shape=({nodes}, {nodes})).tocsr()\n"
        f"x = solver(graph, 0.5, {columns})(np.ones(({nodes}, 1)), 1e-6, 9).x\n"
        "assert abs(x - 4 / 3).max() < 1e-6\n"
        "print('torch' in sys.modules)",
    )
    assert done.stdout.split() == [str(imports)], done.stderr
