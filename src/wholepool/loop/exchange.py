"""Answers to other tools and back, and labels as tables or folders."""

import csv
import getpass
from collections.abc import Mapping
from typing import Any

from wholepool.job.errors import UserError
from wholepool.labeling import answers, batch
from wholepool.labeling.exchange import FORMATS, OPTIONS, export_to, import_from
from wholepool.labeling.exchange.place import carried_out, told
from wholepool.labeling.ingest import Entry, ingest, read_manifest
from wholepool.loop.project import Project

WHAT = ("batch", "answers", "predictions")
SMALL = 8  # pixels: decoded only to know which files give an image


def exported(project: Project, format: str, out: str, what: str, options: dict[str, Any]) -> str:
    """Write the batch, the answers, or a label for each image; returns what was done.

    Raises UserError for what the format refuses, and where there is no batch, or no prediction.
    """
    for name in options:
        if name not in OPTIONS.get(format, ()):
            raise UserError(f"--{name} is no option of the format {format}: leave it out")
    if what == "predictions":
        return predictions(project, format, out, options)
    lines = project.lines()
    entries: list[dict[str, Any]]
    if what == "batch":
        file = project.made("batch")["out"]
        if not file.exists():
            raise UserError("no batch has been picked yet: run `wholepool next` first")
        entries = batch.read(file).images
    else:
        state = answers.state(lines)
        paths = {line["image"]: line["path"] for line in lines if line["kind"] == "answer"}
        now = {entry.image: entry.paths[0] for entry in known(project)}
        entries = [{"image": one, "path": now.get(one, paths[one])} for one in state.labels]
    made = export_to(format, out, project.folder, entries, lines, **options)
    return f"{len(entries)} images: wrote {', '.join(map(str, made))}"


def predictions(project: Project, format: str, out: str, options: Mapping[str, Any]) -> str:
    """Write the label of each image, by a person or by the model."""
    file = project.made("standing")["out"]
    if not file.exists():
        raise UserError("nothing is predicted yet: label a batch, then run `wholepool next`")
    ids = {path: entry.image for entry in known(project) for path in entry.paths}
    with file.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["label"] and row["path"] in ids]
    entries = [{"image": ids[row["path"]], "path": row["path"]} for row in rows]
    labels = {ids[row["path"]]: row["label"] for row in rows}
    names = list(dict.fromkeys(labels.values()))
    made = FORMATS[format].write(out, project.folder, entries, names, labels, **options)
    return f"{len(entries)} images: wrote {', '.join(map(str, made[:3]))}"


def known(project: Project) -> list[Entry]:
    """The list of the images: as they were read last, or, before that, as they are."""
    file = project.made("data_of_people")["images"]
    return read_manifest(file) if file.exists() else ingest(project.folder, SMALL).manifest


def imported(
    project: Project,
    path: str,
    annotator: str | None,
    new_classes: bool,
    names: Mapping[str, str],
    sure: bool,
    format: str = "",
) -> list[str]:
    """Say what a file's answers add; where `sure`, add it. Returns what to tell."""
    lines = project.lines()
    plan = import_from(
        *(path, known(project), project.folder, lines, annotator or getpass.getuser()),
        *(project.cycles, new_classes, names, format),
    )
    said = told(plan)
    if not plan.lines:
        return [*said, "Nothing is to be added."]
    if not sure:
        return [*said, "Nothing is written yet: the same command with --yes adds them."]
    return [*said, f"{carried_out(project.journal, plan)} lines are added to {project.journal}."]
