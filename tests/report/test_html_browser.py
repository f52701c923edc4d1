"""report.html in a real browser. WHOLEPOOL_SHOTS=folder keeps a picture of each view there.

Nothing but the file itself may be asked for, and the console must stay empty, in all tests.
"""

import itertools
import os
import re
import shutil
from pathlib import Path

import pytest
import shown

from wholepool.report.fragment import notice

pytest.importorskip("playwright", reason="these tests need playwright: pip install playwright")
from playwright.sync_api import sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.jobs,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium"),
]
WIDTHS = (360, 768, 1280)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    results = shown.small(folder)
    shown.report(results, folder / "report.html", notice=notice("3 of 4 cells were run."))
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def window(chromium, address):
    """Open the report; what it asks for and what it says is looked at in the end."""
    contexts, requests, words = [], [], []

    def opened(width=1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.on("request", lambda request: requests.append(request.url))
        context.on("console", lambda message: words.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: words.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    files = [url for url in requests if not url.startswith("data:image/")]
    assert files == [address] * len(contexts) and contexts
    assert words == []


def shot(page, name):
    """A picture of the view, kept if asked for."""
    folder = os.environ.get("WHOLEPOOL_SHOTS")
    return page.screenshot(path=Path(folder) / f"{name}.png" if folder else None)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_never_scrolls_sideways(window, width):
    page = window(width)
    shot(page, f"report-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # what is wider scrolls in a box of its own, which the keyboard reaches
    boxes = page.locator(".wide").evaluate_all(
        "all => all.map(one => [one.scrollWidth > one.clientWidth, one.tabIndex, one.ariaLabel])"
    )
    assert len(boxes) == 4 and all(at == 0 and label for _, at, label in boxes)
    assert any(scrolls for scrolls, _, _ in boxes) or width > 360


@pytest.mark.parametrize("width", WIDTHS)
def test_the_contents_stand_beside_the_text_or_folded(window, width):
    page = window(width)
    beside, folded = page.locator(".side"), page.locator(".contents")
    assert (beside.is_visible(), folded.is_visible()) == (width == 1280, width < 1280)
    links = beside if width == 1280 else folded
    if width < 1280:
        assert not folded.locator("a").first.is_visible()
        folded.locator("summary").click()
    links.get_by_text("Of third").click()
    assert page.url.endswith("#third")
    page.wait_for_function("document.getElementById('third').getBoundingClientRect().top < 400")


def test_letters_of_figures_can_be_read_on_a_phone(window):
    """6 points is the smallest that figures have: 7 pixels of the screen, of three dots each."""
    for width in WIDTHS:
        scale = window(width).evaluate(
            "() => { const one = document.querySelector('figure svg');"
            " return one.getBoundingClientRect().width / one.viewBox.baseVal.width }"
        )
        assert 6 * scale > 7, width


def test_dark_and_light_are_the_readers(window):
    shots, colors = {}, {}
    for scheme in ("light", "dark"):
        page = window(color_scheme=scheme)
        shots[scheme] = shot(page, f"report-{scheme}")
        colors[scheme] = page.evaluate(INKS)
    assert shots["light"] != shots["dark"]
    for scheme in ("light", "dark"):
        ground, *inks = colors[scheme]
        for ink in inks:  # WCAG AA
            assert ratio(ink, ground) >= 4.5, (scheme, ink, ground)
    # black ink of a figure is the text's; the second strategy's color is its own in both
    assert colors["light"][1] == "rgb(27, 31, 36)" and colors["dark"][1] == "rgb(228, 231, 235)"


INKS = """() => {
  const color = (what, key = 'color') => getComputedStyle(document.querySelector(what))[key];
  return [color('html', 'backgroundColor'), color('figure svg path[style*=currentColor]', 'stroke'),
    color('p'), color('figcaption'), color('.made'), color('th'), color('section a')];
}"""


def ratio(one, other):
    from wholepool.report.vector import contrast

    def hexed(text):
        return "#{:02x}{:02x}{:02x}".format(*map(int, re.findall(r"\d+", text)[:3]))

    return contrast(hexed(one), hexed(other))


def test_a_box_of_notice_and_code_can_be_read(window):
    for scheme in ("light", "dark"):
        found = window(color_scheme=scheme).evaluate(
            "() => { const box = getComputedStyle(document.querySelector('.notice'));"
            " return [box.color, box.backgroundColor] }"
        )
        assert ratio(*found) >= 7


def test_it_can_be_printed(window):
    page = window(color_scheme="dark")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pdf)) >= 2
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 800})  # A4 without its margins
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert not page.locator("nav").first.is_visible() and not page.locator("summary").is_visible()
    cut = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
    assert page.locator("svg, table, img").evaluate_all(cut) == 0


def test_it_can_be_read_out(window):
    page = window()
    assert page.locator("html").get_attribute("lang") == "en" and page.title()
    levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
        "all => all.map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1 and 3 in levels
    assert all(now <= before + 1 for before, now in itertools.pairwise(levels))
    labels = page.locator("svg").evaluate_all(
        "all => all.map(one => [one.getAttribute('role'), one.getAttribute('aria-label')])"
    )
    assert len(labels) == 2 and all(role == "img" and label for role, label in labels)
    assert page.locator("img").evaluate_all("all => all.every(one => one.alt)")
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("main").count() == 1 and page.locator("section > h2").count() == 3
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
