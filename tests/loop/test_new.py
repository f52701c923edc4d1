"""`wholepool new`: what it says, what it refuses, and a config that is read as it was meant."""

import os
import shutil

import pytest
from models import photograph, photographs

from wholepool.job.errors import UserError
from wholepool.labeling.ingest import read_manifest
from wholepool.loop.new import new
from wholepool.loop.project import opened

ODD = [
    "mes photos d'été",
    "a \"b\" 'c'",
    "x # y: {z} [0], *",
    "-dash",
    "写真",
    "２\u3000\u00a0３",  # spaces that are no ASCII
    "😀",
    "2024",  # what YAML takes for a number, a date, a truth, nothing
    "2024-01-02",
    "no",
    "null",
    "0x1f",
    "1e5",
    "~",
    "~root",
    "$",
    "back\\slash",
    "%d",
    " spaces ",
    ".hidden",
    "e\u0301",
]


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("twelve") / "photos", 12)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(here, twelve):
    return shutil.copytree(twelve, here / "photos")


def everything(folder):
    return {path: path.is_file() and path.read_bytes() for path in sorted(folder.rglob("*"))}


def refused(here, *given, batch=20, share=0.2):
    """Of a refusal its words; nothing may have been written."""
    before = everything(here)
    with pytest.raises(UserError) as caught:
        new(*given, batch, share)
    assert everything(here) == before
    return str(caught.value)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_read_back(here, twelve, name):
    shutil.copytree(twelve, here / name)
    before = everything(here / name)
    config = new(os.path.join(".", name), None, 20, 0.2)
    assert config.resolve().parent == here and config.name == f"{name}.yaml"
    project = opened(str(config))
    assert os.path.samefile(project.folder, here / name)
    assert project.journal.resolve() == here / f"{name}.answers.jsonl"
    assert everything(here / name) == before
    kept = project.settings["results_dir"] + f"/datasets/{project.dataset}/kept/images.parquet"
    assert len(read_manifest(kept)) == 12


@pytest.mark.parametrize(
    "name, words",
    [
        ("$HOME", "holds a variable of the shell, which $ begins: rename the folder"),
        ("a ${PATH}", "holds a variable of the shell"),
        ("two\nlines", "is no text of one line"),
        ("two\u2028lines", "is no text of one line"),
        ("next\x85line", "is no text of one line"),
        (os.fsdecode(b"latin-\xe9"), "is no text of one line"),
    ],
)
def test_a_name_that_no_config_can_hold_is_refused(here, twelve, name, words):
    shutil.copytree(twelve, here / name)
    assert words in refused(here, os.path.join(".", name), None)
    assert words in refused(here, os.path.join(".", name), "other.yaml")


def test_a_folder_elsewhere_has_its_whole_path(here, twelve):
    project = opened(str(new(str(twelve), "mine.yaml", 20, 0.2)))
    assert project.folder == twelve and project.journal.resolve() == here / "mine.answers.jsonl"


def test_what_it_refuses(here, photos):
    assert "nowhere is not there: name the folder" in refused(here, "nowhere", None)
    assert "000.jpg is a file: name the folder" in refused(here, "photos/000.jpg", None)
    inside = refused(here, "photos", "photos/config.yaml")
    assert "photos/config.yaml lies in the folder of images: name a file elsewhere" in inside
    assert "has not the name of a config" in refused(here, "photos", "config")
    (here / "photos.yaml").write_text("mine")
    assert "photos.yaml is there already: go on with `wholepool next" in refused(
        here, "photos", None
    )


def test_a_folder_of_three_images_or_none(here):
    photographs(here / "few", 3)
    assert "few holds 3 images, but it takes 10" in refused(here, "few", None)
    (here / "none").mkdir()
    assert "none holds 0 images, but it takes 10" in refused(here, "none", None)


def test_ten_images_are_enough(here):
    photographs(here / "ten", 10)
    settings = opened(str(new("ten", None, 20, 0.2))).settings
    assert settings["experiments"]["labels"]["budget"] == 2


def test_two_folders_of_the_same_letters_share_no_results(here, twelve):
    names = "写真", "画像", "Images!"
    for name in names:
        shutil.copytree(twelve, here / name)
        new(name, None, 20, 0.2)
    places = [
        opened(f"{name}.yaml").settings["results_dir"] for name in ("写真", "画像", "Images!")
    ]
    assert places == ["results/images", "results/images-2", "results/images-3"]


def test_batch_and_audit_are_as_asked(here, photos):
    settings = opened(str(new("photos", None, 3, 0.5))).settings
    assert settings["experiments"]["labels"]["budget"] == 3
    oracle = settings["datasets"]["photos"]["oracle"]
    assert (oracle["audit_share"], oracle["audit_reserve"]) == (0.5, 0.2)
    oracle = opened(str(new("photos", "b.yaml", 20, 0.0))).settings["datasets"]["photos-2"][
        "oracle"
    ]
    assert oracle["audit_reserve"] == 0


def test_it_says_what_it_has_found_also_of_one(here, photos, capsys):
    new("photos", "a.yaml", 20, 0.2)
    assert capsys.readouterr().out == "12 images, 60 x 44 to 420 x 200 pixels\n"
    (photos / "copy.jpg").write_bytes((photos / "000.jpg").read_bytes())
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    new("photos", "b.yaml", 20, 0.2)
    found = capsys.readouterr().out.splitlines()
    assert found[1] == "1 file is a byte-identical copy: one label counts for all"
    assert found[2] == "1 file or folder gives no image: rejected.csv will list them"
    assert found[3].startswith("  'torn.jpg': ") and len(found) == 4
    (photos / "copy2.jpg").write_bytes((photos / "000.jpg").read_bytes())
    (photos / "torn2.jpg").write_bytes(b"")
    new("photos", "c.yaml", 20, 0.2)
    found = capsys.readouterr().out.splitlines()
    assert found[1] == "2 files are byte-identical copies: one label counts for all"
    assert found[2] == "2 files or folders give no image: rejected.csv will list them"


def test_subfolders_that_may_be_classes_are_named(here, capsys):
    import numpy as np

    rng = np.random.default_rng(0)
    for at in range(12):
        photograph(here / "tree", f"{'cat' if at % 3 else 'dog'}/{at}.png", at % 3, rng)
    new("tree", None, 20, 0.2)
    assert "its subfolders (cat (8), dog (4)) may be labels already" in capsys.readouterr().out
