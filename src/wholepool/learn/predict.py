"""New images to classes, by a model folder: what `predictions.csv` holds."""

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from wholepool.data.sources.folder import listed
from wholepool.job.errors import UserError
from wholepool.job.files import atomic
from wholepool.labeling.ingest import Refused, decoded, printable, walk, write_rejected
from wholepool.learn.model_folder import Model
from wholepool.learn.pretrain.pretrained import BATCH


@dataclass(frozen=True)
class Prediction:
    """A row: the most probable class of an image, and the second one ("" if there is none).

    `path` is relative to the folder, with forward slashes.
    """

    path: str
    label: str
    probability: float
    second: str
    second_probability: float


HEADER = tuple(field.name for field in fields(Prediction))
REJECTED = ("path", "reason")


def predicted(
    model: Model, images: str | Path, rejected: Refused, threads: int = 1
) -> Iterator[Prediction]:
    """The prediction of each image of a folder, by path, or of one file.

    `rejected` gets path and reason of each file that gives no image. They are decoded on `threads`
    threads, and however many there are, few are in memory at once. An image's prediction does not
    depend on the others. Raises UserError if there is neither folder nor file.
    """
    folder, paths = candidates(Path(images), rejected)
    names: list[str] = []
    pixels: list[np.ndarray] = []
    for path, one in decoded(folder, paths, model.size, frozenset(), threads):
        if isinstance(one, str):
            rejected.append((path, one))
            continue
        assert one.pixels is not None  # no id is known
        names.append(path)
        pixels.append(one.pixels)
        if len(names) == BATCH:
            yield from of_batch(model, names, np.stack(pixels))
            names, pixels = [], []
    if names:
        yield from of_batch(model, names, np.stack(pixels))


def candidates(images: Path, rejected: Refused) -> tuple[Path, list[str]]:
    """A folder and the paths in it that may be images; of a file that one."""
    if images.is_dir():
        paths, passed_over = walk(images)
        rejected += passed_over
        return images, paths
    if not images.exists():
        raise UserError(f"{images} is not there: name a folder of images, or one image")
    if printable(images.name) != images.name:
        raise UserError(f"{printable(str(images))}: its name is no UTF-8: rename it")
    return images.parent, [images.name]


def of_batch(model: Model, paths: list[str], pixels: np.ndarray) -> Iterator[Prediction]:
    """The predictions of at most BATCH images uint8 (B, s, s, 3)."""
    for path, row in zip(paths, model.probabilities(pixels), strict=True):
        first, *others = np.argsort(-row, kind="stable")[:2]
        second = (model.classes[others[0]], float(row[others[0]])) if others else ("", 0.0)
        yield Prediction(path, model.classes[first], float(row[first]), *second)


def write_predictions(
    out: str | Path, rejected_out: str | Path, model: Model, images: str | Path, threads: int = 1
) -> tuple[int, Refused]:
    """Predict, and write `out` (HEADER) and `rejected_out` (REJECTED) as CSV (RFC 4180, UTF-8).

    Returns how many images have a row, and the rejected files. Raises UserError, and writes no
    `out`, where there is none; see `predicted` too.
    """
    rejected: Refused = []
    count = 0
    with atomic(out) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for count, one in enumerate(predicted(model, images, rejected, threads), 1):  # noqa: B007
            table.writerow([f"{it:.6f}" if isinstance(it, float) else it for it in astuple(one)])
        rejected.sort()
        if not count:
            why = listed([f"{path!r} ({reason})" for path, reason in rejected])
            raise UserError(
                f"{images}: no image that can be read{why and f', but {why}'}: name a folder "
                "that holds images, as JPEG, PNG, WebP, TIFF, GIF or BMP files"
            )
    write_rejected(rejected_out, rejected)
    return count, rejected


def refuse_others(path: str | Path, header: tuple[str, ...]) -> None:
    """UserError where a file stands that does not begin with this header."""
    if not Path(path).exists():
        return
    with open(path, "rb") as file:
        begin = file.readline(1000).strip()
    if begin != ",".join(header).encode():
        raise UserError(
            f"{path} is there already and does not begin with {','.join(header)}, so it is left as "
            "it is: name another file, or move it away"
        )
