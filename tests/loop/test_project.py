"""Which folder is labeled from here: by the one config, a named one, or none."""

import os

import pytest
from models import photographs

from wholepool.job.errors import UserError
from wholepool.loop.new import new
from wholepool.loop.project import asks, only_one, opened

HIDDEN = """
datasets: { digits: { source: digits } }
experiments: { e: { dataset: digits, budget: 10, cycles: 2, initial: 10 } }
seeds: 1
methods: { m: { pre: none, semi: none, strategies: [random] } }
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(here):
    """A folder of twelve images, and its config."""
    return new(str(photographs(here / "photos", 12)), None, 20, 0.2)


def test_the_only_config_is_found_among_other_yaml_files(here, made):
    (here / "grid.yaml").write_text(HIDDEN)
    (here / "list.yml").write_text("[1, 2]")
    (here / "torn.yaml").write_text("a: [")
    (here / "empty.yaml").touch()
    (here / "bytes.yaml").write_bytes(b"\xff\xfe")
    (here / "text.yaml").write_text("datasets: {a: text}")
    (here / "folder.yaml").mkdir()
    assert only_one().name == "photos.yaml"
    project = opened(None)
    assert project.config.name == "photos.yaml" and project.cycles == 0
    assert (project.name, project.dataset) == ("labels", "photos")
    assert sorted(os.listdir(project.folder)) == sorted(os.listdir(here / "photos"))
    assert project.journal.resolve() == here / "photos.answers.jsonl"
    assert project.lines() == []


def test_its_files_are_where_the_rules_write_them(made):
    project = opened(str(made))
    assert str(project.made("batch")["out"]) == "results/photos/people/labels/batch.json"
    assert str(project.made("standing")["out"]).endswith("people/labels/predictions.csv")
    images = project.made("data_of_people")["images"]
    assert str(images) == "results/photos/datasets/photos/images.parquet"


def test_it_may_be_named_from_elsewhere(here, made, monkeypatch):
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    project = opened("../photos.yaml")
    assert os.getcwd() == str(here) and project.folder.is_dir()


def test_no_config(here):
    for name in ("grid.yaml", "another.yaml"):
        (here / name).write_text(HIDDEN)
    with pytest.raises(UserError, match="no config of a folder to be labeled is here: go to"):
        opened(None)
    with pytest.raises(UserError, match="other.yaml is not there: name the config, or make one"):
        opened("other.yaml")


def test_several_are_named(here, made):
    new("photos", "z.yml", 20, 0.2)
    with pytest.raises(UserError, match="from here, by photos.yaml, z.yml: name one of these"):
        opened(None)


def test_a_config_that_asks_nobody(here):
    (here / "grid.yaml").write_text(HIDDEN)
    with pytest.raises(UserError, match=r"grid.yaml has 0 experiments in which people are asked"):
        opened("grid.yaml")


def test_a_data_set_without_an_oracle_hides_no_other(here):
    text = "datasets: {a: {source: digits}, b: {oracle: {name: journal, answers: x}}}"
    (here / "two.yaml").write_text(text)
    assert asks(here / "two.yaml")
