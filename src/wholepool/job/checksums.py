"""Snakemake's checksums, each computed once.

Snakemake (9.27) hashes all inputs of a job when it ends, once for each of its outputs. A job of two
hundred milliseconds that reads 30 MB of features costs it as much again.
"""

import os
from typing import Any

#: smaller files are hashed faster than they would be looked up
SMALL = 2**16


def remember_checksums(file_class: Any) -> None:
    """Have `file_class`, Snakemake's of files, ask for a file's hash once while it is the same.

    A file is the same while its inode, its size and its time of change, in nanoseconds, are. Those
    of a storage elsewhere are left to Snakemake.
    """
    hashed = file_class.checksum
    known: dict[tuple[Any, ...], str] = {}

    async def checksum(
        self: Any, threshold: int | None = None, force: bool = False, algorithm: Any = None
    ) -> str | None:
        try:
            seen = os.stat(self)
        except OSError:
            seen = None
        if seen is None or seen.st_size < SMALL or self.is_storage:
            answer: str | None = await hashed(self, threshold, force, algorithm)
            return answer
        what = str(self), seen.st_ino, seen.st_size, seen.st_mtime_ns
        key = (*what, threshold, force, algorithm)
        if key not in known:
            answer = await hashed(self, threshold, force, algorithm)
            if answer is None:  # too large
                return None
            known[key] = answer
        return known[key]

    file_class.checksum = checksum
