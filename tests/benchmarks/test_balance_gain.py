"""The benchmark of balance, on scikit-learn's digits."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = ["--n", "200", "--labels", "12", "--seeds", "2", "--sources", "digits"]


def test_it_measures_and_writes_where_the_page_says(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- balance -->\nold\n<!-- balance -->\nafter\n")
    words = [*SIZE, "--write", str(page)]
    subprocess.run([sys.executable, ROOT / "benchmarks" / "balance.py", *words], check=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- balance -->\n") and text.endswith("-->\nafter\n")
    assert "old" not in text
    rows = re.findall(r"^\| digits \| (.+?) \| (\w+) \| 12 \|", text, flags=re.MULTILINE)
    pools = ("1:1", "5:1", "20:1", "60 %")
    assert rows == [(pool, start) for pool in pools for start in ("random", "typiclust")]
