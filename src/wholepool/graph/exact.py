"""Exact search for the nearest neighbors: a product of all rows with all rows, tile by tile."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

BLOCK_BYTES = 2**28  # of one tile of similarities
COLUMNS = 2**14  # of a tile made at a time


def exact_small(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact search by NumPy, for pools that are searched in less time than torch takes to import.

    `rows` float32 (n, d), of unit length. Returns neighbors int64 (n, k) and their similarities
    float32 (n, k), most similar first; equal ones go to the lower index.
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
    return indices, similarities


def exact(rows: np.ndarray, k: int, device: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """As `exact_small`, by torch, on a device, in tiles of BLOCK_BYTES."""
    import torch

    table = torch.as_tensor(rows, device=device)
    indices = np.empty((len(rows), k), dtype=np.int64)
    similarities = np.empty((len(rows), k), dtype=np.float32)
    for part, tile in to_others(table, np.arange(len(rows)), Tiles(table)):
        values, top = best(tile, k)
        indices[part], similarities[part] = top.cpu().numpy(), values.cpu().numpy()
    return indices, similarities


def nearest_of(table: "Tensor", which: np.ndarray, k: int, tiles: "Tiles") -> np.ndarray:
    """The k nearest others, int64 (m, k), of the rows `which` (m,) of a unit table (n, d)."""
    parts = to_others(table, which, tiles)
    return np.concatenate([largest(tile, k)[1].cpu().numpy() for _, tile in parts])


def to_others(
    table: "Tensor", which: np.ndarray, tiles: "Tiles"
) -> Iterator[tuple[slice, "Tensor"]]:
    """Parts of `which` (m,), and their rows' similarities to all rows; -inf to themselves."""
    import torch

    step = tiles.rows(len(table))
    for start in range(0, len(which), step):
        chosen = torch.as_tensor(which[start : start + step], device=table.device)
        tile = tiles.product(table[chosen], table)
        tile[torch.arange(len(chosen), device=chosen.device), chosen] = -torch.inf
        yield slice(start, start + step), tile


class Tiles:
    """Products of rows in one piece of memory, made once: new memory costs more than a product."""

    def __init__(self, like: "Tensor") -> None:
        numbers = (BLOCK_BYTES if like.device.type == "cpu" else 4 * BLOCK_BYTES) // 4
        self.memory = like.new_empty(min(numbers, len(like) * padded(len(like))))

    def rows(self, width: int) -> int:
        """How many rows of products with `width` others are made at a time."""
        return max(1, len(self.memory) // padded(width))

    def product(self, rows: "Tensor", others: "Tensor") -> "Tensor":
        """rows @ others', with columns of -inf to a multiple of 32, until the next product."""
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
    # one more than k shows whether the k-th place cuts a group of equal entries
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

    The k largest entries stand in the k groups whose maxima are largest. Taking maxima reads the
    tile once and leaves little to select from: torch.topk of whole rows takes as long as a product.
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
