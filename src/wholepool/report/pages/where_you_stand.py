"""How many answers there are, and how good the labels are, with the history of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.labeling.standing import answers, images, out, quality
from wholepool.report import labelers
from wholepool.report.fragment import fill, note, paragraph, table
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Where you stand"
PEOPLE_PLACE = 5

HISTORY = ("Labels", "Right in the audit", "Accuracy (%)", "95 % interval (%)", "Kappa")


def show(results: Results) -> str:
    """What the stage standing tells, and a row per cycle."""
    parts = {}
    for name, status in labelers.statuses(results).items():
        if status is None:
            parts[name] = paragraph(
                "Nothing was learned yet: the model learns from your answers to the first batch."
            )
            continue
        whole = {**status, "audit": {**status["audit"], "by_class": {}}}  # your_classes has them
        good = fill("<p><strong>{{ said }}</strong></p>", said=quality(whole))
        told = [answers(status), images(status), out(status, labelers.labels_of(results, name))]
        parts[name] = good + "".join(map(paragraph, told)) + history(status)
    return labelers.headed(parts)


def history(status: labelers.Status) -> str:
    """The audit by number of labels."""
    rows = by_cycle(status)
    if len(rows) < 2:  # the one row says what the text above it says
        return ""
    caption = "The same audit images, judged by each cycle's model."
    end = (
        "The interval is Wilson's score interval. Kappa compares a cycle's labels with those of "
        "the cycle before: 1 is no change."
    )
    return table(rows, caption) + note(end)


def by_cycle(status: labelers.Status) -> pd.DataFrame:
    """A row of text with HISTORY for each cycle that added labels."""
    import pandas as pd

    rows = []
    for one in status.get("cycles", []):
        kappa = "–" if one["kappa"] is None else f"{one['kappa']:.2f}"
        asked, right = one["asked"], one["right"]
        if not asked:
            rows.append((f"{one['labels']:,}", "–", "–", "–", kappa))
            continue
        share = f"{100 * right / asked:.0f}"
        between = "–"  # an earlier version told no bounds
        if "low" in one:
            between = f"{100 * one['low']:.0f} to {100 * one['high']:.0f}"
        rows.append((f"{one['labels']:,}", f"{right} of {asked}", share, between, kappa))
    return pd.DataFrame(rows, columns=list(HISTORY))
