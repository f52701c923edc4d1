"""A network of timm, trained on from weights that were trained elsewhere (fine-tuning).

What the PRE `pretrained` freezes, this trains.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wholepool.learn.backbones import created, loaded

SOURCE = "its default weights: Tan and Le 2019, ICML"
COST = (
    "about .4 GFLOP forward for tf_efficientnet_lite0 at 160 pixels; it grows with `size` squared; "
    "training takes three times that"
)
EATS = "images"
NORMALIZES = True  # by the mean and standard deviation that the weights were trained with
LINEAR = True


def build(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> "Network":
    """The network, its weights loaded and its classifier drawn. UserError as backbones.loaded."""
    model, _, mean, std = loaded(settings, "network")
    own = {name: settings[name] for name in ("finetune", "size", "logit_scale", "precision")}
    return Network(model, mean, std, classes, **own)


def describe(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> dict[str, int]:
    """What the cost asks of it, counted on a model without memory or weights."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = created(settings["model"], "network").eval()
        model.reset_classifier(0)
        counter = FlopCounterMode(display=False)
        with counter, torch.inference_mode():
            d = model(torch.empty(1, 3, settings["size"], settings["size"])).shape[1]
    tensors = model.state_dict().values()
    return {
        "dimensions": d,
        "flops": counter.get_total_flops() + 2 * d * classes,
        "bytes": sum(one.nbytes for one in tensors) + 4 * (d + 1) * classes,
    }


class Network(nn.Module):
    """A backbone and a linear classifier on what timm's own classifier of it reads, l2-normalized.

    `mean` and `std` are those of the weights, per channel. Without `finetune` the backbone stays as
    it is, in evaluation mode. `precision` and `logit_scale` are as in conv13.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: Any,
        mean: list[float],
        std: list[float],
        classes: int,
        finetune: bool = True,
        size: int = 160,
        logit_scale: float = 10.0,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        model.reset_classifier(0)
        self.trunk: Any = model.to(memory_format=torch.channels_last).requires_grad_(finetune)
        self.embedding_dim: int = model.head_hidden_size
        self.head = nn.Linear(self.embedding_dim, classes)
        self.finetune, self.size = finetune, size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.logit_scale, self.precision = logit_scale, precision
        self.train()

    def train(self, mode: bool = True) -> "Network":
        super().train(mode)
        self.trunk.train(mode and self.finetune)
        return self

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings (B, d), l2-normalized, of float images (B, C, H, W) of 0 to 1."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        size = (self.size, self.size)
        rows = functional.interpolate(images, size, mode="bicubic", antialias=True)
        rows = (rows.clamp(0, 1) - self.mean) / self.std
        rows = rows.contiguous(memory_format=torch.channels_last)
        reduced = self.precision == "bfloat16"
        learns = self.finetune and torch.is_grad_enabled()
        with (
            torch.autocast(images.device.type, torch.bfloat16, enabled=reduced),
            torch.set_grad_enabled(learns),
        ):
            features = self.trunk(rows)
        return functional.normalize(features.float(), dim=1)

    def classify(self, embeddings: Tensor) -> Tensor:
        """Logits (B, c) of embeddings (B, d)."""
        found: Tensor = self.head(self.logit_scale * embeddings)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, c) of float images (B, C, H, W) of 0 to 1."""
        return self.classify(self.embed(images))
