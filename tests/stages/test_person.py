"""The stage page: a folder of images is asked for whole, in one order, and nothing is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from by_hand import python
from PIL import Image

from wholepool.job.errors import UserError
from wholepool.labeling import answers, journal
from wholepool.stages.person import whole


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "sub/c.png"):
        pixels = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


def test_all_images_are_asked_for_once_in_an_order_that_stays(photos, tmp_path):
    found = json.loads(whole(photos, tmp_path / "one.json").read_text())
    assert sorted(entry["path"] for entry in found["images"]) == ["a.png", "b.png", "sub/c.png"]
    order = [entry["image"] for entry in found["images"]]
    (photos / "b.png").rename(photos / "z.png")  # of the same bytes: the same image
    again = json.loads(whole(photos, tmp_path / "two.json").read_text())
    assert [entry["image"] for entry in again["images"]] == order


def test_a_folder_without_images_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no image that can be read"):
        whole(tmp_path / "empty", tmp_path / "one.json")


def test_answers_inside_the_folder_are_refused(photos):
    done = python("-m", "wholepool", "page", "--folder", photos, "--answers", photos / "x.jsonl")
    assert done.returncode == 2 and "in the folder of images: name a file elsewhere" in done.stderr


def test_an_answer_is_kept_beside_the_folder(photos):
    pytest.importorskip("uvicorn", reason="the page needs uvicorn: pip install 'wholepool[label]'")
    before = sorted(os.listdir(photos))
    command = [sys.executable, "-m", "wholepool", "page", "--folder", photos, "--annotator", "me"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://\S+", process.stdout.readline())[0]
        batch = json.load(urllib.request.urlopen(f"{address}batch"))
        first = batch["images"][0]
        send(address, {"id": "1", "kind": "class", "class": "c1", "name": "cat"})
        asked = {"image": first["image"], "path": first["path"], "cycle": 0, "shown": {}}
        send(address, {"id": "2", "kind": "answer", "answer": {"class": "c1"}, **asked})
        process.send_signal(signal.SIGINT)
        process.wait(30)
    lines, aside = journal.read(f"{photos}.answers.jsonl")
    assert aside == [] and answers.state(lines).labels == {first["image"]: "c1"}
    assert lines[0]["annotator"] == "me"
    assert sorted(os.listdir(photos)) == before


def send(address, line):
    request = urllib.request.Request(
        f"{address}lines", json.dumps(line).encode(), {"Content-Type": "application/json"}
    )
    return json.load(urllib.request.urlopen(request))
