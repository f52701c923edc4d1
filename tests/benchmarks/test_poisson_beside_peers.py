"""The benchmark of Poisson learning, on scikit-learn's digits."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = ["--n", "200", "300", "--labels", "12", "--seeds", "2", "--sources", "digits"]


def test_it_measures_and_writes_where_the_page_says(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- poisson -->\nold\n<!-- poisson -->\nafter\n")
    words = [*SIZE, "--write", str(page)]
    subprocess.run([sys.executable, ROOT / "benchmarks" / "poisson.py", *words], check=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- poisson -->\n") and text.endswith("-->\nafter\n")
    assert "old" not in text
    rows = re.findall(r"^\| digits \| (\d+) \| \d+ \| 12 \| (.+) \|$", text, flags=re.MULTILINE)
    assert [n for n, _ in rows] == ["200", "300"]
    for _, cells in rows:
        plain, poisson = map(float, cells.split(" | ")[:2])
        assert plain > 30 and poisson > 30
