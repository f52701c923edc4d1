"""Batched views of a pool's rows, on whatever device the network lives on (Section VI-A).

A view of an image is a translation by up to `translate` pixels each way, uncovered pixels filled by
mirror reflection without repeating the edge, and a horizontal flip with probability one half.
Features have one view, themselves.
"""

import numpy as np
import torch
from torch import Tensor

from wholepool.data.pool import Pool
from wholepool.job.hardware import available_memory


class Views:
    """The rows of a pool, and their augmented or plain views as network input on a device.

    The pool's array says what rows are: images, uint8 (n, H, W, C), or features, float32 (n, d).
    `embedding_view` says which images are embedded: "plain" or "augmented" ones, see
    `embedding_rng`. Random draws come from a NumPy generator, so that a view does not depend on the
    device.

    A pool of at most `memory_mb` MiB (None: half of what is free there) is copied to the device:
    `rows`, as stored. A larger one stays where it is, in its memory-mapped file, and only the rows
    of each batch travel; `rows` is None. Views are the same, to the bit.

    Images come less the pool's mean over its standard deviation; without `normalize`, as 0 to 1.
    """

    def __init__(
        self,
        pool: Pool,
        translate: int,
        flip: bool,
        embedding_view: str = "plain",
        device: torch.device | str = "cpu",
        memory_mb: int | None = None,
        normalize: bool = True,
    ) -> None:
        self.device = torch.device(device)
        self.classes = pool.classes
        self.stored = pool.images
        self.are_images = pool.images.dtype == np.uint8
        self.rows: Tensor | None = None
        if pool.images.nbytes <= room(self.device, memory_mb):
            self.rows = torch.as_tensor(np.array(pool.images), device=device)
        self.translate = translate
        self.flip = flip
        self.embedding_view = embedding_view
        # (x / 255 - mean) / std as one multiplication and one addition
        self.normalized = normalize
        mean, std = (torch.tensor(own, dtype=torch.float64) for own in (pool.mean, pool.std))
        if not normalize:
            mean, std = torch.zeros_like(mean), torch.ones_like(std)
        self.scale = (1 / (255 * std)).float().to(device)
        self.offset = (-mean / std).float().to(device)

    def __len__(self) -> int:
        return len(self.stored)

    def embedding_rng(self, rng: np.random.Generator) -> np.random.Generator | None:
        """What `embed` wants: the generator of random views, or None for plain images."""
        return rng if self.are_images and self.embedding_view == "augmented" else None

    def plain(self, indices: np.ndarray | Tensor | slice) -> Tensor:
        """Rows as they are: normalized images, float32 (B, C, H, W); features, float32 (B, d)."""
        where = indices if isinstance(indices, slice) else torch.as_tensor(indices)
        rows = self.fetched(indices) if self.rows is None else self.rows[where]
        return self.normalize(rows) if self.are_images else rows

    def augmented(self, indices: np.ndarray, rng: np.random.Generator) -> Tensor:
        """One random view each of the rows `indices`, int64 (B,); shaped as `plain` ones."""
        if not self.are_images:
            return self.plain(indices)
        size = len(indices)
        shifts = rng.integers(-self.translate, self.translate + 1, size=(size, 2))
        flips = rng.random(size) < 0.5 if self.flip else np.zeros(size, dtype=bool)
        images = self.rows
        if images is None:
            images, indices = self.fetched(indices), np.arange(size)
        where = [moved(array, self.device) for array in (indices, shifts, flips)]
        return self.normalize(shifted(images, *where))

    def fetched(self, indices: np.ndarray | Tensor | slice) -> Tensor:
        """The stored rows of a batch, brought to the device."""
        where = indices if isinstance(indices, slice) else np.asarray(indices)
        return moved(np.array(self.stored[where]), self.device)

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, C) to float32 (B, C, H, W), channels last in memory."""
        return (images * self.scale + self.offset).permute(0, 3, 1, 2)


def moved(array: np.ndarray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """An array as a tensor on a device, converted to `dtype` before.

    The copy to a GPU waits for nothing, since it comes from pinned memory: it is queued behind the
    last step, so that the host gathers the next batch while the device works on this one.
    """
    tensor = torch.as_tensor(array, dtype=dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def room(device: torch.device, memory_mb: int | None) -> int:
    """Bytes that a pool may take on a device: `memory_mb` MiB, or half of what is free there.

    The other half is left to the network, whose activations are larger than its weights, and to
    other jobs.
    """
    if memory_mb is not None:
        return memory_mb * 2**20
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return available_memory() // 2


def shifted(images: Tensor, indices: Tensor, shifts: Tensor, flips: Tensor) -> Tensor:
    """Gather translated and flipped images in one indexing operation.

    `images` (n, H, W, C), any dtype; `indices` int64 (B,); `shifts` int64 (B, 2), rows and
    columns; `flips` bool (B,). Pixel (r, c) of the result is pixel (r + dy, c + dx) of the image,
    reflected at the edges, after the flip of the columns. Shifts must be smaller than the image.
    """
    _, height, width, _ = images.shape
    rows = reflected(torch.arange(height, device=images.device) + shifts[:, :1], height)
    columns = torch.arange(width, device=images.device).expand(len(indices), width)
    columns = torch.where(flips[:, None], width - 1 - columns, columns)
    columns = reflected(columns + shifts[:, 1:], width)
    return images[indices[:, None, None], rows[:, :, None], columns[:, None, :]]


def reflected(positions: Tensor, size: int) -> Tensor:
    """Positions folded back into [0, size) by mirrors at the first and the last pixel."""
    positions = positions.abs()
    return torch.where(positions >= size, 2 * (size - 1) - positions, positions)
