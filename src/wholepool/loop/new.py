"""Look through a folder of images, and write the config to label them with."""

import json
import os
import re
import unicodedata
from collections import Counter
from itertools import count
from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.labeling.ingest import Entry, Refused
from wholepool.labeling.standing import counted

SIZE = 160  # pixels: as the backbone takes it
LEAST = 10  # images: fewer are labeled faster by hand
TOLD = 5  # rejected files

CONFIG = """\
# Labels for the images in {folder}. Made by `wholepool new`; every line may be changed.
#   wholepool next     learns from the answers so far, and picks the next images to ask for
#   wholepool label    asks for them, on a page in the browser
# docs/your-images.md tells the rest; docs/config.md every key.
results_dir: "{results}" # all that is made: may be deleted, and is made again
data_dir: .
device: auto # a GPU where there is one
threads: {threads} # cores of this machine

datasets:
  "{name}":
    source:
      name: folder
      path: {path}
      size: {size} # pixels that each image is scaled to, for the model; the page shows the file
      test: null # a folder of images with known labels, a subfolder for each class, to test on
    oracle:
      name: journal
      answers: {answers} # every answer, one a line: keep this file
      audit_share: {share} # of each batch, at random: to know how good the labels are
      audit_reserve: {reserve} # of all images: never trained on. Do not lower it later. 0: no audit
    network: {{ name: head }} # a linear classifier on the features of a pre-trained network

pretrained:
  size: {size}

experiments:
  labels:
    dataset: "{name}"
    budget: {batch} # images a batch
    initial: {{ strategy: typiclust }} # the first batch: typical images of each cluster

seeds: 1
methods:
  semi: {{ pre: pretrained, semi: label_propagation, strategies: [typiclust] }}

propagation:
  k: {k}
  balance: auto # equal classes, unless the answers say otherwise
"""


def new(images: str, out: str | None, batch: int, share: float) -> Path:
    """Read a folder of images, say what it holds, and write its config; returns where.

    Nothing is written into the folder, and no file is overwritten. The images that were read are
    kept in the results, so that they need not be decoded again. Raises UserError for a folder with
    too few images, and where the config is there already.
    """
    from wholepool.labeling.audit import reserve_for
    from wholepool.labeling.ingest import ingest
    from wholepool.labeling.near import hashes_of, near_duplicates

    folder = Path(images)
    config = Path(out) if out else beside(folder)
    check(folder, config)
    here = config.resolve().parent
    path = placed(folder.resolve(), here)
    found = ingest(folder, SIZE, threads=len(os.sched_getaffinity(0)))
    entries, n = found.manifest, len(found.manifest)
    if n < LEAST:
        others = ", ".join(f"{path!r} ({reason})" for path, reason in found.rejected[:TOLD])
        more = f" (what gives none: {others})" if others else ""
        raise UserError(
            f"{folder} holds {n} images{more}, but it takes {LEAST}: name a folder of more, as "
            "JPEG, PNG, WebP, TIFF, GIF or BMP files; they may lie in subfolders"
        )
    for line in said(entries, found.rejected, len(near_duplicates(hashes_of(found.pixels)))):
        print(line)
    name = free(here / "results", slug(folder.resolve().name))
    text = CONFIG.format(
        folder=json.dumps(folder.resolve().name, ensure_ascii=False)[1:-1],
        results=f"results/{name}",
        name=name,
        path=quoted(path),
        answers=quoted(f"{config.stem}.answers.jsonl"),
        size=SIZE,
        threads=len(os.sched_getaffinity(0)),
        share=share,
        reserve=round(reserve_for(n), 4) if share else 0,
        batch=min(batch, max(1, n // 4)),
        k=min(50, n // 4),
    )
    left(found, here / "results" / name / "datasets" / name / "kept")
    with config.open("x", encoding="utf-8") as file:
        file.write(text)
    return config


def beside(folder: Path) -> Path:
    """FOLDER.yaml beside a folder, as short as it can be said from here."""
    config = Path(f"{folder.resolve()}.yaml")
    return Path(config.name) if config.parent == Path.cwd() else config


def check(folder: Path, config: Path) -> None:
    """UserError where the folder is none, or where the config cannot be written."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise UserError(f"{folder} {what}: name the folder that holds your images")
    if config.exists():
        raise UserError(
            f"{config} is there already: go on with `wholepool next {config}`, or name another "
            "file, as --out other.yaml"
        )
    if config.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{config} lies in the folder of images: name a file elsewhere by --out")
    if config.suffix not in (".yaml", ".yml"):
        raise UserError(f"{config} has not the name of a config: give --out a name as other.yaml")
    if not is_one_line(config.name):
        raise UserError(f"{config.name!r} is no text of one line: rename the folder, or give --out")


def placed(folder: Path, here: Path) -> str:
    """A folder's path as a config in `here` has it; UserError where no config can have it."""
    inside = folder.is_relative_to(here)
    path = str(folder.relative_to(here) if inside else folder)
    if not is_one_line(path):
        raise UserError(f"{path!r} is no text of one line, as a config needs it: rename the folder")
    if os.path.expandvars(path) != path:
        raise UserError(f"{path} holds a variable of the shell, which $ begins: rename the folder")
    return f"./{path}" if path.startswith("~") else path


def is_one_line(text: str) -> bool:
    """Whether text is UTF-8 without control characters and ends of lines."""
    return all(unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp") for sign in text)


def free(results: Path, name: str) -> str:
    """The name, with a number where another folder's results have it: -2, -3, ..."""
    numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(one for one in numbered if not (results / one).exists())


def left(found: object, kept: Path) -> None:
    """Leave what was read where the stage data looks for it."""
    from wholepool.data.sources.folder import MANIFEST, PIXELS
    from wholepool.job.files import write_array
    from wholepool.labeling.ingest import Ingested, write_manifest

    assert isinstance(found, Ingested)
    kept.mkdir(parents=True, exist_ok=True)
    write_array(kept / PIXELS, found.pixels)
    write_manifest(kept / MANIFEST, found.manifest)


def said(entries: list[Entry], rejected: Refused, near: int) -> list[str]:
    """What was found, in plain words."""
    widths, heights = ([getattr(one, key) for one in entries] for key in ("width", "height"))
    copies = sum(len(one.paths) - 1 for one in entries)
    sizes = f"{min(widths)} x {min(heights)} to {max(widths)} x {max(heights)} pixels"
    lines = [f"{len(entries)} images, {sizes}"]
    if copies:
        words = counted(copies, "file is a byte-identical copy", "files are byte-identical copies")
        lines.append(f"{words}: one label counts for all")
    if near:
        words = counted(near, "pair of images looks alike", "pairs of images look alike")
        lines.append(f"{words}: near_duplicates.csv will list them")
    if rejected:
        words = counted(
            len(rejected), "file or folder gives no image", "files or folders give no image"
        )
        lines.append(f"{words}: rejected.csv will list them")
        lines += [f"  {path!r}: {reason}" for path, reason in rejected[:TOLD]]
    if trees := classes_perhaps(entries):
        words = ", ".join(f"{name} ({count})" for name, count in trees.most_common(TOLD))
        lines.append(
            f"its subfolders ({words}) may be labels already: `wholepool import FOLDER "
            "--new-classes` takes them as answers"
        )
    return lines


def classes_perhaps(entries: list[Entry]) -> Counter[str]:
    """The images of each subfolder, where at least two subfolders hold images and few are loose."""
    tops = Counter(one.paths[0].split("/")[0] for one in entries if "/" in one.paths[0])
    return tops if len(tops) > 1 and tops.total() > len(entries) / 2 else Counter()


def slug(name: str) -> str:
    """A name for paths: letters without accents, digits, dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "images"


def quoted(text: str) -> str:
    """Text as YAML takes it, whatever it holds: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)
