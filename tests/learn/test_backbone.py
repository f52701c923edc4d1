"""A network of timm that trains on: what it starts from, what it trains, what is told of it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from wholepool.data.pool import Pool
from wholepool.job.errors import UserError
from wholepool.learn.embedding import embed
from wholepool.learn.networks import backbone
from wholepool.learn.pretrain import pretrained
from wholepool.learn.training import train
from wholepool.learn.views import Views
from wholepool.learn.weights import load_network, save_weights, trunk_state

OWN = {
    **{"model": "tf_efficientnet_lite0", "weights": "installed", "finetune": True, "size": 64},
    **{"logit_scale": 10.0, "precision": "float32"},
}
SUP = {"epochs": 12, "batch_size": 4, "drop_last": False, "lr": 0.02, "cosine_period": 2}
SETTINGS = {
    "sup": SUP,
    "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4},
}


def pool_of(n=8, channels=3, seed=0):
    """Two classes of smooth images, dark and light."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 128, size=(n, 4, 4, channels))
    coarse[1::2] += 120
    images = coarse.astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    return Pool(images, "toy", ("dark", "light"), (0.3,) * channels, (0.2,) * channels, "")


def built(pool, seed=0, **changes):
    torch.manual_seed(seed)
    return backbone.build(pool.images.shape[1:], 2, OWN | changes)


def views_of(pool):
    return Views(pool, translate=2, flip=True, normalize=False)


def trained(network, pool, **changes):
    labeled = np.arange(len(pool.images))
    settings = SETTINGS | {"sup": SUP | changes}
    rng = np.random.default_rng(1)
    return train(network, views_of(pool), labeled, labeled % 2, settings, rng)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_starts_as_the_frozen_features(channels):
    """Of the same weights, images and size: what PRE pretrained gives, but for the length."""
    pool = pool_of(3, channels)
    own = {"model": OWN["model"], "weights": "installed", "size": 64, "layer": "head"}
    how = {"pretrained": own | {"center": False}}
    frozen = pretrained.features(pool.images, pool.images[:0], how, "cpu")[0]
    frozen /= np.linalg.norm(frozen, axis=1, keepdims=True)
    found, probabilities = embed(built(pool), views_of(pool))
    np.testing.assert_allclose(found, frozen, atol=1e-4)
    assert probabilities.shape == (3, 2)


def test_all_of_it_trains():
    pool = pool_of()
    network = built(pool)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    losses = [row["loss"] for row in trained(network, pool)]
    assert losses[-1] < 0.5 * losses[0]
    still = [name for name, one in network.state_dict().items() if torch.equal(one, before[name])]
    assert still == []
    assert (embed(network, views_of(pool))[1].argmax(axis=1) == np.arange(8) % 2).all()


def test_without_finetune_the_classifier_alone_trains():
    pool = pool_of()
    network = built(pool, finetune=False)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    losses = [row["loss"] for row in trained(network, pool, lr=1.0, epochs=3)]
    assert losses[-1] < losses[0]
    moved = {n for n, one in network.state_dict().items() if not torch.equal(one, before[n])}
    assert moved == {"head.weight", "head.bias"}


def test_a_batch_of_one_image_trains():
    pool = pool_of(5)  # batches of four and of one
    assert np.isfinite([row["loss"] for row in trained(built(pool), pool, epochs=1)]).all()


def test_two_trainings_of_one_seed_are_equal_to_the_bit():
    pool = pool_of()
    one, two = (built(pool) for _ in range(2))
    for network in (one, two):
        trained(network, pool, epochs=1)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name


def test_its_weights_are_written_and_read(tmp_path):
    pool = pool_of()
    network = built(pool)
    trained(network, pool, epochs=1)
    save_weights(tmp_path / "all.safetensors", network.state_dict())
    save_weights(tmp_path / "trunk.safetensors", trunk_state(network.state_dict()))
    again, pre = built(pool, seed=1), built(pool, seed=1)
    load_network(again, tmp_path / "all.safetensors")
    wanted = embed(network, views_of(pool))
    for found, asked in zip(embed(again, views_of(pool)), wanted, strict=True):
        np.testing.assert_array_equal(found, asked)
    load_network(pre, tmp_path / "trunk.safetensors", trunk_only=True)
    np.testing.assert_array_equal(embed(pre, views_of(pool))[0], wanted[0])


def test_bfloat16_is_close():
    pool = pool_of()
    full, reduced = (
        embed(built(pool, precision=precision), views_of(pool))[0]
        for precision in ("float32", "bfloat16")
    )
    assert reduced.dtype == np.float32
    assert (full * reduced).sum(axis=1).min() > 0.99 and not np.array_equal(full, reduced)


@pytest.mark.parametrize(("classes", "size"), [(2, 64), (10, 96)])
def test_what_the_cost_is_told_is_so(classes, size):
    network = backbone.build((32, 32, 3), classes, OWN | {"size": size}).eval()
    operations = []

    def count(module, given, answer):
        per_output = module.weight[0].numel()
        operations.append(2 * per_output * answer.numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.rand(1, 3, 32, 32))
    told = backbone.describe((32, 32, 3), classes, OWN | {"size": size})
    assert told["flops"] == sum(operations)
    assert told["bytes"] == sum(one.nbytes for one in network.state_dict().values())
    assert told["dimensions"] == network.embedding_dim == 1280


def test_another_model_is_told_of_without_its_weights():
    told = backbone.describe((32, 32, 3), 10, OWN | {"model": "resnet18", "weights": "timm"})
    assert told["dimensions"] == 512 and 11.1e6 < told["bytes"] / 4 < 11.3e6


def test_the_classifier_reads_scaled_embeddings():
    pool = pool_of(2)
    network = built(pool).eval()
    rows = torch.as_tensor(pool.images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        wanted = functional.linear(10 * network.embed(rows), network.head.weight, network.head.bias)
        torch.testing.assert_close(network(rows), wanted)


def test_an_unknown_model_is_refused_by_its_key():
    with pytest.raises(UserError, match="network.model is 'resnot', which timm .* does not know"):
        backbone.build((32, 32, 3), 2, OWN | {"model": "resnot"})
    with pytest.raises(UserError, match="network.weights is installed, .* not of resnet18"):
        backbone.build((32, 32, 3), 2, OWN | {"model": "resnet18"})
