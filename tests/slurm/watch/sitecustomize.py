"""Python reads this at its start. It watches the stages of a grid, and stops them for a test.

Each stage locks a file of its own name for as long as it lives, so two processes that make the same
output at once are seen, however they end. A test that makes the file hold/STAGE in the folder stops
every such stage before it does anything, until the file is gone.
"""

import fcntl
import hashlib
import os
import sys
import time
from pathlib import Path


def watch(folder, stage, log):
    """Note the start of a stage in `folder`/trace, and whether another process is at the same."""
    name = hashlib.sha256(log.encode()).hexdigest()[:16]
    lock = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR)  # until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        event = "starts"
    except BlockingIOError:
        event = "COLLIDES"
    with open(folder / "trace", "a") as trace:
        job = os.environ.get("SLURM_JOB_ID", "-")
        trace.write(f"{event} {stage} {log} {job} {os.getpid()} {time.time():.1f}\n")
    while (folder / "hold" / stage).exists():
        time.sleep(0.1)


if "WHOLEPOOL_WATCH" in os.environ and sys.orig_argv[1:3] == ["-m", "wholepool"]:
    arguments = sys.orig_argv[3:]
    watch(
        Path(os.environ["WHOLEPOOL_WATCH"]), arguments[0], arguments[arguments.index("--log") + 1]
    )
