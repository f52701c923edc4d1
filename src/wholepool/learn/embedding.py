"""One pass of the network, in evaluation mode, over many images."""

import numpy as np
import torch
from torch.nn.utils import parametrize

from wholepool.job.errors import UserError
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.views import Views

BATCH = 512


@torch.inference_mode()
def embed(
    network: Network, views: Views, rng: np.random.Generator | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 (n, d), l2-normalized, and class probabilities float32 (n, c).

    Images are not augmented, unless a generator is given: then each is seen in one random view,
    as the public code does. Raises UserError if a prediction is not finite.
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
    if not all(np.isfinite(array).all() for array in probabilities):
        raise UserError(
            "training diverged: the network's predictions are not finite. Make its learning "
            "rate smaller (pretrain.lr, sup.lr or semi.lr), or set network.logit_scale: 1"
        )
    return np.concatenate(embeddings), np.concatenate(probabilities)
