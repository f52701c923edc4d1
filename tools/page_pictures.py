"""Make the pictures of the labeling page in docs/images: the real page, in a real browser.

    pip install playwright scikit-image
    python tools/page_pictures.py --chromium /usr/bin/chromium

It makes a folder of large photographs, crops of five that scikit-image and Matplotlib bring (all in
the public domain), labels two batches of them by the page's own keys, and shows the third. A
picture is a PNG of at most 256 colors.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

OUT = Path(__file__).parents[1] / "docs" / "images"
LOOP = [sys.executable, "-m", "wholepool.loop"]
EACH = 16  # crops of a photograph
WIDEST = 760  # pixels of a crop
ANSWERED = 6  # images of the batch, when its picture is taken
WIDE, PHONE = {"width": 900, "height": 600}, {"width": 390, "height": 760}

#: whether the image, and the first of the grid, are drawn; functions, as the page allows no eval
SHOWN = "() => document.querySelector('#photo img')?.complete"
LOADED = "() => [...document.querySelectorAll('#cells img')].slice(0, 9).every(e=> e.naturalWidth)"


def sources() -> dict[str, list[Any]]:
    """The photographs of each class."""
    import matplotlib
    from skimage import data

    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    motorcycle, _, _ = data.stereo_motorcycle()
    arrays = {
        "cat": [data.chelsea()],
        "person": [data.astronaut(), np.asarray(Image.open(hopper).convert("RGB"))],
        "coffee": [data.coffee()],
        "motorcycle": [motorcycle],
        "rocket": [data.rocket()],
    }
    return {name: [Image.fromarray(one) for one in several] for name, several in arrays.items()}


def photographs(folder: Path) -> dict[str, str]:
    """Write crops of all photographs as JPEG files; returns the class of each file."""
    rng, folder_of, number = np.random.default_rng(0), {}, 4000
    folder.mkdir()
    for at in range(EACH):
        for name, several in sources().items():
            one = several[at % len(several)]
            share = rng.uniform(0.75, 1)
            size = [round(share * side) for side in one.size]
            x, y = (int(rng.integers(0, a - b + 1)) for a, b in zip(one.size, size, strict=True))
            crop = one.crop((x, y, x + size[0], y + size[1]))
            if at % 2:
                crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            crop.thumbnail((WIDEST, WIDEST))
            number += int(rng.integers(1, 9))
            crop.save(folder / f"IMG_{number}.jpg", quality=92)
            folder_of[f"IMG_{number}.jpg"] = name
    return folder_of


@contextmanager
def labeling(folder: Path) -> Iterator[str]:
    """`wholepool label`, as long as its page is needed; gives its address."""
    command = [*LOOP, "label", "--no-browser"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield next(line.split()[-1] for line in process.stdout if line.startswith("Label at"))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def answer(page: Any, known: dict[str, str], count: int) -> None:
    """Answer `count` images of the page, or all that are left, making classes as they come."""
    for _ in range(count):
        page.locator("#photo img, #done:not([hidden])").first.wait_for()
        if page.locator("#done").is_visible():
            return
        name, before = known[page.inner_text("#path").strip()], page.inner_text("#count")
        button = page.locator("#classes button", has_text=re.compile(f"{name}$"))
        if not button.count():
            if page.locator("#form").is_hidden():
                page.keyboard.press("n")
            page.fill("#name", name)
            page.keyboard.press("Enter")
            button.wait_for()
        page.keyboard.press(button.get_attribute("aria-keyshortcuts"))
        count_now = "before => document.querySelector('#count').textContent !== before"
        page.wait_for_function(count_now, arg=before)


def shoot(page: Any, name: str, out: Path) -> None:
    """Keep what is seen now; few colors are enough and make a small file."""
    page.wait_for_load_state("networkidle")
    file = out / f"page-{name}.png"
    page.screenshot(path=file)
    picture = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)
    print(f"wrote {file}, {file.stat().st_size / 1000:.0f} kB")


def pictures(folder: Path, out: Path, chromium: str) -> None:
    """The whole way, from the folder to the third batch."""
    from playwright.sync_api import sync_playwright

    known = photographs(folder / "photos")
    subprocess.run([*LOOP, "new", "photos", "--batch", "20"], cwd=folder, check=True)
    subprocess.run([*LOOP, "next"], cwd=folder, check=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=WIDE, color_scheme="light")
        for _ in range(2):
            with labeling(folder) as address:
                page.goto(address)
                answer(page, known, len(known))
            subprocess.run([*LOOP, "next"], cwd=folder, check=True)
        with labeling(folder) as address:
            page.goto(address)
            answer(page, known, ANSWERED)
            page.wait_for_function(SHOWN)
            shoot(page, "image", out)
            page.keyboard.press("g")
            page.keyboard.press("w")
            page.locator("#about img").last.wait_for()
            shoot(page, "why", out)
            page.keyboard.press("v")
            page.wait_for_function(LOADED)
            shoot(page, "grid", out)
            page.keyboard.press("v")
            page.set_viewport_size(PHONE)
            page.wait_for_function(SHOWN)
            shoot(page, "phone", out)
        browser.close()


def main() -> None:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=words)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder of the pictures")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures(Path(folder), args.out.resolve(), args.chromium)


if __name__ == "__main__":
    main()
