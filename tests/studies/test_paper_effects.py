"""What the paper's tables say of PRE: the figures that its prose does not give."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("paper_effects", ROOT / "studies/paper_effects.py")
effects = importlib.util.module_from_spec(spec)
spec.loader.exec_module(effects)


def test_pre_gains_more_and_less_than_the_prose_says():
    lines = effects.text(str(ROOT / "evidence" / "paper.csv"), "pre").splitlines()
    svhn = next(line for line in lines if "on labels alone | SVHN" in line)
    # Uncertainty, cycle 1: 31.63 and 51.52
    assert "| +5.83 to +19.89 |" in svhn
    cifar100 = next(line for line in lines if "on labels alone | CIFAR-100" in line)
    assert cifar100.endswith("| −0.94 to −0.03 |")


def test_the_spread_of_some_numbers():
    assert effects.spread([]) == "–"
    assert effects.spread([1.0]) == effects.spread([1.0, 1.0]) == "+1.00"
    assert effects.spread([2.0, -0.5]) == "−0.50 to +2.00"
