"""A network of features: one layer to the embedding, one to the classes."""

from torch import nn
from torch.nn import functional

EATS = "features"
LINEAR = True


def build(shape, classes, settings):
    """Of features of `shape`, (d,)."""
    return Linear(shape[0], classes, **settings)


def describe(shape, classes, settings):
    numbers = shape[0] * settings["dimensions"] + settings["dimensions"] * classes
    return {"dimensions": settings["dimensions"], "flops": 2 * numbers, "bytes": 4 * numbers}


class Linear(nn.Module):
    precision = "float32"

    def __init__(self, inputs, classes, dimensions, logit_scale):
        super().__init__()
        self.embedding_dim, self.logit_scale = dimensions, logit_scale
        self.trunk, self.head = nn.Linear(inputs, dimensions), nn.Linear(dimensions, classes)

    def embed(self, rows):
        return functional.normalize(self.trunk(rows), dim=1)

    def classify(self, embeddings):
        return self.head(self.logit_scale * embeddings)

    def forward(self, rows):
        return self.classify(self.embed(rows))
