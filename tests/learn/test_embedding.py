"""The evaluation pass over many images against one image at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from wholepool.data.pool import Pool
from wholepool.job.errors import UserError
from wholepool.learn import embedding
from wholepool.learn.embedding import embed
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.views import Views

torch.set_num_threads(1)


def views_of(n=11, size=12, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(n, size, size, channels), dtype=np.uint8)
    names = tuple("abcde")
    pool = Pool(images, "toy", names, (0.5,) * channels, (0.25,) * channels, "")
    return Views(pool, 2, True)


def build(**changes):
    torch.manual_seed(0)
    network = Network(3, 5, **{"width": 1 / 16, "dropout": 0.5} | changes)
    # a pass in training mode moves the running statistics away from 0 and 1
    network(views_of(seed=7).plain(slice(0, 11)))
    return network


@pytest.mark.parametrize("weight_norm", [True, False])
def test_same_as_one_by_one(weight_norm):
    network, views = build(weight_norm=weight_norm), views_of()
    embeddings, probabilities = embed(network, views)
    network.eval()
    for row in range(len(views)):
        with torch.no_grad():
            one = network.embed(views.plain(slice(row, row + 1)))[0]
            logits = network(views.plain(slice(row, row + 1)))[0].numpy()
        exponentials = np.exp(logits - logits.max())
        assert np.allclose(embeddings[row], one.numpy(), atol=1e-6)
        assert np.allclose(probabilities[row], exponentials / exponentials.sum(), atol=1e-6)


def test_shapes_types_and_unit_length():
    embeddings, probabilities = embed(build(), views_of())
    assert embeddings.shape == (11, 8)
    assert probabilities.shape == (11, 5)
    assert embeddings.dtype == probabilities.dtype == np.float32
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 4, 11, 100])
def test_independent_of_the_batch_size(monkeypatch, batch):
    expected = embed(build(), views_of())
    monkeypatch.setattr(embedding, "BATCH", batch)
    for mine, other in zip(embed(build(), views_of()), expected, strict=True):
        assert np.allclose(mine, other, atol=1e-6)


def test_evaluation_mode_inside_and_training_mode_after():
    network, views = build(), views_of()
    modes = []
    layers = [m for m in network.modules() if isinstance(m, nn.Dropout | nn.BatchNorm2d)]
    for layer in layers:
        layer.register_forward_hook(lambda module, *_: modes.append(module.training))
    network.train()
    embed(network, views)
    assert modes
    assert not any(modes)
    assert all(module.training for module in network.modules())


def test_the_pass_changes_no_state():
    network, views = build(), views_of()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    embed(network, views)
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_network_can_be_trained_after_the_pass():
    """Cached weights of the pass must not leak into the graph of the next step."""
    network, views = build(), views_of()
    embed(network, views)
    loss = network(views.plain(slice(0, 4))).square().sum()
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_weights_that_moved_give_other_embeddings():
    network, views = build(), views_of()
    before, _ = embed(network, views)
    with torch.no_grad():
        for parameter in network.trunk.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    after, _ = embed(network, views)
    assert not np.allclose(before, after, atol=1e-3)


def test_plain_by_default_and_random_with_a_generator():
    network, views = build(), views_of()
    plain, _ = embed(network, views)
    assert np.array_equal(plain, embed(network, views)[0])
    random, _ = embed(network, views, np.random.default_rng(0))
    assert not np.allclose(plain, random, atol=1e-3)
    again, _ = embed(network, views, np.random.default_rng(0))
    assert np.array_equal(random, again)


def test_random_views_keep_the_order_of_images(monkeypatch):
    """With no translation and no flip, a random view is the plain one."""
    network, views = build(), views_of()
    views.translate, views.flip = 0, False
    monkeypatch.setattr(embedding, "BATCH", 4)
    random, _ = embed(network, views, np.random.default_rng(0))
    assert np.allclose(random, embed(network, views)[0], atol=1e-6)


def test_predictions_that_are_not_finite_are_refused():
    """Of finite weights, so that no other check finds them."""
    network, views = build(logit_scale=10.0, weight_norm=False), views_of()
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.fill_(3e38)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    with pytest.raises(UserError, match=r"diverged.*sup\.lr, semi\.lr or that of its PRE"):
        embed(network, views)
