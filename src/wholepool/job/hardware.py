"""What this machine has, found without importing torch, and which of its GPUs a job takes."""

import fcntl
import functools
import itertools
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from wholepool.job.locks import is_held
from wholepool.job.log import logger

#: how Linux names the line of a processor's instructions, on x86 and on ARM
FLAGS = ("flags", "Features")
#: of these any multiplies bfloat16
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
SLOW_BFLOAT16 = (
    "network.precision is bfloat16, but this processor has no instructions for it and is about "
    "four times slower with it than with float32: set network.precision: float32"
)


def visible_gpus() -> list[str]:
    """The NVIDIA devices of this machine that are not hidden from this process, as CUDA names them.

    CUDA_VISIBLE_DEVICES is a list of numbers or UUIDs; like CUDA, stop at the first -1.
    """
    count = len(list(Path("/dev").glob("nvidia[0-9]*")))
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count == 0 or given is None:
        return [str(number) for number in range(count)]
    names = (name.strip() for name in given.split(","))
    return list(itertools.takewhile(lambda name: name not in ("", "-1"), names))


def gpu_present() -> bool:
    return bool(visible_gpus())


@functools.cache  # one claim a process, which the cache keeps open until the process ends
def claim_gpu() -> IO[str] | None:
    """Take the visible GPU that the fewest jobs have, for this process; None if none is visible.

    Call it before CUDA is used, which reads CUDA_VISIBLE_DEVICES once. It only spreads the jobs;
    Snakemake's --resources gpu=N limits them.
    """
    gpus = visible_gpus()
    if not gpus:
        return None
    # per user, since nobody may lock another's files; per machine, since GPUs are
    folder = Path(tempfile.gettempdir()) / f"wholepool-gpus-{os.getuid()}"
    gpu, others, claim = claim_one(gpus, folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    logger.debug("on GPU %s, with %d other jobs", gpu, others)
    return claim


def claim_one(gpus: Sequence[str], folder: Path) -> tuple[str, int, IO[str]]:
    """The GPU with the fewest claims, how many those are, and a further claim on it.

    A claim is a lock on a file, GPU.0, GPU.1, ..., which the kernel frees when the process dies.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "choosing", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one job chooses at a time
        taken = {gpu: claims(gpu, folder) for gpu in gpus}
        gpu = min(gpus, key=lambda gpu: len(taken[gpu]))
        slot = next(slot for slot in itertools.count() if slot not in taken[gpu])
        claim = open(slot_file(gpu, slot, folder), "w")  # noqa: SIM115 (closing it would let go)
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return gpu, len(taken[gpu]), claim


def claims(gpu: str, folder: Path) -> set[int]:
    """The slots of a GPU that living processes hold."""
    slots = itertools.takewhile(lambda n: slot_file(gpu, n, folder).exists(), itertools.count())
    return {slot for slot in slots if is_held(slot_file(gpu, slot, folder))}


def slot_file(gpu: str, slot: int, folder: Path) -> Path:
    return folder / f"{gpu.replace('/', '-')}.{slot}"


def available_memory() -> int:
    """Bytes of memory that a process can still get without swapping; not on Linux, half of all.

    A cluster's limit on a job is not seen.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if "MemAvailable" in line) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def lacks_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is known to have no instructions for bfloat16; False if not known.

    Without them torch computes it by float32 and rounds, about four times slower than float32.
    """
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    listed = (line.partition(":") for line in lines)
    flags = [set(words.split()) for name, _, words in listed if name.strip() in FLAGS]
    return bool(flags) and not any(BFLOAT16 & own for own in flags)


def processor() -> str:
    """The processor's name, as the machine gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
