"""Write the second half of docs/layout.md: every module of the package, floor by floor.

    python tools/layout_reference.py            # a part of make reference

What is said of a module is the first sentence of its docstring.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "layout.md"
PACKAGE = ROOT / "src" / "wholepool"
MARK = "<!-- made by `make reference` from here on: do not edit it -->\n"
#: from top to bottom: nothing imports what stands before it
FLOORS = {
    "loop": "the commands of a person with a folder of images: new, next, label",
    "stages": "the commands: one thin function per stage, with its own options",
    "paper": "our runs beside the paper's printed figures",
    "report": "tables, figures, and one page of all",
    "statistics": "what several seeds tell: intervals, tests, ranks, labels saved",
    "cost": "what a grid costs, before it runs",
    "grid": "the configuration, the plan, and what decides a result",
    "learn": "training: SUP, SEMI and PRE",
    "strategies": "which images are asked for",
    "data": "pools, index sets, sources and oracles",
    "labeling": "a folder of images, and what a person says of them",
    "graph": "neighbors, graph, propagation, k-means",
    "job": "what every job needs: files, locks, checkpoints, log, plug-ins",
}


def told(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def modules() -> str:
    """The generated half of the page."""
    lines = []
    for floor, sentence in FLOORS.items():
        lines += ["", f"### {floor}: {sentence}", "", "| file | |", "|---|---|"]
        for path in sorted((PACKAGE / floor).rglob("*.py")):
            if told(path):
                lines.append(f"| `{path.relative_to(PACKAGE)}` | {told(path)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/layout.md."""
    return PAGE.read_text(encoding="utf-8").split(MARK)[0] + MARK + modules()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
