"""Whether another batch is worth it, how sure that is, and the command to type."""

from __future__ import annotations

from wholepool.job.files import read_object
from wholepool.labeling.advice import GO_ON, LEVEL, STOP
from wholepool.labeling.standing import counted
from wholepool.report import of_people
from wholepool.report.fragment import fill, paragraph
from wholepool.report.results import Results

TITLE = "What to do next"
PEOPLE_PLACE = 6

_COMMANDS = "<p>{{ why }} <code>{{ command }}</code></p>"


def show(results: Results) -> str:
    """The advice, what it stands on, and a command."""
    parts = {}
    for name, status in of_people.statuses(results).items():
        waiting = in_batch(results, name)
        if status is None:
            parts[name] = command("Nothing was learned yet.", waiting, GO_ON)
            continue
        advice = status["advice"]
        parts[name] = (
            fill("<p><strong>{{ said }}</strong></p>", said=advice["said"])
            + gained(advice)
            + command("", waiting, advice["word"])
        )
    return of_people.headed(parts)


def in_batch(results: Results, name: str) -> int | None:
    """How many images the batch has; None where none has been picked."""
    path = of_people.file(results, name, "batch", "out")
    return len(read_object(path, "images")["images"]) if path.exists() else None


def gained(advice: of_people.Status) -> str:
    """What the next batch gains, by the audits so far."""
    gain = advice["gain"]
    if gain is None:
        return ""
    return paragraph(
        f"The next {counted(gain['batch'], 'label is', 'labels are')} expected to add "
        f"{gain['expected']:.1f} points of accuracy, with probability {LEVEL:.0%} between "
        f"{gain['low']:.1f} and {gain['high']:.1f}; the chance that it is worth a batch is "
        f"{gain['chance']:.0%}."
    )


def command(lead: str, waiting: int | None, word: str) -> str:
    """What to type."""
    if word == STOP:
        why = f"{lead} To stop here, take the labels from predictions.csv; a model for new images:"
        return fill(_COMMANDS, why=why.strip(), command="wholepool model")
    if waiting is None:
        why = f"{lead} No batch has been picked yet:"
        return fill(_COMMANDS, why=why.strip(), command="wholepool next")
    why = f"{lead} {counted(waiting, 'image is', 'images are')} in the batch; answer them, then "
    why += "learn from the answers with wholepool next:"
    return fill(_COMMANDS, why=why.strip(), command="wholepool label")
