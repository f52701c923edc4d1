"""A real Label Studio: our tasks in, answers given there, its three exports imported.

It needs Label Studio 1.23, in an environment of its own:

    python3 -m venv VENV && VENV/bin/pip install label-studio==1.23.2     # 2 minutes, 1 GB
    WHOLEPOOL_LABEL_STUDIO=VENV/bin/label-studio pytest -m long tests/labeling/exchange
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from exchanged import MADE, answered, image_of, imported, labels, pool
from histories import line
from processes import until

from wholepool.labeling import journal
from wholepool.labeling.answers import state
from wholepool.labeling.exchange import export_to

requests = pytest.importorskip("requests", reason="the test speaks to the server by requests")
PROGRAM = os.environ.get("WHOLEPOOL_LABEL_STUDIO") or shutil.which("label-studio")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PROGRAM, reason="label-studio is not installed: see the docstring"),
]

EMAIL, PASSWORD = "someone@example.org", "a long password 1"
PATHS = ["a b.png", "é/ü ö.png", "c#1.png", "d%20?.png", "e+f&g=h.png", "i,j;'k'.png", 'l"m".png']
LINES = [*MADE, line("class", **{"class": "c3", "name": 'a "b" & <c>, ü'})]
EXPORTS = {"JSON": "json", "JSON_MIN": "json", "CSV": "csv"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Label Studio on this machine alone, with a user who is logged in: its address and session."""
    root = tmp_path_factory.mktemp("root")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(root),
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "COLLECT_ANALYTICS": "false",
        "PYTHONPATH": "",
    }
    words = [PROGRAM, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
    words += ["--username", EMAIL, "--password", PASSWORD]
    log = tmp_path_factory.mktemp("log") / "server.log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            words, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    session, base = requests.Session(), f"http://127.0.0.1:{port}"

    def page():
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            return session.get(f"{base}/user/login/", timeout=5)
        except requests.ConnectionError:
            return None

    try:
        until(page, seconds=300)
        text = page().text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
        form = {"csrfmiddlewaretoken": token, "email": EMAIL, "password": PASSWORD}
        session.post(f"{base}/user/login/", data=form, headers={"Referer": f"{base}/user/login/"})
        session.headers.update({"X-CSRFToken": session.cookies["csrftoken"], "Referer": base})
        yield root, base, session
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


class Project:
    """A project of the server, made as docs/exchange.md says."""

    def __init__(self, server, folder, tasks, configuration):
        _, self.base, self.session = server
        about = {"title": "exchange", "label_config": configuration.read_text()}
        self.id = self.post("/api/projects", about)["id"]
        storage = {"project": self.id, "path": str(folder), "use_blob_urls": True}
        self.post("/api/storages/localfiles", storage)
        self.post(f"/api/projects/{self.id}/import", json.loads(tasks.read_text()))
        found = self.session.get(f"{self.base}/api/tasks?project={self.id}&page_size=100").json()
        self.tasks = {task["data"]["wp_id"]: task for task in found["tasks"]}

    def post(self, path, body):
        reply = self.session.post(self.base + path, json=body)
        assert reply.ok, reply.text
        return reply.json()

    def answer(self, path, name, **more):
        value = {"choices": [name]}
        result = {"from_name": "label", "to_name": "image", "type": "choices", "value": value}
        body = {"result": [result] if name else [], **more}
        self.post(f"/api/tasks/{self.tasks[image_of(path)]['id']}/annotations/", body)

    def exported(self, kind, folder):
        address = f"{self.base}/api/projects/{self.id}/export?exportType={kind}"
        reply = self.session.get(address + "&download_all_tasks=true")
        reply.raise_for_status()
        path = folder / f"{kind}.{EXPORTS[kind]}"
        path.write_bytes(reply.content)
        return path


def test_tasks_go_in_and_answers_come_out(server, tmp_path):
    root, base, session = server
    photos = root / "my photos"
    manifest, batch = pool(photos, PATHS)
    for rank, entry in enumerate(batch):
        entry |= {"rank": rank, "score": 0.5, "guess": {"class": "c3", "probability": 0.25}}
    before = [*LINES, answered(PATHS[6], "c1")]
    made = export_to("label_studio", tmp_path / "tasks.json", photos, batch, before)
    project = Project(server, photos, *made)
    assert set(project.tasks) == {image_of(path) for path in PATHS}
    for path in PATHS:  # each image is shown, whatever it is called
        reply = session.get(base + project.tasks[image_of(path)]["data"]["image"])
        assert reply.status_code == 200 and reply.content == (photos / path).read_bytes(), path

    project.answer(PATHS[0], "dog", lead_time=1.5)
    project.answer(PATHS[0], "cat")  # a second thought
    project.answer(PATHS[1], "dog", was_cancelled=True)
    project.answer(PATHS[2], "")
    project.answer(PATHS[3], "dog")
    project.answer(PATHS[4], LINES[2]["name"])
    expected = dict(zip(PATHS, ["cat", None, None, "dog", LINES[2]["name"]], strict=False))
    expected = {image_of(path): name for path, name in expected.items() if name}
    for kind in EXPORTS:
        path = tmp_path / f"journal of {kind}"
        for one in LINES:
            journal.append(path, one)
        plan = imported(project.exported(kind, tmp_path), manifest, path)
        assert not plan.left and not plan.by_end
        lines = journal.read(path)[0]
        assert labels(lines) == expected, kind
        assert {one["annotator"] for one in lines[len(LINES) :]} == {"label-studio-1"}
        assert state(lines).later == ({image_of(PATHS[1])} if kind == "JSON" else set())

    project.answer(PATHS[5], "cat")
    expected[image_of(PATHS[5])] = "cat"
    for kind in EXPORTS:  # exported again: what is new is added, whichever export came first
        for journal_of in EXPORTS:
            path = tmp_path / f"journal of {journal_of}"
            plan = imported(project.exported(kind, tmp_path), manifest, path)
            new = [one["path"] for one in plan.lines if one["answer"] != "later"]
            assert new == ([PATHS[5]] if kind == "JSON" else [])
            assert labels(journal.read(path)[0]) == expected
