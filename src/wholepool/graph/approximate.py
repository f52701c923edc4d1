"""Approximate search for the nearest neighbors, in lists of rows that lie together.

The pool is cut into lists of some hundred rows (an inverted file: Jégou et al. 2011), and the rows
of a list are compared with those of the nearest lists only. The exact neighbors of a sample of rows
tell how many lists are needed for the wanted recall.
"""

from typing import TYPE_CHECKING

import numpy as np

from wholepool.graph.exact import Tiles, largest, nearest_of

if TYPE_CHECKING:
    from torch import Tensor

LIST_SIZE = 100  # rows of a list, on average
SAMPLE = 1024  # rows whose exact neighbors decide how many lists are searched


def approximate(
    rows: np.ndarray, k: int, device: str = "cpu", recall: float = 0.99
) -> tuple[np.ndarray, np.ndarray, float]:
    """Search in the nearest lists only, for at least `recall` of the true neighbors by a sample.

    `rows` float32 (n, d), of unit length. Returns neighbors int64 (n, k), their similarities
    float32 (n, k), most similar first, and the recall of the sample. What it draws comes from a
    fixed seed, so on a CPU it repeats itself to the bit.
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
    return indices, similarities, found


def inverted_lists(table: "Tensor", rng: np.random.Generator) -> tuple["Tensor", np.ndarray]:
    """Cut rows (n, d) into lists of about LIST_SIZE rows that lie together.

    By k-means in two levels, cells and then lists within them, so that the cost grows with
    n^1.5 / 10, not with n^2. Returns an order of the rows, int64 (n,), in which lists are slices,
    and where they start, int64 (lists + 1,). No list is empty, or longer than four times LIST_SIZE:
    k-means would make one list of many copies of one image.
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
    """The `count` lists nearest to some, int64 (m, count), nearest (itself) first, by `centers`."""
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

    A neighbor is found once its list is searched: the lists nearest to the row's own come first.
    The mean over the sample, of exact neighbors, must be `recall` and two standard errors, or all
    lists are searched. Any lists of this number hold more than k rows together.
    """
    n, lists = len(table), len(starts) - 1
    sample = np.sort(rng.choice(n, min(n, SAMPLE), replace=False))
    list_of = np.repeat(np.arange(lists), np.diff(starts))
    own, which = np.unique(list_of[sample], return_inverse=True)
    ranks = nearest_lists(centers, own, lists).argsort(axis=1)
    found_at = np.zeros((len(sample), lists))
    for row, near in enumerate(list_of[nearest_of(table, sample, k, tiles)]):
        found_at[row] = np.bincount(ranks[which[row], near], minlength=lists)
    share = found_at.cumsum(axis=1) / k
    mean, error = share.mean(axis=0), share.std(axis=0) / len(sample) ** 0.5
    rows = np.sort(np.diff(starts)).cumsum()  # of the smallest lists
    enough = (mean - 2 * error >= recall) & (rows > k)
    enough[-1] = True
    probes = int(enough.argmax()) + 1
    return probes, float(mean[probes - 1])
