"""Two tables of runs side by side: differences by SciPy, and what is said of their making."""

import gc
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import runs_of, small_grid
from scipy.stats import ttest_ind, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from wholepool.job.errors import UserError
from wholepool.report import beside, beside_text
from wholepool.report.beside import LAST, MEAN, Side, compare, flat, renamed, unpaired


def runs(seeds=5, **changes):
    grid = small_grid()
    for plan in grid["experiments"].values():
        plan["seeds"] = list(range(seeds))
    return runs_of(grid).assign(torch="2.9", settings_digest="a", fingerprint="f", **changes)


def shifted(table, by, spread, seed=0):
    noise = np.random.default_rng(seed).normal(by, spread, len(table))
    return table.assign(accuracy=table["accuracy"] + noise)


def settings(**changes):
    plans = {
        name: {"dataset": name, "budget": 10, "sup": {"lr": 0.1, "epochs": 5}}
        for name in ("digits", "mnist")
    }
    return {"datasets": {"digits": {"pool": {"size": 9}}, "mnist": {}}, "experiments": plans,
            "version": "0.1"} | changes  # fmt: skip


def both(a, b, first=None, second=None):
    return compare(Side("one", a, first), Side("two", b, second))


def row_of(table, method, strategy, measure=LAST, experiment="digits"):
    own = table.set_index(["experiment", "method", "strategy", "measure"])
    return own.loc[(experiment, method, strategy, measure)]


def test_pairs_are_scipy_s_paired_t_test_and_statsmodels_holm():
    a = runs()
    b = shifted(a, 1, 2).sample(frac=1, random_state=0)  # in another order
    found = both(a, b)
    assert found.cells == len(a) and found.equal == 0 and found.only == ([], [])
    for measure, cycles in ((LAST, [2]), (MEAN, [1, 2])):
        row = row_of(found.table, "baseline", "ceal", measure)
        x, y = (
            part[
                (part["experiment"] == "digits") & (part["method"] == "baseline")
                & (part["strategy"] == "ceal") & part["cycle"].isin(cycles)
            ].groupby("seed")["accuracy"].mean()
            for part in (a, b)
        )  # fmt: skip
        test = ttest_rel(y, x)
        reach = test.confidence_interval(0.95)
        assert row["difference"] == pytest.approx((y - x).mean())
        assert [row["low"], row["high"]] == pytest.approx([reach.low, reach.high])
        assert row["p"] == pytest.approx(test.pvalue)
        assert (row["first_cycle"], row["last_cycle"]) == (cycles[0], 2)
        assert (row["seeds_a"], row["seeds_b"], row["paired"], row["cells"]) == (5, 5, 1, 10)
    wanted = multipletests(found.table["p"], method="holm")[1]
    np.testing.assert_allclose(found.table["p_holm"], wanted)


def test_turned_round_the_differences_change_their_sign():
    a = runs()
    b = shifted(a, 1, 2)
    one, other = both(a, b).table, both(b, a).table
    np.testing.assert_allclose(one["difference"], -other["difference"])
    np.testing.assert_allclose(one["low"], -other["high"])
    np.testing.assert_allclose(one["p_holm"], other["p_holm"])


def test_the_same_runs_are_equal_to_the_last_digit_and_not_tested():
    a = runs()
    found = both(a, a.copy(), settings(), settings())
    assert found.equal == found.cells == len(a) and found.settings == [] and not found.made
    assert (found.table[["difference", "low", "high"]] == 0).all(axis=None)
    said = beside_text.terminal(found)
    assert "Nothing is tested" in said and "All are equal." in said
    nearly = a.assign(nll=a["nll"].where(a.index != 3, 0.5000001))
    assert both(a, nearly).equal == len(a) - 1
    words = beside_text.sentences(both(a, nearly, settings(), settings()))
    assert "their bits are not" in words[-1]


def test_the_same_difference_at_every_seed_is_one_observation_and_no_test():
    a = runs(10)
    told = (a["experiment"] == "digits") & (a["strategy"] == "jlp")
    b = shifted(a, 0, 1).assign(
        accuracy=lambda new: new["accuracy"].where(~told, a["accuracy"] + 0.1)
    )
    found = both(a, b).table
    for measure in (LAST, MEAN):
        row = row_of(found, "baseline", "jlp", measure)
        assert row["difference"] == pytest.approx(0.1)
        assert row[["low", "high", "p", "p_holm"]].isna().all()
    tested = found["p"].notna()
    wanted = multipletests(found.loc[tested, "p"], method="holm")[1]
    np.testing.assert_allclose(found.loc[tested, "p_holm"], wanted)
    assert "every seed, which is one" in " ".join(beside_text.terminal(both(a, b)).split())


def test_what_is_exactly_0_is_not_counted_in_the_correction():
    a = runs()
    changed = (a["experiment"] == "mnist") & (a["strategy"] == "jlp")
    b = shifted(a, 1, 1)
    found = both(a, b.assign(accuracy=b["accuracy"].where(changed, a["accuracy"]))).table
    tested = found["difference"] != 0
    assert 0 < tested.sum() < len(found)
    wanted = multipletests(found.loc[tested, "p"], method="holm")[1]
    np.testing.assert_allclose(found.loc[tested, "p_holm"], wanted)
    assert (found.loc[~tested, "p_holm"] == 1).all()


def test_a_planted_difference_is_found_and_noise_mostly_is_not(monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # which statsmodels calls each time: 70 ms
    a = runs(8)
    a = a[a["experiment"] == "mnist"]
    planted = (a["method"] == "semi") & (a["strategy"] == "jlp")
    times, said, found = 50, [], []
    for seed in range(times):
        b = shifted(a, 0, 1, seed)
        said.append((both(a, b).table["p_holm"] < 0.05).any())
        if seed < 5:
            b.loc[planted, "accuracy"] += 6
            row = row_of(both(a, b).table, "semi", "jlp", experiment="mnist")
            found.append(row["p_holm"] < 0.05 and row["low"] > 4)
    # of 5 tests at 5 % each, 23 % of the tables would say something without a correction
    assert np.mean(said) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / times)
    assert all(found)


def test_other_seeds_are_compared_by_welch():
    a, b = runs(5), shifted(runs(4), 2, 1)
    b["seed"] += 10
    found = both(a, b)
    assert found.cells == 0 and not found.table["paired"].any()
    row = row_of(found.table, "baseline", "ceal")
    x, y = (
        part[(part["method"] == "baseline") & (part["strategy"] == "ceal") & (part["cycle"] == 2)]
        for part in (a, b)
    )
    test = ttest_ind(y["accuracy"], x["accuracy"], equal_var=False)
    twin = CompareMeans(DescrStatsW(y["accuracy"]), DescrStatsW(x["accuracy"]))
    assert row["p"] == pytest.approx(test.pvalue)
    reach = twin.tconfint_diff(alpha=0.05, usevar="unequal")
    assert [row["low"], row["high"]] == pytest.approx(reach)
    assert (row["seeds_a"], row["seeds_b"], row["cells"]) == (5, 4, 0)
    said = " ".join(beside_text.terminal(found).split())
    assert "Welch's" in said and "5/4" in said and "Only A has" in said


def test_welch_has_the_size_and_coverage_it_says():
    rng = np.random.default_rng(1)
    times = 800
    tests = [unpaired(rng.normal(0, 1, 4), rng.normal(0, 3, 6)) for _ in range(times)]
    size = np.mean([p < 0.05 for *_, p in tests])
    covered = np.mean([low <= 0 <= high for _, low, high, _ in tests])
    error = math.sqrt(0.05 * 0.95 / times)
    assert size == pytest.approx(0.05, abs=3 * error)
    assert covered == pytest.approx(0.95, abs=3 * error)
    assert all(math.isnan(value) for value in unpaired([1.0], [2.0, 3.0])[1:])
    assert unpaired([1.0, 1.0], [1.0, 1.0]) == (0, 0, 0, 1)
    assert unpaired([1.0, 1.0], [2.0, 2.0]) == (1, 1, 1, 0)


def test_only_common_seeds_and_cycles_count():
    a = runs()
    b = shifted(a, 1, 1)
    b = b[(b["seed"] > 1) & ~((b["cycle"] == 2) & (b["seed"] == 3))]
    found = both(a, b)
    assert row_of(found.table, "baseline", "jlp")["seeds_a"] == 2
    assert row_of(found.table, "baseline", "jlp", experiment="mnist")["seeds_a"] == 3
    assert len(found.only[0]) == len(a) - len(b) and found.only[1] == []
    b = b[(b["cycle"] < 2) & (b["seed"] == 4)]
    found = both(a, b)
    assert set(found.table["measure"]) == {LAST} and set(found.table["last_cycle"]) == {0, 1}
    assert found.table["p"].isna().all() and "of one seed" in beside_text.terminal(found)


def test_without_a_test_set_only_bits_are_compared():
    a = runs(accuracy=math.nan)
    found = both(a, a.copy())
    assert len(found.table) == 0 and found.equal == len(a)
    assert "no accuracy to compare" in beside_text.terminal(found)


def test_what_they_were_made_with_is_told_and_flagged():
    a = runs()
    b = a.assign(device="NVIDIA H200", torch="2.10", fingerprint="g")
    found = both(a, b)
    assert found.made == {
        "device": (["cpu"], ["NVIDIA H200"]),
        "torch": (["2.9"], ["2.10"]),
        "fingerprint": (["f"], ["g"]),
    }
    said = " ".join(beside_text.terminal(found).split())
    assert "another GPU model can change the order of strategies" in said
    assert "other pools" in said and "settings.json is not beside" in said
    assert set(beside_text.FLAGS) == set(beside.MADE)


def test_settings_that_differ_are_listed_once():
    a, b = settings(), settings(version="0.2")
    for plan in b["experiments"].values():
        plan["sup"]["lr"] = 0.2
    b["experiments"]["mnist"]["budget"] = 20
    del b["datasets"]["digits"]["pool"]
    b["experiments"]["more"] = {"dataset": "mnist"}
    table = runs()
    assert both(table, table.copy(), a, b).settings == [
        ("datasets.digits.pool.size", "9", "–"),
        ("experiments.*.sup.lr", "0.1", "0.2"),
        ("experiments.mnist.budget", "10", "20"),
        ("version", '"0.1"', '"0.2"'),
        ("experiments.more", "–", "there"),
    ]
    assert flat({"a": {"b": [1, 2], "c": None}}) == {"a.b": "[1, 2]", "a.c": "null"}


def test_experiments_can_be_renamed():
    a = runs()
    b = a.assign(experiment=a["experiment"].replace({"digits": "shapes"}))
    side = renamed(Side("one", a, settings()), {"digits": "shapes"})
    assert compare(side, Side("two", b, None)).equal == len(a)
    assert list(side.settings["experiments"]) == ["shapes", "mnist"]
    with pytest.raises(UserError, match="has no experiment toys, but digits, mnist"):
        renamed(Side("one", a, None), {"toys": "digits"})
    with pytest.raises(UserError, match="two experiments of one would be called mnist"):
        renamed(Side("one", a, None), {"digits": "mnist"})


def test_nothing_in_common_and_a_cell_twice_are_errors():
    a = runs()
    with pytest.raises(UserError, match=r"no experiment, .*digits, mnist.*--as OLD=NEW"):
        both(a, a.assign(experiment=a["experiment"] + "x"))
    with pytest.raises(UserError, match="two holds the cell digits/.* twice"):
        both(a, pd.concat([a, a.iloc[:1]]))


def test_lines_fit_a_terminal_and_markdown_has_whole_tables():
    a = runs()
    b = shifted(a, 1, 2).assign(strategy=a["strategy"], device="NVIDIA " + "H" * 200)
    long = {"digits": {"pool": {"size": "x" * 300}}, "mnist": {}}
    found = both(a, b, settings(), settings(datasets=long))
    assert max(map(len, beside_text.terminal(found).splitlines())) <= 110
    page = beside_text.markdown(found)
    assert "x" * 300 in page and "## digits" in page
    for _, rows in itertools.groupby(page.splitlines(), key=lambda line: line.startswith("|")):
        assert len({line.count("|") for line in rows if line.startswith("|")}) <= 1


def test_a_file_is_written_once(tmp_path):
    a = runs()
    found = both(a, shifted(a, 1, 2))
    out = tmp_path / "beside.csv"
    beside_text.write(found, out)
    back = pd.read_csv(out)
    assert tuple(back.columns) == beside.COLUMNS and len(back) == len(found.table)
    with pytest.raises(UserError, match="is not overwritten"):
        beside_text.write(found, out)
    with pytest.raises(UserError, match=r"must end in \.md or \.csv"):
        beside_text.write(found, tmp_path / "beside.txt")
    beside_text.write(found, tmp_path / "beside.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.csv", "beside.md"]
