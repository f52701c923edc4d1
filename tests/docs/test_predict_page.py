"""docs/predict.md: its code without wholepool gives the same classes as wholepool."""

import numpy as np
from models import photographs, written
from pages import ROOT, blocks

from wholepool.learn.model_folder import read_model
from wholepool.learn.predict import HEADER, predicted

PAGE = ROOT / "docs" / "predict.md"


def test_its_code_gives_the_same_classes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = written(tmp_path)[0]
    photographs(tmp_path / "new", 24, seed=1)
    wanted = {one.path: one for one in predicted(read_model(folder), tmp_path / "new", [])}
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks(PAGE) if block.language == "python"]
    assert "wholepool" not in block.text and len(block.text.splitlines()) <= 25
    names = {}
    exec(compile(block.text, "predict.md", "exec"), names)
    found = {path: names["label"](tmp_path / "new" / path) for path in wanted}
    assert found == {path: one.label for path, one in wanted.items()}
    assert len(set(found.values())) == 3
    near = np.array([one.probability - one.second_probability for one in wanted.values()])
    assert near.min() > 1e-4  # no tie could hide a difference, or make one


def test_its_columns_are_those_that_are_written():
    table = PAGE.read_text().split("| column | |")[1].split("\n\n")[0]
    assert tuple(line.split("`")[1] for line in table.splitlines()[2:]) == HEADER
