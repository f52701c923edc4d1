"""The five lines of the answer, each in each of its cases, from small tables written by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import plan, runs_of
from pages_by_hand import POOL, of_plan, results_of, whole

from wholepool.report.accuracy import to_csv
from wholepool.report.pages import answer
from wholepool.statistics.comparisons import differences
from wholepool.statistics.efficiency import efficiency
from wholepool.statistics.paired import SAME
from wholepool.statistics.paired import paired as with_tests

GRID = {
    "experiments": {
        "few": plan("digits", {"baseline": ["random", "jlp"], "semi": ["random", "jlp"]}),
        "many": plan("mnist", {"baseline": ["random", "jlp"], "semi": ["random", "jlp"]}),
    }
}


def comparison(difference, says="not told from 0", **changes):
    """A row of paired.csv."""
    row = {
        **{"kind": "method", "experiment": "few", "method": "semi", "strategy": "random"},
        **{"against": "baseline", "measure": "aubc", "n_seeds": 5, "difference": difference},
        **{"low": difference - 1, "high": difference + 1, "p": 0.01, "tests": 2, "says": says},
        **{"detectable": 2.0, "seeds_for_one_point": 20},
    }
    return row | changes


def strategy(difference, says="not told from 0", name="jlp", **changes):
    words = {"kind": "strategy", "method": "baseline", "strategy": name, "against": "random"}
    return comparison(difference, says, **words | changes)


def paired(*rows):
    return pd.DataFrame(rows, columns=list(comparison(0.0)))


NO_TEST = {"p": math.nan, "low": math.nan, "high": math.nan, "detectable": math.nan}
NO_TEST |= {"seeds_for_one_point": None, "tests": 0}


# --- what to train on -----------------------------------------------------------------------


def test_methods_say_how_often_they_are_above_and_by_how_much():
    table = paired(
        comparison(1.25, "above 0"), comparison(9.5, "above 0", experiment="many"), comparison(0.5)
    )
    assert answer.of_methods(table, GRID) == (
        "+ SEMI is above Baseline in 2 of 3 comparisons and below in none (+0.5 to +9.5 points). "
        "[The accuracy averaged along the curve; 5 % level after Holm's correction over 2 tests.]"
    )


def test_one_comparison_has_its_interval():
    told = answer.of_methods(paired(comparison(-3.0, "below 0", tests=1)), GRID)
    assert told == (
        "+ SEMI is below Baseline (−3.0 points, −4.0 to −2.0). "
        "[The accuracy averaged along the curve.]"
    )
    assert "not told from Baseline in the one comparison (+0.4 points, −0.6 to +1.4)" in (
        answer.of_methods(paired(comparison(0.4)), GRID)
    )


def test_methods_that_are_not_told_apart():
    table = paired(comparison(0.4), comparison(-0.4))
    assert "+ SEMI is not told from Baseline in any of 2 comparisons (−0.4 to +0.4 points)" in (
        answer.of_methods(table, GRID)
    )


def test_methods_of_one_seed_and_of_seeds_that_change_nothing():
    one = paired(comparison(4.0, "one seed tells nothing", **NO_TEST, n_seeds=1))
    assert answer.of_methods(one, GRID) == (
        "+ SEMI is not told from Baseline: one seed tells nothing of chance "
        "(+4.0 points, no interval). [The accuracy averaged along the curve.]"
    )
    same = comparison(4.0, SAME, **NO_TEST)
    assert "all seeds gave the same, so" in answer.of_methods(paired(same), GRID)
    both = paired(same | {"tests": 1}, comparison(2.0, "above 0", tests=1))
    assert answer.of_methods(both, GRID).endswith("1 of 2 is no test, as all seeds gave the same.]")


def test_one_method_is_not_compared():
    told = answer.of_methods(paired(strategy(1.0)), GRID)
    assert told == "One method was run, so methods are not compared."


def test_points_without_a_curve_are_said_so():
    table = paired(comparison(2.0, "above 0", measure="cycle"))
    assert "[The accuracy of each cycle;" in answer.of_methods(table, GRID)
    # the area is taken where there is one
    both = paired(comparison(2.0, measure="cycle"), comparison(3.0))
    assert answer.areas(both, "method")["difference"].tolist() == [3.0]


# --- what to ask for ------------------------------------------------------------------------


def test_strategies_above_below_and_neither():
    names = ["ceal", "coreset", "margin", "badge", "bald"]
    grid = {"experiments": {"few": plan("digits", {"baseline": ["random", "jlp", *names]})}}
    rows = [strategy(2.0, "above 0"), strategy(2.0), strategy(1.0, "above 0", "ceal")]
    rows += [strategy(-2.0, "below 0", name) for name in ("coreset", "margin", "badge", "bald")]
    assert answer.of_strategies(paired(*rows, strategy(0.1, name="jlp")), grid).startswith(
        "Against Random, 2 of 8 comparisons are above and 4 below; "
        "above: CEAL (1 of 1) and jLP (1 of 3); "
        "below: CoreSet (1 of 1), Margin (1 of 1), BADGE (1 of 1) and 1 more. ["
    )
    told = answer.of_strategies(paired(rows[2], strategy(0.1)), grid)
    assert told.startswith(
        "Against Random, 1 of 2 comparisons is above and none below; above: CEAL (1 of 1); "
        "not told from it, which does not show that they are alike: jLP. ["
    )


def test_strategies_of_which_none_is_told_from_random():
    table = paired(strategy(0.4), strategy(-1.4))
    assert answer.of_strategies(table, GRID).startswith(
        "No strategy is told from Random in 2 comparisons, which does not show that they are alike "
        "(−1.4 to +0.4 points). ["
    )


def test_strategies_of_one_seed_and_one_strategy():
    one = paired(strategy(4.0, "one seed tells nothing", **NO_TEST, n_seeds=1))
    assert answer.of_strategies(one, GRID).startswith(
        "No strategy can be told from Random: one seed tells nothing of chance (+4.0 points). ["
    )
    none = answer.of_strategies(paired(comparison(1.0)), GRID)
    assert none == "One strategy was run, so strategies are not compared."


# --- how sure -------------------------------------------------------------------------------


def test_few_seeds_say_what_they_cannot_say():
    table = paired(comparison(1.0), comparison(1.0, detectable=4.0), strategy(1.0, detectable=9.0))
    assert answer.how_sure(table, 5, 5) == (
        "5 seeds, all comparisons paired by seed, t tests. In the middle comparison a true "
        "difference of 4.0 points would be found 4 times in 5 (before correction); smaller ones "
        "may well be there. The largest differences are picked from many: expect less of them next "
        "time. The sign-flip test cannot find anything with 5 seeds: its smallest p is 0.0625. A "
        "comparison alone needs 6 seeds; corrected over 2 tests it needs 7 seeds."
    )


def test_many_seeds_have_no_such_doubt():
    told = answer.how_sure(paired(comparison(1.0, tests=1)), 6, 10)
    assert told.startswith("6 to 10 seeds, all")
    assert "sign-flip" not in told and "picked from many" not in told


def test_pairs_of_one_seed_have_no_test():
    rows = [comparison(1.0, **NO_TEST | {"n_seeds": 1}), strategy(1.0, **NO_TEST | {"n_seeds": 1})]
    assert answer.how_sure(paired(*rows), 1, 2) == (
        "1 to 2 seeds, but no comparison has a test: one seed tells nothing of chance."
    )


def test_one_seed_and_nothing_to_compare():
    assert answer.how_sure(paired(comparison(1.0)), 1, 1).startswith("One seed: no interval")
    assert answer.how_sure(paired(), 3, 3) == (
        "3 seeds; nothing is compared, so nothing is tested."
    )


# --- in labels ------------------------------------------------------------------------------


def saved(text="24 [22 to > 30] labels", **changes):
    row = {
        **{"kind": "method", "direction": "needs", "experiment": "few", "method": "semi"},
        **{"strategy": "random", "against_method": "baseline", "n_seeds": 5, "n_labels": 30},
        "text": text,
    }
    return row | changes


def test_labels_are_asked_at_the_end_of_the_curve_with_random():
    one = {"experiments": {"few": GRID["experiments"]["few"]}}
    rows = [saved("12 labels", n_labels=20), saved(), saved("9 labels", strategy="jlp")]
    rows += [saved("8 labels", direction="equals"), saved("7 labels", kind="both")]
    assert answer.in_labels(pd.DataFrame(rows), one) == (
        "With Random, + SEMI needs 24 [22 to > 30] labels for what Baseline has with 30. "
        "In brackets: 95 %."
    )
    only = pd.DataFrame([saved("at most 10 labels", strategy="jlp")])
    assert answer.in_labels(only, one).startswith("With jLP, + SEMI needs at most 10 labels for")


def test_labels_of_several_experiments_and_few_seeds():
    rows = [saved("5 labels", n_seeds=3), saved("> 30 labels", experiment="many", n_seeds=4)]
    assert answer.in_labels(pd.DataFrame(rows), GRID) == (
        "With Random, + SEMI needs 5 labels for what Baseline has with 30 (Digits, b = 10); "
        "+ SEMI needs > 30 labels for what Baseline has with 30 (MNIST, b = 10). "
        "With 3 seeds intervals are too short."
    )
    rows = [saved("5 labels", n_seeds=1)] * 6
    told = answer.in_labels(pd.DataFrame(rows), GRID)
    assert told.endswith("; 2 more stand below. With 1 seed there is no interval.")
    assert told.count("needs 5 labels") == 4


def test_without_two_methods_no_labels_are_compared():
    none = answer.in_labels(pd.DataFrame([saved(kind="strategy")]), GRID)
    assert none.startswith("No two methods have a curve with the same strategy")


# --- what next ------------------------------------------------------------------------------


def test_more_seeds_and_what_they_would_find():
    from statsmodels.stats.power import TTestPower

    table = paired(*[strategy(0.0, seeds_for_one_point=n) for n in (10, 30, None)])
    five, ten = (TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8) for n in (5, 10))
    assert answer.what_next(table, 5, False).startswith(
        "To find one point, the middle comparison needs 30 seeds (before correction); with 10, "
        f"twice as many as now, it finds {2 * ten / five:.1f} points. Raise seeds"
    )
    endless = paired(strategy(0.0, seeds_for_one_point=None))
    assert "needs more than 1000 seeds" in answer.what_next(endless, 5, False)


def test_enough_seeds():
    table = paired(strategy(0.0, seeds_for_one_point=4), comparison(0.0, seeds_for_one_point=90))
    assert answer.what_next(table, 5, False) == (
        "Half of the comparisons need 4 seeds or fewer to find one point (before correction), and "
        "there are 5: another data set tells more than more seeds."
    )


@pytest.mark.parametrize(
    ("rows", "least", "partial", "start"),
    [
        ([strategy(0.0)], 5, True, "Finish the grid"),
        ([], 5, False, "Add a strategy or a method"),
        ([comparison(0.0, **NO_TEST)], 5, False, "Raise seeds in the config, to 5 or more"),
        ([strategy(0.0)], 1, False, "Raise seeds in the config, to 5 or more"),
        ([comparison(0.0)], 5, False, "To find one point, the middle comparison needs 20 seeds"),
    ],
)
def test_what_else_is_next(rows, least, partial, start):
    assert answer.what_next(paired(*rows), least, partial).startswith(start)


# --- the page -------------------------------------------------------------------------------


def with_statistics(results):
    """The two tables that the answer is made of, without their figures."""
    given = results.trajectories, results.grid
    found = {"paired": with_tests(differences(*given)), "efficiency": efficiency(*given)}
    for name, table in found.items():
        (results.folder / f"tables/{name}.csv").write_text(to_csv(table))
    return results


def test_the_page_has_the_five_lines(tmp_path):
    runs = results_of(tmp_path / "alike").runs
    noise = np.random.default_rng(0).normal(0, 2, len(runs))
    runs = runs.assign(accuracy=runs["accuracy"] + noise)
    results = with_statistics(results_of(tmp_path / "noisy", runs=runs))
    html = whole(answer.show(results))
    heads = ["What to train on.", "What to ask for.", "How sure.", "In labels.", "What next."]
    places = [html.index(f"<strong>{head}</strong>") for head in heads]
    assert places == sorted(places) and html.count("<li>") == 5
    assert "2 seeds, all comparisons paired by seed" in html


def test_without_runs_or_test_images_there_is_no_answer(tmp_path):
    runs = results_of(tmp_path / "all").runs
    assert "no answer yet" in answer.show(results_of(tmp_path / "none", runs=runs.iloc[:0]))
    blind = results_of(tmp_path / "blind", runs=runs.assign(accuracy=math.nan))
    assert "there is no test set" in answer.show(blind)


def test_a_single_run_is_not_compared(tmp_path):
    grid = {"experiments": {"one": plan("digits", {"baseline": ["random"]}, seeds=[0], cycles=1)}}
    grid["ablation_strategies"] = ["random"]
    results = with_statistics(of_plan(tmp_path, grid, runs_of(grid), {"digits": POOL}))
    html = whole(answer.show(results))
    assert "One method was run" in html and "One strategy was run" in html
    assert "1 seed; nothing is compared" in html
    assert "Add a strategy or a method" in html
