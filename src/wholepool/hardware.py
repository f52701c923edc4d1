"""What this machine has, found without importing torch."""

import os
from pathlib import Path


def gpu_present() -> bool:
    """Whether an NVIDIA device is on this machine and not hidden from this process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*"))
