"""Search for the nearest neighbors by an index of faiss (Douze et al. 2024), from a factory string.

What it is for is compressed codes: an index such as "IVF4096,PQ32x8" holds 32 bytes of a row. faiss
proposes candidates, and their exact cosines, computed from the rows, decide among them. As in our
own approximate search, the exact neighbors of a sample of rows tell how wide to search.
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.graph.exact import BLOCK_BYTES, Tiles, nearest_of
from wholepool.job.errors import UserError
from wholepool.job.log import logger

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE = 1024  # rows whose exact neighbors are computed, as in our own approximate search
FACTORS = (1, 2, 4, 8)  # candidates asked of the index, for each neighbor wanted
TIE = 1e-6  # float32 cosines of unit rows this close are equal
SLACK = 0.001  # of recall that is given up where more work would not reach the goal either


def by_faiss(
    rows: np.ndarray, k: int, factory: str, recall: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The k nearest others of each row: int64 (n, k), their cosines float32 (n, k), and the recall.

    `rows` float32 (n, d), of unit length; most similar first, of equal ones the lower index. The
    recall is measured on a sample: the share of neighbors as similar as the k-th true one. It is a
    warning in the log if it is below `recall`. faiss works on the CPU in as many threads as torch,
    from seeds of its own that are fixed: with one thread it repeats itself to the bit. Raises
    UserError if faiss refuses the string, or cannot train such an index on these rows.
    """
    import faiss
    import torch

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = build(rows, factory)
    n = len(rows)
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, SAMPLE), replace=False))
    table = torch.as_tensor(rows)
    kth = ranked(rows, sample, nearest_of(table, sample, k, Tiles(table)), k)[1][:, -1:] - TIE
    name, values = ladder(index)
    place, count = settle(index, rows, sample, kth, k, recall)
    value = values[place]

    indices, similarities = found_by(index, rows, np.arange(n), k, count, name, value)
    widen(index, rows, indices, similarities, count, values[place + 1 :], name, table)
    reached = float((similarities[sample] >= kth).mean())
    logger.info(
        "faiss index %s: recall %.4f with %d candidates an image%s",
        *(factory, reached, count),
        f" and {name} {value}" if name else "",
    )
    if reached < recall:
        logger.warning(
            "propagation.search {faiss: %s} finds %.4f of the neighbors of a sample of images, not "
            "the %g of propagation.recall, however wide it searches: take longer codes (PQ64x8 for "
            "PQ32x8) or whole rows (Flat for PQ), search: approximate, or a lower recall",
            *(factory, reached, recall),
        )
    return indices, similarities, reached


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
        # what stands before is the place in faiss's code
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
        similarities = found_by(index, rows, sample, k, count, name, value)[1]
        share = (similarities >= kth).mean(axis=1)
        return share.mean(), share.mean() - 2 * share.std() / len(sample) ** 0.5

    means: list[float] = []
    for value in values:
        mean, sure = measured(value, FACTORS[-1] * k)
        means.append(mean)
        if sure >= recall:
            break
    else:
        return int((np.array(means) >= max(means) - SLACK).argmax()), FACTORS[-1] * k
    place = len(means) - 1
    for factor in FACTORS:
        if measured(values[place], factor * k)[1] >= recall:
            break
    return place, factor * k


def found_by(
    index: Any,
    rows: np.ndarray,
    which: np.ndarray,
    k: int,
    count: int,
    name: str,
    value: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best k of `count` candidates for the rows `which`, int64 (m,): as `ranked` gives them.

    The parameter `name` of the index is set to `value`.
    """
    import faiss

    if name:
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    asked = min(count + 1, len(rows))  # a row itself is mostly among them
    indices = np.empty((len(which), k), dtype=np.int64)
    similarities = np.empty((len(which), k), dtype=np.float32)
    step = max(1, BLOCK_BYTES // (16 * asked))
    for start in range(0, len(which), step):
        part = slice(start, start + step)
        found = index.search(rows[which[part]], asked)[1]
        indices[part], similarities[part] = ranked(rows, which[part], found, k)
    return indices, similarities


def ranked(
    rows: np.ndarray, which: np.ndarray, found: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
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
    indices = np.take_along_axis(found, order, axis=1)
    indices[similarities == -np.inf] = -1
    return indices, similarities


def widen(
    index: Any,
    rows: np.ndarray,
    indices: np.ndarray,
    similarities: np.ndarray,
    count: int,
    values: list[int],
    name: str,
    table: "Tensor",
) -> None:
    """Search again, in place, for the rows that lack neighbors: wider, at last exactly.

    The lists that are probed may hold fewer than k rows. `values` are those of the ladder that are
    left; `table` is `rows`, of torch.
    """
    k = indices.shape[1]
    short = np.flatnonzero(indices[:, -1] < 0)
    for value in values:
        if len(short) == 0:
            return
        indices[short], similarities[short] = found_by(index, rows, short, k, count, name, value)
        short = short[indices[short, -1] < 0]
    if len(short):
        nearest = nearest_of(table, short, k, Tiles(table))
        indices[short], similarities[short] = ranked(rows, short, nearest, k)
