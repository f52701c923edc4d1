"""The 13-layer network against the numbers of its published description and by-hand passes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from wholepool.job.errors import UserError
from wholepool.learn.device import device_for
from wholepool.learn.networks import conv13 as module
from wholepool.learn.networks.conv13 import Network, embedding_dim
from wholepool.learn.weights import trunk_state

torch.set_num_threads(1)
NARROW = 1 / 16


def build(seed=0, channels=3, classes=10, **changes):
    torch.manual_seed(seed)
    return Network(channels, classes, **{"width": NARROW, "dropout": 0.0} | changes)


def parameter_count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def images(count=4, channels=3, size=16, seed=0):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def randomize_statistics(network, seed=1):
    """Running statistics other than 0 and 1, so that evaluation mode shows."""
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.copy_(0.1 * torch.randn(layer.num_features, generator=generator))
            layer.running_var.copy_(0.5 + torch.rand(layer.num_features, generator=generator))


@pytest.mark.parametrize(
    ("classes", "weight_norm", "expected"),
    [
        (10, True, 3_125_908),
        (100, True, 3_137_608),
        (10, False, 3_123_850),
        (100, False, 3_135_460),
    ],
)
def test_parameter_count_at_width_one(classes, weight_norm, expected):
    network = Network(3, classes, weight_norm=weight_norm)
    assert parameter_count(network) == expected
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == expected


def test_trunk_parameters_and_running_statistics_at_width_one():
    network = Network(3, 10)
    assert parameter_count(network.trunk) == 3_124_608
    state = trunk_state(network.state_dict())
    statistics = [name for name in state if "running" in name]
    assert sum(state[name].numel() for name in statistics) == 4_096
    counters = [name for name in state if "num_batches" in name]
    assert len(counters) == 9
    rest = set(state) - set(statistics) - set(counters)
    assert sum(state[name].numel() for name in rest) == 3_124_608


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(0, 3_968), (1, 147_968), (3, 295_936), (4, 590_848), (6, 1_181_696), (7, 132_096)],
)
def test_parameters_of_a_block_at_width_one(layer, expected):
    trunk = Network(3, 10).trunk
    convolution = [x for x in trunk if isinstance(x, nn.Conv2d)][layer]
    norm = [x for x in trunk if isinstance(x, nn.BatchNorm2d)][layer]
    assert parameter_count(convolution) + parameter_count(norm) == expected


def test_order_of_layers():
    trunk = list(Network(3, 10).trunk)
    names = [type(layer).__name__.removeprefix("Parametrized") for layer in trunk]
    block = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    between = ["MaxPool2d", "Dropout"]
    assert names == block * 3 + between + block * 3 + between + block * 3
    assert {x.negative_slope for x in trunk if isinstance(x, nn.LeakyReLU)} == {0.1}
    assert [x.p for x in trunk if isinstance(x, nn.Dropout)] == [0.5, 0.5]
    paddings = [x.padding[0] for x in trunk if isinstance(x, nn.Conv2d)]
    assert paddings == [1] * 6 + [0] * 3
    norms = [x for x in trunk if isinstance(x, nn.BatchNorm2d)]
    assert {(x.eps, x.momentum, x.affine) for x in norms} == {(1e-5, 0.1, True)}
    assert all(x.bias is not None for x in trunk if isinstance(x, nn.Conv2d))


@pytest.mark.parametrize(
    ("width", "dimension"), [(1, 128), (0.5, 64), (0.25, 32), (NARROW, 8), (2, 256), (1e-3, 1)]
)
def test_embedding_dimension_follows_width(width, dimension):
    assert embedding_dim(width) == dimension
    if width <= 0.25:
        network = Network(1, 3, width=width)
        assert network.embedding_dim == dimension
        assert network.embed(images(2, 1)).shape == (2, dimension)


@pytest.mark.parametrize("size", [16, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_and_channels(size, channels):
    network = build(channels=channels, classes=7)
    batch = images(3, channels, size)
    assert network(batch).shape == (3, 7)
    assert network.embed(batch).shape == (3, 8)


@pytest.mark.parametrize("shape", [(8, 8, 1), (11, 32, 3), (32, 11, 3)])
def test_images_that_are_too_small_are_refused_when_it_is_built(shape):
    with pytest.raises(UserError, match="at least 12 pixels, but these are .*: enlarge them"):
        module.build(shape, 10, {"width": NARROW})


@pytest.mark.parametrize("size", [12, 15])
def test_one_small_image_is_no_batch_to_train_on(size):
    network = build()
    with pytest.raises(UserError, match="a batch is one image of"):
        network.train()(images(1, size=size))
    assert network.train()(images(2, size=size)).shape == (2, 10)
    assert network.train()(images(1, size=16)).shape == (1, 10)
    assert network.eval()(images(1, size=size)).shape == (1, 10)


@pytest.mark.parametrize("mode", [True, False])
def test_embeddings_have_unit_length(mode):
    network = build().train(mode)
    lengths = network.embed(images(5)).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(5), atol=1e-6)


def test_global_pool_is_a_six_by_six_average_on_32_pixels():
    network = build().eval()
    randomize_statistics(network)
    batch = images(3, size=32)
    maps = network.trunk(batch)
    assert maps.shape[2:] == (6, 6)
    pooled = functional.avg_pool2d(maps, 6, stride=2).flatten(1)
    expected = pooled / pooled.norm(dim=1, keepdim=True)
    assert torch.allclose(network.embed(batch), expected, atol=1e-6)


@pytest.mark.parametrize("weight_norm", [True, False])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_classifier_acts_on_the_normalized_vector(weight_norm, scale):
    network = build(weight_norm=weight_norm, logit_scale=scale).eval()
    batch = images()
    pooled = network.trunk(batch).mean(dim=3).mean(dim=2)
    unit = pooled / (pooled**2).sum(dim=1, keepdim=True).sqrt()
    expected = scale * unit @ network.head.weight.T + network.head.bias
    assert torch.allclose(network(batch), expected, atol=1e-5)
    # the length of the pooled vector is far from 1, so that the division shows
    assert (pooled.norm(dim=1) - 1).abs().min() > 1e-2


def test_whole_trunk_by_hand():
    """Every layer of the evaluation pass written out with plain functions."""
    network = build(weight_norm=False, dropout=0.5).eval()
    randomize_statistics(network)
    state = network.state_dict()
    x = images()
    position = 0
    for stage in range(3):
        for number in range(3):
            padding = 1 if stage < 2 else 0
            conv, norm = f"trunk.{position}.", f"trunk.{position + 1}."
            x = functional.conv2d(x, state[conv + "weight"], state[conv + "bias"], padding=padding)
            mean, variance = state[norm + "running_mean"], state[norm + "running_var"]
            x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
            x = x * state[norm + "weight"][:, None, None] + state[norm + "bias"][:, None, None]
            x = torch.where(x > 0, x, 0.1 * x)
            position += 3
            if number == 2 and stage < 2:
                x = functional.max_pool2d(x, 2)
                position += 2
    assert torch.allclose(network.trunk(images()), x, atol=1e-5)


def test_weight_normalized_network_starts_as_the_plain_one():
    plain = build(seed=3, weight_norm=False).eval()
    normed = build(seed=4, weight_norm=True).eval()
    batch = images()
    assert not torch.allclose(normed(batch), plain(batch), atol=1e-4)
    layers = [m for m in plain.modules() if is_layer(m)]
    pairs = zip(layers, [m for m in normed.modules() if is_layer(m)], strict=True)
    with torch.no_grad():
        for ours, theirs in pairs:
            theirs.weight = ours.weight.detach()  # through the parametrization
            theirs.bias.copy_(ours.bias)
    assert torch.allclose(normed(batch), plain(batch), atol=1e-5)


def is_layer(layer):
    return isinstance(layer, nn.Conv2d | nn.Linear)


def test_weight_normalization_starts_at_the_same_weights_under_one_seed():
    plain = build(seed=5, weight_norm=False)
    normed = build(seed=5, weight_norm=True)
    first = next(m for m in plain.modules() if isinstance(m, nn.Conv2d))
    other = next(m for m in normed.modules() if isinstance(m, nn.Conv2d))
    assert torch.allclose(first.weight, other.weight, atol=1e-6)
    gain = other.parametrizations.weight.original0
    norms = first.weight.flatten(1).norm(dim=1)
    assert torch.allclose(gain.flatten(), norms, atol=1e-6)  # one gain per output unit


def test_logit_scale_multiplies_the_part_of_the_embedding():
    network = build(logit_scale=1.0).eval()
    scaled = copy.deepcopy(network)
    scaled.logit_scale = 7.0
    batch = images()
    bias = network.head.bias
    assert torch.allclose(scaled(batch) - bias, 7 * (network(batch) - bias), atol=1e-5)
    assert torch.equal(scaled.embed(batch), network.embed(batch))


def test_trunk_state_is_everything_but_the_head():
    network = build()
    state = network.state_dict()
    trunk = trunk_state(state)
    assert set(state) - set(trunk) == {name for name in state if name.startswith("head.")}
    assert any("running_mean" in name for name in trunk)
    assert all(torch.equal(trunk[name], state[name]) for name in trunk)


def test_dropout_acts_in_training_only():
    network = build(dropout=0.5)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    batch = images()
    assert not torch.equal(network(batch), network(batch))
    network.eval()
    assert torch.equal(network(batch), network(batch))


def test_dropout_is_element_wise():
    assert not any(isinstance(m, nn.Dropout2d) for m in Network(3, 10, width=NARROW).modules())
    torch.manual_seed(0)
    layer = next(m for m in Network(3, 10, width=NARROW).modules() if isinstance(m, nn.Dropout))
    out = layer(torch.ones(1, 4, 8, 8))
    share = (out == 0).float().mean(dim=(2, 3))
    assert ((share > 0.2) & (share < 0.8)).all()


def test_every_parameter_gets_a_gradient():
    network = build()
    network(images()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_device_words(monkeypatch):
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: False)
    assert device_for("cpu").type == "cpu"
    assert device_for("auto").type == "cpu"
    with pytest.raises((RuntimeError, ValueError), match=r"cuda.*auto"):
        device_for("cuda")
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: True)
    assert device_for("auto").type == "cuda"
    assert device_for("cpu").type == "cpu"


# precision


def passed(network, batch):
    """Types and layouts of all activations, the embeddings, gradients of their first entries."""
    found = []
    for layer in network.trunk:
        layer.register_forward_hook(
            lambda _, inputs, output: found.append(
                (output.dtype, output.is_contiguous(memory_format=torch.channels_last))
            )
        )
    embeddings = network.embed(batch)
    return (
        found,
        embeddings,
        torch.autograd.grad(embeddings[:, 0].sum(), network.trunk.parameters()),
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_is_of_the_activations_alone(precision):
    network = build(precision=precision)
    batch = images(count=8).contiguous(memory_format=torch.channels_last)
    found, embeddings, gradients = passed(network, batch)
    assert len(found) == len(network.trunk)
    assert set(found) == {(getattr(torch, precision), True)}
    assert embeddings.dtype == network.classify(embeddings).dtype == torch.float32
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(8), atol=1e-6)
    assert (
        {p.dtype for p in network.parameters()} == {g.dtype for g in gradients} == {torch.float32}
    )


def test_bfloat16_is_float32_to_its_rounding():
    """Of eight bits of mantissa a rounding is 2**-9; nine layers and their BN have some thirty."""
    exact, rough = build(), build(precision="bfloat16")
    _, a, gradients = passed(exact, images(count=64))
    _, b, others = passed(rough, images(count=64))
    assert 0 < (a - b).abs().max() < 30 * 2**-9
    both = [torch.cat([g.flatten() for g in many]) for many in (gradients, others)]
    assert functional.cosine_similarity(*both, dim=0) > 0.9
