"""The tables in the pages, and the figures in their prose, are what the studies print."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from pages import FENCE, ROOT
from PIL import Image

from wholepool.job.errors import UserError

PATH = ROOT / "tools" / "study_tables.py"
spec = importlib.util.spec_from_file_location("study_tables", PATH)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

FINDINGS, DEVIATIONS = (ROOT / "docs" / name for name in ("findings.md", "deviations.md"))
BLOCKS = {path: list(tool.BLOCK.finditer(path.read_text())) for path in (FINDINGS, DEVIATIONS)}


@pytest.mark.parametrize("path", tool.PAGES, ids=lambda path: path.name)
def test_tables_are_what_the_studies_print(path):
    assert path.read_text() == tool.page(path), "run make findings"


def test_every_figure_of_a_study_stands_in_a_block():
    assert len(BLOCKS[FINDINGS]) >= 6 and len(BLOCKS[DEVIATIONS]) == 3
    named = {found[1] for blocks in BLOCKS.values() for found in blocks}
    assert named == {
        "studies/effects.py",
        "studies/deviation_effects.py",
        "studies/paper_effects.py",
    }


def test_an_edit_by_hand_is_found_and_mended(tmp_path):
    page = tmp_path / "page.md"
    head = "<!-- studies/effects.py evidence/one_label_per_class levels -->"
    page.write_text(f"before\n{head}\n| 44.1 ± 3.0 |\n<!-- end -->\nafter\n")
    made = tool.page(page)
    assert made.startswith(f"before\n{head}\n\n") and made.endswith("-->\nafter\n")
    assert "Test accuracy in percent: mean over" in made
    assert "44.1 ± 3.0" not in made
    page.write_text(made)
    assert tool.page(page) == made
    page.write_text("<!-- studies/effects.py evidence/nothing pre -->\n<!-- end -->\n")
    assert tool.MISSING in tool.page(page)


def test_levels_are_rounded_once_of_the_runs():
    """Of two decimals, as tables print them, 44.05±2.95 became 44.1±3.0, and 7.95 became 8.0."""
    old = ROOT / "tests/paper/old_landings/one_label_per_class"
    mnist, fashion = tool.study("studies/effects.py").text(str(old), "levels").splitlines()[-2:]
    assert mnist.startswith("| mnist-4000 | 44.0 (2.9) | 58.6 (0.9) | 36.6 (7.4) |")
    assert fashion.startswith("| fashion-4000 | 35.5 (8.4) | 49.8 (8.1) | 36.8 (7.9) |")


def prose(text):
    """A page's own words: no block, no code, no row of the prototype, whose runs were not kept."""
    text = re.sub(
        r"`[^`\n]*`|(?:###|section) \d+\.\d+", "", FENCE.sub("", tool.BLOCK.sub("", text))
    )
    return "\n".join(line for line in text.splitlines() if not line.startswith("| prototype"))


def figures(text):
    return set(re.findall(r"(?<![\d.,])\d+\.\d+(?![\d.])", text))


def unprinted(path, text):
    """The figures with a decimal in a page's prose that no study prints of the evidence."""
    told = {(found[1], found[2]) for blocks in BLOCKS.values() for found in blocks}
    printed = set().union(*(figures(tool.printed(*each, "")) for each in told))
    return figures(prose(text)) - printed


def section(path, first, after):
    text = path.read_text()
    return text[text.index(first) : text.index(after)]


def test_figures_of_the_deviations_are_printed():
    text = section(DEVIATIONS, "### 1.1 ", "## 2. ")
    assert unprinted(DEVIATIONS, text) == set()
    assert unprinted(DEVIATIONS, text.replace("what so many", "a gain of 77.7, what so many"))


def test_figures_of_the_findings_are_printed():
    assert unprinted(FINDINGS, FINDINGS.read_text()) == set()


def test_the_picture_shows_the_answer_that_the_readme_prints():
    told = Image.open(ROOT / "docs" / "images" / "report.png").text["answer"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n\n{told}\n\n" in readme, "run tools/readme_picture.py"


def commands():
    """What the heads of the grids and of the studies say to call: python studies/..."""
    found = []
    for path in sorted([*ROOT.glob("workflow/grids/*.yaml"), *ROOT.glob("studies/*_effects.py")]):
        for line in re.findall(r"^(?:#|) +(python studies/.*)$", path.read_text(), re.MULTILINE):
            found.append(pytest.param(line, id=f"{path.stem}: {line}"))
    return found


@pytest.mark.parametrize("line", commands())
def test_a_study_runs_as_the_heads_of_files_say(line, tmp_path):
    for name in ("studies", "evidence"):
        (tmp_path / name).symlink_to(ROOT / name)
    for path in ROOT.glob("workflow/grids/*.yaml"):  # as if each had run
        tables = tmp_path / yaml.safe_load(path.read_text())["results_dir"] / "tables"
        shutil.copytree(ROOT / "evidence" / "deviations", tables)
    words = [sys.executable, *shlex.split(line)[1:]]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, cwd=tmp_path, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| --- |") >= 1


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(UserError, match=r"has no runs\.csv: give a folder of evidence"):
        tool.study("studies/effects.py").text(str(tmp_path))
