"""The pages of the penalty matrix, the ranks and the labels saved, on grids of many kinds."""

import gc
import importlib
import math
import re
from functools import partial

import pandas as pd
import pytest
from grids_of_results import plan, runs_of, small_grid, with_full

from wholepool.job.errors import UserError
from wholepool.job.registry import get
from wholepool.report import style
from wholepool.report.pages import efficiency, penalty, ranks
from wholepool.report.results import Results
from wholepool.statistics import efficiency as labels_saved
from wholepool.statistics.penalty import EVERY

PAGES = ("penalty", "ranks", "efficiency")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but not drawn to files, which takes a second each; few resamples."""

    def save(figure, out):
        for kind in ("png", "svg", "pdf"):
            out.with_suffix(f".{kind}").write_text(
                f'<svg viewBox="0 0 9 9">{len(figure.axes)}</svg>'
            )

    monkeypatch.setattr(style, "save", save)
    few = partial(labels_saved.draws, resamples=50)
    monkeypatch.setattr(labels_saved, "draws", few)
    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # statsmodels calls it: 70 ms each


def results_of(folder, grid, runs, half=False):
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    runs.to_csv(folder / "tables/runs.csv", index=False)
    paths = folder / "tables/runs.csv", folder / "tables/accuracy.csv"
    return Results(folder, grid, {}, *paths, partial=half)


def made(results, name):
    """A page's HTML without its figure, after its files were checked to be there."""
    page = get("page", name)
    module = page.load()
    module.make(results)
    for file in page["FILES"]:
        assert (results.folder / file).stat().st_size > 0
    return re.sub(r"<svg.*?</svg>", "", module.show(results), flags=re.S)


def one(strategies, seeds=(0, 1), methods=("baseline",), **changes):
    of_methods = {method: list(strategies) for method in methods}
    own = plan("digits", of_methods, seeds=list(seeds), **changes)
    return {"experiments": {"digits": own}}


def many_blocks():
    methods = {"baseline": ["random", "jlp", "ceal"], "semi": ["random", "jlp", "ceal"]}
    return {"experiments": {f"e{k}": plan("digits", methods) for k in range(3)}}


def test_pages_of_a_grid_of_several_experiments(tmp_path):
    grid = many_blocks()
    results = results_of(tmp_path, grid, runs_of(grid))
    texts = {name: made(results, name) for name in PAGES}
    assert "6 blocks of 1 data set have 3 strategies in common" in texts["ranks"]
    assert "no pair can be told apart, whatever its ranks. That needs 7 blocks." in texts["ranks"]
    assert len(results.table("rank_tests")) == 3
    # 3 pairs x 6 blocks x 2 cycles
    assert "Of 36 comparisons of two strategies at a checkpoint, 3 pairs" in texts["penalty"]
    assert "+ SEMI with Random needs " in texts["efficiency"]
    assert "With 2 seeds the intervals are too short" in texts["efficiency"]
    table = results.table("efficiency")
    # never inf: what is censored is empty, and said in words
    assert table["needed"].isna().any() and table["needed"].max() <= 40
    assert (table["needed"].isna() == table["text"].str.match("> 40|at most 20")).all()


def test_the_same_runs_give_the_same_bytes(undrawn, tmp_path):
    grid = many_blocks()
    both = [
        results_of(tmp_path / "one", grid, runs_of(grid)),
        results_of(tmp_path / "other", grid, runs_of(grid).sample(frac=1, random_state=0)),
    ]
    for name in PAGES:
        for results in both:
            made(results, name)
        for file in get("page", name)["FILES"]:
            first, other = ((results.folder / file).read_bytes() for results in both)
            assert first == other, file


EMPTY = small_grid()
PEOPLE = one(["random", "jlp", "ceal"], cycles=0)
NO_RANDOM = one(["jlp", "ceal", "badge"], methods=("pre",))


@pytest.mark.parametrize(
    ("grid", "runs", "said"),
    [
        (EMPTY, runs_of(EMPTY).iloc[:0], (penalty.NOTHING, "0 blocks", efficiency.NOTHING)),
        # no test set
        (EMPTY, runs_of(EMPTY).assign(accuracy=""), (penalty.NOTHING, "0 b", efficiency.NOTHING)),
        (PEOPLE, runs_of(EMPTY).iloc[:0], (penalty.NOTHING, "0 blocks", efficiency.NOTHING)),
        (one(["random"]), None, (penalty.NOTHING, "0 blocks", efficiency.NOTHING)),
        (one(["random", "jlp"], (0,)), None, (penalty.NOTHING, "0 blocks", "no intervals")),
        (one(["random", "jlp", "ceal"]), None, ("6 comp", "1 block (", "With 2 seeds")),
        (NO_RANDOM, None, ("6 comparisons", "with 3 strategies", efficiency.NOTHING)),
        (one(["jlp", "random"], methods=("pre",)), None, ("2 comp", "0 blocks", "<td>jLP")),
    ],
)
def test_pages_say_what_cannot_be_said(undrawn, tmp_path, grid, runs, said):
    results = results_of(tmp_path, grid, runs_of(grid) if runs is None else runs)
    for name, text in zip(PAGES, said, strict=True):
        assert text in made(results, name).replace("&#39;", "'"), name
    assert tuple(results.table("rank_tests").columns)[:2] == ("first", "second")


def test_full_supervision_takes_no_part(undrawn, tmp_path):
    grid = small_grid()
    runs = with_full(grid, [90.0, 91.0])
    results = results_of(tmp_path, grid, runs)
    for name in PAGES:
        assert "Full" not in made(results, name)
        assert "full" not in (tmp_path / get("page", name)["FILES"][0]).read_text()


def test_a_seed_that_is_missing_is_named_and_of_a_half_finished_grid_left_out(undrawn, tmp_path):
    grid = many_blocks()
    for plan_of in grid["experiments"].values():
        plan_of["seeds"] = [0, 1, 2]
    runs = runs_of(grid, keep=lambda **c: (c["strategy"], c["seed"]) != ("jlp", 2))
    whole = results_of(tmp_path / "whole", grid, runs)
    half = results_of(tmp_path / "half", grid, runs, half=True)
    for name in PAGES:
        with pytest.raises(UserError, match="seed 2"):
            importlib.import_module(f"wholepool.report.pages.{name}").make(whole)
        made(half, name)
    table = half.table("efficiency")
    assert set(table.loc[table["strategy"] == "jlp", "n_seeds"]) == {2}
    assert set(table.loc[table["strategy"] == "ceal", "n_seeds"]) == {3}
    shares = half.table("penalty").set_index(["row", "column"])
    assert set(shares.loc[("random", "ceal"), "least_seeds"]) == {3}
    assert set(shares.loc[("random", "jlp"), "least_seeds"]) == {2}
    assert ranks.HALF in made(half, "ranks")


def test_means_of_rows_are_wins_and_of_columns_losses():
    rows = [("a", "b", 1.0), ("b", "a", 0.0), ("a", "c", 0.5), ("c", "a", 0.25)]
    part = pd.DataFrame(rows, columns=["row", "column", "share"])
    found = penalty.with_means(part, "share", ["a", "b", "c"])
    assert found.loc["a", penalty.WINS] == 75 and found.loc[penalty.LOSSES, "a"] == 12.5
    assert found.loc["b", penalty.WINS] == 0 and found.loc[penalty.LOSSES, "b"] == 100
    assert pd.isna(found.loc["b", "c"]) and found.loc["a", "c"] == 50


def test_one_method_has_one_row_of_heat_maps_and_several_one_more():
    rows = [(m, "random", "jlp", 1, 0, 0.0, 0, 0.0) for m in ("baseline", "semi", EVERY)]
    rows += [(m, "jlp", "random", *rest) for m, _, _, *rest in rows]
    names = "method row column checkpoints better share better_holm share_holm".split()
    shares, grid = pd.DataFrame(rows, columns=names), small_grid()
    assert len(penalty.heat_maps(shares, grid).axes) == 6
    alone = shares[shares["method"] != "semi"]
    assert [a.get_title() for a in penalty.heat_maps(alone, grid).axes] == [
        "Baseline: p < .05",
        "Baseline: after Holm",
    ]


@pytest.mark.parametrize(
    ("needs", "named"),
    [
        ([18.0, 24.0, "> 30"], "jLP (fewest)"),
        (["at most 10", 24.0, "> 30"], "jLP (fewest)"),
        (["at most 10", "at most 10", 24.0], "jLP"),  # two may need equally few
        (["> 30", "> 30", "> 30"], "jLP"),
        ([31.0, 32.0, "> 30"], "jLP"),  # Random, which they are compared with, needs 30
    ],
)
def test_the_fewest_labels_are_named_where_it_is_known_whose_they_are(needs, named):
    rows = [
        {
            **{"experiment": "digits", "method": "baseline", "strategy": strategy},
            **{"n_labels": 30, "accuracy": 70.0, "n_seeds": 5, "text": f"{need} labels"},
            "needed": need if isinstance(need, float) else math.nan,
        }
        for strategy, need in zip(("jlp", "ceal", "coreset"), needs, strict=True)
    ]
    short = efficiency._short(pd.DataFrame(rows), small_grid())
    assert short["strategy"].tolist() == [named]
