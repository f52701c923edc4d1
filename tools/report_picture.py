"""Make docs/images/report-people.png: the report of a folder being labeled, in a real browser.

    pip install playwright
    python tools/report_picture.py --chromium /usr/bin/chromium

The images are drawn, so that all but the browser comes with wholepool: circles, squares, stripes.
Four batches are answered by `wholepool import`, with two answers that are wrong. A picture is a PNG
of at most 256 colors.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

OUT = Path(__file__).parents[1] / "docs" / "images" / "report-people.png"
LOOP = [sys.executable, "-m", "wholepool.loop"]
KINDS = ("circle", "square", "stripes")
EACH, SIDE, NOISE = 40, 96, 28.0  # images of a kind, pixels, standard deviation of 255
BATCHES, BATCH = 4, 20
WRONG = 2  # of the second batch's answers
VIEW = {"width": 1000, "height": 1250}
PROJECT = "shapes"


def drawn(kind: str, rng: np.random.Generator) -> Image.Image:
    """One image of a kind: dark on light, of any color, place and size, with noise."""
    light, dark = rng.integers(140, 230, 3), rng.integers(10, 130, 3)
    image = Image.new("RGB", (SIDE, SIDE), tuple(light.tolist()))
    pen, ink = ImageDraw.Draw(image), tuple(dark.tolist())
    x, y, width = (int(value) for value in rng.integers((6, 6, 24), (40, 40, 52)))
    if kind == "circle":
        pen.ellipse((x, y, x + width, y + width), fill=ink)
    elif kind == "square":
        pen.rectangle((x, y, x + width, y + width), fill=ink)
    else:
        for top in range(y % 14, SIDE, 14):
            pen.rectangle((0, top, SIDE, top + 6), fill=ink)
    noisy = np.asarray(image) + rng.normal(0, NOISE, (SIDE, SIDE, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def photographs(folder: Path) -> dict[str, str]:
    """Draw all images; returns the kind of each file."""
    rng, known = np.random.default_rng(0), {}
    folder.mkdir()
    for at in range(EACH * len(KINDS)):
        kind = KINDS[at % len(KINDS)]
        known[f"IMG_{at:03d}.png"] = kind
        drawn(kind, rng).save(folder / f"IMG_{at:03d}.png")
    return known


def loop(folder: Path, *words: str) -> None:
    """A verb of the loop, as a person types it."""
    subprocess.run([*LOOP, *words], cwd=folder, check=True)


def answer(folder: Path, known: dict[str, str], wrong: int) -> None:
    """Answer the batch by a table; the first `wrong` circles are called squares."""
    batch = folder / "results" / PROJECT / "people" / "labels" / "batch.json"
    rows: list[str] = []
    for image in json.loads(batch.read_text(encoding="utf-8"))["images"]:
        kind = known[image["path"]]
        if kind == "circle" and wrong:
            kind, wrong = "square", wrong - 1
        rows.append(f"{image['path']},{kind}")
    table = folder / "answers.csv"
    table.write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    loop(folder, "import", "answers.csv", "--new-classes", "--yes", "--annotator", "ann")


def shoot(page: Any, out: Path) -> None:
    """Keep what is seen; few colors are enough and make a small file."""
    page.screenshot(path=out)
    picture = Image.open(out).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(out, optimize=True)
    print(f"wrote {out}, {out.stat().st_size / 1000:.0f} kB")


def main() -> None:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=words)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    parser.add_argument("--out", type=Path, default=OUT, help="the picture")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = photographs(folder / PROJECT)
        loop(folder, "new", PROJECT, "--batch", str(BATCH))
        loop(folder, "next")
        for cycle in range(BATCHES):
            answer(folder, known, WRONG if cycle == 1 else 0)
            loop(folder, "next")
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=VIEW, color_scheme="light")
            page.goto((folder / "results" / PROJECT / "report.html").as_uri())
            shoot(page, args.out)
            browser.close()


if __name__ == "__main__":
    main()
