"""Who may write: one job an output, one driver a results folder, and no orphans.

Locks are the kernel's (flock): it lets go of them when their holder dies, however it dies, so none
is ever left behind. Across the machines of a cluster they hold where its file system passes them
on, as NFS 4 does, and Lustre if it is mounted with flock.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from wholepool.job.errors import UserError
from wholepool.job.log import logger

#: names the run of Snakemake that a job belongs to; jobs inherit it
RUN = "WHOLEPOOL_RUN"
#: the process of Snakemake that starts this process, on this machine
PARENT = "WHOLEPOOL_PARENT"
#: the lock file of a results folder's driver
DRIVER = ".driver.lock"
SECONDS_BETWEEN_TRIES = 0.5
SECONDS_BETWEEN_LINES = 60.0
SECONDS_BETWEEN_LOOKS = 2.0


@contextlib.contextmanager
def sole_writer(output: str | Path) -> Iterator[bool]:
    """Hold the lock of a job's main output; wait while another process holds it.

    Yields whether there was such a process: it may have done the job. The lock file stands next to
    the output and is removed at the end.
    """
    output = Path(output)
    path = output.parent / f".{output.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    waited, said = False, -SECONDS_BETWEEN_LINES
    while (file := lock(path)) is None:
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            logger.warning("waiting: %s is being written by %s", output, described(holder(path)))
        waited = True
        time.sleep(SECONDS_BETWEEN_TRIES)
    try:
        yield waited
    finally:
        path.unlink(missing_ok=True)  # while it is held, see `lock`
        file.close()


def lock(path: Path, **more: str) -> IO[str] | None:
    """Lock a file and write into it who holds it, and `more`; None if another process does.

    Its last holder may have removed the file after it was opened here. Such a lock is of no use:
    the file that is there now is taken.
    """
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closing it would let go)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            if error.errno not in (errno.ESTALE, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                file.close()
                raise
            if error.errno == errno.ESTALE:  # NFS: another machine has removed it meanwhile
                file.close()
                continue
            logger.warning(
                "the file system of %s has no locks (%s): nothing keeps two jobs from writing one "
                "file, should two run at once",
                *(path, error),
            )
        if not same_file(file, path):
            file.close()
            continue
        try:
            file.truncate(0)
            me = {"host": socket.gethostname(), "pid": os.getpid(), "run": os.environ.get(RUN)}
            me["slurm_job"] = os.environ.get("SLURM_JOB_ID")
            file.write(json.dumps(me | more))
            file.flush()
            os.fsync(file.fileno())  # NFS would keep it from other machines for a while
        except OSError as error:  # a full disk: leave no empty lock behind
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                file.close()
            raise OSError(error.errno, error.strerror, str(path)) from error
        return file


def same_file(file: IO[str], path: Path) -> bool:
    """Whether `path` is still the file that was opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:  # it is gone
        return False


def holder(path: Path) -> dict[str, Any]:
    """What the holder of a lock says of itself; empty if it is gone or has not written yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def described(who: dict[str, Any]) -> str:
    if not who:
        return "another process"
    job = f", SLURM job {who['slurm_job']}" if who.get("slurm_job") else ""
    return f"process {who.get('pid')} on {who.get('host')}{job}"


def announce() -> None:
    """Tell the jobs of this process, which is Snakemake's, who starts them."""
    os.environ[PARENT] = str(os.getpid())


def die_with_driver() -> None:
    """Have this process get SIGTERM when the Snakemake that started it dies.

    Else a job would outlive a killed driver and go on writing. On Linux the kernel tells at once,
    if Snakemake is the parent; a shell may stand in between, so look for it too. A stage that is
    run by hand goes on.
    """
    if PARENT not in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    parent = int(os.environ[PARENT])

    def watch() -> None:
        while is_alive(parent):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.kill(os.getpid(), signal.SIGTERM)

    if is_alive(parent):
        threading.Thread(target=watch, daemon=True).start()
    else:
        watch()


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def claim_results(results: str | Path, job_name: str = "") -> IO[str]:
    """Make this process the one driver of a results folder; call it before any job starts.

    The claim lasts as long as the returned file is open. `job_name` is that of its jobs on SLURM.
    If the driver before was killed, its jobs there are cancelled: they write a checkpoint and end.
    Raises UserError if another driver is at work.
    """
    path = Path(results) / DRIVER
    path.parent.mkdir(parents=True, exist_ok=True)
    before = holder(path)
    os.environ[RUN] = uuid.uuid4().hex
    file = lock(path, job_name=job_name)
    if file is None:
        del os.environ[RUN]
        raise UserError(
            f"{results} is in use: Snakemake runs there as {described(holder(path))}. Wait until "
            "it ends, or stop it, or give this grid a results_dir of its own"
        )
    if before:
        logger.info("the run before, %s, was killed: going on from what it left", described(before))
        stop_orphans(Path(results), before.get("job_name", ""))
    return file


def release_results(file: IO[str]) -> None:
    """The driver ends in order: no orphans are to be looked for next time."""
    Path(file.name).unlink(missing_ok=True)  # while it is held, see `lock`
    file.close()


def superseded(results: str | Path) -> bool:
    """Whether another run has taken over: a killed driver's jobs in a queue must not begin then."""
    now = holder(Path(results) / DRIVER).get("run")
    return RUN in os.environ and now is not None and now != os.environ[RUN]


def stop_orphans(results: Path, job_name: str, patience: float = 120.0) -> None:
    """Cancel the SLURM jobs of a killed driver, and wait until nobody writes below `results`.

    Jobs on this machine end by `die_with_driver`. After `patience` seconds the new jobs start, and
    wait for whoever still writes their output.
    """
    if job_name:
        logger.info("cancelling the jobs that it left on the cluster: scancel --name %s", job_name)
        line = ["scancel", "--name", job_name]
        try:
            subprocess.run(line, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            logger.warning("that failed: %s", error)
    locks = [path for path in results.rglob(".*.lock") if path.name != DRIVER]
    until = time.monotonic() + patience
    while any(map(is_held, locks)) and time.monotonic() < until:
        time.sleep(SECONDS_BETWEEN_TRIES)
    for path in filter(is_held, locks):
        logger.warning("%s still writes next to %s", described(holder(path)), path)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of an existing file."""
    try:
        with open(path, "r+", encoding="utf-8") as file:  # NFS locks only what may be written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
