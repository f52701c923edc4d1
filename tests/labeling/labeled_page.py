"""A folder of images, a batch of them, and the page's server, as a process of its own."""

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

SRC = Path(__file__).parents[2] / "src"
START = """
import sys
from wholepool.labeling.page import serve
serve(*sys.argv[1:4], annotator=sys.argv[4], open_browser=False, following=sys.argv[5])
"""


def needed():
    """Skip, with the reason, where the page's libraries are not installed."""
    for name in ("starlette", "uvicorn"):
        pytest.importorskip(name, reason=f"the page needs {name}: pip install 'wholepool[label]'")


def identity(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def picture(number, size=(96, 64)):
    """A picture that tells its number."""
    rng = np.random.default_rng(number)
    low = Image.fromarray(rng.integers(0, 255, (4, 6, 3), dtype=np.uint8))
    found = low.resize(size, Image.Resampling.BICUBIC)
    ImageDraw.Draw(found).text((size[0] // 3, size[1] // 3), str(number), fill="white")
    return found


def entry(folder, path, **more):
    return {"image": identity(Path(folder) / path), "path": path} | more


def folder_of(root, count, size=(96, 64)):
    """`count` PNG files below root/images, and an entry of a batch for each."""
    folder = root / "images"
    (folder / "sub").mkdir(parents=True)
    entries = []
    for number in range(count):
        path = f"sub/photo {number}.png" if number % 2 else f"photo-{number}.png"
        picture(number, size).save(folder / path)
        entries.append(entry(folder, path, why={"strategy": "margin", "score": 0.5 - number / 1e3}))
    return folder, entries


def write_batch(path, images, review=(), cycle=1):
    path.write_text(json.dumps({"cycle": cycle, "images": images, "review": list(review)}))
    return path


@contextmanager
def served(batch, folder, journal, annotator="ann", following=""):
    """The server, which is ended with SIGINT as by Ctrl+C."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, (batch, folder, journal)), annotator, following],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
    )
    try:
        first = process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", first)
        assert match, process.stderr.read()
        yield Page(process, int(match[1]), match[2])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


class Page:
    """A client that speaks to one server."""

    def __init__(self, process, port, token):
        self.process, self.port, self.token = process, port, token
        self.address = f"http://127.0.0.1:{port}/{token}/"

    def ask(self, path="", method="GET", body=None, absolute=False, **headers):
        """The status, the headers and the body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        where = path if absolute else f"/{self.token}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, where, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def send(self, **line):
        """The status and the table that is answered to a line, which gets an id if it has none."""
        body = json.dumps({"id": uuid.uuid4().hex} | line)
        status, _, body = self.ask("lines", "POST", body, Content_Type="application/json")
        return status, json.loads(body)

    def written(self, **line):
        """The line that was written."""
        status, found = self.send(**line)
        assert status == 200, found
        return found["line"]

    def answer(self, entry, answer, **more):
        return self.written(kind="answer", image=entry["image"], answer=answer, **more)
