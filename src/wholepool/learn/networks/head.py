"""Multinomial logistic regression on features: what is trained when the features are frozen.

The embedding is the feature itself, of length 1, so that graphs, clusters and distances are those
of the features. The classifier starts at zero: nothing of it is drawn.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

SOURCE = "multinomial logistic regression: Cox 1966"
COST = "O(c d) forward"
EATS = "features"
LINEAR = True


def build(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> "Head":
    """For features (d,); `settings` are the section `network` without the name."""
    return Head(shape[0], classes, settings["scale"])


def describe(shape: tuple[int, ...], classes: int, settings: Mapping[str, Any]) -> dict[str, int]:
    """As learn/networks/__init__.py says."""
    parameters = (shape[0] + 1) * classes
    return {"dimensions": shape[0], "flops": 2 * parameters, "bytes": 4 * parameters}


class Head(nn.Module):
    """Logits W (s x / |x|) + b of features x, float32 (B, d)."""

    precision = "float32"

    def __init__(self, d: int, classes: int, scale: float) -> None:
        super().__init__()
        self.embedding_dim, self.logit_scale = d, float(scale)
        self.trunk = nn.Identity()
        self.classifier = nn.Linear(d, classes)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def embed(self, rows: Tensor) -> Tensor:
        return functional.normalize(rows, dim=1)

    def classify(self, embeddings: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.logit_scale * embeddings)
        return logits

    def forward(self, rows: Tensor) -> Tensor:
        return self.classify(self.embed(rows))
