"""Make README's picture: the first screen of the report of what has landed, in a real browser.

python tools/readme_picture.py --chromium /usr/bin/chromium evidence/modern_cpu
"""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "images" / "report.png"
SCREEN = {"width": 1180, "height": 1130}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evidence", type=Path)
    parser.add_argument("--chromium", required=True, help="the browser")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT / "studies"))
    import answer
    import landed

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        landed.make(args.evidence, Path(folder))
        browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SCREEN, color_scheme="light")
        page.goto(f"file://{folder}/report.html")
        page.screenshot(path=OUT)
        browser.close()
    told = PngInfo()  # tests/docs sees by it that the picture shows the answer of today
    told.add_text("answer", answer.text(args.evidence))
    picture = Image.open(OUT).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(OUT, optimize=True, pnginfo=told)


if __name__ == "__main__":
    main()
