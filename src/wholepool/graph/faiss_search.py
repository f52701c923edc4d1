"""Search for the nearest neighbors by an index of faiss (Douze et al. 2024), from a factory string.

It is for compressed codes: "IVF4096,PQ32x8" holds 32 bytes of a row. faiss proposes candidates, and
their exact cosines decide. As in our own approximate search, the exact neighbors of a sample of
rows tell how wide to search.
"""

import re
from typing import Any

import numpy as np

from wholepool.graph.approximate import SAMPLE
from wholepool.graph.exact import BLOCK_BYTES, Tiles, nearest_of
from wholepool.job.errors import UserError
from wholepool.job.log import logger

FACTORS = (1, 2, 4, 8)  # candidates asked of the index, for each neighbor wanted
TIE = 1e-6  # float32 cosines of unit rows this close are equal
SLACK = 0.001  # of recall that is given up where more work would not reach the goal either

Found = tuple[np.ndarray, np.ndarray]


def by_faiss(
    rows: np.ndarray, k: int, factory: str, recall: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The k nearest others of each row: int64 (n, k), their cosines float32 (n, k), and the recall.

    `rows` float32 (n, d), of unit length; most similar first, of equal ones the lower index. The
    recall is measured on a sample: the share of neighbors as similar as the k-th true one. If it is
    below `recall`, the log has a warning. faiss works on the CPU in as many threads as torch, from
    fixed seeds: with one thread it repeats itself to the bit. Raises UserError if faiss refuses the
    string, or cannot train such an index on these rows.
    """
    import faiss
    import torch

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = build(rows, factory)
    n = len(rows)
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, SAMPLE), replace=False))
    kth = exactly(rows, sample, k)[1][:, -1:] - TIE
    name, values = ladder(index)
    place, count = settle(index, rows, sample, kth, k, recall)
    found = found_by(index, rows, np.arange(n), k, count, name, values[place])
    widen(index, rows, found, count, name, values[place + 1 :])
    reached = float((found[1][sample] >= kth).mean())
    width = f" and {name} {values[place]}" if name else ""
    logger.info(
        "faiss index %s: recall %.4f with %d candidates an image%s", factory, reached, count, width
    )
    if reached < recall:
        logger.warning(
            "propagation.search {faiss: %s} finds %.4f of the neighbors of a sample of images, not "
            "the %g of propagation.recall, however wide it searches: take longer codes (PQ64x8 for "
            "PQ32x8) or whole rows (Flat for PQ), search: approximate, or a lower recall",
            *(factory, reached, recall),
        )
    return *found, reached


def build(rows: np.ndarray, factory: str) -> Any:
    """The trained index of all rows. Raises UserError as `by_faiss` says."""
    import faiss

    n, d = rows.shape
    try:
        if re.search("[A-Za-z]0", factory):  # HNSW0 would end the process
            raise RuntimeError("a size of 0")
        index = faiss.index_factory(d, factory, faiss.METRIC_INNER_PRODUCT)
        index.train(rows)
        index.add(rows)
    except (RuntimeError, MemoryError) as error:
        # before the reason stands the place in faiss's code
        reason = re.split(r"\.(?:cpp|h):\d+: |failed: ", str(error))[-1].strip()
        raise UserError(
            f"propagation.search is {{faiss: {factory}}}, but faiss cannot make this index of "
            f"{n:,} images in {d} dimensions ({reason}): take a string that faiss's wiki explains, "
            "whose PQ parts divide the dimensions, with fewer lists (IVF) or shorter codes if the "
            "images are too few to train it, or search: approximate"
        ) from error
    return index


def ladder(index: Any) -> tuple[str, list[int]]:
    """The parameter that says how wide an index searches, and its values: narrowest first.

    The lists probed, the nodes remembered (HNSW), or none: "" and one value that means nothing.
    """
    import faiss

    inverted = faiss.try_extract_index_ivf(index)
    if inverted is not None:
        return "nprobe", [*(2**i for i in range(32) if 2**i < inverted.nlist), inverted.nlist]
    space = faiss.ParameterSpace()
    space.initialize(index)
    ranges = space.parameter_ranges
    if "efSearch" in {ranges.at(i).name for i in range(ranges.size())}:
        return "efSearch", [2**i for i in range(4, 13)]
    return "", [0]


def settle(
    index: Any, rows: np.ndarray, sample: np.ndarray, kth: np.ndarray, k: int, recall: float
) -> tuple[int, int]:
    """How wide to search for a recall: a place in the ladder, and the number of candidates.

    The least wide, with most candidates, at which the mean over the sample (m,) is `recall` and two
    standard errors; then the fewest candidates there. If none is, the least wide of those that are
    as good as the best. `kth` (m, 1): neighbors are as similar as this.
    """
    name, values = ladder(index)

    def measured(value: int, count: int) -> tuple[float, float]:
        share = (found_by(index, rows, sample, k, count, name, value)[1] >= kth).mean(axis=1)
        return share.mean(), share.mean() - 2 * share.std() / len(sample) ** 0.5

    most = FACTORS[-1] * k
    means: list[float] = []
    for place, value in enumerate(values):
        mean, sure = measured(value, most)
        means.append(mean)
        if sure >= recall:
            counts = (factor * k for factor in FACTORS[:-1])
            return place, next((c for c in counts if measured(value, c)[1] >= recall), most)
    return int((np.array(means) >= max(means) - SLACK).argmax()), most


def found_by(
    index: Any, rows: np.ndarray, which: np.ndarray, k: int, count: int, name: str, value: int
) -> Found:
    """The best k of `count` candidates for the rows `which`, as `ranked`, with `name` = `value`."""
    import faiss

    if name:
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    asked = min(count + 1, len(rows))  # a row itself is mostly among them
    parts = np.split(which, range(0, len(which), max(1, BLOCK_BYTES // (16 * asked))))[1:]
    found = [ranked(rows, part, index.search(rows[part], asked)[1], k) for part in parts]
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def ranked(rows: np.ndarray, which: np.ndarray, found: np.ndarray, k: int) -> Found:
    """The k most similar to the rows `which` (m,) of what was found for them, (m, c).

    Returns int64 and float32 (m, k), most similar first, by exact cosines. A row itself is dropped;
    where fewer than k others were found, -1 and -inf fill up.
    """
    similarities = np.empty(found.shape, dtype=np.float32)
    step = max(1, BLOCK_BYTES // (4 * found.shape[1] * rows.shape[1]))
    for start in range(0, len(which), step):
        part = slice(start, start + step)
        similarities[part] = np.einsum("nd,ncd->nc", rows[which[part]], rows[found[part]])
    similarities[(found < 0) | (found == which[:, None])] = -np.inf
    order = np.lexsort((found, -similarities), axis=1)[:, :k]
    similarities = np.take_along_axis(similarities, order, axis=1)
    found = np.take_along_axis(found, order, axis=1)
    return np.where(similarities > -np.inf, found, -1), similarities


def exactly(rows: np.ndarray, which: np.ndarray, k: int) -> Found:
    """As `ranked`, of the true neighbors."""
    import torch

    table = torch.as_tensor(rows)
    return ranked(rows, which, nearest_of(table, which, k, Tiles(table)), k)


def widen(
    index: Any, rows: np.ndarray, found: Found, count: int, name: str, values: list[int]
) -> None:
    """Search again, in place, for the rows that lack neighbors: wider, at last exactly.

    The lists that are probed may hold fewer than k rows. `values` are the wider ones of the ladder.
    """
    indices, similarities = found
    k = indices.shape[1]
    for value in (*values, None):
        short = np.flatnonzero(indices[:, -1] < 0)
        if len(short) == 0:
            return
        indices[short], similarities[short] = (
            exactly(rows, short, k)
            if value is None
            else found_by(index, rows, short, k, count, name, value)
        )
