"""What a browser is sent of an image: the file itself, or a copy where it could not show that.

Both are upright. A browser turns a JPEG by its EXIF tag itself; other formats are turned here,
since browsers differ in what they read there. Of an animation the first frame is shown, which is
what the network sees.
"""

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.job.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

#: formats that every browser shows, and the modes of Pillow in which it shows them right
NATIVE = {
    "JPEG": ("image/jpeg", {"L", "RGB"}),
    "PNG": ("image/png", {"1", "L", "LA", "P", "RGB", "RGBA"}),
    "WEBP": ("image/webp", {"RGB", "RGBA"}),
    "GIF": ("image/gif", {"L", "P", "RGB"}),
    "BMP": ("image/bmp", {"1", "L", "P", "RGB"}),
}
ORIENTATION = 0x0112  # the EXIF tag
THUMB = 320  # pixels, the longer side
LONGEST = 4096  # of a copy: larger ones take a browser longer than a person wants to wait
LOSSLESS = 2**20  # pixels: a copy of at most so many is a PNG


def content(folder: str | Path, path: str, image: str) -> bytes:
    """The bytes of the file at `path` below `folder`, whose SHA-256 must be `image`.

    Raises UserError, in words for the person at the page, where it is gone, leads out of the
    folder (by a link), or is no longer the file that was meant.
    """
    root = Path(folder).resolve()
    try:
        file = (root / path).resolve(strict=True)
        inside, plain = file.is_relative_to(root), file.is_file()  # a pipe would never end
    except (OSError, RuntimeError):  # a loop of links
        raise UserError(f"{path} is not there any more: put it back, or mark it bad") from None
    if not inside or not plain:
        raise UserError(f"{path} is no file inside {root}, so it is not shown: copy it there")
    try:
        found = file.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): make it readable") from error
    if hashlib.sha256(found).hexdigest() != image:
        raise UserError(f"{path} has changed since the batch was made: leave it for later")
    return found


def for_browser(found: bytes, path: str) -> tuple[bytes, str]:
    """What to send and its media type. UserError where Pillow does not read it."""
    picture = opened(found, path)
    kind, modes = NATIVE.get(picture.format or "", ("", set()))
    turned = picture.format != "JPEG" and picture.getexif().get(ORIENTATION, 1) != 1
    if picture.mode in modes and not turned and not getattr(picture, "is_animated", False):
        return found, kind
    return encoded(upright(picture, path, LONGEST))


def thumbnail(found: bytes, path: str) -> tuple[bytes, str]:
    """A JPEG of at most THUMB pixels a side, and its media type."""
    picture = opened(found, path)
    picture.draft("RGB", (THUMB, THUMB))  # JPEG: decoded at a smaller size, many times faster
    return encoded(upright(picture, path, THUMB), lossless=0)


def opened(found: bytes, path: str) -> "Image.Image":
    from wholepool.labeling import decode

    try:
        return decode.recognized(io.BytesIO(found), Path(path).suffix.lower())
    except Exception as error:  # Pillow raises many kinds
        raise UserError(f"{path} is no image that can be shown ({error}): mark it bad") from error


def upright(picture: "Image.Image", path: str, longest: int) -> "Image.Image":
    """As RGB on white, turned by EXIF, as the network sees it; no side above `longest` pixels."""
    from PIL import Image

    from wholepool.labeling import decode

    try:
        picture = decode.rgb(decode.turned(picture))
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        return picture
    except Exception as error:
        raise UserError(f"{path} cannot be decoded ({error}): mark it bad") from error


def encoded(picture: "Image.Image", lossless: int = LOSSLESS) -> tuple[bytes, str]:
    """As PNG up to `lossless` pixels, as JPEG above."""
    file = io.BytesIO()
    if picture.width * picture.height <= lossless:
        picture.save(file, "PNG", compress_level=1)
        return file.getvalue(), "image/png"
    picture.save(file, "JPEG", quality=92)
    return file.getvalue(), "image/jpeg"
