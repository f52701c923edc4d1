"""The command line: each verb's help, and how it ends when it is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wholepool.loop.__main__ import FORMATS, VERBS, WHAT, main

SRC = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0 and f"usage: wholepool {verb}" in said
    assert " ".join(VERBS[verb][0].__doc__.split()) in said


def test_as_a_module_it_lists_the_verbs_without_heavy_imports():
    watch = "import sys; from wholepool.loop.__main__ import parser; parser().format_help(); "
    watch += "print(sorted({'torch', 'scipy', 'pyarrow', 'snakemake'} & set(sys.modules)))"
    done = run("-c", watch)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    done = run("-m", "wholepool.loop", "--help")
    assert done.returncode == 0 and all(f"    {verb}" in done.stdout for verb in VERBS)


def run(*words):
    return subprocess.run(
        [sys.executable, *words],
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
    )


def test_the_formats_are_those_that_there_are():
    from wholepool.labeling import exchange as formats
    from wholepool.loop import exchange

    assert set(FORMATS) == set(formats.FORMATS) and exchange.WHAT == WHAT


WRONG = (["new", "nowhere"], ["next"], ["label"], ["next", "nowhere.yaml"])


@pytest.mark.parametrize("words", WRONG)
def test_what_a_user_can_mend_ends_in_2_with_one_paragraph(
    words, tmp_path, monkeypatch, clean_process, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["new", "x", "--audit", "1"],
        ["new", "x", "--audit", "-0.1"],
        ["new", "x", "--audit", "nan"],
        ["new", "x", "--batch", "0"],
        ["import", "x", "--as", "cat"],
        ["label", "--port", "99999999"],
    ],
)
def test_a_value_out_of_its_range_is_refused_by_its_option(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and words[-2] in capsys.readouterr().err
