"""What this machine has, found without importing torch."""

import os
from pathlib import Path


def gpu_present() -> bool:
    """Whether an NVIDIA device is on this machine and not hidden from this process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*"))


def available_memory() -> int:
    """Bytes of memory that a process can still get without swapping.

    Where the system does not tell (it is not Linux): half of what the machine has. A cluster's
    limit on a job is not seen.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if "MemAvailable" in line) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
