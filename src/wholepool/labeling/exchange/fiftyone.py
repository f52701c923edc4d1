"""FiftyOne's image classification directory tree: ImageFolder, and unanswered images as well."""

from collections.abc import Sequence
from pathlib import Path

from wholepool.labeling.exchange import imagefolder
from wholepool.labeling.exchange.found import UNLABELED, Images, Named

read = imagefolder.read


def write(
    out: str | Path,
    folder: str | Path,
    batch: Images,
    classes: Sequence[str],
    answers: Named,
    copy: bool = False,
) -> list[Path]:
    """As `imagefolder.write`; images without an answer go below _unlabeled."""
    return imagefolder.write(out, folder, batch, classes, answers, copy, UNLABELED)
