"""Whether another batch is worth it, how sure that is, and the command to type."""

from __future__ import annotations

from wholepool.job.files import read_object
from wholepool.labeling.advice import GO_ON, LEVEL, STOP
from wholepool.labeling.standing import counted
from wholepool.report import labelers
from wholepool.report.fragment import fill, paragraph
from wholepool.report.results import Results

TITLE = "What to do next"
PEOPLE_PLACE = 6

_SORTED = "wholepool export --what predictions --format imagefolder"
_STEPS = """{% if lead %}<p>{{ lead }}</p>{% endif %}<ul>{% for what, command in each %}
<li>{{ what }}: <code>{{ command }}</code></li>{% endfor %}</ul>"""


def show(results: Results) -> str:
    """The advice, what it stands on, and a command."""
    parts = {}
    for name, status in labelers.statuses(results).items():
        waiting = in_batch(results, name)
        if status is None:
            parts[name] = command(waiting, GO_ON)
            continue
        advice = status["advice"]
        parts[name] = (
            fill("<p><strong>{{ said }}</strong></p>", said=advice["said"])
            + gained(advice)
            + command(waiting, advice["word"])
        )
    return labelers.headed(parts)


def in_batch(results: Results, name: str) -> int | None:
    """How many images the batch has; None where none has been picked."""
    path = labelers.file(results, name, "batch", "out")
    return len(read_object(path, "images")["images"]) if path.exists() else None


def gained(advice: labelers.Status) -> str:
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


def command(waiting: int | None, word: str) -> str:
    """What to type, in order."""
    if word == STOP or waiting == 0:
        done = "" if word == STOP else "Every image is answered, set aside or in the audit. "
        return steps(
            f"{done}To stop here take the labels that there are, as folders or as a model for new "
            "images:",
            ("Folders, one for each class", f"{_SORTED} --out sorted"),
            ("A model", "wholepool model --out model"),
        )
    if waiting is None:
        return steps("", ("Pick the first batch", "wholepool next"))
    return steps(
        "",
        (f"Answer {counted(waiting, 'image', 'images')}", "wholepool label"),
        ("Learn from the answers, and pick the next images", "wholepool next"),
    )


def steps(lead: str, *each: tuple[str, str]) -> str:
    """What each command does, and the command."""
    return fill(_STEPS, lead=lead, each=each)
