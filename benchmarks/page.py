"""The person's page in a real Chromium: from the key press to the next image on the screen.

    python benchmarks/page.py
    python benchmarks/page.py --answered 20000    # a journal of so many answers before
    python benchmarks/page.py --pause 0           # a person who holds nothing back

The press is the browser's own time of the key event, the end that at which it has painted the next
image (Element Timing). Between the two the answer is sent, checked, written and on disk (fsync).
Needs playwright and a Chromium.
"""

import argparse
import datetime
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

START = """
import sys
from wholepool.labeling.page import serve
serve(*sys.argv[1:4], annotator="ann", open_browser=False)
"""
#: a painted image is noted by its address; the answers' round trips by the browser's own record
WATCH = """
window.pressed = []; window.painted = {};
addEventListener("keydown", (event) => pressed.push(event.timeStamp), true);
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) painted[entry.url] ??= entry.renderTime;
}).observe({type: "element", buffered: true});
const of = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {...of, set(value) {
  this.setAttribute("elementtiming", value);
  of.set.call(this, value);
}});
"""
SENT = """
performance.getEntriesByType("resource").filter((one) => one.name.includes("/lines"))
  .map((one) => one.responseEnd - one.startTime)
"""


def main() -> None:
    """Make images, a batch and a journal, press a key for each image, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--megapixels", type=float, default=1.0, help="of each image, a JPEG")
    parser.add_argument("--answered", type=int, default=0, help="lines of the journal before")
    parser.add_argument("--review", type=int, default=0, help="images to look at again")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds before each key")
    parser.add_argument("--folder", type=Path, help="where to write: the disk that is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as below:
        presses, sent = pressed(Path(below), options)
        disk = fsynced(Path(below) / "probe", options.images)
    print(
        f"{datetime.date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: "
        f"{len(presses)} presses, images of {options.megapixels:g} MP, {options.answered} lines "
        f"in the journal before, {options.pause:g} s before each key"
    )
    print("| milliseconds | median | 95 % | largest |\n|---|---:|---:|---:|")
    print(row("key press to the next image painted", presses))
    print(row("of it: the answer sent, on disk, and told", sent))
    print(row("a line of 300 bytes appended and fsynced alone", disk))


def row(name: str, milliseconds: list[float]) -> str:
    middle, high = np.quantile(milliseconds, [0.5, 0.95])
    return f"| {name} | {middle:.0f} | {high:.0f} | {max(milliseconds):.0f} |"


def pressed(below: Path, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Of each press the milliseconds to the next image, and of its answer's round trip."""
    from playwright.sync_api import sync_playwright

    batch, folder, answers = written(below, options)
    command = [sys.executable, "-c", START, str(batch), str(folder), str(answers)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        address = server.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(WATCH)
            page.goto(address)
            presses = [press(page, number, options) for number in range(options.images - 1)]
            sent = page.evaluate(SENT)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    return presses, sent


def press(page: Any, number: int, options: argparse.Namespace) -> float:
    """Wait until an image is there, press, and wait until the next one is painted."""
    at = "document.querySelector('#photo img')?.src"
    text = f"{number} of {options.images}"
    page.wait_for_function(f"() => {at} in painted && document.all.count.textContent === '{text}'")
    before = page.evaluate(at)
    time.sleep(options.pause)
    page.keyboard.press("1")
    page.wait_for_function(f"() => {at} !== {before!r} && {at} in painted")
    spent: float = page.evaluate(f"painted[{at}] - pressed.at(-1)")
    return spent


def written(below: Path, options: argparse.Namespace) -> tuple[Path, Path, Path]:
    """A batch file, its folder of images, and a journal of one class and some answers."""
    from wholepool.job.files import write_json
    from wholepool.labeling import journal
    from wholepool.labeling.lines import encoded

    folder, answers = below / "images", below / "answers.jsonl"
    folder.mkdir()
    entries = [photograph(folder, number, options.megapixels) for number in range(options.images)]
    common = {"time": journal.now(), "annotator": "ann"}
    lines = [{"id": "c", "kind": "class", "class": "c1", "name": "cat"} | common]
    for number in range(options.answered):
        image = hashlib.sha256(str(number).encode()).hexdigest()
        answer = {"image": image, "path": f"{number}.jpg", "answer": {"class": "c1"}}
        more = {"id": uuid.uuid4().hex, "kind": "answer", "cycle": 0, "shown": {}}
        lines.append(answer | more | common)
    answers.write_bytes(b"".join(encoded(line) + b"\n" for line in lines))
    again = [
        {"image": hashlib.sha256(b"%d again" % number).hexdigest(), "path": f"{number}.jpg"}
        for number in range(options.review)
    ]
    write_json(below / "batch.json", {"cycle": 1, "images": entries, "review": again})
    return below / "batch.json", folder, answers


def photograph(folder: Path, number: int, megapixels: float) -> dict[str, Any]:
    """Write a JPEG of 4 : 3 with soft shapes and some noise; its entry in a batch."""
    from PIL import Image

    rng = np.random.default_rng(number)
    high = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    wide = round(high * 4 / 3)
    soft = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize((wide, high), Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = pixels + rng.normal(0, 6, pixels.shape).astype(np.int16)
    path = folder / f"{number:03d}.jpg"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return {"image": hashlib.sha256(path.read_bytes()).hexdigest(), "path": path.name}


def fsynced(path: Path, count: int) -> list[float]:
    """The milliseconds of an append and its fsync, which no journal can go below."""
    spent = []
    with path.open("ab", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(b"x" * 299 + b"\n")
            os.fsync(file.fileno())
            spent.append(1000 * (time.perf_counter() - began))
    return spent


if __name__ == "__main__":
    main()
