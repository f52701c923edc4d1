"""The person's page: a local server that shows a batch image by image and keeps each answer.

Nothing leaves this machine. An answer is in the journal, and on disk, before the next image is
shown.
"""

import functools
import getpass
import json
import os
import secrets
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError
from wholepool.job.files import explained
from wholepool.labeling import shown
from wholepool.labeling.desk import Desk
from wholepool.labeling.gate import guarded
from wholepool.labeling.journal import prepare

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
LARGEST = 2**16  # bytes of a line
THUMBNAILS = 1000  # kept in memory, of about 20 kB each
#: an image's address carries the digest of its bytes, so what it leads to never changes
FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}


def application(desk: Desk, port: int, token: str) -> Any:
    """The ASGI application, below /TOKEN/."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def text(words: str, status: int) -> Response:
        return Response(words.encode("utf-8", "replace"), status, media_type="text/plain")

    def table(value: Any, status: int = 200) -> Response:  # ASCII: a path may be no UTF-8
        return Response(json.dumps(value), status, media_type="application/json")

    @functools.lru_cache(maxsize=THUMBNAILS)
    def thumbnail(path: str, image: str) -> tuple[bytes, str]:
        return shown.thumbnail(shown.content(desk.folder, path, image), path)

    def static(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in {path.name for path in STATIC.iterdir()}:
            return text("there is no such file", 404)
        return Response((STATIC / name).read_bytes(), media_type=KINDS[Path(name).suffix])

    def state(request: Request) -> Response:
        asked = request.query_params
        try:
            return table(desk.state(asked.get("window", "")[:100], asked.get("at", "")[:100]))
        except OSError as error:
            return text(explained(error, desk.journal_file), 503)

    def batch(_: Request) -> Response:
        return table(desk.listed())

    def image(request: Request) -> Response:
        size, image = request.path_params["size"], request.path_params["image"]
        path = desk.paths().get(image)
        if path is None or size not in ("image", "thumb"):
            return text("this image is not in the batch", 404)
        try:
            if size == "thumb":
                found, kind = thumbnail(path, image)
            else:
                found, kind = shown.for_browser(shown.content(desk.folder, path, image), path)
        except UserError as error:
            return text(str(error), 404)
        return Response(found, media_type=kind, headers=FOREVER)

    def record(body: bytes, window: str) -> Response:
        try:
            line = desk.record(json.loads(body))
            return table({"line": line, "state": desk.state(window)})
        except OSError as error:  # a full disk: the page says so, and tries again
            return table({"error": explained(error, desk.journal_file)}, 503)
        except (ValueError, RecursionError) as error:  # a UserError, or no JSON
            return table({"error": str(error)}, 400)

    async def lines(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return table({"error": "a line is sent as application/json"}, 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return table({"error": f"a line has at most {LARGEST} bytes"}, 413)
        return await run_in_threadpool(record, body, request.query_params.get("window", "")[:100])

    routes = [
        Route("/", static),
        Route("/static/{name}", static),
        Route("/state", state),
        Route("/batch", batch),
        Route("/lines", lines, methods=["POST"]),
        Route("/{size}/{image}", image),
    ]
    return guarded(Starlette(routes=routes), port, token)


def listening(port: int) -> socket.socket:
    """A socket of this machine only; UserError where the port is taken."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        raise UserError(f"port {port} cannot be used ({error}): give another, or 0") from error
    return found


def serve(
    batch_file: str | Path,
    folder: str | Path,
    journal: str | Path,
    port: int = 0,
    annotator: str | None = None,
    open_browser: bool = True,
    following: str = "",
) -> None:
    """Show the batch on a page of this machine until it is interrupted (Ctrl+C).

    `batch_file` is one that `labeling.batch.read` takes; its paths are relative to `folder`. Port 0
    is any that is free. The annotator is the user's name if none is given. The address is printed.
    `following` is the command that the page names when the batch is done, as it makes the next one.

    Raises UserError where the libraries that it needs are not installed, and where the batch or the
    journal cannot be read, or the port is taken.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise UserError(
            f"the page needs {error.name}, which is not installed: pip install 'wholepool[label]'"
        ) from error
    if not Path(folder).is_dir():
        raise UserError(f"{folder} is no folder: give the one that the images are in")
    desk = Desk(batch_file, folder, journal, annotator or getpass.getuser(), following)
    desk.state()  # what is wrong with the journal is said before a page opens
    prepare(journal)
    found, token = listening(port), secrets.token_urlsafe(16)
    port = found.getsockname()[1]
    settings = uvicorn.Config(
        application(desk, port, token),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    address = f"http://127.0.0.1:{port}/{token}/"
    print(f"Label at {address}\nCtrl+C ends it. What the page calls saved is kept.", flush=True)
    if open_browser and has_screen():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        uvicorn.Server(settings).run(sockets=[found])
    except KeyboardInterrupt:  # it has closed its connections by then
        pass
    finally:
        found.close()


def has_screen() -> bool:
    """Whether a browser can open a window; one without would take the terminal over."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
