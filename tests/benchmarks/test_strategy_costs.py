"""The benchmark of the strategies, on a pool that takes no time."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = ["--n", "300", "--dimensions", "8", "--budget", "5"]


def test_it_measures_and_writes_where_the_page_says(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured -->\nold\n<!-- measured -->\nafter\n")
    words = [*SIZE, "--only", "jlp", "alfamix", "margin", "--write", str(page)]
    subprocess.run([sys.executable, ROOT / "benchmarks" / "strategies.py", *words], check=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- measured -->\n") and text.endswith("-->\nafter\n")
    assert "old" not in text
    found = re.findall(r"^\| `(\w+)` \| (\d+\.\d\d) \| \d+ \|", text, flags=re.MULTILINE)
    assert [name for name, _ in found] == ["jlp", "alfamix", "margin"]
    assert "| all 2 that are not the paper's |" in text
