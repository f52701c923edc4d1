"""The 13-layer convolutional network of the paper (Section VI-A; Laine and Aila 2017).

Nine convolutions, two max-pools, one global average pool and one linear layer. The pooled
vector, l2-normalized, is the embedding phi: the classifier acts on it, and label propagation,
CoreSet, jLP and k-means all work on it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from wholepool.job.errors import UserError

SOURCE = "the paper, Section VI-A; Laine and Aila 2017, ICLR"
COST = (
    "1.5 GFLOP forward at `width` 1, for an image of 32 x 32; it grows with the pixels and "
    "with `width` squared"
)
EATS = "images"
LINEAR = True
# twice halved, the last 3x3 convolution still needs 3 pixels; of 12 to 15 it leaves one, and batch
# normalization takes no variance of one number
LEAST = (12, 16)

#: (output channels at width 1, kernel size, padding) of the convolutions, by stage. Max-pooling
#: and dropout stand between the stages.
STAGES = (
    ((128, 3, 1), (128, 3, 1), (128, 3, 1)),
    ((256, 3, 1), (256, 3, 1), (256, 3, 1)),
    ((512, 3, 0), (256, 1, 0), (128, 1, 0)),
)
LEAKY_SLOPE = 0.1


def build(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> "Network":
    """The network of images of `shape`, (H, W, C). UserError if they are too small for it."""
    if min(shape[:2]) < LEAST[0]:
        raise UserError(
            f"network conv13 takes images of at least {LEAST[0]} pixels, but these are {shape[0]} "
            f"high and {shape[1]} wide: enlarge them in their source"
        )
    return Network(shape[2], classes, **settings)


def describe(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> dict[str, int]:
    """What the cost asks of it, see learn/networks/__init__.py."""
    size, _, channels = shape
    return {
        "dimensions": embedding_dim(settings["width"]),
        "flops": flops(size, channels, classes, settings["width"]),
        "bytes": state_bytes(channels, classes, **settings),
    }


class Network(nn.Module):
    """Embedding and classifier.

    `channels` and `classes` are the data's. `width` multiplies every number of channels (the
    embedding has d = 128 * width dimensions). `dropout` is element-wise, after each max-pool.
    `logit_scale` multiplies the normalized embedding before the classifier; the paper has none
    (1). Average pooling is global, which equals the public code's 6x6 pool on 32x32 images and
    also takes 28x28 (5x5 left) and 16x16 (2x2 left).

    `precision` "bfloat16" computes the trunk's activations, forward and backward, with 8 bits of
    mantissa. Weights and their gradients, pooling, normalization, classifier and loss stay float32
    ("float32", the paper's: all of it does).

    Images come channels last in memory, and so do all activations. Weights stay row-major, as
    weight normalization gives them and their gradients: another layout would be copied at every
    step, and keep the optimizer from updating all of them at once.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        width: float = 1.0,
        weight_norm: bool = True,
        dropout: float = 0.5,
        logit_scale: float = 1.0,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.precision = precision
        self.logit_scale = logit_scale
        self.embedding_dim = embedding_dim(width)
        layers: list[nn.Module] = []
        for number, stage in enumerate(STAGES):
            if number > 0:
                layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
            for outputs, kernel, padding in stage:
                outputs = scaled(outputs, width)
                layers += [
                    normalized(nn.Conv2d(channels, outputs, kernel, padding=padding), weight_norm),
                    nn.BatchNorm2d(outputs),
                    nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
                ]
                channels = outputs
        self.trunk = nn.Sequential(*layers)
        self.head = normalized(nn.Linear(channels, classes), weight_norm)

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings (B, d), l2-normalized, of normalized float images (B, C, H, W).

        Raises UserError where batch normalization can take no variance.
        """
        if self.training and len(images) == 1 and max(images.shape[2:]) < LEAST[1]:
            raise UserError(
                f"a batch is one image of {images.shape[2]} x {images.shape[3]} pixels, of which "
                "network conv13 leaves one number to normalize over: enlarge images to "
                f"{LEAST[1]} pixels in their source, take another batch_size, or drop_last: true"
            )
        reduced = self.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=reduced):
            features = self.trunk(images)
        return functional.normalize(features.float().mean(dim=(2, 3)), dim=1)

    def classify(self, embeddings: Tensor) -> Tensor:
        """Logits (B, c) of embeddings (B, d)."""
        return self.head(self.logit_scale * embeddings)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, c) of normalized float images (B, C, H, W)."""
        return self.classify(self.embed(images))


def scaled(outputs: int, width: float) -> int:
    """The number of channels at a width: rounded, at least one."""
    return max(1, round(outputs * width))


def embedding_dim(width: float) -> int:
    """d, the dimension of the embedding."""
    return scaled(STAGES[-1][-1][0], width)


def normalized(layer: nn.Module, on: bool) -> nn.Module:
    """The layer under weight normalization per output unit, or the layer itself."""
    return weight_norm(layer) if on else layer


def flops(size: int, channels: int, classes: int, width: float) -> int:
    """Multiplications and additions of the convolutions and the head, forward, per image.

    `size` is the height and width of the image in pixels. Training takes about three times as many.
    """
    total = 0
    for number, stage in enumerate(STAGES):
        if number > 0:
            size //= 2
        for outputs, kernel, padding in stage:
            outputs = scaled(outputs, width)
            size += 2 * padding - kernel + 1
            total += 2 * size**2 * outputs * channels * kernel**2
            channels = outputs
    return total + 2 * channels * classes


def state_bytes(channels: int, classes: int, **settings: Any) -> int:
    """Bytes of a network's parameters and buffers; `settings` is the config's section `network`."""
    with torch.device("meta"):
        state = Network(channels, classes, **settings).state_dict()
    return sum(value.numel() * value.element_size() for value in state.values())
