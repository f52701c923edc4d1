"""A training that diverges names the key to lower, though no loss shows it."""

import cases_training
import pytest
import torch
from commands import command, paragraph, run
from spoiling import require_said

pytestmark = pytest.mark.usefixtures("clean_process")
CASES = [case for case in cases_training.TRAINING if case.name.endswith("diverges")]


@pytest.fixture
def losses_stay_finite(monkeypatch):
    """As on a processor whose sums do not overflow: weights or predictions are what shows it."""
    cross_entropy = torch.nn.functional.cross_entropy
    monkeypatch.setattr(
        "torch.nn.functional.cross_entropy",
        lambda *arguments, **options: torch.nan_to_num(cross_entropy(*arguments, **options)),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_divergence_names_the_key_wherever_it_shows(folder, case, losses_stay_finite, capsys):
    assert len(CASES) == 3
    assert run(command(case.stage, out="out/", **case.options)) == 2
    message = paragraph(capsys.readouterr().err)
    require_said(case, message)
    assert "the loss is" not in message
