"""What a person is asked, on a page of this machine."""

from pathlib import Path

from wholepool.job.errors import UserError
from wholepool.job.log import logger
from wholepool.stages.options import Arguments, option, optional, refused, stage

SMALL = 8  # pixels: decoded only to know which files give an image


def port_of(text: str) -> int:
    """A port of this machine; 0 is any that is free."""
    if not text.isdecimal() or int(text) > 65535:
        raise refused(text, "a port, 0 (any that is free) to 65535")
    return int(text)


@stage(
    option("folder", help="the images; nothing is written into it"),
    optional("answers", "batch", "annotator"),
    option("port", type=port_of, default=0),
)
def page(args: Arguments) -> None:
    """Show a folder's images to a person, one at a time, and keep the answers.

    --answers is the journal, FOLDER.answers.jsonl beside the folder without it. --batch says which
    images, and in what order; without it all of them are asked for, in a random order.
    """
    import tempfile

    from wholepool.labeling.page import serve

    folder = Path(args.folder)
    answers = args.answers or f"{folder.resolve()}.answers.jsonl"
    if Path(answers).resolve().is_relative_to(folder.resolve()):
        raise UserError(f"--answers is {answers}, in the folder of images: name a file elsewhere")
    logger.info("answers are kept in %s", answers)
    with tempfile.TemporaryDirectory() as below:
        batch = args.batch or whole(folder, Path(below) / "batch.json")
        serve(batch, folder, answers, args.port, args.annotator)


def whole(folder: Path, out: Path) -> Path:
    """A batch of all images of a folder, in a random order that is the same each time."""
    from wholepool.data.sources.folder import opened
    from wholepool.job.files import write_json
    from wholepool.job.randomness import generator

    known = sorted(opened(folder, SMALL).manifest, key=lambda entry: entry.image)
    order = generator("person", "page").permutation(len(known))
    images = [{"image": known[at].image, "path": known[at].paths[0]} for at in order]
    write_json(out, {"cycle": 0, "images": images})
    return out
