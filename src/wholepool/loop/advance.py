"""Do whatever can be done: close a cycle that is answered, learn, and pick the next images."""

import getpass
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import wholepool
from wholepool.job.errors import UserError
from wholepool.job.files import read_object
from wholepool.job.log import logger
from wholepool.job.yaml import read_yaml
from wholepool.labeling import answers, batch, cycles, journal
from wholepool.labeling.audit import rank
from wholepool.labeling.lines import Line
from wholepool.labeling.standing import counted, told
from wholepool.labeling.told import relevant
from wholepool.labeling.told import told as page_of
from wholepool.loop.project import Project, opened

#: what Snakemake says of itself in a pipe; with --quiet all it would hide its errors too
OF_NO_USE = (
    *("Assuming", "Building DAG", "Select jobs", "Execute", "Nothing to be done"),
    *("Complete log", "Elapsed time"),
)
STOPPED = "stopped. Nothing that was answered is lost: the same command goes on where it was"
SNAKEFILE = Path(wholepool.__file__).parents[2] / "Snakefile"


def advance(project: Project, go_on: bool, cores: int | None) -> list[str]:
    """Take in new images and answers, learn, pick the next batch; returns what to tell.

    A cycle is closed when all its batch is answered, or, with `go_on`, any of it. Raises UserError
    where nothing can be learned from the answers, and where a job fails.
    """
    check(project)
    lines = project.lines()
    asked, done = asked_and_done(project, lines)
    new = new_answers(lines)
    waits = 0 < done < asked or (done == 0 and asked and new)
    if waits and not go_on:
        return [
            *standing(project),
            f"{done} of {asked} images of the batch {'is' if done == 1 else 'are'} answered. Go on "
            "with `wholepool label`, or learn from what there is: `wholepool next --go-on`",
        ]
    if new:
        close(project, lines)
        project = opened(str(project.config))
    run(project, cores)
    waiting, done = asked_and_done(project, project.lines())
    return [
        *standing(project),
        f"{counted(waiting - done, 'image is', 'images are')} to be labeled next: `wholepool label`"
        if waiting > done
        else "Every image is answered, set aside or in the audit: there is nothing left to ask.",
    ]


def check(project: Project) -> None:
    """UserError where the images are not there, or fewer answers than were; bad lines are named."""
    if not project.folder.is_dir():
        raise UserError(
            f"{project.folder} is no folder: if your images are elsewhere now, change source.path "
            f"in {project.config}; every answer still counts, since images are known by content"
        )
    lines, aside = journal.read(project.journal)
    for number, reason in aside:
        logger.warning("%s, line %d is passed over: %s", project.journal, number, reason)
    file, closed = project.made("batch")["out"], len(cycles.ends(lines))
    if file.exists() and batch.read(file).cycle > closed:
        raise UserError(
            f"{project.journal} has lost answers: {closed} cycles are closed in it, but the batch "
            f"was picked after {batch.read(file).cycle}. Put the file, or a copy of it, back; to "
            f"start again without them, delete {project.settings['results_dir']}"
        )


def asked_and_done(project: Project, lines: list[Line]) -> tuple[int, int]:
    """The images of the batch of the cycle that is open, and how many are answered."""
    file = project.made("batch")["out"]
    if not file.exists():
        return 0, 0
    found = batch.read(file)
    if found.cycle != len(cycles.ends(lines)):
        return 0, 0
    state = page_of(found, relevant(found, lines), "")["answers"]
    images = [entry["image"] for entry in found.images]
    return len(images), sum(1 for image in images if state.get(image, {}).get("done"))


def new_answers(lines: list[Line]) -> bool:
    """Whether anything was said since the last cycle was closed."""
    ends = cycles.ends(lines)
    kinds = {line["kind"] for line in lines[ends[-1] + 1 if ends else 0 :]}
    return bool(kinds - {"close"})


def close(project: Project, lines: list[Line]) -> None:
    """Close the open cycle. UserError if its answers hold nothing to learn from."""
    reserve = project.settings["datasets"][project.dataset]["oracle"]["audit_reserve"]
    labels = answers.state(lines).labels
    if not any(rank(image) >= reserve for image in labels):
        raise UserError(
            f"{project.journal}: no answer names a class of an image outside the audit, so there "
            "is nothing to learn from: label a few more with `wholepool label`, or change an answer"
        )
    line = {
        "id": uuid.uuid4().hex,
        "time": journal.now(),
        "kind": "close",
        "annotator": getpass.getuser(),
        "cycle": len(cycles.ends(lines)),
    }
    journal.append(project.journal, line)


def run(project: Project, cores: int | None) -> None:
    """Have Snakemake make the next batch. UserError if it fails; it has said why by then."""
    if not SNAKEFILE.exists():
        raise UserError(
            f"{SNAKEFILE} is missing: wholepool runs from a checkout of its repository, with "
            "pip install --editable"
        )
    count = cores or len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "snakemake", "next_batch", "--snakefile", str(SNAKEFILE)]
    command += ["--cores", str(count), "--configfile"]
    command += [os.path.join(".", project.config), *profile()]
    stopped, status = False, None
    pipe = None if sys.stderr.isatty() else subprocess.PIPE
    # the jobs' python must be this one, also where its environment is not activated
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    how: dict[str, Any] = {"stderr": pipe, "text": True, "errors": "replace"}
    with subprocess.Popen(command, env=os.environ | {"PATH": path}, **how) as process:
        while status is None:
            try:
                for line in process.stderr or ():
                    if line.strip() and not line.startswith(OF_NO_USE):
                        print(line, end="", file=sys.stderr, flush=True)
                status = process.wait()
            except KeyboardInterrupt:  # Snakemake has it too, and ends its jobs in order
                stopped = True
    if stopped:
        raise UserError(STOPPED)
    if status:
        raise UserError(
            "it could not be finished: see above. Nothing that was answered is lost: after mending "
            "it, the same command goes on"
        )


def profile() -> list[str]:
    """The options of profiles/default, which Snakemake would announce if it read them itself."""
    options = read_yaml(SNAKEFILE.parent / "profiles" / "default" / "config.yaml")
    if not sys.stderr.isatty():
        options["quiet"] = ["rules", "progress", "host", "reason"]  # "all" hides errors
    words = ["--workflow-profile", "none"]
    for name, value in options.items():
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [f"--{name}", *map(str, values)]
    return words


def standing(project: Project) -> list[str]:
    """Where things stood when the last cycle was closed; nothing before the first."""
    file = project.made("standing")["status"]
    if not file.exists() or not project.cycles:
        return []
    status = read_object(file, "closed", "images", "answers", "audit")
    made = project.made("standing")["out"]
    return [*told(status)[:-1], told(status)[-1].replace("predictions.csv", str(made))]
