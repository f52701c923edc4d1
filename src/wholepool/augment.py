"""Batched views of pool images, on whatever device the pool lives on (Section VI-A).

A view is a translation by up to `translate` pixels each way, uncovered pixels filled by mirror
reflection without repeating the edge, and a horizontal flip with probability one half.
"""

import numpy as np
import torch
from torch import Tensor

from wholepool.pool import Pool


class Views:
    """The images of a pool on a device, and their augmented or plain views as network input.

    `images` is uint8 (n, H, W, C). `embedding_view` says which images are embedded: "plain" or
    "augmented" ones, see `embedding_rng`. Random draws come from a NumPy generator, so that a view
    does not depend on the device.
    """

    def __init__(
        self,
        pool: Pool,
        translate: int,
        flip: bool,
        embedding_view: str = "plain",
        device: torch.device | str = "cpu",
    ) -> None:
        self.images = torch.as_tensor(np.array(pool.images), device=device)
        self.translate = translate
        self.flip = flip
        self.embedding_view = embedding_view
        # (x / 255 - mean) / std as one multiplication and one addition
        std = torch.tensor(pool.std, dtype=torch.float64)
        self.scale = (1 / (255 * std)).float().to(device)
        self.offset = (-torch.tensor(pool.mean, dtype=torch.float64) / std).float().to(device)

    def __len__(self) -> int:
        return len(self.images)

    def embedding_rng(self, rng: np.random.Generator) -> np.random.Generator | None:
        """What `embed` wants: the generator of random views, or None for plain images."""
        return rng if self.embedding_view == "augmented" else None

    def plain(self, indices: Tensor | slice) -> Tensor:
        """Normalized images, float32 (B, C, H, W), not augmented."""
        return self.normalize(self.images[indices])

    def augmented(self, indices: np.ndarray, rng: np.random.Generator) -> Tensor:
        """One random view each of `indices`, int64 (B,); float32 (B, C, H, W), normalized."""
        size = len(indices)
        shifts = rng.integers(-self.translate, self.translate + 1, size=(size, 2))
        flips = rng.random(size) < 0.5 if self.flip else np.zeros(size, dtype=bool)
        device = self.images.device
        return self.normalize(
            shifted(
                self.images,
                torch.as_tensor(indices).to(device),
                torch.as_tensor(shifts).to(device),
                torch.as_tensor(flips).to(device),
            )
        )

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, C) to float32 (B, C, H, W), channels last in memory."""
        return (images * self.scale + self.offset).permute(0, 3, 1, 2)


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
