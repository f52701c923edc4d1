"""Frozen features of a network that was trained elsewhere (weights as files, no training here).

An image's features follow from its bytes, the weights and the settings alone, so they are kept
where every grid finds them again: see learn/feature_cache.py.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.learn.backbones import INSTALLED, loaded
from wholepool.learn.feature_cache import through_cache
from wholepool.learn.fold import folded
from wholepool.learn.work import Work

SOURCE = "its default weights: Tan and Le 2019, ICML"
COST = (
    "one pass forward of the model for each image of the pool and the test set, once for all "
    "grids; memory O(n d)"
)
GIVES = "features"

#: every batch is as large, the last one filled up, so that a row does not depend on its neighbors
BATCH = 32
#: channels of the blocks of the model that is installed, which the cost asks for before there is a
#: network; and of its head
CHANNELS = (16, 24, 24, 40, 40, *[80] * 3, *[112] * 3, *[192] * 4, 320)
HEAD = 1280


def work(n: int, classes: int, settings: Mapping[str, Any]) -> Work:
    """The width of the features, where it is known without the network."""
    own, what = settings["pretrained"], "the features of PRE pretrained, by a network of its own"
    if own["model"] != INSTALLED:
        return Work(unknown=what)
    layer = own["layer"]
    if layer == "head":
        return Work(dimensions=HEAD, unknown=what)
    at = len(CHANNELS) - 1 if layer == "last" else layer
    return Work(dimensions=CHANNELS[checked_block(at, len(CHANNELS))], unknown=what)


def features(
    pool: np.ndarray,
    test: np.ndarray,
    settings: Mapping[str, Any],
    device: str,
    report: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """float32 (n, d) and (t, d), of images uint8 (n, H, W, C) and (t, H, W, C).

    Raises UserError if the weights are not there, are not the model's or are others than they
    were, and for a layer that the model has not.
    """
    found, asked = not_centered(pool, test, settings, device)
    return centered(found, asked) if settings["pretrained"]["center"] else (found, asked)


def not_centered(
    pool: np.ndarray, test: np.ndarray, settings: Mapping[str, Any], device: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `features`, but as they come out of the network."""
    own = settings["pretrained"]
    embed, digest = embedder(settings, device)
    transform = {name: own[name] for name in ("model", "size", "layer")}
    where = torch.device(device).type
    key = {**transform, "weights": digest, "device": where, "format": 1}
    found = through_cache(pool, key, embed, BATCH)
    return found, through_cache(test, key, embed, BATCH) if len(test) else found[:0]


def embedder(
    settings: Mapping[str, Any], device: str
) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """What gives at most BATCH images' features, and the digest of the weights."""
    own = settings["pretrained"]
    model, digest, mean, std = loaded(own, "pretrained")
    logger.info("features of %s, weights %s (%s)", own["model"], own["weights"], digest[:12])
    return embedding_by(model, own["size"], own["layer"], mean, std, device), digest


def embedding_by(
    model: Any, size: int, layer: str | int, mean: list[float], std: list[float], device: str
) -> Callable[[np.ndarray], np.ndarray]:
    """What gives a model's features float32 (B, d) of images uint8 (B, H, W, C), B <= BATCH.

    `mean` and `std` are per channel, of the range 0 to 1.
    """
    where = torch.device(device)
    network = functools.cache(lambda: prepared(model, size).to(where))  # if it is asked
    scale = 1 / (255 * torch.tensor(std, device=where).view(1, -1, 1, 1))
    offset = -(torch.tensor(mean, device=where) / torch.tensor(std, device=where))
    offset = offset.view(1, -1, 1, 1)

    @torch.inference_mode()
    def embed(batch: np.ndarray) -> np.ndarray:
        """Of at most BATCH images."""
        full = np.concatenate([batch, np.repeat(batch[-1:], BATCH - len(batch), axis=0)])
        rows = torch.as_tensor(full, device=where).permute(0, 3, 1, 2).float()
        rows = rows.expand(-1, 3, -1, -1) if rows.shape[1] == 1 else rows
        rows = functional.interpolate(rows, (size, size), mode="bicubic", antialias=True)
        rows = rows.clamp(0, 255) * scale + offset
        rows = rows.contiguous(memory_format=torch.channels_last)
        found: np.ndarray = pooled(network(), rows, layer).cpu().numpy()
        return found[: len(batch)]

    return embed


def centered(pool: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of features less the pool's mean, each row of length 1."""
    mean = mean_of(pool)
    return of_length_one(pool - mean), of_length_one(test - mean)


def mean_of(pool: np.ndarray) -> np.ndarray:
    """What features are centered by: their mean, float64 (d,)."""
    mean: np.ndarray = pool.mean(axis=0, dtype=np.float64)
    return mean


def of_length_one(rows: np.ndarray) -> np.ndarray:
    """Rows float32 of length 1; a row of zeros, as a pool of one image has, gets one axis."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    unit[length[:, 0] == 0, 0] = 1
    return unit.astype(np.float32)


def prepared(model: Any, size: int) -> Any:
    """The model in evaluation mode, batch norm folded, its weights channels last in memory."""
    return folded(model, size).to(memory_format=torch.channels_last)


def pooled(model: Any, rows: Tensor, layer: str | int) -> Tensor:
    """Features (B, d) of rows (B, 3, H, W): a layer's output, averaged over the places."""
    if layer == "head":
        found: Tensor = model.forward_head(model.forward_features(rows), pre_logits=True)
        return found
    kept: list[Tensor] = []
    block = block_of(model, layer)
    handle = block.register_forward_hook(lambda module, given, answer: kept.append(answer))
    try:
        model.forward_features(rows)
    finally:
        handle.remove()
    answer = kept[0]
    # (B, d, H, W) of convolutions, (B, places, d) of transformers
    return answer.mean(dim=(2, 3)) if answer.ndim == 4 else answer.mean(dim=1)


def block_of(model: Any, layer: str | int) -> nn.Module:
    """The block that a layer, not head, is the output of."""
    blocks = blocks_of(model)
    return blocks[checked_block(len(blocks) - 1 if layer == "last" else int(layer), len(blocks))]


def blocks_of(model: Any) -> list[nn.Module]:
    """A model's blocks in their order: those of `blocks`, of the stages in it if it has some."""
    stages = getattr(model, "blocks", None)
    if stages is None:
        raise UserError(
            f"timm's {type(model).__name__} has no blocks to be counted: give pretrained.layer: "
            "head"
        )
    return [
        block
        for stage in stages
        for block in (stage if isinstance(stage, nn.Sequential) else [stage])
    ]


def checked_block(at: int, count: int) -> int:
    """The number of a block; UserError if the model has not so many."""
    if at >= count:
        raise UserError(
            f"pretrained.layer is {at}, but the model has {count} blocks, 0 to {count - 1}: take "
            "one of these, or last or head"
        )
    return at
