"""What the system refuses a stage: space, permissions, a folder in the place of a file."""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands import command, contents, outputs, paragraph, run
from spoiling import require_said

pytestmark = pytest.mark.usefixtures("clean_process")


class Refusal(NamedTuple):
    """What the system refuses a stage, how that comes about, and what must be said."""

    name: str
    stage: str
    refusing: Callable[[Path], contextlib.AbstractContextManager[None]]
    said: tuple[str, str, str]
    options: dict[str, Any]
    as_nobody: bool = False
    whole: tuple[str, ...] = ()  # outputs that are written, whole, before


@contextlib.contextmanager
def mounted(folder: Path, free: int, read_only: bool = False) -> Iterator[None]:
    """`out` on a file system of its own, a small one, where so many bytes are free."""
    out = folder / "out"
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(out)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system of its own needs root, and more than a container gives")
    try:
        for name, content in kept.items():
            (out / name).write_bytes(content)
        there = os.statvfs(out)
        (out / "filler").write_bytes(b"0" * (there.f_bavail * there.f_bsize - free))
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(out)], check=True)


def full(free: int) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    return lambda folder: mounted(folder, free)


def read_only(folder: Path) -> contextlib.AbstractContextManager[None]:
    return mounted(folder, 0, read_only=True)


@contextlib.contextmanager
def quota(folder: Path) -> Iterator[None]:
    """No file may grow beyond a kilobyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def forbidden(name: str, mode: int) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    """A file or folder has these permissions."""

    @contextlib.contextmanager
    def refusing(folder: Path) -> Iterator[None]:
        before = (folder / name).stat().st_mode
        (folder / name).chmod(mode)
        yield
        (folder / name).chmod(before)

    return refusing


@contextlib.contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Not root, whom permissions do not bind."""
    if os.geteuid() != 0:
        yield
        return
    folder.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def blocked(name: str) -> Callable[[Path], contextlib.AbstractContextManager[None]]:
    """A folder stands where a file is to be written."""

    @contextlib.contextmanager
    def refusing(folder: Path) -> Iterator[None]:
        (folder / name).unlink(missing_ok=True)
        (folder / name / "inside").mkdir(parents=True)
        yield

    return refusing


@contextlib.contextmanager
def no_folder(folder: Path) -> Iterator[None]:
    """A file stands where the folder of the outputs should."""
    shutil.rmtree(folder / "out")
    (folder / "out").write_text("a file")
    yield
    (folder / "out").unlink()
    (folder / "out").mkdir()


@contextlib.contextmanager
def nothing_refused(folder: Path) -> Iterator[None]:
    yield


def refusal(
    name: str,
    stage: str,
    refusing: Callable[[Path], Any],
    *says: str,
    as_nobody: bool = False,
    whole: tuple[str, ...] = (),
    **options: Any,
) -> Refusal:
    file, value, remedy = says
    return Refusal(name, stage, refusing, (file, value, remedy), options, as_nobody, whole)


SPACE, PERMISSION = "Free some space", "change that, or choose another folder"
PAGE = 4096
REFUSALS = [
    refusal("full before data", "data", full(0), "out/", "No space left", SPACE),
    refusal("full amid data", "data", full(2 * PAGE), "out/pool.npy", "written", SPACE),
    refusal(
        *("full amid weights", "train", full(4 * PAGE)),
        *("out/model.safetensors", "No space left", SPACE),
        whole=("out/history.parquet",),
    ),
    refusal("full amid Parquet", "label", full(PAGE), "out/next.parquet", "No space left", SPACE),
    refusal("full amid JSON", "diagnose", full(PAGE), "out/diagnosis.json", "No space left", SPACE),
    refusal("file too large", "label", quota, "out/next.parquet", "File too large", SPACE),
    refusal("read-only disk", "train", read_only, "out/", "Read-only file system", PERMISSION),
    refusal(
        *("read-only folder", "label", forbidden("out", 0o555)),
        *("out/", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("unreadable labels", "label", forbidden("oracle.parquet", 0)),
        *("oracle.parquet", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("unreadable weights", "embed", forbidden("model.safetensors", 0)),
        *("model.safetensors", "Permission denied", PERMISSION),
        as_nobody=True,
    ),
    refusal(
        *("folder for an output", "train", blocked("out/model.safetensors")),
        *("out/model.safetensors", "Is a directory", "move it away"),
    ),
    refusal(
        *("folder for another output", "pretrain", blocked("out/pretrain.parquet")),
        *("out/pretrain.parquet", "Is a directory", "move it away"),
    ),
    refusal(
        *("file for the folder of outputs", "label", no_folder),
        *("out", "File exists", "move it away"),
    ),
    refusal(
        *("folder for a log", "label", nothing_refused),
        *("here", "Is a directory", "move it away"),
        log=".",
    ),
    refusal(
        *("log below a file", "label", nothing_refused),
        *("grid.yaml", "Not a directory", "move it away"),
        log="grid.yaml/logs/label.log",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name.replace(" ", "-"))
def test_what_the_system_refuses(folder, case, capsys):
    (folder / "out").mkdir()
    (folder / "out").chmod(0o777)
    for name in outputs(case.stage):
        (folder / "out" / name).write_text("earlier")
    words = command(case.stage, out="out/", **case.options)
    capsys.readouterr()
    with case.refusing(folder):
        before = contents(folder)
        with nobody(folder) if case.as_nobody else contextlib.nullcontext():
            status = run(words)
        after = contents(folder)
    said = capsys.readouterr()
    message = paragraph(said.err)
    assert status == 2, message
    require_said(case, message)
    for name in case.whole:
        del before[name], after[name]
    assert after == before
