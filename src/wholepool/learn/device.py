"""Where torch computes."""

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
    return torch.device("cuda" if there and choice != "cpu" else "cpu")
