"""One image file to one square of pixels: the same rule for every file, or a reason in plain words.

The first frame, turned as its EXIF orientation says, transparency on white, as RGB. Gray of more
than 8 bits (integers, floats) is stretched from its own least to its own greatest finite value to
0 to 255: a camera of 12 bits in a file of 16 would be black else. Color profiles are not applied.

Then the whole image is scaled to `size` x `size` (bicubic), whatever its shape. Bars that keep its
shape gave frozen features no better: on crops of CIFAR-10 of shapes 1:1 to 2.2:1, both ways up, a
linear classifier on 800 of them was right on 70.8 % so, on 70.3 % with gray bars, 65.9 % with black
ones and 65.6 % with the border repeated. And bars tell a network the shape, by which strategies
that look for variety would then pick.
"""

import functools
import hashlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

#: read by Pillow itself. Others it would hand to programs (EPS), or take any bytes for (TGA)
FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000"),
    *("AVIF", "ICO"),
)
#: pixels; a 100-megapixel camera's, and the largest phones' of 2021, are below it. Decoded it
#: takes four bytes a pixel for a while
LIMIT = 178_000_000
#: formats that seem to be TIFF, of which Pillow would read a thumbnail
RAW = (".nef", ".cr2", ".dng", ".arw", ".orf", ".rw2", ".pef", ".sr2", ".nrw", ".srw", ".iiq")
#: what else a suffix tells, of what cannot be read here
OTHER = {
    **dict.fromkeys((".heic", ".heif"), "HEIC is not read here: convert it to JPEG"),
    **dict.fromkeys((".svg", ".eps", ".ai", ".pdf"), "a drawing or a document: convert it to PNG"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), "a film: save the frames you mean"),
    **dict.fromkeys(RAW, "a camera's raw file, which is not read here: convert it to JPEG"),
}
#: a JPEG is decoded at least so many times as large as it is wanted, then scaled with all of it
SPARE = 2
#: orientations that exchange width and height
SIDEWAYS = (5, 6, 7, 8)

# what Pillow only warns of, and LIMIT allows
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class RejectedError(ValueError):
    """A file that gives no image; its text is the reason."""


@dataclass(frozen=True)
class Decoded:
    """An image: `id`, the SHA-256 of the file's bytes in hexadecimal; `pixels` uint8 (s, s, 3).

    `width` and `height` are those of the file, in pixels, as a viewer shows it: turned. Of a file
    whose bytes are `known` there are no pixels, and 0 of width and height.
    """

    id: str
    width: int
    height: int
    pixels: np.ndarray | None


def decode(path: str | Path, size: int, known: frozenset[str] | set[str] = frozenset()) -> Decoded:
    """The image of a file, `size` pixels high and wide; not decoded if its id is `known`.

    Raises RejectedError, with the reason, for a file that gives none.
    """
    with opened(path) as file:
        # of the open file: the bytes that are decoded, also if another takes its name meanwhile
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest in known:
            return Decoded(digest, 0, 0, None)
        file.seek(0)
        try:
            width, height, pixels = square(file, Path(path).suffix.lower(), size)
        except RejectedError:
            raise
        except MemoryError:
            raise RejectedError("too large for this machine's memory") from None
        except Exception as error:  # Pillow's plug-ins raise anything at damaged files
            raise RejectedError(f"damaged: it cannot be decoded ({said(error)})") from error
    return Decoded(digest, width, height, pixels)


def said(error: Exception) -> str:
    """An exception on one short line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


@contextmanager
def opened(path: str | Path) -> Iterator[BufferedReader]:
    """A regular file that is not empty, open; RejectedError, without waiting, for all else."""
    try:
        # a pipe that nobody writes to would block for ever
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        link = "a link to nothing" if os.path.islink(path) else "it is gone"
        raise RejectedError(link) from None
    except PermissionError:
        raise RejectedError("it may not be read by you: change its permissions") from None
    except OSError as error:  # a socket, a link to itself, a disk that fails
        raise RejectedError(f"it cannot be opened ({error.strerror or error})") from None
    there = os.fstat(handle)
    if not stat.S_ISREG(there.st_mode) or there.st_size == 0:
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(there.st_mode) else "a pipe or a device"
        empty = stat.S_ISREG(there.st_mode)
        raise RejectedError("empty: it has no bytes" if empty else f"{kind}, no file")
    with open(handle, "rb") as file:
        try:
            yield file
        except OSError as error:
            raise RejectedError(f"it cannot be read ({error.strerror or error})") from error


def square(file: BufferedReader, suffix: str, size: int) -> tuple[int, int, np.ndarray]:
    """Width, height (as shown), and pixels uint8 (size, size, 3), of an open file."""
    with recognized(file, suffix) as image:
        width, height = image.size
        image.draft(None, (SPARE * size, SPARE * size))  # JPEG: 1/2, 1/4 or 1/8 of the size
        reduced = image.size != (width, height)
        image.load()
        upright = turned(image)
        if not reduced:
            width, height = upright.size
        elif orientation(image) in SIDEWAYS:
            width, height = height, width
        shown = rgb(upright)
    scaled = shown.resize((size, size), Image.Resampling.BICUBIC)
    return width, height, np.asarray(scaled)


def recognized(file: IO[bytes], suffix: str) -> Image.Image:
    """The image of an open file, not yet decoded; RejectedError if it is none, or too large."""
    if suffix in RAW:
        raise RejectedError(OTHER[suffix])
    try:
        image = Image.open(file, formats=formats())
    except UnidentifiedImageError:
        raise RejectedError(
            OTHER.get(suffix, "not an image of a kind that is known here")
        ) from None
    except Image.DecompressionBombError:
        raise RejectedError(too_large("more")) from None
    if image.width * image.height > LIMIT:  # known from the header
        raise RejectedError(too_large(f"{image.width} x {image.height} are more"))
    return image


@functools.cache
def formats() -> list[str]:
    """Those of FORMATS that this Pillow can read."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def too_large(how: str) -> str:
    """The reason of a decompression bomb."""
    return f"too large: {how} than {LIMIT // 1_000_000} million pixels, so it was not decoded"


def turned(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says; as it is where its EXIF is damaged."""
    for key in ("xmp", "XML:com.adobe.xmp"):  # browsers, which show it, turn by EXIF alone
        image.info.pop(key, None)
    try:
        return ImageOps.exif_transpose(image) or image
    except Exception:  # a viewer shows such an image too
        return image


def orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF counts them; 1 where its EXIF is damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: transparency on white, numbers stretched to 0 to 255."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(stretched(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        above = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    try:
        return image.convert("RGB")
    except ValueError:
        raise RejectedError(f"its colors are of the kind {image.mode}: save it as RGB") from None


def stretched(values: np.ndarray) -> np.ndarray:
    """Numbers (H, W) as uint8: the least finite one is 0, the greatest 255; all equal are 128.

    NaN and what is infinite downward are 0, what is infinite upward 255.
    """
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    if low == high:
        filled = np.where(np.isfinite(numbers), 128.0, numbers)
    else:
        filled = (numbers / 2 - low / 2) / (high / 2 - low / 2) * 255  # halves: no overflow
    return np.rint(np.nan_to_num(filled, nan=0, posinf=255, neginf=0)).clip(0, 255).astype(np.uint8)
