"""What this machine has, found without importing torch."""

from pathlib import Path


def gpu_present() -> bool:
    """Whether an NVIDIA device is visible to this machine's processes."""
    return any(Path("/dev").glob("nvidia[0-9]*"))
