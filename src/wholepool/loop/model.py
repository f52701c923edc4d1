"""The model of the last closed cycle as a folder that labels new images."""

import tempfile
from pathlib import Path

from wholepool.__main__ import main as stage
from wholepool.grid import people, plan, slices
from wholepool.grid.written import placed
from wholepool.job.errors import UserError
from wholepool.job.files import read_object, write_json
from wholepool.loop.project import Project


def written(project: Project, out: str) -> int:
    """Write the model folder; the stage's exit status. UserError if there is none."""
    cell = people.last_cell(project.name, project.settings["experiments"][project.name])
    results = Path(project.settings["results_dir"])
    status = project.made("standing")["status"]
    if cell is None or not status.exists():
        raise UserError("nothing is learned yet: label a batch, then run `wholepool next`")
    found = plan.described(project.settings, cell)
    files = found | {"head": placed(cell.path, "fit")["head"]}
    words = [word for name, path in files.items() for word in (f"--{name}", str(results / path))]
    dataset, now = project.settings["datasets"][project.dataset], read_object(status, "audit")
    settings = slices.as_json(slices.sections(dataset, "network", "pretrained"))
    audit = now["audit"]
    metrics = {
        "n_labels": now["answers"]["train"],
        "accuracy": None if audit["share"] is None else 100 * audit["share"],
        "interval": [100 * audit["low"], 100 * audit["high"]],
        "fingerprint": read_object(results / found["info"], "fingerprint")["fingerprint"],
    }
    if metrics["accuracy"] is None:
        del metrics["interval"]
    with tempfile.TemporaryDirectory() as below:
        told = Path(below) / "metrics.json"
        write_json(told, metrics)
        return stage(
            ["model", *words, "--settings", settings, "--metrics", str(told), "--out", out]
        )


def predicted(model: str, images: str, out: str, threads: int) -> int:
    """Label new images by a model folder; the exit status of the stage that does."""
    command = ["predict_images", "--model", model, "--images", images, "--out", out]
    return stage([*command, "--threads", str(threads)])
