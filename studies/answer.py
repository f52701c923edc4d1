"""The five lines of the report's answer, as Markdown.

python studies/answer.py evidence/modern_cpu
"""

import argparse
import importlib.util
import tempfile
from pathlib import Path

from wholepool.job.registry import plugins
from wholepool.report.pages import answer


def text(path: str | Path, *names: str) -> str:
    """The lines of a landing."""
    spec = importlib.util.spec_from_file_location("landed", Path(__file__).parent / "landed.py")
    assert spec and spec.loader
    landed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(landed)
    with tempfile.TemporaryDirectory() as folder:
        results = landed.opened(Path(path), Path(folder))
        for name in ("paired", "efficiency"):
            plugins("page")[name].load().make(results)
        return "\n".join(f"- **{head}** {said}" for head, said in answer.lines(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evidence", help="a folder of evidence")
    print(text(parser.parse_args().evidence))


if __name__ == "__main__":
    main()
