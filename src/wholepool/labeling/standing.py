"""Where things stand, in five lines."""

from collections.abc import Mapping
from typing import Any

NEAR, LEFT = " (near_duplicates.csv)", " (rejected.csv)"
#: what is told of images where there are such, of one and of several
OF_IMAGES = {
    "copies": ("file that is a copy", "files that are copies"),
    "near": (f"pair that looks alike{NEAR}", f"pairs that look alike{NEAR}"),
    "rejected": (f"file that gives no image{LEFT}", f"files that give no image{LEFT}"),
    "gone": ("image whose file is gone", "images whose files are gone"),
}
TOLD = 5  # classes, of more


def told(status: Mapping[str, Any]) -> list[str]:
    """The lines, from what the stage `standing` writes."""
    return [images(status), answers(status), quality(status), status["advice"]["said"], out(status)]


def images(status: Mapping[str, Any]) -> str:
    found = status["images"]
    more = [counted(found[key], *words) for key, words in OF_IMAGES.items() if found[key]]
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
        several = counted(agreed["images"], "image", "images")
        rest += f"; people agree on {agreed['share']:.0%} of {several}{kappa}"
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
        words = counted(found["guess_shown"], "of them was answered", "of them were answered")
        spoilt = f" {words} with the model's guess in view."
    asked = counted(found["asked"], "audit image", "audit images")
    return (
        f"Quality: about {share:.0f} % of the model's labels are right ({low:.0f} to {high:.0f} %, "
        f"95 % interval of {asked}).{by_class(found['by_class'])}{spoilt}{tested}"
    )


def by_class(found: Mapping[str, Any]) -> str:
    """How many of each class's audit images are right, of the worst TOLD classes; none of one."""
    if len(found) < 2:
        return ""
    worst = sorted(found.items(), key=lambda item: item[1]["share"])[:TOLD]
    told = ", ".join(f"{name} {one['right']} of {one['asked']}" for name, one in worst)
    more = len(found) - len(worst)
    rest = f"; {counted(more, 'class', 'classes')} more in status.json" if more else ""
    return f" Right by class: {told}{rest}."


def out(status: Mapping[str, Any], file: str = "predictions.csv") -> str:
    """Where the labels are: `file`."""
    found = status["suspicious"]
    words = counted(found, "answer deserves", "answers deserve")
    more = f"; {words} a second look (suspicious.csv)" if found else ""
    return f"A label for every image: {file}{more}."


def counted(n: int, one: str, several: str) -> str:
    """A number and what it counts."""
    return f"{n} {one if n == 1 else several}"
