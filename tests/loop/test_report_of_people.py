"""The report of a folder that is labeled, by `wholepool next` and `report`.

Snakemake is replaced by the files that it leaves: its jobs are tried in tests/workflow.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from histories import line
from models import photographs
from standings import PLAIN

from wholepool.data.pool import write_pool
from wholepool.grid.plan import answered
from wholepool.labeling import journal
from wholepool.labeling.ingest import read_manifest, write_manifest
from wholepool.loop import advance
from wholepool.loop.__main__ import main
from wholepool.loop.new import new
from wholepool.loop.project import opened
from wholepool.report import pictures

N = 30
HEADS = ["Where you stand", "What to do next"]
LEARNED = ["Answers for a second look", "Your classes", "Labels so far"]
HIDDEN = ("oracle.parquet", "test_labels.npy", "test_images.npy")
RESULTS = "results/photos"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    photographs(folder / "photos", N)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new("photos", None, 4, 0.25)
    return folder


@pytest.fixture
def project(made_once, tmp_path, monkeypatch, clean_process):
    """What `wholepool new` leaves of thirty images; Snakemake leaves `left`."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(advance, "run", lambda now, cores: left(now))
    return opened(None)


def left(now):
    """The files of the open cycle, as the jobs leave them: the batch, and where things stand."""
    data = now.made("data_of_people")["images"].parent
    kept = data / "kept"
    entries = read_manifest(kept / "images.parquet")
    pixels = np.load(kept / "pixels.npy")
    write_pool(data / "pool.npy", data / "pool.json", pixels, "photos", ["cat", "dog"], 0)
    write_manifest(data / "images.parquet", entries)
    batch = now.made("batch")["out"]
    batch.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"image": one.image, "path": one.paths[0]} for one in entries[:4]]
    batch.write_text(json.dumps({"cycle": now.cycles, "images": listed, "review": []}))
    if not now.cycles:
        return
    described = data.parents[1] / answered(now.name, now.cycles)["described"]
    described.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(data / "pool.json", described)
    names = [one.paths[0] for one in entries]
    rows = [f"{name},cat,classifier,{0.5 + at / 100}" for at, name in enumerate(names)]
    standing = now.made("standing")
    standing["out"].write_text("\n".join(["path,label,source,probability", *rows]) + "\n")
    doubts = f"path,label,perhaps,probability\n{names[3]},cat,dog,0.9\n"
    standing["suspicious"].write_text(doubts)
    cycles = [
        {"labels": 9 * at, "right": at, "asked": 3, "kappa": None, "low": 0.1, "high": 0.9}
        for at in range(1, now.cycles + 1)
    ]
    standing["status"].write_text(json.dumps(PLAIN | {"cycles": cycles}))


def close(project, cycle):
    journal.append(project.journal, line("close", cycle=cycle))
    left(opened(None))


def report(words=("report",)):
    assert main(list(words)) == 0
    with open(f"{RESULTS}/report.html", encoding="utf-8") as file:
        return file.read()


def heads(text):
    return re.findall(r"<h2[^>]*>(.*?)</h2>", text)


def commands(text):
    return re.findall(r"<code>(.*?)</code>", text)


def test_before_anything_is_done_it_says_what_to_do_first(project):
    text = report()
    assert "<h1>Labels for photos</h1>" in text and commands(text) == ["wholepool next"]
    assert heads(text) == [*HEADS, "Provenance"]


def test_before_any_answer(project, capsys):
    text = report(["next"])
    assert heads(text) == [*HEADS, "Provenance"]
    assert commands(text) == ["wholepool label", "wholepool next"]
    assert "Answer 4 images" in text and "<img" not in text
    for word in ("Nothing was run", "cell", "not known yet", "No pool", "seed"):
        assert word not in re.sub(r"<style>.*?</style>", "", text, flags=re.S), word


def test_after_each_cycle_the_sections_stand_in_their_order(project):
    main(["next"])
    for cycle in range(2):
        close(project, cycle)
        text = report()
        assert heads(text) == [*HEADS, *LEARNED, "Provenance"]
        assert commands(text) == ["wholepool label", "wholepool next"]
        assert "It is too early to say." in text
        assert f"A label for every image: {RESULTS}/people/labels/predictions.csv." in text
        assert text.count("<img") == 1 + 8 + 8  # one doubt, the least sure, and of the one class
    assert "The same audit images, judged by each cycle" in text


def test_next_ends_by_saying_where_the_report_is(project, capsys):
    main(["next"])
    close(project, 0)
    capsys.readouterr()
    main(["next"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Images: 45." and len(said) == 7
    assert said[5] == "4 images are to be labeled next: `wholepool label`"
    assert said[6] == f"All of this on one page, with images: {RESULTS}/report.html"


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ZeroDivisionError(), "torn"])
def test_next_loses_nothing_where_the_report_fails(error, project, capsys, monkeypatch):
    main(["next"])
    close(project, 0)
    capsys.readouterr()

    def failing(*words):
        raise error

    monkeypatch.setattr(advance, "run", lambda now, cores: None)
    if error == "torn":
        project.made("standing")["out"].write_text("path,label,source,probability\na,b,classifier,")
    else:
        monkeypatch.setattr(pictures, "png", failing)
    assert main(["next"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 7 and said[5].startswith("4 images are to be labeled next")
    assert said[6].startswith("The report could not be written: ")


def test_nothing_that_is_hidden_is_read(project):
    main(["next"])
    close(project, 0)
    data, closed = f"{RESULTS}/datasets/photos", f"{RESULTS}/{answered('labels', 1)['described']}"
    torn = [f"{data}/{name}" for name in HIDDEN]
    torn += [closed.replace("pool.json", name) for name in ("labeled.parquet", "aside.parquet")]
    text = report()
    for path in torn:
        with open(path, "w") as file:
            file.write("not to be opened")
    assert report() == text
    with open(closed, "w") as file:  # that a file which is read would be missed
        file.write("not to be opened")
    assert main(["report"]) == 2


def test_it_is_the_same_each_time_and_leaves_nothing_else(project, tmp_path):
    main(["next"])
    close(project, 0)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    text = report()
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert after - before <= {tmp_path / RESULTS / "report.html"}
    assert report() == text


@pytest.mark.jobs
@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium")
def test_in_a_browser_it_fits_a_phone_and_pictures_stand_side_by_side(project):
    """And nothing is asked for, and the console stays empty."""
    sync = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    main(["next"])
    close(project, 0)
    report()
    address, asked, said = Path(f"{RESULTS}/report.html").resolve().as_uri(), [], []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, least in ((360, 2), (1280, 8)):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            tops = page.locator("#labels_so_far .examples").first.locator("img")
            places = [tops.nth(at).bounding_box()["y"] for at in range(tops.count())]
            assert places.count(places[0]) >= least
        browser.close()
    assert {url for url in asked if not url.startswith("data:")} == {address} and said == []
