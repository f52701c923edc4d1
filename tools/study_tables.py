"""Put what the studies print into the pages of docs/, and make the comparison with the paper again.

    python tools/study_tables.py

In a page stands `<!-- studies/effects.py evidence/one_label_per_class pre -->`, then what that
study prints of that folder, then `<!-- end -->`. This is all that `make findings` does: after
evidence was replaced, it makes everything again that is made of it.
"""

import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import yaml

from wholepool.grid.config import resolve
from wholepool.paper.comparison import compare, read_paper
from wholepool.paper.evidence import read_evidence
from wholepool.paper.figure import write_comparison_figure
from wholepool.paper.table import write_comparison

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "evidence"
PAGES = [ROOT / "README.md", EVIDENCE / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^<!-- (studies/\w+\.py) (\S+)((?: \w+)*) -->\n.*?^<!-- end -->$", re.M | re.S)
#: where the evidence of a block has not landed
MISSING = "Not run yet: no figures."


def study(path: str) -> ModuleType:
    """A study as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(path: str, evidence: str, names: str) -> str:
    """What a study prints of a folder or file of evidence: the tables of these names."""
    if not (ROOT / evidence).exists():
        return MISSING
    text: str = study(path).text(str(ROOT / evidence), *names.split())
    return text


def page(path: Path) -> str:
    """A page with every block as it is printed today."""

    def block(found: re.Match[str]) -> str:
        head = found[0].splitlines()[0]
        return f"{head}\n\n{printed(found[1], found[2], found[3])}\n\n<!-- end -->"

    return BLOCK.sub(block, path.read_text(encoding="utf-8"))


def write_comparison_of_evidence(folder: Path) -> None:
    """compare_with_paper.csv, .md and .png of all that has landed."""
    grid = yaml.safe_load((ROOT / "workflow/grids/paper.yaml").read_text(encoding="utf-8"))
    landed = [read_evidence(path.parent) for path in sorted(EVIDENCE.glob("*/runs.csv"))]
    table, others = compare(read_paper(EVIDENCE / "paper.csv"), landed, resolve(grid))
    write_comparison(table, others, folder)
    with tempfile.TemporaryDirectory() as name:
        write_comparison_figure(table, name)
        shutil.copy(Path(name) / "compare_with_paper.png", folder)


def main() -> None:
    write_comparison_of_evidence(EVIDENCE)
    for path in PAGES:
        text = page(path)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
