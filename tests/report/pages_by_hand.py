"""Results written by hand for the tests of the report's pages."""

import json
from html.parser import HTMLParser

import numpy as np
from grids_of_results import runs_of

from wholepool.data.indexsets import write_index_set
from wholepool.data.pool import write_pool
from wholepool.grid.cells import summary
from wholepool.grid.config import resolve
from wholepool.report import build
from wholepool.report.results import Results, of_folder

POOL = {"n": 60, "n_test": 500, "height": 4, "width": 4, "channels": 1, "classes": 10}
VOID = {"meta", "img", "rect", "br"}


def config(**changes):
    """A small grid: digits, baseline with two strategies, and SEMI with one."""
    return {
        "datasets": {"digits": {"pool": {"size": 60}}},
        "experiments": {"tiny": {"dataset": "digits", "budget": 10}},
        "cycles": 3,
        "seeds": 2,
        "propagation": {"k": 5},
        "methods": {
            "baseline": {"pre": "none", "semi": "none", "strategies": ["random", "jlp"]},
            "semi": {"pre": "none", "semi": "label_propagation", "strategies": ["jlp", "random"]},
        },
    } | changes


def results_of(folder, given=None, runs=None, pools=None):
    """Results of a config with these runs (all of the plan's by default), their tables made."""
    settings = resolve(given or config())
    plan, pools = summary(settings), {"digits": POOL} if pools is None else pools
    results = of_folder(folder, plan, pools, settings)
    with_tables(results, runs_of(plan) if runs is None else runs)
    return results


def of_plan(folder, plan, runs, pools):
    """The same of a plan alone, as evidence has it: without settings."""
    results = of_folder(folder, plan, pools, {})
    with_tables(results, runs)
    return results


def with_tables(results: Results, runs):
    results.runs_csv.parent.mkdir(parents=True)
    columns = {"per_class_accuracy": ""} if "per_class_accuracy" not in runs else {}
    runs.assign(**columns).to_csv(results.runs_csv, index=False)
    build.write_tables(results.runs_csv, results.folder, results.grid, results.pools)


class Tags(HTMLParser):
    """Raises where a tag is closed that is not open; `open` is left empty by whole HTML."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def whole(html):
    """The text, of which every tag is closed."""
    tags = Tags()
    tags.feed(html)
    assert not tags.open
    return html


def files_of_cells(folder, n=20):
    """A pool of n images of one gray value each, and index sets of the trajectory semi/random/0.

    Image i is all 10 i. Labeled first: 0, 1, 2; then 3, 4, 5; then 6, 7, 8; the truth is i % 3.
    Pseudo-labels are of class 0, with certainty i / 100 in cycle 2, and 1 - i / 100 before.
    """
    images = np.repeat(10 * np.arange(n, dtype=np.uint8), 16).reshape(n, 4, 4, 1)
    (folder / "datasets/digits").mkdir(parents=True)
    here = folder / "datasets/digits"
    pool = write_pool(
        here / "pool.npy", here / "pool.json", images, "digits", ["a<", "b", "c"], 500
    )
    runs = folder / "runs/tiny"

    def put(path, kind, **columns):
        (runs / path).parent.mkdir(parents=True, exist_ok=True)
        write_index_set(runs / path, kind, {k: np.array(v) for k, v in columns.items()}, pool)

    def labeled(path, count):
        at = np.arange(count)
        put(path, "labeled", index=at, label=at % 3, cycle=at // 3)

    def said(path, count, certainty):
        at = np.arange(count, n)
        weight = certainty(at / 100)
        put(path, "pseudo_labels", index=at, label=np.zeros(len(at), int), weight=weight)

    labeled("initial/seed0/labeled.parquet", 3)
    said("semi/initial/seed0/cycle0/pseudo_labels.parquet", 3, lambda w: 1 - w)
    for cycle in (1, 2):
        labeled(f"semi/random/seed0/cycle{cycle}/labeled.parquet", 3 + 3 * cycle)
        way = (lambda w: w) if cycle == 2 else (lambda w: 1 - w)
        said(f"semi/random/seed0/cycle{cycle}/pseudo_labels.parquet", 3 + 3 * cycle, way)
    for strategy, first in (("random", [3, 4, 5]), ("jlp", [9, 10, 11])):
        place = f"semi/{strategy}/seed0/cycle0/queries.parquet"
        put(place, "queries", index=first, rank=[0, 1, 2], score=[0.0, 0.0, 0.0])
    return pool


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
