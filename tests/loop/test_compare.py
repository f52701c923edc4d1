"""`wholepool compare A B`, through the console."""

import json

import pytest
from grids_of_results import runs_of, small_grid

from wholepool.loop.__main__ import main
from wholepool.report.accuracy import to_csv


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Results with settings, a folder of evidence of another machine, and a lone runs.csv."""
    monkeypatch.chdir(tmp_path)
    runs = runs_of(small_grid())
    (tmp_path / "results" / "tables").mkdir(parents=True)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "results" / "tables" / "runs.csv").write_text(to_csv(runs))
    (tmp_path / "evidence" / "runs.csv").write_text(to_csv(runs.assign(device="NVIDIA A")))
    other = runs.assign(experiment=runs["experiment"].replace({"digits": "shapes"}))
    (tmp_path / "lone.csv").write_text(to_csv(other))
    return tmp_path


def test_it_prints_and_writes(folders, clean_process, capsys):
    assert main(["compare", "results", "evidence", "--out", "it.md"]) == 0
    said = capsys.readouterr().out
    runs = runs_of(small_grid())
    assert f"{len(runs)} cells are in both, paired by seed; {len(runs)} of them are equal" in said
    assert "device  cpu  NVIDIA A" in said and "Not compared" in said
    assert "## digits" in (folders / "it.md").read_text()


def test_settings_are_read_from_where_they_stand(folders, clean_process, capsys):
    settings = {"datasets": {}, "experiments": {}, "version": "0.1"}
    for path, version in (("results/tables", "0.1"), ("evidence", "0.2")):
        text = json.dumps(settings | {"version": version})
        (folders / path / "settings.json").write_text(text)
    assert main(["compare", "results", "evidence"]) == 0
    assert 'version  "0.1"  "0.2"' in capsys.readouterr().out


def test_experiments_are_renamed(folders, clean_process, capsys):
    assert main(["compare", "results", "lone.csv", "--as", "digits=shapes"]) == 0
    assert "shapes\n" in capsys.readouterr().out


WRONG = {
    "given twice": ["results", "results/"],
    "has no runs.csv": ["results/tables/..", "."],
    "is missing": ["results", "nowhere"],
    "has no experiment toys": ["results", "evidence", "--as", "toys=digits"],
    "must end in .md or .csv": ["results", "evidence", "--out", "it.txt"],
    "is not overwritten": ["results", "evidence", "--out", "lone.csv"],
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_said_in_one_paragraph(words, folders, clean_process, capsys):
    before = (folders / "lone.csv").read_bytes()
    assert main(["compare", *WRONG[words]]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and words in said.err and said.out == ""
    assert (folders / "lone.csv").read_bytes() == before
