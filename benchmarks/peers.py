"""The peers' ways, written from a description of their public code. For timing only.

Label propagation and acquisition of LP-DeepSSL and of the paper's released code; k-center with
SciPy's distance matrix, as in public CoreSet implementations; k-means by faiss.
"""

import numpy as np
from scipy import sparse, stats
from scipy.sparse.linalg import cg
from scipy.spatial import distance_matrix

ALPHA = 0.99
ITERATIONS = 20


def neighbors(embeddings: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Brute-force search for k + 1, the first column dropped: indices and similarities."""
    import faiss

    rows = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    similarities, indices = index.search(rows, k + 1)
    return indices[:, 1:], similarities[:, 1:]


def graph(indices: np.ndarray, similarities: np.ndarray) -> sparse.csr_array:
    """W = A + A', of cubed similarities by way of triplets, then normalized by degree."""
    n, k = indices.shape
    rows = np.repeat(np.arange(n), k)
    values = similarities.ravel().astype(np.float64) ** 3
    weights = sparse.csr_array((values, (rows, indices.ravel())), shape=(n, n))
    weights = weights + weights.T
    weights = weights - sparse.diags_array(weights.diagonal())
    degree = np.asarray(weights.sum(axis=1)).ravel()
    degree[degree == 0] = 1
    scale = sparse.diags_array(degree**-0.5)
    return sparse.csr_array(scale @ weights @ scale)


def solve(
    normalized: sparse.csr_array, b: np.ndarray, tolerance: float = 1e-6, cap: int = ITERATIONS
) -> np.ndarray:
    """One conjugate gradient run after the other, a class each, from zero."""
    matrix = sparse.eye_array(normalized.shape[0], format="csr") - ALPHA * normalized
    x = np.zeros_like(b)
    for column in range(b.shape[1]):
        x[:, column], _ = cg(matrix, b[:, column], rtol=tolerance, atol=0, maxiter=cap)
    return x


def pseudo_labels(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arg-max and certainty of clipped rows of unit mass, divided by the largest certainty."""
    scores = np.clip(x, 0, None)
    mass = scores.sum(axis=1, keepdims=True)
    mass[mass == 0] = 1
    scores /= mass
    weights = 1 - stats.entropy(scores.T) / np.log(x.shape[1])
    return scores.argmax(axis=1), weights / weights.max()


def bookkeeping(
    labels: np.ndarray,
    weights: np.ndarray,
    labeled: np.ndarray,
    rng: np.random.Generator,
    upto: int,
) -> list[tuple[int, int]]:
    """Draw half of U by weight; a Python loop then asks of each image which arrays it is in.

    Only the first `upto` images are asked of.
    """
    rest = np.setdiff1d(np.arange(len(labels)), labeled)
    share = np.maximum(weights[rest], 1e-9)
    drawn = rng.choice(rest, len(rest) // 2, replace=False, p=share / share.sum())
    kept = []
    for image in range(upto):
        if image in labeled or (image in drawn and image in rest):
            kept.append((image, int(labels[image])))
    return kept


def jlp(
    normalized: sparse.csr_array, labeled: np.ndarray, budget: int, cap: int = ITERATIONS
) -> list[int]:
    """A solve from zero for each image acquired, each followed by two argsorts."""
    matrix = sparse.eye_array(normalized.shape[0], format="csr") - ALPHA * normalized
    known, picks = list(labeled), []
    for _ in range(budget):
        y = np.zeros(normalized.shape[0])
        y[known] = 1
        similarity, _ = cg(matrix, y, rtol=1e-6, atol=0, maxiter=cap)
        order = np.argsort(similarity)
        np.argsort(-similarity)
        pick = next(image for image in order if image not in known)
        picks.append(int(pick))
        known.append(pick)
    return picks


def coreset(embeddings: np.ndarray, labeled: np.ndarray, budget: int) -> list[int]:
    """Greedy k-center: after each pick, its distances to all images by `distance_matrix`."""
    rows = embeddings.astype(np.float64)
    nearest = np.full(len(rows), np.inf)
    for image in labeled:
        nearest = np.minimum(nearest, distance_matrix(rows, rows[[image]]).ravel())
    picks = []
    for _ in range(budget):
        pick = int(nearest.argmax())
        picks.append(pick)
        nearest = np.minimum(nearest, distance_matrix(rows, rows[[pick]]).ravel())
    return picks


def coreset_by_product(embeddings: np.ndarray, labeled: np.ndarray, budget: int) -> list[int]:
    """The same, by one product a pick: |x - y|^2 = |x|^2 - 2 x y + |y|^2."""
    rows = embeddings.astype(np.float64)
    squares = (rows**2).sum(axis=1)

    def to(image: int) -> np.ndarray:
        return squares - 2 * (rows @ rows[image]) + squares[image]

    nearest = np.min([to(image) for image in labeled], axis=0)
    nearest[labeled] = -np.inf
    picks = []
    for _ in range(budget):
        pick = int(nearest.argmax())
        picks.append(pick)
        nearest = np.minimum(nearest, to(pick))
        nearest[pick] = -np.inf
    return picks


def kmeans(points: np.ndarray, k: int, iterations: int, seed: int) -> float:
    """faiss's k-means on all points, and a last search for the labels: the mean distance."""
    import faiss

    clustering = faiss.Kmeans(
        points.shape[1], k, niter=iterations, seed=seed, max_points_per_centroid=10**7
    )
    clustering.train(points)
    distances, _ = clustering.index.search(points, 1)
    return float(distances.mean())
