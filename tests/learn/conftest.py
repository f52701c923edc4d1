from types import SimpleNamespace

import pytest
from torch.nn import functional

from wholepool.learn import training
from wholepool.learn.optimizer import Sgd


@pytest.fixture
def spied(monkeypatch):
    """What reaches the loss (targets, losses' weights) and the optimizer (rates)."""
    record = SimpleNamespace(targets=[], rates=[], totals=[], losses=[])

    def cross_entropy(logits, targets, **options):
        assert options == {"reduction": "none"}
        record.targets.append(targets.numpy().copy())
        losses = functional.cross_entropy(logits, targets, **options)
        record.losses.append(losses.detach().numpy().copy())
        return losses

    class SpySgd(Sgd):
        def step(self, loss, rate):
            record.rates.append(rate)
            record.totals.append(loss.item())
            super().step(loss, rate)

    monkeypatch.setattr(training, "functional", SimpleNamespace(cross_entropy=cross_entropy))
    monkeypatch.setattr(training, "Sgd", SpySgd)
    return record
