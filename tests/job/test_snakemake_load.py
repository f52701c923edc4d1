"""Files are hashed once while they are the same, and one timer waits at a time."""

import asyncio
import hashlib
import inspect
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import _IOFile
from snakemake.scheduling.job_scheduler import JobScheduler

from wholepool.job import snakemake_load


@pytest.fixture
def asked(monkeypatch):
    """Files of Snakemake's class of today that remember; the list of what was hashed."""
    hashed: list[str] = []

    class File(str):
        is_storage = False

        async def checksum(self, threshold=None, force=False, algorithm=None):
            content = Path(self).read_bytes()
            hashed.append(str(self))
            eligible = force or len(content) <= threshold
            return hashlib.sha256(content).hexdigest() if eligible else None

    snakemake_load.remember_checksums(File)
    return File, hashed


def answer(file, threshold=10**6, **more):
    return asyncio.run(file.checksum(threshold, **more))


def test_a_file_is_hashed_once_while_it_is_the_same(asked, tmp_path):
    kind, hashed = asked
    path = tmp_path / "large"
    path.write_bytes(b"a" * snakemake_load.SMALL)
    first = [answer(kind(path)) for _ in range(3)]
    assert set(first) == {hashlib.sha256(path.read_bytes()).hexdigest()} and len(hashed) == 1
    assert answer(kind(path), force=True) == first[0] and len(hashed) == 2


@pytest.mark.parametrize("how", ["written again", "another in its place", "in the same second"])
def test_a_changed_file_is_hashed_again(asked, tmp_path, how):
    kind, _ = asked
    path, other = tmp_path / "large", tmp_path / "other"
    path.write_bytes(b"a" * snakemake_load.SMALL)
    before, time = answer(kind(path)), path.stat().st_mtime_ns
    content = b"b" * snakemake_load.SMALL
    if how == "another in its place":
        other.write_bytes(content)
        os.utime(other, ns=(time, time))
        other.replace(path)
    else:
        path.write_bytes(content)
        later = time + (1 if how == "in the same second" else 10**9)
        os.utime(path, ns=(later, later))
    found = answer(kind(path))
    assert found == hashlib.sha256(content).hexdigest() != before


def test_small_and_missing_and_too_large_files_are_snakemake_s(asked, tmp_path):
    kind, hashed = asked
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"a")
    large.write_bytes(b"a" * snakemake_load.SMALL)
    assert answer(kind(small)) == answer(kind(small)) and len(hashed) == 2
    assert [answer(kind(large), threshold=10) for _ in range(2)] == [None, None]
    assert answer(kind(large)) is not None  # the other threshold's None is not remembered
    with pytest.raises(FileNotFoundError):
        answer(kind(tmp_path / "none"))


@pytest.fixture
def scheduler():
    """What `keep_one_timer` touches of Snakemake's."""
    return SimpleNamespace(_open_jobs=threading.Semaphore(0), _schedule_reevalutation=None)


def timers():
    return [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def test_one_timer_waits_however_often_it_is_asked_for(scheduler):
    snakemake_load.keep_one_timer(scheduler)
    before = len(timers())
    for _ in range(50):
        scheduler._schedule_reevalutation(0.2)
    assert len(timers()) == before + 1
    assert scheduler._open_jobs.acquire(timeout=5)
    assert not scheduler._open_jobs.acquire(timeout=0.3)  # once, for all fifty


def test_the_scheduler_looks_again_at_most_a_timespan_after_it_asked(scheduler):
    snakemake_load.keep_one_timer(scheduler)
    for _ in range(3):
        asked = time.monotonic()
        scheduler._schedule_reevalutation(0.1)
        assert scheduler._open_jobs.acquire(timeout=5)
        assert time.monotonic() - asked < 2


def test_snakemake_s_own_scheduler_asks_by_this_name():
    assert list(inspect.signature(JobScheduler._schedule_reevalutation).parameters) == [
        "self",
        "delay",
    ]
    assert "_open_jobs.release" in inspect.getsource(JobScheduler._schedule_reevalutation)


def test_snakemake_s_own_method_takes_what_it_is_given():
    """Its name and its arguments are what `remember_checksums` counts on."""
    parameters = list(inspect.signature(_IOFile.checksum).parameters)
    assert parameters == ["self", "threshold", "force", "algorithm"]
    assert inspect.iscoroutinefunction(_IOFile.checksum) and "is_storage" in dir(_IOFile)
