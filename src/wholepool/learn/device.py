"""Where torch computes, and that a GPU gives float32 and the same bytes again."""

import os

import torch

from wholepool.job.errors import UserError


def device_for(choice: str) -> torch.device:
    """The device of the config's word: auto (CUDA where there is one), cpu or cuda.

    Raises UserError if cuda is forced on a machine that has none.
    """
    there = torch.cuda.is_available()
    if choice == "cuda" and not there:
        raise UserError(
            "device is cuda, but torch finds no CUDA device on this machine: set device: auto"
        )
    if not there or choice == "cpu":
        return torch.device("cpu")
    make_repeatable()
    return torch.device("cuda")


def make_repeatable() -> None:
    """Have CUDA compute float32 in float32 and in one order. Call it before CUDA is used.

    cuDNN would take TF32 (10 bits of fraction), choose its algorithms by their time, and sum by
    atomic additions. k-means' index_add_ has a deterministic kernel under this setting. One
    exception is known: the sparse products of the solver (cuSPARSE's), whose order of sums is its
    own; solutions are the same to the tolerance. What else has no deterministic kernel is warned
    of by torch, by name, and runs.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at its start
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    # it fills every torch.empty, for programs that read it before they write
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
