"""wholepool: from a folder of images to a label for each, with a person's answers.

    wholepool new FOLDER      look through a folder of images, and write a config for it
    wholepool next            learn from the answers so far, and pick the next images
    wholepool label           answer, on a page in the browser

Then, if you like: export and import (other tools' answers, class folders), model and predict (new
images).

Of any grid, also one that snakemake has half finished:

    wholepool report          all results as they stand, on one page
    wholepool compare A B     two results folders side by side: settings, versions, machines

The stages of the workflow are `python -m wholepool STAGE`.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.job.files import explained
from wholepool.job.log import logger, start_logging
from wholepool.stages.options import Parser, positive
from wholepool.stages.person import port_of


def share_of(text: str) -> float:
    """A share below 1."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 0.9:
        raise argparse.ArgumentTypeError(f"{text!r}, but must be a share, from 0 to 0.9")
    return found


def new(args: argparse.Namespace) -> None:
    """Look through a folder of images, say what it holds, and write a config beside it."""
    from wholepool.loop.new import new as made

    config = made(args.images, args.out, args.batch, args.audit)
    where = "" if config.resolve().parent == Path.cwd() else f"cd {config.parent}, then "
    print(f"wrote {config}\nNext: {where}wholepool next")


def advance(args: argparse.Namespace) -> None:
    """Learn from the answers so far, and pick the next images; do whatever can be done."""
    from wholepool.loop.advance import advance as done
    from wholepool.loop.project import opened, told_report

    project = opened(args.config)
    print(*done(project, args.go_on, args.cores), sep="\n", flush=True)
    print(told_report(project))


def label(args: argparse.Namespace) -> None:
    """Answer, on a page in the browser: every answer is kept at once."""
    from wholepool.labeling.page import serve
    from wholepool.loop.advance import check
    from wholepool.loop.project import opened

    project = opened(args.config)
    check(project)
    batch = project.made("batch")["out"]
    if not batch.exists():
        raise UserError("no batch has been picked yet: run `wholepool next` first")
    print(f"Answers are kept in {project.journal}")
    where = batch, project.folder, project.journal
    serve(*where, args.port, args.annotator, not args.no_browser, "wholepool next")
    print("Next: wholepool next")


def export(args: argparse.Namespace) -> None:
    """Write the batch, the answers or a label for each image, for another tool or as folders."""
    from wholepool.loop.exchange import exported
    from wholepool.loop.project import opened

    out = str(Path(args.out).resolve())
    options = {"copy": True} if args.copy else {}
    options |= {"root": args.root} if args.root else {}
    what = args.what or ("batch" if args.format in ("label_studio", "cvat") else "answers")
    print(exported(opened(args.config), args.format, out, what, options))


def import_(args: argparse.Namespace) -> None:
    """Take answers from a file or folder of another tool; says what before it writes."""
    from wholepool.loop.exchange import imported
    from wholepool.loop.project import opened

    path, names = str(Path(args.file).resolve()), dict(args.as_)
    how = args.annotator, args.new_classes, names, args.yes, args.format or ""
    print(*imported(opened(args.config), path, *how), sep="\n")


def model(args: argparse.Namespace) -> int:
    """Write the model that stands now as a folder, to label new images with."""
    from wholepool.loop.model import written
    from wholepool.loop.project import opened

    out = str(Path(args.out).resolve())
    return written(opened(args.config), out)


def predict(args: argparse.Namespace) -> int:
    """Label new images, a folder or one file, by a model folder."""
    from wholepool.loop.model import predicted

    return predicted(args.model, args.images, args.out, len(os.sched_getaffinity(0)))


def compare(args: argparse.Namespace) -> None:
    """Put two results side by side: their differences, paired by seed, and what they come from."""
    from wholepool.paper.evidence import settings_beside
    from wholepool.report import beside, beside_text
    from wholepool.report.effects import runs_of

    if args.out:
        beside_text.check_out(Path(args.out))
    if Path(args.first).resolve() == Path(args.second).resolve():
        raise UserError(f"{args.first} is given twice: name two results to compare")
    first, second = (
        beside.Side(path, runs_of(path), settings_beside(path))
        for path in (args.first, args.second)
    )
    found = beside.compare(beside.renamed(first, dict(args.as_)), second)
    print(beside_text.terminal(found), end="")
    if args.out:
        beside_text.write(found, Path(args.out))


def report(args: argparse.Namespace) -> None:
    """Write the report as results stand now, of a whole or half-finished grid; runs nothing."""
    from wholepool.loop.project import reported
    from wholepool.report.standing import written

    out = Path(args.out).resolve() if args.out else None
    print(written(reported(args.config), out))


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="the config; else the only one here")


def add_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", help="the folder of images; nothing is written into it")
    parser.add_argument("--out", help="the config to be written; else FOLDER.yaml, beside it")
    parser.add_argument("--batch", type=positive, default=20, help="images a batch (20)")
    parser.add_argument("--audit", type=share_of, default=0.2, help="share for the audit (0.2)")


def add_next(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    words = "learn from what is answered, though the batch is not done"
    parser.add_argument("--go-on", action="store_true", help=words)
    parser.add_argument("--cores", type=positive, help="CPU cores; else all")


def add_label(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--annotator", help="who answers; else the user's name")
    parser.add_argument("--port", type=port_of, default=0, help="of this machine; 0: any")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def add_export(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--format", required=True, help=f"one of {', '.join(FORMATS)}")
    parser.add_argument("--out", required=True, help="the file or folder; none is overwritten")
    words = "the batch (default where others label), the answers, or a label for each image"
    parser.add_argument("--what", choices=WHAT, help=words)
    parser.add_argument("--copy", action="store_true", help="copies instead of links, in folders")
    parser.add_argument("--root", help="the document root of Label Studio")


def add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a file or folder; what it is, is found out")
    parser.add_argument("--config", help="the config; else the only one here")
    parser.add_argument("--format", help=f"if it is not found out: one of {', '.join(FORMATS)}")
    parser.add_argument("--annotator", help="who answered, where the file does not say; else you")
    parser.add_argument("--new-classes", action="store_true", help="make classes that are missing")
    words = "a class in another spelling, as Cat=cat; may be given again"
    parser.add_argument(
        *("--as",),
        dest="as_",
        type=named_as,
        action="append",
        default=[],
        metavar="NAME=CLASS",
        help=words,
    )
    parser.add_argument("--yes", action="store_true", help="write it; else it is only told")


def named_as(text: str) -> list[str]:
    """Two names, NAME=CLASS or OLD=NEW, split."""
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r}, but must be two names, as OLD=NEW")
    return text.split("=", 1)


def add_model(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--out", default="model", help="the folder (model)")


def add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model folder")
    parser.add_argument("images", help="a folder of images, or one")
    parser.add_argument("--out", default="predictions.csv", help="the table (predictions.csv)")


def add_compare(parser: argparse.ArgumentParser) -> None:
    words = "a results folder, a folder with runs.csv and settings.json, or a runs.csv"
    parser.add_argument("first", metavar="A", help=words)
    parser.add_argument("second", metavar="B", help="the same; differences are B - A")
    parser.add_argument("--out", help="write it too: FILE.md or FILE.csv, which must be new")
    named = "an experiment of A, as B calls it; may be given again"
    given: dict[str, Any] = {"type": named_as, "action": "append", "default": []}
    parser.add_argument("--as", dest="as_", metavar="OLD=NEW", help=named, **given)


def add_report(parser: argparse.ArgumentParser) -> None:
    words = "the config; else config.yaml, or the only one here in which people are asked"
    parser.add_argument("config", nargs="?", help=words)
    parser.add_argument("--out", help="the file; else report.html in the results folder")


#: those of labeling/exchange, which to import would take half a second
FORMATS = ("label_studio", "cvat", "csv", "imagefolder", "fiftyone")
WHAT = ("batch", "answers", "predictions")
Verb = tuple[Callable[[argparse.Namespace], int | None], Callable[[argparse.ArgumentParser], None]]
VERBS: dict[str, Verb] = {
    "new": (new, add_new),
    "next": (advance, add_next),
    "label": (label, add_label),
    "export": (export, add_export),
    "import": (import_, add_import),
    "model": (model, add_model),
    "predict": (predict, add_predict),
    "compare": (compare, add_compare),
    "report": (report, add_report),
}


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command for each verb."""
    plain = argparse.RawDescriptionHelpFormatter
    top = Parser(prog="wholepool", description=__doc__, formatter_class=plain)
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (run, add) in VERBS.items():
        add(commands.add_parser(name, help=run.__doc__, description=run.__doc__))
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. Returns 0; 2 after what is explained in one paragraph."""
    args = parser().parse_args(arguments)
    start_logging(args.verb, None)
    try:
        return VERBS[args.verb][0](args) or 0
    except UserError as error:
        logger.error("%s", error)
        return 2
    except OSError as error:  # a full disk, a folder that cannot be written to
        logger.error("%s", explained(error, ""))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
