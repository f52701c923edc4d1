"""The pages aubc, paired and pooled on grids of every shape."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from grids_of_results import plan, runs_of, small_grid, with_full

from wholepool.job.errors import UserError
from wholepool.job.registry import plugins
from wholepool.report import style
from wholepool.report.pages import aubc, paired, pooled
from wholepool.report.results import Results

PAGES = (aubc, paired, pooled)


@pytest.fixture
def svg_alone(monkeypatch):
    """The other two kinds of a figure take most of the time."""
    monkeypatch.setattr(style, "_UNDATED", {"svg": {"Date": None}})


def results_of(folder, grid, runs, partial=False):
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    absent = folder / "none.csv"
    results = Results(folder, grid, {}, absent, absent, partial=partial)
    vars(results)["runs"] = runs  # as if they had been read
    return results


def noisy(grid, keep=lambda **cell: True, seeds=(0, 1, 2, 3, 4)):
    for own in grid["experiments"].values():
        own["seeds"] = list(seeds)
    runs = runs_of(grid, keep)
    runs["accuracy"] = np.random.default_rng(0).normal(60, 4, len(runs))
    return runs


def shown(results, page):
    """What a page shows, in words: without the figure."""
    page.make(results)
    html = page.show(results)
    text = re.sub("<[^>]*>", " ", re.sub("(?s)<svg.*?</svg>", "", html))
    assert "nan" not in text.lower() and "None" not in text and "<NA>" not in text
    return " ".join(text.split())


@pytest.mark.parametrize("page", PAGES)
def test_every_file_is_made_the_same_twice(tmp_path, svg_alone, page):
    grid = small_grid()
    runs = noisy(grid)
    name = page.__name__.split(".")[-1]
    assert {f"figures/{name}.{kind}" for kind in ("png", "svg", "pdf")} < set(page.FILES)
    names = [file for file in page.FILES if file.endswith(("csv", "svg"))]
    made = []
    for folder, order in (("one", runs), ("two", runs.iloc[::-1])):
        results = results_of(tmp_path / folder, grid, order)
        page.make(results)
        made.append([(results.folder / file).read_bytes() for file in names])
        assert "<svg" in page.show(results)
    assert made[0] == made[1] and len(made[0]) == len(page.FILES) - 2


def test_they_are_found_in_their_order():
    known = plugins("page")
    assert [known[name]["PLACE"] for name in ("aubc", "paired", "pooled")] == [40, 41, 42]
    assert all(known[name].is_ours for name in ("aubc", "paired", "pooled"))


def test_what_they_say_is_in_the_tables(tmp_path, svg_alone):
    grid = small_grid()
    runs = noisy(grid)
    up = (runs["method"] == "pre+semi") & (runs["strategy"] != "initial")
    runs.loc[up, "accuracy"] += 25
    results = results_of(tmp_path, grid, runs)
    text = shown(results, paired)
    table = results.table("paired")
    areas = table[table["measure"] == "aubc"]
    found = areas[(areas["kind"] == "method") & (areas["says"] == "above 0")]
    assert len(found) == 2
    assert (
        "Methods against Baseline, by the area under the budget curve: of 3 comparisons 2 are"
        in text
    )
    assert "+ PRE + SEMI − Baseline (Random" in text and "over 3 tests" in text
    # five seeds: .0625 is above .05
    assert (
        "The sign-flip test cannot find anything with 5 seeds: its smallest p is 0.0625. A "
        "comparison alone needs 6 seeds; corrected over 3 tests it needs 7 seeds." in text
    )
    text = shown(results, pooled)
    assert "1 of 8 comparisons were run in several experiments" in text
    wide = results.table("pooled")
    assert wide["experiments"].tolist().count(2) == 1 and wide["n_seeds"].max() == 10
    text = shown(results, aubc)
    best = results.table("aubc").sort_values("aubc").iloc[-1]
    assert f"{best['aubc']:.1f} % over 20 to 40 labels" in text and best["method"] == "pre+semi"


def test_the_sign_flip_sentence_is_only_there_where_it_is_true():
    assert paired.flips(9, 12) == "" and paired.flips(6, 1) == ""
    assert "after correction over 13 tests" in paired.flips(9, 13)
    assert "needs 10 seeds" in paired.flips(9, 13)
    assert "needs fewer tests" in paired.flips(20, 251)


CASES = {
    "no runs": "nothing was run, or there is no test set",
    "no test set": "nothing was run, or there is no test set",
    "people, no cycles": "nothing was run, or there is no test set",
    "cycle 0 alone": "Only one number of labels",
    "one strategy": "nothing to compare",
    "full supervision alone": "nothing was run, or there is no test set",
}


@pytest.mark.parametrize("case", CASES)
def test_where_there_is_nothing_it_says_why(tmp_path, svg_alone, case):
    grid = small_grid()
    runs = noisy(grid)
    if case == "no runs":
        runs = runs.iloc[:0]
    elif case == "no test set":
        runs["accuracy"] = math.nan
    elif case == "people, no cycles":
        grid["experiments"] = {"photos": plan("photos", {"baseline": ["jlp"]}, cycles=0)}
        runs = runs.iloc[:0]
    elif case == "cycle 0 alone":
        runs = runs[runs["cycle"] == 0]
    elif case == "one strategy":
        grid["experiments"] = {"digits": plan("digits", {"baseline": ["jlp"]})}
        runs = noisy(grid)
    else:
        grid["experiments"].pop("mnist")
        runs = with_full(grid, [90.0, 91.0])
        grid["experiments"]["digits"]["methods"] = {
            "full": grid["experiments"]["digits"]["methods"]["full"]
        }
        runs = runs[runs["method"] == "full"]
    results = results_of(tmp_path, grid, runs)
    for page in PAGES:
        text = shown(results, page)
        own = case == "one strategy" and page is aubc  # it has an area, and nothing to compare
        assert own or CASES[case] in text, page.__name__
        for file in page.FILES:
            if file.endswith(".csv"):
                head = pd.read_csv(results.folder / file, nrows=0)
                assert "experiment" in head or "experiments" in head
        assert (results.folder / page.FILES[-2]).exists()  # the .svg
    if case == "cycle 0 alone":  # the methods' first trainings are compared all the same
        table = results.table("paired")
        assert set(table["strategy"]) == {"initial"} and "in cycle 0" in shown(results, paired)


def test_one_seed_tells_nothing_and_says_so(tmp_path, svg_alone):
    grid = small_grid()
    results = results_of(tmp_path, grid, noisy(grid, seeds=[0]))
    text = shown(results, paired)
    assert "one seed, which tells nothing" in text and "sign-flip test cannot" not in text
    table = results.table("paired")
    assert set(table["says"]) == {"one seed tells nothing"} and set(table["tests"]) == {0}
    assert table[["low", "p", "p_holm", "p_sign_flip_least", "detectable"]].isna().all().all()
    assert "no interval" in shown(results, pooled)
    assert results.table("pooled")["low"].isna().all()
    shown(results, aubc)
    assert results.table("aubc")["aubc_std"].isna().all()


def test_seeds_that_change_nothing_are_said(tmp_path, svg_alone):
    grid = small_grid()
    runs = noisy(grid)
    runs["accuracy"] = 50.0 + runs["cycle"] + 10 * (runs["method"] != "baseline")
    results = results_of(tmp_path, grid, runs)
    text = shown(results, paired)
    assert "are the same at every seed" in text
    assert set(results.table("paired")["says"]) == {"seeds change nothing", "exactly 0"}


def test_a_half_finished_grid_pairs_what_is_there_and_a_finished_one_names_what_is_not(
    tmp_path, svg_alone
):
    grid = small_grid()
    runs = noisy(grid, lambda **c: (c["strategy"], c["seed"]) != ("jlp", 4) or c["cycle"] < 2)
    whole = results_of(tmp_path / "whole", grid, runs)
    for page in PAGES:
        with pytest.raises(UserError, match="seed 4, cycle 2"):
            page.make(whole)
    half = results_of(tmp_path / "half", grid, runs, partial=True)
    assert "half finished" in shown(half, paired)
    shown(half, aubc)
    shown(half, pooled)
    table = half.table("paired")
    jlp = (table["strategy"] == "jlp") & (table["experiment"] == "digits")
    assert set(table[jlp & (table["measure"] == "aubc")]["n_seeds"]) == {4}
    assert set(table[jlp & (table["cycle"] == 1)]["n_seeds"]) == {5}
    assert json.loads(half.table("aubc")["n_seeds"].to_json(orient="values")) == [
        *(5, 5, 5, 5, 4, 5, 4, 5, 5, 5),
    ]
