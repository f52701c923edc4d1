"""Networks, one module each: what embeds and classifies a row of the pool.

A module defines, see job/registry.py:

    EATS = "images"    or "features": what a row is
    LEAST = (12, 16)   pixels that images must be high and wide, and where a batch may be one image
    FITS = True        it is fitted at once, without torch: see below
    NORMALIZES = True  images come as 0 to 1, not by the pool's mean and standard deviation
    LINEAR = True      says that `classify` is linear in the embedding, but for a bias: then
                       strategies may read it, see learn/head.py
    SOURCE, COST       texts for docs/words.md: the paper, and time and memory
    def build(shape, classes, settings) -> Network
        `shape` is that of one row, (H, W, C) of images or (d,) of features; `settings` is the
        config's section network without the name.
    def describe(shape, classes, settings) -> {"dimensions": int, "flops": int, "bytes": int}
        for the cost: d of the embedding, floating-point operations of one row forward, and bytes
        of the parameters and buffers.

A network that FITS eats features and defines, in place of `build`,

    def embed(rows, settings) -> np.ndarray     float32 (n, d), l2-normalized, of features (n, d')
    def fit(embeddings, labels, weights, classes, settings) -> np.ndarray
        the classifier, float32 (c, d + 1), of embeddings (m, d) with labels int (m,) and weights
        (m,); the last column is the bias. Classes may have no label.

A cycle is then one job, the stage fit: on the labels, then, with SEMI, on its pseudo-labels too.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class TorchNetwork(Protocol):
    """A torch module with what training and embedding ask of it.

    PRE hands the parameters and buffers of `trunk` to the cycles. `logit_scale` multiplies the
    embedding before any classifier on it. `precision` is written into the history.
    """

    embedding_dim: int
    logit_scale: float
    precision: str
    training: bool

    @property
    def trunk(self) -> "nn.Module": ...

    def embed(self, rows: "Tensor", /) -> "Tensor":
        """Embeddings float32 (B, d), l2-normalized, of rows as `Views` gives them."""
        ...

    def classify(self, embeddings: "Tensor", /) -> "Tensor":
        """Logits (B, c) of embeddings (B, d)."""
        ...

    def __call__(self, rows: "Tensor", /) -> "Tensor":
        """Logits (B, c) of rows: those of their embeddings."""
        ...

    # of torch.nn.Module

    def train(self, mode: bool = True) -> Any: ...
    def eval(self) -> Any: ...
    def parameters(self) -> "Iterator[nn.Parameter]": ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any: ...
