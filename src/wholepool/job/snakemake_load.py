"""What Snakemake does over and over for each job of a grid, done once.

Its version 9.27 hashes all inputs of a job when it ends, once for each of its outputs: a job of two
hundred milliseconds that reads 30 MB of features costs it as much again. And each job that ends
leaves a timer, a thread each time, that fires once a timespan for the rest of the run: after 2,500
jobs that was a third of its load.
"""

import os
import threading
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


def keep_one_timer(scheduler: Any) -> None:
    """Have Snakemake's `scheduler` wait for one timer at a time.

    It asks for one when it has looked for jobs, to look again once the limit on jobs per timespan
    allows more. When the one that is waiting fires, it looks, and asks again.
    """
    lock = threading.Lock()
    waiting = False

    def schedule(delay: float) -> None:
        nonlocal waiting
        with lock:
            if waiting:
                return
            waiting = True
        timer = threading.Timer(delay, fire)
        timer.daemon = True  # nothing is left to look for when the scheduler has ended
        timer.start()

    def fire() -> None:
        nonlocal waiting
        with lock:
            waiting = False
        scheduler._open_jobs.release()

    scheduler._schedule_reevalutation = schedule
