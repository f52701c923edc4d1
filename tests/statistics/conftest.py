import gc

import pytest


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch):
    """statsmodels' multipletests collects garbage at every call, which takes 70 ms."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)
