"""The report's pages of what was run: their texts by hand, on small, partial and odd grids."""

import re
import statistics

import pytest
from grids_of_results import POOLS, plan, runs_of, shown, small_grid, with_full
from pages_by_hand import config, of_plan, results_of, whole

from wholepool.job.registry import plugins
from wholepool.report import build
from wholepool.report.names import experiment_labels, method_name, strategy_name
from wholepool.report.pages import (
    accuracies,
    again,
    cost_of_run,
    learning_curves,
    provenance,
    pseudo_labels,
    run,
)
from wholepool.report.planned import progress
from wholepool.report.wording import joined, rounded, several, time_of

PAGES = ("run", "learning_curves", "accuracies", "pseudo_labels", "examples", "cost_of_run")
PAGES += ("provenance", "deviations", "again")


def text_of(html):
    """Without tags; cells of a table are separated by |."""
    html = re.sub(r"<svg.*?</svg>", "", html, flags=re.S)
    html = re.sub(r"</t[dh]>", "|", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace(" |", "|")


# --- all pages, on grids that lack something ------------------------------------------------


def lacking(case):
    """A grid that lacks something, its runs and its pools."""
    grid = small_grid()
    runs, pools = runs_of(grid), POOLS
    if case == "no runs":
        runs = runs.iloc[:0]
    if case == "no pools":
        pools = {}
    if case == "one seed":
        runs = runs[runs["seed"] == 0]
    if case == "no test set":
        runs["accuracy"] = None
        pools = {name: pool | {"n_test": 0} for name, pool in POOLS.items()}
    if case == "half finished":
        runs = runs[(runs["seed"] == 0) & (runs["experiment"] == "digits")]
    if case == "full alone":
        words = {"labels": "all", "pre": "none", "semi": "none", "strategies": []}
        grid = {"experiments": {"digits": plan("digits", {})}, "ablation_strategies": []}
        grid["experiments"]["digits"]["methods"] = {"full": words}
        runs = with_full(grid, [90.0])
    if case == "odd names":
        odd = "<b>&'\" _x_"
        grid = {"experiments": {odd: plan(odd, {"baseline": ["a<i>"]})}, "ablation_strategies": []}
        runs, pools = runs_of(grid), {odd: POOLS["digits"] | {"fingerprint": "<b>&'\" _x_"}}
        runs["device"] = "<b>GPU"
    return grid, runs, pools


@pytest.mark.parametrize(
    "case",
    ["no runs", "one seed", "no test set", "half finished", "full alone", "odd names"],
)
def test_every_page_says_something_whole_of_a_grid_that_lacks_something(case, tmp_path):
    grid, runs, pools = lacking(case)
    results = of_plan(tmp_path, grid, runs, pools)
    if case in ("no runs", "no test set"):  # a figure takes a second
        pseudo_labels.make(results)
    for name in PAGES:
        html = whole(plugins("page")[name].load().show(results))
        assert len(text_of(html)) > 20, name
        assert "nan" not in text_of(html), name
        assert "<b>" not in html and "<i>" not in html, name


def test_pools_that_are_not_there_are_named(tmp_path):
    grid, runs, pools = lacking("half finished")
    results = of_plan(tmp_path, grid, runs, pools)
    object.__setattr__(results, "pools", {})
    assert "Digits and MNIST are not read yet." in text_of(run.show(results))
    assert "not read yet" in text_of(provenance.show(results))


# --- run ------------------------------------------------------------------------------------


def test_the_paragraph_by_hand(tmp_path):
    results = results_of(tmp_path)
    assert text_of(run.show(results)).strip() == (
        "Digits: a pool of 60 images, 500 test images, 10 classes. The experiment tiny on Digits "
        "starts with 10 labels and adds 10 per cycle, to 30 in the last of 3 cycles. Methods: "
        "Baseline and + SEMI with the strategies Random and jLP. "
        "Each cell is run with 2 seeds: 20 of 20 trainings are done, on cpu. Every random source "
        "moves with the seed (first labels, weights, batches, augmentation, the strategies&#39; "
        "own draws). Accuracy is that of the network after its last epoch, on the test images; "
        "there are no validation labels, and no test label chose an epoch or a setting."
    )


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ("once", "own draws), but pre-training (PRE) was drawn once for all seeds, so ± has"),
        ("per_seed", "Each seed has a pre-training (PRE) of its own."),
    ],
)
def test_how_pre_was_drawn_is_told(drawn, said, tmp_path):
    methods = {"pre": {"pre": "deepcluster", "semi": "none", "strategies": ["random"]}}
    results = results_of(tmp_path, config(methods=methods, pre_drawn=drawn))
    assert said in run.show(results).replace("&#39;", "'")


def test_what_moves_with_the_seed_is_told(tmp_path):
    results = results_of(tmp_path, config(seed_moves="initial"))
    html = run.show(results)
    assert "Only the first labels move with the seed" in html
    assert "Every random source" not in html


def test_what_is_missing_is_counted_by_experiment_and_method(tmp_path):
    grid = small_grid()
    runs = runs_of(grid, lambda **c: c["method"] != "semi" and (c["seed"], c["cycle"]) != (1, 2))
    results = of_plan(tmp_path, grid, runs, POOLS)
    done = progress(results.runs, grid)
    # baseline on digits: 1 + 5 + 5 cells a seed, less 5; pre+semi: 1 + 2 + 2, less 2
    assert list(done.itertuples(index=False, name=None)) == [
        ("digits", "baseline", 17, 22),
        ("digits", "pre+semi", 8, 10),
        ("mnist", "baseline", 6, 6),
        ("mnist", "semi", 0, 4),
    ]
    text = text_of(run.show(results))
    assert "31 of 42 trainings are done" in text
    assert "Digits, b = 10| Baseline| 17| 22| 5|" in text
    assert "MNIST, b = 10| + SEMI| 0| 4| 4|" in text and "MNIST, b = 10| Baseline" not in text
    assert "snakemake --cores all all" in text


def test_a_row_of_another_grid_is_no_cell_that_is_done():
    grid = small_grid()
    runs = runs_of(grid)
    other = runs.assign(experiment="elsewhere")
    assert progress(other, grid)["done"].sum() == 0
    assert progress(runs, grid)["done"].sum() == 42


def test_runs_that_were_not_computed_alike_are_warned_of(tmp_path):
    grid = small_grid()
    runs = runs_of(grid)
    runs.loc[0, "device"] = "GPU"
    html = whole(run.show(of_plan(tmp_path, grid, runs, POOLS)))
    assert '<p class="warning">These runs were not all computed alike: device: cpu (41' in html


# --- learning curves ------------------------------------------------------------------------


def test_only_figures_that_hold_something_are_shown(tmp_path):
    grid = small_grid()
    runs = runs_of(grid, lambda **c: c["method"] in ("baseline",))
    results = of_plan(tmp_path, grid, runs, POOLS)
    assert "not drawn yet" in learning_curves.show(results)
    for number in (1, 2, 3, 4):
        path = tmp_path / f"figures/figure{number}.svg"
        path.parent.mkdir(exist_ok=True)
        path.write_text('<svg viewBox="0 0 1 1"></svg>')
    html = whole(learning_curves.show(results))
    assert html.count("<svg") == 3  # not figure 2: no method has PRE alone
    assert "With PRE alone" not in html and "All paradigms" in html


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("no runs", "Nothing was run yet"),
        ("no test set", "no test set"),
        ("full alone", "No method of this grid asks for labels"),
    ],
)
def test_why_there_is_no_curve(case, said, tmp_path):
    assert said in learning_curves.show(of_plan(tmp_path, *lacking(case)))


# --- accuracies -----------------------------------------------------------------------------


def test_accuracies_are_those_of_the_runs_and_long_tables_are_folded(tmp_path, monkeypatch):
    grid = small_grid()
    runs = with_full(grid, [90.0, 92.0])
    results = of_plan(tmp_path, grid, runs, POOLS)
    html = whole(accuracies.show(results))
    text, labels = text_of(html), experiment_labels(grid)
    assert "<details>" not in html
    for (e, m, s), own in runs[runs["cycle"] == 1].groupby(["experiment", "method", "strategy"]):
        first = runs[(runs["experiment"] == e) & (runs["method"] == m) & (runs["cycle"] == 0)]
        cells = [shown(statistics.mean(x), statistics.stdev(x))
                 for x in (first["accuracy"], own["accuracy"])]  # fmt: skip
        assert f"{method_name(m)}| {strategy_name(s)}| {cells[0]}| {cells[1]}|" in text
    assert f"Full supervision of {labels['digits']}: 91.00±1.41." in text
    assert "Method| Strategy| 20| 30| 40|" in text and "balanced" not in text
    monkeypatch.setattr(accuracies, "LONG", 6)
    assert "<details><summary>Digits, b = 10: 7 rows</summary>" in accuracies.show(results)


def test_unequal_classes_get_their_balanced_accuracy_and_worst_class(tmp_path):
    results_with = {}
    for name, classes in {"equal": "50 70", "unequal": "90 10"}.items():
        grid = {"experiments": {"digits": plan("digits", {"baseline": ["random"]})}}
        grid["ablation_strategies"] = []
        runs = runs_of(grid).assign(accuracy=60.0, per_class_accuracy=classes)
        pools = {"digits": POOLS["digits"] | {"class_names": ["0", "<1>"]}}
        results = of_plan(tmp_path / name, grid, runs, pools)
        results_with[name] = text_of(whole(accuracies.show(results)))
    assert "unequal size" not in results_with["equal"]
    row = "Digits, b = 10| Baseline| Random| 40| 60.00| 50.00| &lt;1&gt;| 10.00|"
    assert row in results_with["unequal"]


# --- pseudo-labels and calibration ----------------------------------------------------------


def measured(grid):
    """Runs with some values of each measure, another for every run; CEAL's pseudo-labels too."""
    runs = runs_of(grid)
    for place, name in enumerate(("ece", "nll", pseudo_labels.PLAIN, pseudo_labels.WEIGHTED)):
        runs[name] = [((place + 3) * n * n) % 17 + place for n in range(len(runs))]
    return runs


def test_means_and_deviations_are_over_seeds_and_strategies_of_a_method():
    grid = small_grid()
    runs = measured(grid)
    found = pseudo_labels.by_cycle(runs, grid)
    assert len(found) == 3 + 3 + 2 + 2
    for (experiment, method, cycle), row in found.iterrows():
        for name in (*pseudo_labels.MEASURES, pseudo_labels.PLAIN):
            values = [
                one[name]
                for one in runs.to_dict("records")
                if (one["experiment"], one["method"], one["cycle"]) == (experiment, method, cycle)
            ]
            if name.startswith("pseudo") and "semi" not in method:
                assert row[name].isna().all()  # what a strategy gave is not SEMI's
                continue
            assert row[name, "mean"] == pytest.approx(statistics.mean(values), rel=1e-12)
            assert row[name, "std"] == pytest.approx(statistics.stdev(values), rel=1e-12)


def test_the_page_says_what_the_figure_shows(tmp_path):
    grid = small_grid()
    results = of_plan(tmp_path, grid, measured(grid), POOLS)
    pseudo_labels.make(results)
    assert all((tmp_path / name).exists() for name in pseudo_labels.FILES)
    html = whole(pseudo_labels.show(results))
    found = pseudo_labels.by_cycle(results.runs, grid)
    gain = (found[pseudo_labels.WEIGHTED, "mean"] - found[pseudo_labels.PLAIN, "mean"]).mean()
    assert f"certainty changes this by {gain:+.1f} points" in html
    assert "15 bins" in html and html.count("<svg") == 1


def test_without_pseudo_labels_or_test_set_the_page_says_so(tmp_path):
    grid = small_grid()
    runs = runs_of(grid).assign(nll=None)
    results = of_plan(tmp_path, grid, runs, POOLS)
    html = pseudo_labels.show(results)
    assert "No method of this grid has pseudo-labels" in html
    assert "calibration is not known" in html


# --- what it took ---------------------------------------------------------------------------


def test_benchmark_files_are_summed_by_stage(tmp_path):
    results = results_of(tmp_path)
    head = "s\th:m:s\tmax_rss\tmean_load\n"
    for path, rows in {
        "train/tiny/semi/a.tsv": "3600.0\t1:00:00\t812.5\t90\n",
        "train/tiny/semi/b.tsv": "5400.0\t1:30:00\t-\t90\n",
        "acquire/c.tsv": "30.0\t0:00:30\tNA\t90\n",
        "tables.tsv": "2.5\t0:00:02\t107\t90\n",
        "embed/torn.tsv": "",
    }.items():
        (tmp_path / "benchmarks" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "benchmarks" / path).write_text(head + rows)
    (tmp_path / "benchmarks/embed/empty.tsv").write_text("")
    html = whole(cost_of_run.show(results))
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.S)[1:]
    assert [text_of(row).strip() for row in rows] == [
        "train| 2| 2.5 h| 75 min| 812 MB||",
        "acquire| 1| 30 s| 30 s| –||",
        "tables| 1| 2.5 s| 2.5 s| 107 MB||",
    ]
    assert '<rect width="100.0%"' in html and '<rect width="0.3%"' in html
    assert "4 jobs took 2.5 h in all, train 100% of it" in html


def test_without_benchmark_files_the_trainings_tell_their_time(tmp_path):
    grid = small_grid()
    runs = runs_of(grid).assign(seconds=60.0, threads=2)
    text = text_of(cost_of_run.show(of_plan(tmp_path / "timed", grid, runs, POOLS)))
    assert "training, Baseline| 28| 28 min| 60 s| –|" in text
    assert "Trained on cpu with 2 threads a job." in text
    assert "times trainings alone" in text
    untimed = of_plan(tmp_path / "untimed", grid, runs_of(grid), POOLS)
    assert "No job has told its time" in cost_of_run.show(untimed)


# --- provenance -----------------------------------------------------------------------------


def test_provenance_counts_what_differs_and_dates_the_runs(tmp_path):
    grid = small_grid()
    n = len(runs_of(grid))
    times = [f"2026-01-{1 + at // 24:02d}T{at % 24:02d}:00:00+00:00" for at in range(n)]
    runs = runs_of(grid).assign(
        commit=["abc"] * (n - 2) + ["def-dirty"] * 2,
        torch="none",
        settings_digest=["of-" + e + m for e, m in runs_of(grid)[["experiment", "method"]].values],
        started=times[::-1],
        finished=times,
    )
    pools = {name: pool | {"fingerprint": "f00d"} for name, pool in POOLS.items()}
    html = whole(provenance.show(of_plan(tmp_path, grid, runs, pools)))
    text = text_of(html)
    for row in (
        f"commit| abc| {n - 2}|",
        "commit| def-dirty| 2|",
        f"PyTorch| not used| {n}|",
        f"first training started| {times[0]}|",
        f"last training ended| {times[-1]}|",
        "MNIST| mnist| 60,000| 10,000| f00d|",
        "digits| + PRE + SEMI| of-digitspre+semi|",
        "SEMI| label_propagation| the paper, Section III",
    ):
        assert row in text, row
    assert "arXiv:1911.08177" in text


# --- again ----------------------------------------------------------------------------------


def test_every_file_of_every_page_stands_once(tmp_path):
    listing = again.listing()
    written = []
    for stage in build.STAGES:
        for page, names in build.pages(stage).items():
            (row,) = listing[listing["Page"] == page.name].itertuples(index=False)
            assert row.Stage == stage and row.Command.endswith(f"all_{stage}")
            for name in names:
                stem, _, ending = name.rpartition(".")
                assert stem in row.Files and f".{ending}" in row.Files
            written += names
    assert len(listing) == len({page.name for s in build.STAGES for page in build.pages(s)})
    assert again.together(["a/b.csv", "a/b.md", "a/c.csv"]) == "a/b.csv, .md; a/c.csv"


# --- words ----------------------------------------------------------------------------------


def test_words_and_numbers():
    assert [joined(names) for names in ((), "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert [several(n, "seed") for n in (0, 1, 1410)] == ["0 seeds", "1 seed", "1,410 seeds"]
    assert [rounded(float("nan")), rounded(1.26), rounded(2.0, 0, " s")] == ["–", "1.3", "2 s"]
    seconds = (1.24, 35.2, 99.4, 100, 5999, 6000, 9000)
    told = ["1.2 s", "35 s", "99 s", "2 min", "100 min", "1.7 h", "2.5 h"]
    assert [time_of(one) for one in seconds] == told
