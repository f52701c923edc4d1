"""The report as it stands: never started, half finished, of people, whole; nothing else is written.

The pages here are few and fast; tests/workflow/test_report.py has them all.
"""

import re
import shutil

import pytest
import yaml
from finished import INFOS, add_metadata, given, plan, write_json, write_results

from wholepool.grid import made
from wholepool.grid.cells import cells, summary
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.loop.__main__ import main
from wholepool.report import build, html, standing
from wholepool.report.results import of_folder
from wholepool.report.runs import write_runs

PROBE = """
TITLE = "Probe"
PLACE = 1
STAGE = "statistics"
FILES = ("tables/probe.csv",)

def make(results):
    (results.folder / FILES[0]).write_text(f"{len(results.trajectories)} rows")

def show(results):
    told = (results.folder / FILES[0]).read_text(), results.partial, sorted(results.pools)
    there = results.source.name, len(results.runs), len(results.accuracy)
    return f"<p>{told} {there}</p>"
"""
DESCRIBED = {
    **{"n": 60, "n_test": None, "height": 8, "width": 8, "channels": 1, "classes": 10},
    **{"class_names": list("abcdefghij"), "mean": [0.5], "std": [0.5], "source": "x"},
}


@pytest.fixture
def folder(tmp_path, plugin, monkeypatch):
    """An empty folder with config.yaml, which is the working directory."""
    plugin("page", "probe", PROBE)
    kept = ("classes", "table1", "table3", "probe", "what_next")
    few = {name: page for name, page in registry.plugins("page").items() if name in kept}
    for module in (build, html):
        monkeypatch.setattr(module, "plugins", lambda kind: few)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "config.yaml").write_text(yaml.safe_dump(given(), sort_keys=False))
    return work


@pytest.fixture
def results(folder):
    """What a grid that has been run holds, but for the tables."""
    found = folder / "results"
    write_results(found, plan())
    for name, info in INFOS.items():
        write_json(found / f"datasets/{name}/pool.json", dataset=name, **info, **DESCRIBED)
    for path, dataset, _ in made.of_results(plan()):
        if path.endswith("diagnosis.json"):
            write_json(found / path, dataset=dataset, epoch=[0], nmi=[0.5], nmi_previous=[None])
    return found


def files(folder):
    """Every file in a folder and what is in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report_of(folder, *more):
    """Its text, from the verb; and that nothing else was written."""
    before = files(folder)
    assert main(["report", *more]) == 0
    after = files(folder)
    written = {path for path in after if after[path] != before.get(path)}
    assert len(written) == 1 and before.keys() <= after.keys()
    return written.pop().read_text()


def test_never_started(folder, clean_process):
    text = report_of(folder)
    assert "Nothing was run yet, of 22 cells" in text and "snakemake --cores all<" in text
    assert "('0 rows', True, []) ('results', 0, 0)" in text


def test_half_finished(folder, results, clean_process):
    for cell in cells(plan()["experiments"]):
        if cell.experiment == "large" or cell.seed == 1:
            shutil.rmtree(results / cell.path)
    shutil.rmtree(results / "datasets/mnist")
    text = report_of(folder)
    assert "8 of 22 cells were run" in text and "seed 1" in text
    assert "('9 rows', True, ['digits']) ('results', 8, 9)" in text
    assert not (results / "tables").exists()


def test_whole_it_is_the_workflows_own(folder, results, clean_process):
    text = report_of(folder, "--out", "own.html")
    assert 'class="notice"' not in text
    assert "('24 rows', False, ['digits', 'mnist']) ('results', 22, 12)" in text
    by_stages(folder / "again/results", results)
    assert (folder / "again/results/report.html").read_text() == text


def by_stages(folder, finished):
    """What the rules runs, tables, figures, statistics and report do, in a copy of the results."""
    shutil.copytree(finished, folder)
    infos, grid = standing.described(plan(), folder), summary(plan())
    write_runs(folder, plan(), infos, folder / "tables/runs.csv")
    build.write_tables(folder / "tables/runs.csv", folder, grid, infos)
    results = of_folder(folder, grid, infos, plan())
    build.write("figures", results)
    build.write("statistics", results)
    html.write_report(results, folder / "report.html")


def test_tables_that_are_there_stay_as_they_are(folder, results, clean_process):
    (results / "tables").mkdir()
    (results / "tables/runs.csv").write_text("of another day")
    (results / "report.html").write_text("old")
    assert report_of(folder) != "old"  # looks that nothing else has changed


def test_results_of_other_settings_are_refused(folder, results, clean_process, capsys):
    cell = next(cells(plan()["experiments"]))
    add_metadata(results / cell.path / "history.parquet", draw_seed="7")
    shutil.rmtree(results / "runs/large")
    before = files(folder)
    assert main(["report"]) == 2
    said = capsys.readouterr().err
    assert "results of different settings stand under one name: draw_seed is 7 in" in said
    assert files(folder) == before


def test_metrics_without_their_training_are_named(folder, results):
    cell = next(cells(plan()["experiments"]))
    (results / cell.path / "history.parquet").unlink()
    shutil.rmtree(results / "runs/large")
    with pytest.raises(UserError, match=r"seed0/cycle0/history\.parquet"):
        standing.written(folder / "config.yaml")


def test_a_config_elsewhere_is_meant_from_here(folder, clean_process):
    (folder / "grids").mkdir()
    (folder / "config.yaml").rename(folder / "grids/my grid.yaml")
    text = report_of(folder, "grids/my grid.yaml")
    assert "snakemake --cores all --configfile &#39;grids/my grid.yaml&#39;" in text
    assert (folder / "results/report.html").exists()


def test_without_a_config_one_is_asked_for(folder, clean_process, capsys):
    assert main(["report", "none.yaml"]) == 2
    assert "none.yaml is not there: name the config" in capsys.readouterr().err


def test_of_people_who_have_closed_no_cycle(folder, clean_process):
    start = {"strategy": "typiclust", "size": 2, "pre": "deepcluster"}
    config = {
        "datasets": {
            "mine": {
                "source": {"name": "folder", "path": "images"},
                "oracle": {"name": "journal", "answers": "answers.jsonl"},
            }
        },
        "data_dir": ".",
        "experiments": {"mine": {"dataset": "mine", "budget": 2, "initial": start}},
        "seeds": 1,
        "methods": {"baseline": {"strategies": ["random"]}},
    }
    (folder / "config.yaml").unlink()
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    text = report_of(folder)  # the only config here in which people are asked
    assert re.findall("<code>(.*?)</code>", text) == ["wholepool next"]
    assert "<h1>Labels for images</h1>" in text
    assert "Probe" not in text and 'class="notice"' not in text
