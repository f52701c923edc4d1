"""Weights on disk: safetensors, so that loading them runs no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic
from wholepool.learn.networks import TorchNetwork


def trunk_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What PRE hands to the cycles: the trunk's parameters and buffers, as running statistics."""
    return {name: value for name, value in state.items() if name.startswith("trunk.")}


def save_weights(path: str | Path, state: dict[str, Tensor], identity: str = "") -> None:
    """Write a network's state, on the CPU, to a safetensors file; `identity` is whose it is."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in state.items()}
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"identity": identity} if identity else None)
        except safetensors.SafetensorError as error:  # so it calls what the system refuses
            raise OSError(None, str(error)) from error


def identity_of(path: str | Path) -> str:
    """The identity that a safetensors file was written with; "" if it has none or is not whole."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("identity", "")
    except (OSError, safetensors.SafetensorError):
        return ""


def load_weights(path: str | Path) -> dict[str, Any]:
    """Read a safetensors file; UserError if it is missing or torn."""
    try:
        open(path, "rb").close()  # safetensors calls missing what is only not readable
        return load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: run the stage that makes it") from error
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a complete safetensors file ({error}): {AGAIN}") from error


def differing(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that only one of two states has; or else, those of unlike shapes."""
    return sorted(set(wanted) ^ set(given)) or [
        name for name in wanted if wanted[name].shape != given[name].shape
    ]


def load_network(network: TorchNetwork, path: str | Path, trunk_only: bool = False) -> None:
    """Put weights into a network, in place: all of them, or the trunk alone (what PRE gives).

    Raises UserError if the file's network has another architecture, or diverged.
    """
    state = load_weights(path)
    expected = network.state_dict()
    if trunk_only:
        state, expected = trunk_state(state), trunk_state(expected)
    if wrong := differing(expected, state):
        raise UserError(
            f"{path} holds the weights of another network: {wrong[0]} differs (and "
            f"{len(wrong) - 1} more). Its width, weight_norm or other settings, its channels or "
            f"classes are not the config's: {AGAIN}"
        )
    diverged = [name for name in expected if not state[name].isfinite().all()]
    if diverged:
        key = "learning rate of its PRE" if trunk_only else "sup.lr or semi.lr"
        raise UserError(
            f"{path}: {diverged[0]} is not finite (and {len(diverged) - 1} more): the training "
            f"that made it has diverged. With a smaller {key}, {AGAIN}"
        )
    network.load_state_dict(state, strict=not trunk_only)
