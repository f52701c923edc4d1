"""The cosine schedule's printed values, and SGD against PyTorch's own optimizer."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn

from wholepool.learn.optimizer import Sgd, annealed, cosine

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("epoch", "digits", "expected"),
    [(0, 1, 0.2), (50, 4, 0.1733), (100, 4, 0.1075), (150, 4, 0.0377), (180, 4, 0.0099)],
)
def test_cosine_values(epoch, digits, expected):
    assert round(cosine(0.2, epoch, 210), digits) == expected


def test_cosine_at_the_end_of_the_last_epoch():
    assert round(cosine(0.2, 200, 210), 5) == 0.00112


def test_cosine_is_never_negative_nor_rises():
    rates = [cosine(0.2, step / 7, 210) for step in range(7 * 220)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert min(rates) >= 0


def test_cosine_takes_fractional_epochs():
    expected = 0.05 * 0.5 * (1 + math.cos(math.pi * 3.5 / 10))
    assert cosine(0.05, 3.5, 10) == pytest.approx(expected, rel=1e-12)
    assert cosine(0.05, 3.5, 10) < cosine(0.05, 3, 10)


@pytest.mark.parametrize(("epochs", "period", "zero"), [(200, 1.05, 210.0), (3, 1.05, 3.15)])
def test_the_period_is_a_multiple_of_the_epochs(epochs, period, zero):
    """To the bit, as if the product were written out: 1.05 * 3 is 3.1500000000000004."""
    section = {"lr": 0.2, "epochs": epochs, "cosine_period": period}
    for epoch in (0.0, 0.3, 1.7, epochs - 0.5, 2.0 * epochs):
        assert annealed(section, epoch) == cosine(0.2, epoch, zero)


def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 3))


@pytest.mark.parametrize(
    ("momentum", "nesterov", "decay"),
    [(0.9, True, 2e-4), (0.9, False, 2e-4), (0.9, True, 0.0), (0.0, False, 1e-2)],
)
def test_sgd_is_torch_sgd(momentum, nesterov, decay):
    ours = small_model()
    theirs = copy.deepcopy(ours)
    optimizer = Sgd(ours, momentum, nesterov, decay)
    reference = torch.optim.SGD(
        theirs.parameters(), lr=1.0, momentum=momentum, nesterov=nesterov, weight_decay=decay
    )
    generator = torch.Generator().manual_seed(1)
    for step in range(12):
        rate = cosine(0.2, step, 13)  # another rate at each step
        batch = torch.randn(6, 5, generator=generator)
        targets = torch.randint(3, (6,), generator=generator)
        optimizer.step(nn.functional.cross_entropy(ours(batch), targets), rate)
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        nn.functional.cross_entropy(theirs(batch), targets).backward()
        reference.step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(mine, other, rtol=0, atol=1e-7)
    assert not torch.allclose(ours[0].weight, small_model()[0].weight)


def test_sgd_by_hand():
    """v <- m v + g + d w; w <- w - r (g + d w + m v), in plain numbers."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(2.0)
    optimizer = Sgd(model, 0.9, True, 0.1)
    weight, velocity = 2.0, 0.0
    for rate, slope in [(0.5, 1.0), (0.2, -3.0), (0.1, 0.25)]:
        optimizer.step((slope * model.weight).sum(), rate)
        gradient = slope + 0.1 * weight
        velocity = 0.9 * velocity + gradient
        weight -= rate * (gradient + 0.9 * velocity)
        assert model.weight.item() == pytest.approx(weight, abs=1e-6)


def test_frozen_parameters_stay():
    model = small_model()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    optimizer = Sgd(model, 0.9, True, 0.1)
    assert all(parameter is not model[0].weight for parameter in optimizer.parameters)
    optimizer.step(model(torch.randn(6, 5)).square().sum(), 0.1)
    assert torch.equal(model[0].weight, before)


def test_weight_decay_is_on_all_parameters():
    model = small_model()
    optimizer = Sgd(model, 0.0, False, 0.5)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer.apply(tuple(torch.zeros_like(p) for p in model.parameters()), 0.1)
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.allclose(new, old * 0.95, atol=1e-7)
