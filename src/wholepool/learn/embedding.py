"""One pass of the network, in evaluation mode, over all rows of a pool."""

import numpy as np
import torch
from torch.nn.utils import parametrize

from wholepool.learn.loop import DivergenceError
from wholepool.learn.networks import TorchNetwork
from wholepool.learn.views import Views

BATCH = 512


@torch.inference_mode()
def embed(
    network: TorchNetwork, views: Views, rng: np.random.Generator | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 (n, d), l2-normalized, and class probabilities float32 (n, c).

    Images are not augmented, unless a generator is given: then each is seen in one random view, as
    the public code does. Raises DivergenceError where a prediction or an embedding is not finite,
    or an embedding is zero.
    """
    mode = network.training
    network.eval()
    embeddings, probabilities = [], []
    try:
        with parametrize.cached():
            for start in range(0, len(views), BATCH):
                stop = min(start + BATCH, len(views))
                if rng is None:
                    inputs = views.plain(slice(start, stop))
                else:
                    inputs = views.augmented(np.arange(start, stop), rng)
                batch = network.embed(inputs)
                embeddings.append(batch.cpu().numpy())
                probabilities.append(network.classify(batch).softmax(dim=1).cpu().numpy())
    finally:
        network.train(mode)
    if not embeddings:  # a data set without a test set
        none = np.empty((0, network.embedding_dim), np.float32)
        return none, np.empty((0, views.classes), np.float32)
    found = np.concatenate(embeddings), np.concatenate(probabilities)
    if not np.isfinite(found[1]).all():
        raise DivergenceError("the network's predictions are not finite")
    if not (np.linalg.norm(found[0], axis=1) > 0.5).all():  # NaN too; features that overflow give 0
        raise DivergenceError("an embedding is zero or not finite")
    return found
