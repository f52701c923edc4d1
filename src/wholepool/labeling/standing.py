"""Where things stand, in five lines."""

from collections.abc import Mapping
from typing import Any


def told(status: Mapping[str, Any]) -> list[str]:
    """The lines, from what the stage `standing` writes."""
    return [images(status), answers(status), quality(status), status["advice"]["said"], out(status)]


def images(status: Mapping[str, Any]) -> str:
    found = status["images"]
    more = [
        f"{found[key]} {words}"
        for key, words in (
            ("copies", "files that are copies"),
            ("near", "pairs that look alike (near_duplicates.csv)"),
            ("rejected", "files that give no image (rejected.csv)"),
            ("gone", "images whose files are gone"),
        )
        if found[key]
    ]
    return f"Images: {found['n']}" + (f"; {', '.join(more)}" if more else "") + "."


def answers(status: Mapping[str, Any]) -> str:
    found = status["answers"]
    classes = ", ".join(f"{name} {one['labels']}" for name, one in status["classes"].items())
    more = [f"{found[key]} {key}" for key in ("unsure", "bad", "later", "disputed") if found[key]]
    rest = f"; {', '.join(more)}" if more else ""
    line = f"Answers: {found['train']} to learn from ({classes}), {found['audit']} for the audit"
    agreed = status["agreement"]
    if agreed:
        kappa = "" if agreed["kappa"] is None else f", kappa {agreed['kappa']:.2f}"
        rest += f"; people agree on {agreed['share']:.0%} of {agreed['images']} images{kappa}"
    return f"{line}{rest}."


def quality(status: Mapping[str, Any]) -> str:
    found = status["audit"]
    tested = ""
    if status["test_accuracy"] is not None:
        tested = f" On the test folder {status['test_accuracy']:.1f} % are right."
    if not found["asked"]:
        return f"How good the labels are is not known: no image of the audit is answered.{tested}"
    share, low, high = (100 * found[key] for key in ("share", "low", "high"))
    spoilt = ""
    if found["guess_shown"]:
        spoilt = f" {found['guess_shown']} of them were answered with the model's guess in view."
    return (
        f"Quality: about {share:.0f} % of the model's labels are right ({low:.0f} to {high:.0f} %, "
        f"95 % interval of {found['asked']} audit images).{spoilt}{tested}"
    )


def out(status: Mapping[str, Any]) -> str:
    found = status["suspicious"]
    more = f"; {found} answers deserve a second look (suspicious.csv)" if found else ""
    return f"A label for every image: predictions.csv{more}."
