"""What was run, in one paragraph made of the config."""

from wholepool.report.results import Results

TITLE = "What was run"
PLACE = 10


def show(results: Results) -> str:
    """The paragraph."""
    return f"<p>{len(results.runs)} runs</p>"
