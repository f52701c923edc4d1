"""report.html: one file, the same bytes twice, nothing alive in it, its pages in order."""

import re
from html.parser import HTMLParser

import pytest
import shown
from shown import ODD, Page

from wholepool.grid.config import resolve
from wholepool.job.errors import UserError
from wholepool.report import fragment, html
from wholepool.report.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return shown.small(tmp_path_factory.mktemp("results"))


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag


def says(text):
    return lambda results: text and fragment.paragraph(text)


def heads(text):
    return re.findall(r"<h2 [^>]*>(.*?)</h2>", text)


def test_the_same_bytes_twice(results, tmp_path):
    one, two = (shown.report(results, tmp_path / name) for name in ("a.html", "b.html"))
    assert one == two and len(one) > 50_000


def test_the_file_asks_for_nothing(results, tmp_path):
    elements = Elements(shown.report(results, tmp_path / "report.html")).found
    policies = [
        own["content"] for _, own in elements if own.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    rules = dict(rule.split(None, 1) for rule in policies[0].split("; "))
    assert rules["default-src"] == "'none'" and "script-src" not in rules
    assert rules["img-src"] == "data:" and "form-action" in rules and "base-uri" in rules
    assert {"script", "link", "iframe", "object", "form"}.isdisjoint(tag for tag, _ in elements)
    for tag, own in elements:
        assert not [name for name in own if name.startswith("on")], (tag, own)
        assert own.get("src", "data:image/").startswith("data:image/")
        assert own.get("href", "#").startswith("#") or own["href"] == "tables/accuracy.csv"


def test_ids_are_unique_and_what_leads_to_them_leads_somewhere(results, tmp_path):
    elements = Elements(shown.report(results, tmp_path / "report.html")).found
    ids = [own["id"] for _, own in elements if "id" in own]
    assert len(ids) == len(set(ids)) > 20
    assert {"first", "second", "third"} < set(ids)
    leads = {own["href"][1:] for _, own in elements if own.get("href", "").startswith("#")}
    clips = [own["clip-path"] for _, own in elements if "clip-path" in own]
    leads |= {re.fullmatch(r"url\(#(.*)\)", clip)[1] for clip in clips}
    assert leads <= set(ids) and {"first", "second", "third"} < leads


def test_odd_names_cannot_come_alive(tmp_path):
    results = shown.small(tmp_path / "results", experiment=ODD)
    pages = [*shown.PAGES, Page("fourth", 40, says(ODD), title=ODD)]
    results.grid["experiments"][ODD]["dataset"] = ODD
    text = shown.report(results, tmp_path / "report.html", pages=pages)
    elements = Elements(text).found
    assert "script" not in {tag for tag, _ in elements}
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 30


def test_pages_stand_by_their_place_and_those_that_say_nothing_are_left_out(results, tmp_path):
    pages = [
        *(Page("b", 20, says("b")), Page("a", 20, says("a")), Page("z", 10, says("z"))),
        *(
            Page("nowhere", 0, says("x")),
            Page("silent", 5, says("")),
            Page("ours", 0, says("x"), 1),
        ),
    ]
    text = shown.report(results, tmp_path / "report.html", pages=pages)
    assert heads(text) == ["Of z", "Of a", "Of b"] and "silent" not in text
    assert re.findall(r'<li><a href="#(\w+)">', text) == ["z", "a", "b"] * 2  # beside, and folded


def test_where_people_label_their_pages_stand_first_and_alone_if_nothing_else_is_run(
    results, tmp_path
):
    oracle = {"name": "journal", "answers": "answers.jsonl"}
    source = {"name": "folder", "path": "images"}
    start = {"strategy": "typiclust", "size": 2, "pre": "deepcluster"}
    config = {
        "data_dir": str(tmp_path),
        "datasets": {"mine": {"source": source, "oracle": oracle}},
        "experiments": {
            "mine": {
                "dataset": "mine",
                "budget": 2,
                "initial": start,
            }
        },
        "seeds": 1,
        "methods": {"baseline": {"strategies": ["random"]}},
    }
    given = results.folder, results.grid, {}, results.runs_csv, results.accuracy_csv
    asked = Results(*given, settings=resolve(config))
    config["experiments"]["known"] = {"dataset": "digits", "budget": 10}
    config["datasets"]["digits"] = {}
    mixed = Results(*given, settings=resolve(config))
    pages = [
        *(Page("a", 10, says("a")), Page("b", 20, says("b"), people=7)),
        *(Page("c", 0, says("c"), people=3), Page("nowhere", 0, says("x"))),
    ]
    text = shown.report(asked, tmp_path / "report.html", pages=pages)
    assert heads(text) == ["Of c", "Of b"] and "<h1>Labels for images</h1>" in text
    text = shown.report(mixed, tmp_path / "mixed.html", pages=pages)
    assert heads(text) == ["Of c", "Of b", "Of a"] and "<h1>Active learning on " in text
    assert heads(shown.report(results, tmp_path / "known.html", pages=pages)) == ["Of a", "Of b"]


def test_a_page_that_fails_is_named(results, tmp_path):
    def refused(results):
        raise UserError("runs.csv is missing: run it")

    def broken(results):
        return 1 / 0

    for show, words in (
        (refused, "the page mine of the report: runs.csv is missing: run it"),
        (broken, r"mine\.py: the page mine failed .*ZeroDivisionError: division by zero"),
    ):
        with pytest.raises(UserError, match=words):
            shown.report(results, tmp_path / "report.html", pages=[Page("mine", 1, show)])
    assert not (tmp_path / "report.html").exists()


def test_a_notice_stands_above_all(results, tmp_path):
    text = shown.report(results, tmp_path / "r.html", notice=fragment.notice("2 of 3 cells."))
    assert text.index("2 of 3 cells.") < text.index("<section")


def test_the_largest_pictures_give_way_where_the_file_would_be_too_large():
    small, large = f'<img src="{"a" * 300}">', f"<svg>{'b' * 3000}</svg>"
    text = f"<p>text</p>{small}{large}"
    assert html.within(text, len(text)) == text
    found = html.within(text, len(text) - 1)
    assert small in found and large not in found and "Left out" in found
    assert html.within(text, 400).count("Left out") == 2
    with pytest.raises(UserError, match="bytes without any picture, but may have 100"):
        html.within(text, 100)


def test_letters_of_two_bytes_count_as_two():
    text = "é" * 60
    assert html.within(text, 120) == text
    with pytest.raises(UserError):
        html.within(text, 119)


@pytest.mark.parametrize(
    ("datasets", "title"),
    [
        (["cifar10"], "Active learning on CIFAR-10"),
        (["mnist", "cifar10", "mnist"], "Active learning on MNIST and CIFAR-10"),
        (["a", "b", "c", "d"], "Active learning on a, b and 2 other data sets"),
    ],
)
def test_the_title_names_the_data_sets(datasets, title, tmp_path):
    grid = {"experiments": {str(n): {"dataset": name} for n, name in enumerate(datasets)}}
    assert html.title(Results(tmp_path, grid, {}, tmp_path, tmp_path)) == title


LAB = """
TITLE = "A lab's own"
PLACE = 1

def show(results):
    from wholepool.report.fragment import paragraph
    return paragraph(f"{len(results.runs)} & more")
"""


def test_a_page_of_a_lab_appears(results, tmp_path, plugin, monkeypatch):
    page = plugin("page", "lab_page", LAB)
    monkeypatch.setattr(html, "plugins", lambda kind: {"lab_page": page})
    html.write_report(results, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert heads(text) == ["A lab&#39;s own"] and f"<p>{len(results.runs)} &amp; more</p>" in text
