"""The classifier of a trained network, read as one matrix: what some strategies compute with.

It is read off what `classify` answers, so that a network says no more than that it is linear.
"""

from typing import TYPE_CHECKING

import numpy as np

from wholepool.job.errors import UserError

if TYPE_CHECKING:
    from wholepool.learn.networks import TorchNetwork

#: how far the matrix may be from what the network answers, as a share of the largest logit
TOLERANCE = 1e-4


def softmax(embeddings: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The probabilities float32 (n, c) that a head (c, d + 1) gives embeddings (n, d)."""
    logits = embeddings @ head[:, :-1].T + head[:, -1]
    logits -= logits.max(axis=1, keepdims=True)
    powers: np.ndarray = np.exp(logits, out=logits)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def linear_head(network: "TorchNetwork") -> np.ndarray:
    """float32 (c, d + 1): weights, `logit_scale` within, and last the bias.

    The logits of embeddings e are e @ head[:, :-1].T + head[:, -1]. Raises UserError where the
    network's are others, for then its classifier is not linear.
    """
    import torch

    mode = network.training
    network.eval()
    d = network.embedding_dim
    try:
        with torch.inference_mode():
            answers = network.classify(torch.cat([torch.zeros(1, d), torch.eye(d)]))
            probe = torch.nn.functional.normalize(torch.linspace(-1, 2, d)[None])
            asked = network.classify(probe).numpy()
    finally:
        network.train(mode)
    bias = answers[:1]
    head: np.ndarray = torch.cat([(answers[1:] - bias).T, bias.T], dim=1).numpy()
    apart = np.abs(probe.numpy() @ head[:, :-1].T + head[:, -1] - asked).max()
    if not apart <= TOLERANCE * max(1.0, float(np.abs(head).max())):
        raise UserError(
            f"the network's classifier is not linear: a logit is {apart:g} away from the matrix "
            "read off it. Take LINEAR out of the network's module, or choose strategies that read "
            "no head"
        )
    return np.ascontiguousarray(head)
