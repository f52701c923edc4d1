"""Snakemake's checksums, asked for once: the same answers, and a changed file has another."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from snakemake.io import _IOFile

from wholepool.job import checksums


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

    checksums.remember_checksums(File)
    return File, hashed


def answer(file, threshold=10**6, **more):
    return asyncio.run(file.checksum(threshold, **more))


def test_a_file_is_hashed_once_while_it_is_the_same(asked, tmp_path):
    kind, hashed = asked
    path = tmp_path / "large"
    path.write_bytes(b"a" * checksums.SMALL)
    first = [answer(kind(path)) for _ in range(3)]
    assert set(first) == {hashlib.sha256(path.read_bytes()).hexdigest()} and len(hashed) == 1
    assert answer(kind(path), force=True) == first[0] and len(hashed) == 2


@pytest.mark.parametrize("how", ["written again", "another in its place", "in the same second"])
def test_a_changed_file_is_hashed_again(asked, tmp_path, how):
    kind, _ = asked
    path, other = tmp_path / "large", tmp_path / "other"
    path.write_bytes(b"a" * checksums.SMALL)
    before, time = answer(kind(path)), path.stat().st_mtime_ns
    content = b"b" * checksums.SMALL
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
    large.write_bytes(b"a" * checksums.SMALL)
    assert answer(kind(small)) == answer(kind(small)) and len(hashed) == 2
    assert [answer(kind(large), threshold=10) for _ in range(2)] == [None, None]
    assert answer(kind(large)) is not None  # the other threshold's None is not remembered
    with pytest.raises(FileNotFoundError):
        answer(kind(tmp_path / "none"))


def test_snakemake_s_own_method_takes_what_it_is_given():
    """Its name and its arguments are what `remember_checksums` counts on."""
    import inspect

    parameters = list(inspect.signature(_IOFile.checksum).parameters)
    assert parameters == ["self", "threshold", "force", "algorithm"]
    assert inspect.iscoroutinefunction(_IOFile.checksum) and "is_storage" in dir(_IOFile)
