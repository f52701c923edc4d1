"""Where torch computes."""

import torch

from wholepool.job.errors import UserError


def device_for(choice: str) -> torch.device:
    """The device of the config's word: auto (CUDA where there is one), cpu or cuda.

    Raises UserError if cuda is forced on a machine that has none.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device is cuda, but torch finds no CUDA device on this machine: set device: auto"
        )
    if choice == "auto":
        choice = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(choice)
