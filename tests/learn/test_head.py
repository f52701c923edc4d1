"""The classifier as one matrix: what a network predicts from its embeddings, and no other."""

import numpy as np
import pytest
import torch

from wholepool.job.errors import UserError
from wholepool.learn.head import linear_head
from wholepool.learn.networks.conv13 import Network


@pytest.mark.parametrize("weight_norm", [True, False])
@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_the_matrix_predicts_what_the_network_predicts(weight_norm, scale):
    torch.manual_seed(0)
    network = Network(3, 5, width=0.0625, weight_norm=weight_norm, logit_scale=scale)
    torch.nn.init.normal_(network.head.bias)
    head = linear_head(network)
    assert head.shape == (5, 9) and head.dtype == np.float32 and head.flags.c_contiguous
    rows = torch.nn.functional.normalize(torch.randn(50, 8), dim=1)
    with torch.inference_mode():
        logits = network.classify(rows).numpy()
    found = rows.numpy() @ head[:, :-1].T + head[:, -1]
    np.testing.assert_allclose(found, logits, rtol=0, atol=1e-5)
    assert network.training


def test_a_classifier_that_is_not_linear_is_refused():
    network = Network(3, 5, width=0.0625)
    linear = network.classify
    network.classify = lambda rows: linear(rows).square()
    with pytest.raises(UserError, match="not linear.*Take LINEAR out"):
        linear_head(network)
