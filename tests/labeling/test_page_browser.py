"""The person's page in a real browser. WHOLEPOOL_SHOTS=folder keeps a picture of each view there.

No request may leave this machine, and the console must stay empty, in all of these tests.
"""

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import labeled_page as pages
import pytest
from PIL import Image
from processes import until

from wholepool.labeling import journal

pages.needed()
pytest.importorskip("playwright", reason="these tests need playwright: pip install playwright")
from playwright.sync_api import expect, sync_playwright  # noqa: E402

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.jobs,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium"),
]
expect.set_options(timeout=60_000)  # the machine may be busy: none waits so long when all is well
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def start():
    """Start servers, which outlive the windows that look at them."""
    with ExitStack() as stack:
        yield lambda *which: stack.enter_context(pages.served(*which))


@pytest.fixture
def window(chromium, start):
    """Open a window on an address; what it asks for and what it says is looked at in the end."""
    contexts, requests, words = [], [], []

    def opened(address, watched=True, **options):
        context = chromium.new_context(**{"viewport": DESK} | options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        context.on("request", lambda request: requests.append(request.url))
        if watched:
            context.on("console", lambda message: words.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: words.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#count")).not_to_be_empty()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert requests
    away = [url for url in requests if not url.startswith("http://127.0.0.1:")]
    assert away == []
    assert words == []


@pytest.fixture
def desk(tmp_path, start):
    """A server with a batch of six images, two classes, and two more images to look at again."""
    folder, entries = pages.folder_of(tmp_path, 8, (600, 400))
    entries[1] |= {"guess": {"class": "c2", "probability": 0.875}, "nearest": [entries[7]["image"]]}
    review = [
        entries[6] | {"label": "c1", "certainty": 0.9, "disagreement": 0.8},
        entries[7] | {"label": "c2", "certainty": 0.25, "disagreement": 0.1},
    ]
    batch = pages.write_batch(tmp_path / "batch.json", entries[:6], review)
    path = tmp_path / "journal.jsonl"
    page = start(batch, folder, path)
    for name in ("cat", "dog"):
        page.written(kind="class", name=name)
    yield page, entries, path


def shot(page, name):
    """Keep a picture of a view, if asked for."""
    if folder := os.environ.get("WHOLEPOOL_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def shows(page, entry, count):
    """Wait until an image is there, whole, and so many are answered."""
    expect(page.locator("#path")).to_have_text(entry["path"])
    expect(page.locator("#count")).to_have_text(count)
    page.wait_for_function(
        "image => document.querySelector('#photo img')?.src.endsWith(image)"
        " && document.querySelector('#photo img').naturalWidth > 0",
        arg=entry["image"],
    )


def woken(*windows):
    """Have them ask at once what others did, as they do when they come to the front."""
    for page in windows:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def given(path):
    """Each answer in the journal, in order: path and answer."""
    lines, aside = journal.read(path)
    assert aside == []
    named = {line["class"]: line["name"] for line in lines if line["kind"] in ("class", "rename")}
    return [
        (
            line["path"],
            named[line["answer"]["class"]] if "class" in line["answer"] else line["answer"],
        )
        for line in lines
        if line["kind"] == "answer"
    ]


def test_a_batch_from_no_class_at_all_to_its_end(window, tmp_path, start):
    folder, entries = pages.folder_of(tmp_path, 6, (600, 400))
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    path = tmp_path / "journal.jsonl"
    server = start(batch, folder, path)
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    expect(page.locator("#form")).to_be_visible()
    shot(page, "start")
    page.keyboard.type("cat")
    page.keyboard.press("Enter")
    expect(page.locator("#classes button")).to_have_text(["1cat"])
    page.keyboard.press("n")
    page.keyboard.type("a new dog")
    page.keyboard.press("Enter")
    expect(page.locator("#classes button")).to_have_text(["1cat", "2a new dog"])
    for number, key in enumerate(["1", "2", "Space", "?", "x", "1"]):
        done = number - (number > 2)
        shows(page, entries[number], f"{done} of 6")
        page.keyboard.press(key)
    expect(page.locator("#done-title")).to_have_text("Every image has been shown")
    expect(page.locator("#done-next")).to_have_text(
        "Your answers are on disk, in the file that was named in the terminal. "
        "What to do next: end this page there, with Ctrl+C."
    )
    expect(page.locator("#done-list li")).to_have_text(
        ["3 labeled", "1 cannot tell", "1 marked bad", "1 left as later"]
    )
    expect(page.locator("#saved")).to_have_text("All answers are saved")
    shot(page, "done-with-later")
    page.keyboard.press("Enter")
    shows(page, entries[2], "5 of 6")
    page.keyboard.press("Space")
    expect(page.locator("#done-title")).to_be_visible()
    page.click("#again")
    shows(page, entries[2], "5 of 6")
    page.keyboard.press("2")
    expect(page.locator("#done-title")).to_have_text("This batch is done")
    expect(page.locator("#again")).to_be_hidden()
    shot(page, "done")
    answers = ["cat", "a new dog", "later", "unsure", "bad", "cat"]
    expected = [(one["path"], answer) for one, answer in zip(entries, answers, strict=True)]
    later = entries[2]["path"]
    assert given(path) == [*expected, (later, "later"), (later, "a new dog")]


def test_undo_goes_back_as_far_as_one_likes(window, desk):
    server, entries, path = desk
    page = window(server.address)
    expect(page.locator("#others [data-key=u]")).to_be_disabled()
    for number in range(3):
        shows(page, entries[number], f"{number} of 6")
        page.keyboard.press("1")
    shows(page, entries[3], "3 of 6")
    page.keyboard.press("u")
    shows(page, entries[2], "2 of 6")
    page.keyboard.press("Backspace")
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("2")
    shows(page, entries[2], "2 of 6")
    page.click("#others [data-key=u]")
    shows(page, entries[1], "1 of 6")
    page.reload()
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("u")
    shows(page, entries[0], "0 of 6")
    expect(page.locator("#others [data-key=u]")).to_be_disabled()
    assert len(given(path)) == 4
    assert server.get("state")["answers"] == {}


def test_a_class_is_renamed_by_its_key_or_by_a_click(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("r")
    expect(page.locator("#picking")).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator("#name")).to_have_value("cat")
    page.keyboard.type("dog")
    page.keyboard.press("Enter")
    expect(page.locator("#form-error")).to_contain_text("dog already")
    shot(page, "rename")
    page.fill("#name", "tabby")
    page.keyboard.press("Enter")
    expect(page.locator("#classes button")).to_have_text(["1tabby", "2dog"])
    page.click("[data-key=r]")
    page.click("#classes button >> nth=1")
    page.keyboard.press("Escape")
    expect(page.locator("#form")).to_be_hidden()
    shows(page, entries[1], "1 of 6")
    assert given(path) == [(entries[0]["path"], "tabby")]


def test_two_classes_are_merged_when_that_is_confirmed(window, desk):
    server, entries, path = desk
    server.written(kind="class", name="kitten")
    page = window(server.address)
    for number, key in enumerate("31"):
        shows(page, entries[number], f"{number} of 6")
        page.keyboard.press(key)
    shows(page, entries[2], "2 of 6")
    page.click("#merge")
    expect(page.locator("#picking")).to_contain_text("Which class is to be merged")
    page.keyboard.press("3")
    expect(page.locator("#picking")).to_contain_text("Into which class is kitten")
    expect(page.locator("#classes .chosen")).to_have_text(["3kitten"])
    page.keyboard.press("3")  # not into itself
    expect(page.locator("#confirm")).to_be_hidden()
    page.click("#classes button >> nth=0")
    expect(page.locator("#confirm-text")).to_contain_text("Merge kitten into cat?")
    expect(page.locator("#confirm-yes")).to_be_focused()
    shot(page, "merge")
    for key in "12xuv?":  # none answers while the question stands
        page.keyboard.press(key)
    shows(page, entries[2], "2 of 6")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#classes button")).to_have_text(["1cat", "2dog"])
    expect(page.locator("#saved")).to_have_text("kitten is merged into cat")
    expect(page.locator("#confirm")).to_be_hidden()
    shows(page, entries[2], "2 of 6")
    page.keyboard.press("2")
    shows(page, entries[3], "3 of 6")
    answers = server.get("state")["answers"]
    assert [answers[one["image"]]["answer"]["class"] for one in entries[:3]] == ["c1", "c1", "c2"]
    assert [line["kind"] for line in journal.read(path)[0]] == [
        *["class"] * 3,
        *["answer"] * 2,
        "merge",
        "answer",
    ]


def test_undo_takes_back_a_merge_in_its_turn(window, desk):
    server, entries, _ = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("2")
    shows(page, entries[1], "1 of 6")
    page.click("#merge")
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.click("#confirm-yes")
    expect(page.locator("#classes button")).to_have_text(["1cat"])
    page.keyboard.press("1")
    shows(page, entries[2], "2 of 6")
    page.keyboard.press("u")
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("g")  # the batch's guess is the class that ended
    expect(page.locator("#about")).to_have_text("The model's guess: cat, 88 %")
    page.keyboard.press("u")
    expect(page.locator("#saved")).to_have_text("dog is a class of its own again")
    expect(page.locator("#classes button")).to_have_text(["1cat", "2dog"])
    shows(page, entries[1], "1 of 6")
    assert server.get("state")["answers"][entries[0]["image"]]["answer"] == {"class": "c2"}
    page.keyboard.press("u")
    shows(page, entries[0], "0 of 6")


def test_a_merge_that_is_not_confirmed_changes_nothing(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    before = path.read_bytes()
    for ended in ("Escape", "#confirm-no", "#merge"):
        page.click("#merge")
        page.keyboard.press("1")
        page.keyboard.press("2")
        expect(page.locator("#confirm-text")).to_contain_text("Merge cat into dog?")
        if ended == "Escape":
            page.keyboard.press(ended)
        else:
            page.click(ended)
        expect(page.locator("#confirm")).to_be_hidden()
        expect(page.locator("#picking")).to_be_hidden()
        expect(page.locator("#classes .chosen")).to_have_count(0)
    assert path.read_bytes() == before
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 6")


def test_the_grid_names_merged_classes_by_what_they_count_as(window, desk):
    server, entries, _ = desk
    server.answer(entries[7], {"class": "c2"})
    server.written(kind="merge", **{"class": "c2", "into": "c1"})
    page = window(server.address)
    page.keyboard.press("v")
    expect(page.locator("#cells .name")).to_have_text(["cat", "cat"])
    expect(page.locator("#cells .corrected")).to_have_text(["confirmed"])
    expect(page.locator("#merge")).to_be_disabled()


def test_keys_typed_into_a_name_answer_nothing(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("n")
    page.keyboard.type("x 1 u?v")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator("#classes button")).to_have_text(["1cat", "2dog", "3x 1 u?"])
    page.keyboard.press("3")
    shows(page, entries[1], "1 of 6")
    assert given(path) == [(entries[0]["path"], "x 1 u?")]


def test_a_key_that_is_held_down_is_one_answer(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.down("1")
    for _ in range(5):
        page.keyboard.down("1")  # as the keyboard repeats it
        page.wait_for_timeout(50)
    page.keyboard.up("1")
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("Control+1")
    page.wait_for_timeout(200)
    assert given(path) == [(entries[0]["path"], "cat")]


def test_another_keyboard_has_the_same_places(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    for key, code in (("&", "Digit1"), ("ч", "KeyX"), ("Ж", "Semicolon")):
        page.evaluate(
            "([key, code]) => document.body.dispatchEvent("
            "new KeyboardEvent('keydown', {key, code, bubbles: true}))",
            [key, code],
        )
        page.wait_for_timeout(300)
    shows(page, entries[2], "2 of 6")
    assert given(path) == [(entries[0]["path"], "cat"), (entries[1]["path"], "bad")]


def test_the_guess_is_hidden_until_asked_for_and_that_is_noted(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 6")
    expect(page.locator("#about")).to_be_hidden()
    page.keyboard.press("g")
    expect(page.locator("#about")).to_have_text("The model's guess: dog, 88 %")
    page.keyboard.press("g")
    expect(page.locator("#about")).to_be_hidden()
    page.reload()  # what was seen stays seen
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("2")
    shows(page, entries[2], "2 of 6")
    page.click("[data-key=w]")
    expect(page.locator("#about")).to_contain_text("Picked by margin, score 0.498")
    page.keyboard.press("2")
    shows(page, entries[3], "3 of 6")
    expect(page.locator("#about")).to_be_hidden()
    lines = [line["shown"] for line in journal.read(path)[0] if line["kind"] == "answer"]
    assert lines == [
        {"view": "batch", "guess": False, "why": False},
        {"view": "batch", "guess": True, "why": False},
        {"view": "batch", "guess": False, "why": True},
    ]


def test_why_of_an_image_whose_strategy_stays_unknown_and_of_one_asked_again(
    window, tmp_path, start
):
    folder, entries = pages.folder_of(tmp_path, 2)
    entries[0]["why"] = {"strategy": "the strategy margin, or chance"}
    entries[0]["guess"] = {"class": "c1", "probability": 0.9973}
    entries[1] = {key: entries[1][key] for key in ("image", "path")} | {"everyone": True}
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    server = start(batch, folder, tmp_path / "journal.jsonl")
    server.written(kind="class", name="cat")
    page = window(server.address)
    shows(page, entries[0], "0 of 2")
    for key in "gw":
        page.keyboard.press(key)
    expect(page.locator("#about p")).to_have_text(
        ["The model's guess: cat, 99.7 %", "Picked by the strategy margin, or chance"]
    )
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 2")
    for key in "gw":
        page.keyboard.press(key)
    expect(page.locator("#about p")).to_have_text(
        [
            "There is no guess for this image.",
            "Asked once more: the answers so far differ, or it was left for later.",
        ]
    )


def test_why_shows_the_nearest_labeled_images(window, desk):
    server, entries, _ = desk
    server.answer(entries[7], {"class": "c2"})
    server.answer(entries[0], "bad")
    page = window(server.address)
    shows(page, entries[1], "1 of 6")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.locator(".near figcaption")).to_have_text(["dog"])
    page.wait_for_function("() => document.querySelector('.near img').naturalWidth > 0")
    shot(page, "why")


def test_a_reload_in_the_middle_goes_on_at_the_first_unanswered_image(window, desk):
    server, entries, path = desk
    page = window(server.address)
    for number, key in enumerate(["1", "Space", "2"]):
        shows(page, entries[number], f"{number - (number > 1)} of 6")
        page.keyboard.press(key)
    shows(page, entries[3], "2 of 6")
    page.reload()
    shows(page, entries[3], "2 of 6")
    page.keyboard.press("2")
    shows(page, entries[4], "3 of 6")
    assert len(given(path)) == 4


def test_two_windows_share_the_work_and_see_each_other(window, desk):
    server, entries, path = desk
    one = window(server.address)
    shows(one, entries[0], "0 of 6")
    until(lambda: server.get("state")["others"] == [entries[0]["image"]])
    two = window(server.address)
    shows(two, entries[1], "0 of 6")
    two.keyboard.press("2")
    shows(two, entries[2], "1 of 6")
    woken(one)
    expect(one.locator("#count")).to_have_text("1 of 6")
    expect(one.locator("#path")).to_have_text(entries[0]["path"])
    one.keyboard.press("1")
    shows(one, entries[3], "2 of 6")
    woken(two)
    expect(two.locator("#count")).to_have_text("2 of 6")
    one.keyboard.press("n")
    one.keyboard.type("ox")
    one.keyboard.press("Enter")
    expect(one.locator("#classes button")).to_have_count(3)
    woken(two)
    expect(two.locator("#classes button")).to_have_text(["1cat", "2dog", "3ox"])
    shows(two, entries[2], "2 of 6")
    two.keyboard.press("3")
    expect(two.locator("#count")).to_have_text("3 of 6")
    for count in (4, 5, 6):
        woken(one)
        expect(one.locator("#count")).to_have_text(f"{count - 1} of 6")
        expect(one.locator("#photo img")).to_be_visible()
        one.keyboard.press("1")
        expect(one.locator("#count")).to_have_text(f"{count} of 6")
    woken(two)
    for page in (one, two):
        expect(page.locator("#done-title")).to_have_text("This batch is done")
    answers = dict(given(path))
    assert len(given(path)) == len(answers) == 6
    assert [answers[entry["path"]] for entry in entries[:3]] == ["cat", "dog", "ox"]


def test_an_image_that_another_answers_stays_until_one_goes_on(window, desk):
    server, entries, _ = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    server.answer(entries[0], {"class": "c2"})
    shows(page, entries[0], "1 of 6")
    expect(page.locator("#note")).to_contain_text("dog")
    page.keyboard.press("Enter")
    shows(page, entries[1], "1 of 6")


def test_another_process_is_seen(window, desk, tmp_path, start):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    batch, folder = tmp_path / "batch.json", tmp_path / "images"
    other = start(batch, folder, path, "bob")
    other.answer(entries[1], {"class": "c2"})
    shows(page, entries[0], "1 of 6")
    page.keyboard.press("1")
    shows(page, entries[2], "2 of 6")


def test_the_next_batch_comes_by_itself(window, tmp_path, start):
    folder, entries = pages.folder_of(tmp_path, 8)
    batch = pages.write_batch(tmp_path / "batch.json", entries[:6])
    server = start(batch, folder, tmp_path / "journal.jsonl", "ann", "wholepool next")
    server.written(kind="class", name="cat")
    page = window(server.address)
    for number in range(6):
        shows(page, entries[number], f"{number} of 6")
        page.keyboard.press("1")
    expect(page.locator("#done-title")).to_have_text("This batch is done")
    expect(page.locator("#done-next")).to_contain_text("run wholepool next in another terminal.")
    shot(page, "done-next")
    (tmp_path / "batch.json").unlink()  # as Snakemake does before it makes it again
    again = tmp_path / "again.json"
    os.replace(pages.write_batch(again, entries[6:], cycle=2), tmp_path / "batch.json")
    shows(page, entries[6], "0 of 2")
    page.keyboard.press("1")
    shows(page, entries[7], "1 of 2")
    page.keyboard.press("Space")
    expect(page.locator("#done-next code")).to_have_text("wholepool next --go-on")
    expect(page.locator("#done-next")).to_contain_text("without those left as later")


def test_a_phone_sized_window_and_fingers(window, desk):
    server, entries, path = desk
    server.answer(entries[7], {"class": "c2"})
    page = window(server.address, viewport=PHONE, has_touch=True, is_mobile=True)
    shows(page, entries[0], "0 of 6")
    shot(page, "phone")
    page.tap("#classes button >> nth=1")
    shows(page, entries[1], "1 of 6")
    page.tap("[data-key=w]")
    page.tap("[data-key=g]")
    expect(page.locator(".near img")).to_be_visible()
    shot(page, "phone-why")
    page.tap("#others [data-key=x]")
    shows(page, entries[2], "2 of 6")
    page.tap("#others [data-key=u]")
    shows(page, entries[1], "1 of 6")
    page.tap("[data-key=n]")
    page.fill("#name", "a rather long name of a class of images")
    shot(page, "phone-form")
    page.tap("#form-save")
    expect(page.locator("#classes button")).to_have_count(3)
    shot(page, "phone-classes")
    too_small = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => b.offsetParent)"
        ".filter(b => b.offsetHeight < 44 || b.offsetWidth < 44).map(b => b.textContent)"
    )
    assert too_small == []
    for view in ("single", "grid"):
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], view
        page.tap("#view")
    page.tap("#view")
    expect(page.locator("#cells img").first).to_be_visible()
    shot(page, "phone-grid")
    assert given(path)[1:] == [(entries[0]["path"], "dog"), (entries[1]["path"], "bad")]


def test_the_whole_image_is_inside_the_window(window, tmp_path, start):
    """Of whatever shape: it is not cut, not distorted, and the buttons stay in reach."""
    folder = tmp_path / "images"
    folder.mkdir()
    sizes = [(1, 1), (32, 32), (3000, 60), (60, 3000), (2500, 2000)]
    entries = []
    for number, size in enumerate(sizes):
        Image.new("RGB", size, "teal").save(folder / f"{number}.png")
        entries.append(pages.entry(folder, f"{number}.png"))
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    server = start(batch, folder, tmp_path / "journal.jsonl")
    server.written(kind="class", name="cat")
    page = window(server.address)
    for viewport in (DESK, PHONE):
        page.set_viewport_size(viewport)
        for entry, (width, height) in zip(entries, sizes, strict=True):
            expect(page.locator("#path")).to_have_text(entry["path"])
            page.wait_for_function("() => document.querySelector('#photo img')?.naturalWidth > 0")
            box = page.locator("#photo img").bounding_box()
            around = page.locator("#photo").bounding_box()
            assert around["x"] - 1 <= box["x"], entry
            assert box["x"] + box["width"] <= around["x"] + around["width"] + 1
            assert box["y"] + box["height"] <= around["y"] + around["height"] + 1
            scale = min(around["width"] / width, around["height"] / height, 16)
            assert abs(box["width"] - max(1, width * scale)) <= 1.5, (entry, box, around)
            assert abs(box["height"] - max(1, height * scale)) <= 1.5
            page.keyboard.press("Space")
        expect(page.locator("#done-title")).to_be_visible()
        for entry in reversed(entries):
            page.keyboard.press("u")
            expect(page.locator("#single")).to_be_visible()
            expect(page.locator("#path")).to_have_text(entry["path"])


def test_the_next_image_is_there_before_it_is_asked_for(window, desk):
    server, entries, _ = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 6")
    page.wait_for_timeout(300)
    assert not [url for url in asked if f"image/{entries[1]['image']}" in url]
    assert [url for url in asked if f"image/{entries[4]['image']}" in url], (
        "the third from here is loaded"
    )


def test_an_answer_that_cannot_be_saved_is_told_and_tried_again(window, desk):
    server, entries, path = desk
    page = window(server.address, watched=False)  # the browser notes failed requests
    shows(page, entries[0], "0 of 6")
    sent, network = [], ["full"]

    def answered(route):
        sent.append(json.loads(route.request.post_data)["id"])
        if network[-1] == "full":
            route.fulfill(status=503, body=json.dumps({"error": "the disk is full"}))
        elif network[-1] == "lost":
            route.fetch()  # it is saved, and the page does not hear of it
            route.abort()
        else:
            route.continue_()

    page.route("**/lines*", answered)
    page.keyboard.press("1")
    expect(page.locator("#alert")).to_contain_text("the disk is full")
    expect(page.locator("#saved")).to_have_text("Not saved yet")
    shot(page, "not-saved")
    page.keyboard.press("2")  # not before the first is saved
    expect(page.locator("#path")).to_have_text(entries[0]["path"])
    network.append("lost")
    page.click("#retry")
    expect(page.locator("#alert")).to_contain_text("does not answer")
    network.append("well")
    page.click("#retry")
    expect(page.locator("#alert")).to_be_hidden()
    shows(page, entries[1], "1 of 6")
    expect(page.locator("#saved")).to_have_text("All answers are saved")
    assert len(sent) >= 3
    assert len(set(sent)) == 1
    assert given(path) == [(entries[0]["path"], "cat")]


def test_a_server_that_is_gone_is_told(window, desk):
    server, entries, path = desk
    page = window(server.address, watched=False)
    shows(page, entries[0], "0 of 6")
    server.process.kill()
    server.process.wait()
    expect(page.locator("#alert")).to_contain_text("does not answer")
    page.keyboard.press("1")
    expect(page.locator("#alert")).to_contain_text("Not saved, tried again in")
    expect(page.locator("#path")).to_have_text(entries[0]["path"])
    assert given(path) == []


def test_an_answer_that_is_refused_is_told_and_the_image_stays(window, desk):
    server, entries, path = desk
    page = window(server.address, watched=False)
    shows(page, entries[0], "0 of 6")
    merge = {"kind": "merge", "class": "c2", "into": "c1", "annotator": "bob"}
    page.route("**/state*", lambda route: route.abort())  # it does not hear of the merge
    journal.append(path, {"id": "m", "time": journal.now()} | merge)
    page.keyboard.press("2")
    expect(page.locator("#alert")).to_contain_text("no class 'c2' any more")
    expect(page.locator("#path")).to_have_text(entries[0]["path"])
    assert given(path) == []


def test_an_image_that_cannot_be_shown_says_why(window, tmp_path, start):
    folder, entries = pages.folder_of(tmp_path, 2)
    (folder / entries[0]["path"]).unlink()
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    server = start(batch, folder, tmp_path / "journal.jsonl")
    server.written(kind="class", name="cat")
    page = window(server.address, watched=False)
    expect(page.locator("#photo")).to_contain_text("not there any more")
    shot(page, "gone")
    page.keyboard.press("x")
    shows(page, entries[1], "1 of 2")


def test_what_a_browser_cannot_show_is_converted(window, tmp_path, start):
    folder = tmp_path / "images"
    folder.mkdir()
    pages.picture(1).convert("CMYK").save(folder / "cmyk.tif")
    exif = Image.Exif()
    exif[0x0112] = 6
    pages.picture(2, (60, 30)).save(folder / "turned.jpg", exif=exif)
    entries = [pages.entry(folder, name) for name in ("cmyk.tif", "turned.jpg")]
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    server = start(batch, folder, tmp_path / "journal.jsonl")
    server.written(kind="class", name="cat")
    page = window(server.address)
    shows(page, entries[0], "0 of 2")
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 2")
    size = "(image => [image.naturalWidth, image.naturalHeight])"
    assert page.locator("#photo img").evaluate(size) == [30, 60]


def test_the_grid_is_sorted_and_a_label_in_it_is_corrected(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("v")
    names = page.locator("#cells .name")
    expect(names).to_have_text(["dog", "cat"])  # the least certain first
    page.select_option("#sort", "disagreement")
    expect(names).to_have_text(["cat", "dog"])
    page.select_option("#sort", "class")
    expect(page.locator("#cells .heading")).to_have_text(["cat", "dog"])
    loaded = "images => images.every(one => one.complete && one.naturalWidth > 0)"
    until(lambda: page.locator("#cells img").evaluate_all(loaded))
    shot(page, "grid")
    page.click(f"[data-image='{entries[7]['image']}']")
    expect(page.locator("#note")).to_contain_text("Labeled as dog, certainty 25 %")
    shows(page, entries[7], "0 of 6")
    shot(page, "grid-opened")
    page.keyboard.press("1")
    expect(page.locator("#cells .corrected")).to_have_text(["corrected"])
    expect(names).to_have_text(["cat", "cat"])
    page.keyboard.press("u")
    expect(names).to_have_text(["cat", "dog"])
    page.click(f"[data-image='{entries[6]['image']}']")
    expect(page.locator("#path")).to_have_text(entries[6]["path"])
    page.keyboard.press("Escape")
    expect(page.locator("#grid")).to_be_visible()
    page.keyboard.press("v")
    shows(page, entries[0], "0 of 6")
    [line] = [line for line in journal.read(path)[0] if line["kind"] == "answer"]
    assert line["image"] == entries[7]["image"]
    assert line["shown"] == {"view": "grid", "guess": True, "why": False}


def test_without_images_to_review_the_grid_has_the_answered_ones(window, tmp_path, start):
    folder, entries = pages.folder_of(tmp_path, 3)
    batch = pages.write_batch(tmp_path / "batch.json", entries)
    server = start(batch, folder, tmp_path / "journal.jsonl")
    server.written(kind="class", name="cat")
    page = window(server.address)
    page.click("#view")
    expect(page.locator("#grid-empty")).to_be_visible()
    page.click("#view")
    shows(page, entries[0], "0 of 3")
    page.keyboard.press("1")
    shows(page, entries[1], "1 of 3")
    page.keyboard.press("v")
    page.click("#cells button")
    shows(page, entries[0], "1 of 3")
    page.keyboard.press("x")
    expect(page.locator("#cells .name")).to_have_text(["bad image"])
    assert [answer for _, answer in given(tmp_path / "journal.jsonl")] == ["cat", "bad"]


def test_many_classes_and_the_dark(window, desk):
    server, entries, path = desk
    for number in range(3, 31):
        server.written(kind="class", name=f"class number {number}")
    page = window(server.address, color_scheme="dark")
    shows(page, entries[0], "0 of 6")
    keys = page.locator("#classes kbd").all_inner_texts()
    assert "".join(keys) == "123456789abcdefhijklmopqstyz––"
    shot(page, "dark")
    page.keyboard.press("z")
    shows(page, entries[1], "1 of 6")
    page.click("#classes button >> nth=29")
    shows(page, entries[2], "2 of 6")
    page.keyboard.press("v")
    expect(page.locator("#cells img").first).to_be_visible()
    shot(page, "dark-grid")
    assert [answer for _, answer in given(path)] == ["class number 28", "class number 30"]


def test_a_button_that_is_reached_by_tab_is_pressed_by_space(window, desk):
    server, entries, path = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.focus("#classes button >> nth=1")
    page.keyboard.press("Space")
    shows(page, entries[1], "1 of 6")
    assert given(path) == [(entries[0]["path"], "dog")]


def test_everything_that_can_be_pressed_has_a_name(window, desk):
    server, entries, _ = desk
    page = window(server.address)
    shows(page, entries[0], "0 of 6")
    page.keyboard.press("n")
    for view in ("single", "grid"):
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, input, select, img, progress')]"
            ".filter(e => e.offsetParent && !e.closest('button img') && !(e.textContent.trim()"
            " || e.ariaLabel || e.alt || e.labels?.length)).map(e => e.outerHTML)"
        )
        assert [html for html in nameless if 'alt=""' not in html] == [], view
        page.click("#view")
