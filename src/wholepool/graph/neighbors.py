"""The k nearest neighbors of every embedding, by cosine similarity: exact, or approximate.

Exact search is a product of all rows with all rows, tile by tile. The approximate one cuts the pool
into lists of some hundred rows that lie together (an inverted file: Jégou et al. 2011) and compares
the rows of a list with those of the nearest lists only. How many lists is not guessed: the exact
neighbors of a sample of rows tell how many are needed for the recall that is asked for.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wholepool.job.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

#: pools up to this size are searched exactly, unless the config says otherwise: there it takes
#: seconds, and the paper's pools are all below it
EXACT_UP_TO = 100_000
#: pools below this size are searched with NumPy: importing torch would take longer than the search
SMALL = 5_000
BLOCK_BYTES = 2**28  # of one tile of similarities
COLUMNS = 2**14  # of a tile made at a time
LIST_SIZE = 100  # rows of a list, on average
SHORTEST = 1e-18  # of a row: float32 holds the squares of longer ones to all its digits
SAMPLE = 1024  # rows whose exact neighbors decide how many lists are searched


@dataclass(frozen=True)
class Neighbors:
    """The k most similar other rows of each row, most similar first.

    `indices` int64 (n, k), `similarities` float32 (n, k), cosines. `recall` is 1 for an exact
    search; of an approximate one, the share of the true neighbors of a sample that is found.
    """

    indices: np.ndarray
    similarities: np.ndarray
    recall: float = 1.0


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """The rows, float32, divided by their l2 norm.

    Raises UserError for rows whose norm float32 does not hold, since they are not finite, zero, or
    so small or large that their squares are: the similarities made of them would be wrong or NaN.
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    bad = ~np.isfinite(norms[:, 0]) | (norms[:, 0] < SHORTEST)
    if bad.any():
        raise UserError(
            f"the embedding of image {np.flatnonzero(bad)[0]} (and {bad.sum() - 1} more) is zero "
            "or not finite, or all but that, so it has no direction: training has diverged; try a "
            "smaller learning rate"
        )
    return embeddings / norms


def nearest_neighbors(
    embeddings: np.ndarray,
    k: int,
    device: str = "cpu",
    search: str = "exact",
    recall: float = 0.99,
) -> Neighbors:
    """The k most similar other rows of each row of `embeddings`, (n, d).

    A row is never its own neighbor: self is dropped by index, not by position, since a duplicate
    may be as near. In an exact search equal similarities go to the lower index. `search` is
    "exact", "approximate" (at least `recall` of the true neighbors, by a sample), or "auto":
    approximate where the pool has more than EXACT_UP_TO rows. `device` "cuda" searches on the GPU.
    Raises UserError unless 1 <= k < n.
    """
    n = len(embeddings)
    if not 1 <= k < n:
        raise UserError(
            f"propagation.k is {k}: k must be at least 1 and below the {n} images of the pool"
        )
    rows = unit_rows(embeddings)
    if search == "approximate" or (search == "auto" and n > EXACT_UP_TO):
        return approximate(rows, k, device, recall)
    if n < SMALL and device == "cpu":
        return exact_small(rows, k)
    return exact(rows, k, device)


def exact_small(rows: np.ndarray, k: int) -> Neighbors:
    """Exact search by NumPy, for pools that are searched in less time than torch takes to import.

    `rows` float32 (n, d), of unit length.
    """
    n = len(rows)
    indices = np.empty((n, k), dtype=np.int64)
    similarities = np.empty((n, k), dtype=np.float32)
    block = max(1, BLOCK_BYTES // (4 * n))
    for start in range(0, n, block):
        stop = min(start + block, n)
        tile = rows[start:stop] @ rows.T
        tile[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        top = np.argpartition(tile, n - k, axis=1)[:, n - k :]
        values = np.take_along_axis(tile, top, axis=1)
        # argpartition cuts a group of equal similarities anywhere: redo the rows it has cut
        worst = values.min(axis=1, keepdims=True)
        for row in np.flatnonzero((tile >= worst).sum(axis=1) > k):
            top[row] = np.argsort(-tile[row], kind="stable")[:k]
            values[row] = tile[row, top[row]]
        order = np.lexsort((top, -values), axis=1)
        indices[start:stop] = np.take_along_axis(top, order, axis=1)
        similarities[start:stop] = np.take_along_axis(values, order, axis=1)
    return Neighbors(indices, similarities)


def exact(rows: np.ndarray, k: int, device: str = "cpu") -> Neighbors:
    """Exact search by torch, on a device, in tiles of BLOCK_BYTES. `rows` (n, d), unit length."""
    import torch

    table = torch.as_tensor(rows, device=device)
    n = len(table)
    indices = np.empty((n, k), dtype=np.int64)
    similarities = np.empty((n, k), dtype=np.float32)
    tiles = Tiles(table)
    for start in range(0, n, tiles.rows(n)):
        stop = min(start + tiles.rows(n), n)
        tile = tiles.product(table[start:stop], table)
        here = torch.arange(stop - start, device=device)
        tile[here, here + start] = -torch.inf
        values, top = best(tile, k)
        indices[start:stop] = top.cpu().numpy()
        similarities[start:stop] = values.cpu().numpy()
    return Neighbors(indices, similarities)


class Tiles:
    """Products of rows in one piece of memory, made once: new memory costs more than a product."""

    def __init__(self, like: "Tensor") -> None:
        numbers = (BLOCK_BYTES if like.device.type == "cpu" else 4 * BLOCK_BYTES) // 4
        self.memory = like.new_empty(min(numbers, len(like) * padded(len(like))))

    def rows(self, width: int) -> int:
        """How many rows of products with `width` others are made at a time."""
        return max(1, len(self.memory) // padded(width))

    def product(self, rows: "Tensor", others: "Tensor") -> "Tensor":
        """rows @ others', (b, n), with columns of -inf that make n a multiple of 32.

        It is overwritten by the next one.
        """
        import torch

        size = len(rows) * padded(len(others))
        if size > len(self.memory):  # one row may be longer than a tile
            self.memory = self.memory.new_empty(size)
        tile = self.memory[:size].view(len(rows), -1)
        for start in range(0, len(others), COLUMNS):
            part = others[start : start + COLUMNS]
            torch.mm(rows, part.T, out=tile[:, start : start + len(part)])
        tile[:, len(others) :] = -torch.inf
        return tile


def padded(width: int) -> int:
    """The next multiple of 32."""
    return -(-width // 32) * 32


def best(tile: "Tensor", k: int) -> tuple["Tensor", "Tensor"]:
    """The k largest entries of each row, (b, k), largest first, and their columns, int64.

    Equal entries go to the lower column. The number of columns must be a multiple of 32.
    """
    import torch

    width = tile.shape[1]
    # one more than k shows whether a group of equal entries is cut at the k-th place
    values, top = largest(tile, min(k + 1, width))
    cut = torch.nonzero(values[:, k - 1] == values[:, min(k, width - 1)]).ravel()
    values, top = values[:, :k], top[:, :k]
    for some in cut.split(max(1, 2**24 // width)) if len(cut) else ():  # a sort takes much memory
        order = torch.sort(tile[some], dim=1, descending=True, stable=True)
        values[some], top[some] = order.values[:, :k], order.indices[:, :k]
    tied = torch.nonzero((values[:, 1:] == values[:, :-1]).any(dim=1)).ravel()
    if len(tied):
        columns, by_column = top[tied].sort(dim=1)
        again = values[tied].gather(1, by_column).sort(dim=1, descending=True, stable=True)
        values[tied], top[tied] = again.values, columns.gather(1, again.indices)
    return values, top


def largest(tile: "Tensor", k: int) -> tuple["Tensor", "Tensor"]:
    """As `best`, but equal entries go anywhere.

    The k largest entries stand in the k groups whose maxima are largest. Taking maxima of groups
    reads the tile once, at the speed of memory, and leaves little to select from: torch.topk over
    the whole row takes as long as the product.
    """
    rows, width = tile.shape
    size = 32
    while size > 4 and width < size * size * k / 2:  # maxima and members should be as many
        size //= 2
    groups = width // size
    if groups <= k:
        values, top = tile.topk(k, dim=1)
        return values, top
    cells = tile.view(rows, groups, size)
    chosen = cells.amax(dim=2).topk(k, dim=1, sorted=False).indices
    members = cells.gather(1, chosen[:, :, None].expand(rows, k, size)).flatten(1)
    values, place = members.topk(k, dim=1)
    return values, chosen.gather(1, place // size) * size + place % size


def approximate(rows: np.ndarray, k: int, device: str = "cpu", recall: float = 0.99) -> Neighbors:
    """Search in the nearest lists only, for at least `recall` of the true neighbors by a sample.

    `rows` float32 (n, d), of unit length. What it draws comes from a fixed seed, so on a CPU it
    repeats itself to the bit.
    """
    import torch

    n = len(rows)
    rng = np.random.default_rng(0)
    table = torch.as_tensor(rows, device=device)
    order, starts = inverted_lists(table, rng)
    places = order.cpu().numpy()
    table = table[order]  # a list is a slice now, and lists that lie together stand together
    centers = torch.stack([part.mean(dim=0) for part in table.split(np.diff(starts).tolist())])
    centers = torch.nn.functional.normalize(centers, dim=1)
    tiles = Tiles(table)
    probes, found = probes_needed(table, starts, centers, tiles, k, recall, rng)
    near = nearest_lists(centers, np.arange(len(centers)), probes)

    indices = np.empty((n, k), dtype=np.int64)
    similarities = np.empty((n, k), dtype=np.float32)
    for number in range(len(starts) - 1):
        lists = np.sort(near[number])
        members = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in lists])
        others = table.index_select(0, torch.as_tensor(members, device=device))
        block = tiles.rows(len(members))
        for first in range(starts[number], starts[number + 1], block):
            last = min(first + block, starts[number + 1])
            tile = tiles.product(table[first:last], others)
            here = torch.arange(last - first, device=device)
            tile[here, here + int(np.searchsorted(members, first))] = -torch.inf
            values, top = largest(tile, k)
            indices[places[first:last]] = places[members[top.cpu().numpy()]]
            similarities[places[first:last]] = values.cpu().numpy()
    return Neighbors(indices, similarities, found)


def inverted_lists(table: "Tensor", rng: np.random.Generator) -> tuple["Tensor", np.ndarray]:
    """Cut rows (n, d) into lists of about LIST_SIZE rows that lie together.

    By k-means in two levels, cells and then lists within them, so that the cost grows with
    n^1.5 / 10, not with n^2. Returns an order of the rows, int64 (n,), in which lists are slices,
    and where they start, int64 (lists + 1,). No list is empty, or longer than four times LIST_SIZE:
    of many copies of one image, k-means would make one list.
    """
    import torch

    from wholepool.graph.kmeans import assign, kmeans

    n = len(table)
    cells = max(1, round((n / LIST_SIZE) ** 0.5))
    sample = np.sort(rng.choice(n, min(n, 256 * cells), replace=False))
    found = kmeans(table[torch.as_tensor(sample, device=table.device)], cells, 4, rng)
    cell = assign(table, found.centroids)[0]
    by_cell = cell.argsort(stable=True)
    parts, sizes = [], []
    for members in by_cell.split(torch.bincount(cell, minlength=cells).tolist()):
        if len(members) == 0:
            continue
        count = max(1, round(len(members) / LIST_SIZE))
        assignment = kmeans(table[members], count, 4, rng).assignment
        parts.append(members[assignment.argsort(stable=True)])
        for size in torch.bincount(assignment).tolist():
            if size:
                pieces = -(-size // (4 * LIST_SIZE))
                sizes += [len(piece) for piece in np.array_split(range(size), pieces)]
    return torch.cat(parts), np.concatenate([[0], np.cumsum(sizes)])


def nearest_lists(centers: "Tensor", lists: np.ndarray, count: int) -> np.ndarray:
    """The lists whose centers are nearest to each of some lists', itself first.

    `centers` (all lists, d); `lists` int64 (m,). Returns int64 (m, count), nearest first.
    """
    import torch

    found = []
    for part in torch.as_tensor(lists, device=centers.device).split(4096):
        tile = centers[part] @ centers.T
        tile[torch.arange(len(part), device=part.device), part] = torch.inf
        found.append(tile.topk(count, dim=1).indices.cpu().numpy())
    return np.concatenate(found)


def probes_needed(
    table: "Tensor",
    starts: np.ndarray,
    centers: "Tensor",
    tiles: Tiles,
    k: int,
    recall: float,
    rng: np.random.Generator,
) -> tuple[int, float]:
    """How many lists to search for a recall, and the recall that a sample of rows has then.

    For each neighbor, found exactly, of each row of the sample, the rank of its list among those
    nearest to the row's own list says how many lists would have found it. The mean over the sample
    must be `recall` and two standard errors, or all lists are searched. And however small the lists
    are, so many of them hold more than k rows.
    """
    import torch

    n, lists = len(table), len(starts) - 1
    sample = np.sort(rng.choice(n, min(n, SAMPLE), replace=False))
    list_of = np.repeat(np.arange(lists), np.diff(starts))
    own, which = np.unique(list_of[sample], return_inverse=True)
    ranks = np.empty((len(own), lists), dtype=np.int64)
    ranked = nearest_lists(centers, own, lists)
    np.put_along_axis(ranks, ranked, np.arange(lists)[None, :], axis=1)
    found_at = np.zeros((len(sample), lists))
    for first in range(0, len(sample), tiles.rows(n)):
        chosen = torch.as_tensor(sample[first : first + tiles.rows(n)], device=table.device)
        tile = tiles.product(table[chosen], table)
        tile[torch.arange(len(chosen), device=chosen.device), chosen] = -torch.inf
        neighbors = list_of[largest(tile, k)[1].cpu().numpy()]
        for row, found in enumerate(neighbors, first):
            found_at[row] = np.bincount(ranks[which[row], found], minlength=lists)
    share = found_at.cumsum(axis=1) / k
    mean, error = share.mean(axis=0), share.std(axis=0) / len(sample) ** 0.5
    rows = np.sort(np.diff(starts)).cumsum()  # of the smallest lists
    enough = (mean - 2 * error >= recall) & (rows > k)
    enough[-1] = True
    probes = int(enough.argmax()) + 1
    return probes, float(mean[probes - 1])
