"""The project's pages, and the code that stands in them."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "config", "envs", "evidence")),
    ROOT / "tests" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", flags=re.MULTILINE)


class Block(NamedTuple):
    """Code between fences: its language, its text, and the text of the page before it."""

    language: str
    text: str
    before: str


def blocks(page):
    """Every fenced block of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text[: found.start()]) for found in FENCE.finditer(text)]
