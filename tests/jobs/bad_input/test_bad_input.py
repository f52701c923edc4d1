"""Bad input: every case runs a real command on a folder in which one thing is wrong.

A tiny grid's files are made once, by the commands themselves. Each case copies them, spoils one,
and runs one command, which must fail with one paragraph that names file or key, value and remedy,
and must leave every file as it was. Two runs in one folder at once: test_locks.py, test_kills.py.
"""

import cases_arrays
import cases_config
import cases_data
import cases_results
import cases_sets
import cases_training
import pytest
from commands import CHAIN, command, contents, outputs, paragraph, run
from spoiling import require_said

pytestmark = pytest.mark.usefixtures("clean_process")
CASES = [
    *cases_config.GRID,
    *cases_data.DATA,
    *cases_data.POOLS,
    *cases_sets.SETS,
    *cases_arrays.WEIGHTS,
    *cases_arrays.ARRAYS,
    *cases_training.TRAINING,
    *cases_training.ASKING,
    *cases_results.RESULTS,
]


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("stage", CHAIN)
def test_unspoiled_input_is_taken(folder, stage):
    """So that a case fails for what it spoils, and for nothing else."""
    assert run(command(stage, out="out/")) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_bad_input(folder, case, sources, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    case.spoil(folder)
    words = command(case.stage, out="out/", **case.options)
    for earlier in (False, True):  # nothing there, then the outputs of an earlier run
        for name in outputs(case.stage) if earlier else []:
            path = folder / "out" / name
            if path.suffix == "":  # a folder of outputs
                path = path / "earlier"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("earlier")
        before = contents(folder)
        capsys.readouterr()
        status = run(words)
        said = capsys.readouterr()
        message = paragraph(said.err)
        assert status == 2, message
        assert said.out == ""
        require_said(case, message)
        assert contents(folder) == before
