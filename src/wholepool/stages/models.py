"""The stages that take a classifier out of a grid, and use it on new images."""

from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.grid.sections import word_of
from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.stages.common import open_pool, training_device
from wholepool.stages.options import (
    SETTINGS,
    Arguments,
    option,
    optional,
    require,
    stage,
)

if TYPE_CHECKING:
    from wholepool.learn.model_folder import Measured


@stage(
    option("pool", "info", "head", "out"),
    optional("metrics"),
    SETTINGS,
    gpu=True,
    into=True,
)
def model(args: Arguments) -> None:
    """Write a model folder: all that labels new images as a cell's classifier does.

    --head is what fit left, on features of PRE pretrained. --metrics, a table in JSON, may tell
    n_labels, accuracy (in percent) and its interval [low, high].
    """
    from wholepool.data.arrays import read_head_of
    from wholepool.learn.model_folder import Measured, refuse_others, write_model

    refuse_others(args.out)
    require("--settings", args.settings, "network", "pretrained")
    name = word_of(args.settings["network"])
    if name != "head":
        raise UserError(f"--settings has the network {name!r}, but a model folder is for head")
    pool = open_pool(args)
    measured = measured_of(args.metrics, pool.fingerprint) if args.metrics else Measured()
    head = read_head_of(args.head, pool, None)
    write_model(args.out, pool, head, args.settings, training_device(args).type, measured)
    logger.info("%s labels new images: see its README.md", args.out)


def measured_of(path: str, fingerprint: str) -> "Measured":
    """What a file of metrics says of a classifier of this pool."""
    from wholepool.job.files import read_object
    from wholepool.learn.model_folder import Measured

    found = read_object(path, "n_labels", "accuracy", "fingerprint")
    if found["fingerprint"] != fingerprint:
        raise UserError(f"{path} is of another pool than --pool: give the metrics of its own cell")
    interval = found.get("interval")
    return Measured(found["n_labels"], found["accuracy"], tuple(interval) if interval else None)


@stage(option("model", "images", "out"), optional("rejected"), gpu=True)
def predict_images(args: Arguments) -> None:
    """Label new images, a folder or one file, by a model folder.

    --rejected, with what gives no image and why, is OUT.rejected.csv beside --out without it.
    """
    from wholepool.learn import predict
    from wholepool.learn.model_folder import read_model

    out, images = Path(args.out), Path(args.images)
    aside = Path(args.rejected) if args.rejected else out.with_suffix(".rejected.csv")
    for path, header in ((out, predict.HEADER), (aside, predict.REJECTED)):
        if images.is_dir() and path.resolve().is_relative_to(images.resolve()):
            raise UserError(f"{path} lies in the folder of images: name a file elsewhere")
        predict.refuse_others(path, header)
    device = training_device(args).type
    found = read_model(args.model, device)
    count, rejected = predict.write_predictions(out, aside, found, images, args.threads)
    if rejected:
        logger.warning("%d files give no image, see %s", len(rejected), aside)
    logger.info("%d images are labeled in %s", count, out)
