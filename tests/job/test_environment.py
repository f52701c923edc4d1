import os
import re
import tomllib
from pathlib import Path

from wholepool.job import environment

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "envs" / "requirements.lock"


def test_the_package_comes_first_and_once(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/other", ""]))
    environment.export_package()
    environment.export_package()
    first, *rest = os.environ["PYTHONPATH"].split(os.pathsep)
    assert os.path.isfile(os.path.join(first, "wholepool", "job", "environment.py"))
    assert rest == ["/other"]


def locked():
    """The lock's requirements: (name, version, hashes)."""
    found = []
    for entry in re.split(r"(?<!\\)\n", LOCK.read_text().strip()):
        first, *hashes = re.split(r" *\\\n *", entry)
        name, version = re.fullmatch(r"([a-z0-9-]+)==([^ ]+)(?: ; .+)?", first).groups()
        found.append((name, version, hashes))
    return found


def test_every_file_of_the_lock_is_known_by_its_hash_and_by_no_address():
    assert len(locked()) > 100
    for name, _, hashes in locked():
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes), name
    assert "//" not in LOCK.read_text()


def test_the_lock_has_all_that_is_asked_for_and_torch_with_its_partner():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    asked += [*extras["workflow"], *extras["slurm"], *extras["dev"]]
    versions = {name: version for name, version, _ in locked()}
    names = {re.match(r"[A-Za-z0-9_-]+", text)[0].lower().replace("_", "-") for text in asked}
    assert names - versions.keys() == set()
    assert (versions["torch"], versions["torchvision"]) == ("2.15.0", "0.29.2")


def test_the_makefile_installs_the_lock_by_its_hashes_and_nothing_else():
    installs = [
        line
        for line in (ROOT / "Makefile")
        .read_text()
        .split(".venv/installed: envs")[1]
        .split("# side by side")[0]
        .replace("\\\n", " ")
        .splitlines()
        if "pip install" in line
    ]
    assert len(installs) == 2
    assert "$(REQUIREMENTS)" in installs[0]
    assert "--no-deps" in installs[1] and "--no-build-isolation" in installs[1]
    assert (
        "--require-hashes --requirement envs/requirements.lock" in (ROOT / "Makefile").read_text()
    )
