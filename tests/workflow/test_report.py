"""report.html by Snakemake, in Snakemake's own report, and by `wholepool report` at any time."""

import base64
import gzip
import re
import shutil
import subprocess
import sys

import pytest
from running import TINY, environment, snakemake


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run, to take apart."""
    shutil.copytree(run, tmp_path / "copy")
    return tmp_path / "copy"


def report(folder, *more):
    words = [sys.executable, "-m", "wholepool.loop", "report", str(TINY), *more]
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listing(folder):
    """Every file with its time, but the report."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "report.html"]
    return {path: path.stat().st_mtime_ns for path in files}


def test_by_hand_it_is_snakemakes_and_half_a_grid_says_so(copy):
    made = (copy / "results/report.html").read_bytes()
    before = listing(copy)
    report(copy, "--out", "own/report.html")
    assert (copy / "own/report.html").read_bytes() == made and listing(copy) == before
    for path in copy.glob("results/runs/**/seed1/**/metrics.json"):
        path.unlink()
    before = listing(copy)
    assert report(copy) == "results/report.html\n" and listing(copy) == before
    text = (copy / "results/report.html").read_text()
    assert "7 of 14 cells were run" in text and text.count("<td>seed 1</td>") == 3
    shutil.rmtree(copy / "results")
    report(copy)
    assert [path.name for path in (copy / "results").iterdir()] == ["report.html"]
    assert "Nothing was run yet, of 14 cells" in (copy / "results/report.html").read_text()


def test_snakemakes_report_holds_it(copy):
    snakemake(copy, "--report", "whole.html", "all")
    text = (copy / "whole.html").read_text()
    found = [
        gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        for data in map(base64.b64decode, re.findall(r"base64,([A-Za-z0-9+/=]{100,})", text))
    ]
    assert (copy / "results/report.html").read_bytes() in found
