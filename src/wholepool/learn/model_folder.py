"""A model folder: all that labels new images, for good and without a network.

- `model.safetensors`: the backbone's weights, by timm's names after "backbone."; the classifier,
  float32 "weight" (c, d) and "bias" (c,); and "center", float64 (d,), where features are centered.
- `model.json`: the classes in their order, and how an image becomes features.
- `README.md`: the same in plain words, with the command.

The backbone's weights are stored, though a package brings them: of tf_efficientnet_lite0 19 MB,
against 13 kB for the rest. Without them the folder would be of use only as long as that package is
to be had. They are stored as timm has them, not with batch norm folded in, so that timm reads them.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import torch
from torch import Tensor

from wholepool import __version__
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError
from wholepool.job.files import digest_of, read_object, write_json, write_text
from wholepool.learn.backbones import created, fill, loaded
from wholepool.learn.head import softmax
from wholepool.learn.networks import head as classifier
from wholepool.learn.pretrain import pretrained
from wholepool.learn.weights import load_weights, save_weights

FORMAT, FORMAT_VERSION = "wholepool model", 1
TENSORS, FACTS, README = "model.safetensors", "model.json", "README.md"
BACKBONE = "backbone."
AGAIN = "copy the whole folder again, or make it again with python -m wholepool model"

NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
PIXELS = {"type": "integer", "minimum": 1}
#: of model.json, in JSON Schema
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["classes", "image", "backbone", "features", "sha256"],
    "properties": {
        "classes": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "image": {"type": "object", "required": ["size"], "properties": {"size": PIXELS}},
        "backbone": {
            "type": "object",
            "required": ["model", "size", "layer", "mean", "std"],
            "properties": {
                **{"model": {"type": "string"}, "size": PIXELS, "mean": NUMBERS, "std": NUMBERS},
                "layer": {"oneOf": [{"enum": ["last", "head"]}, {"type": "integer", "minimum": 0}]},
            },
        },
        "features": {"type": "object", "required": ["centered"]},
        "sha256": {"type": "string"},
    },
}
CHECKED = jsonschema.Draft202012Validator(SCHEMA)
#: what is the same in all such folders, for whoever reads model.json
IMAGE = {
    "resize": "the whole image to size x size, whatever its shape; bicubic, by Pillow",
    "colors": "RGB; transparency on white; more than 8 bits stretched to 0 to 255",
    "orientation": "turned as EXIF says",
    "jpeg": "decoded at 1/2, 1/4 or 1/8 (Pillow's draft) while that leaves 2 * size",
}
FEATURES = {"places": "averaged", "length": "1, after center is subtracted where there is one"}


@dataclass(frozen=True)
class Measured:
    """How good a model was found to be: `accuracy` and its `interval` are in percent."""

    n_labels: int | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Model:
    """A classifier of images.

    `classes`: names, in the order of the columns. `size`: images are decoded to so many pixels,
    high and wide. `probabilities`: of at most `pretrained.BATCH` images uint8 (B, size, size, 3),
    float64 (B, c).
    """

    classes: tuple[str, ...]
    size: int
    probabilities: Callable[[np.ndarray], np.ndarray]


def write_model(
    out: str | Path,
    pool: Pool,
    head: np.ndarray,
    settings: Mapping[str, Any],
    device: str,
    measured: Measured = Measured(),
) -> None:
    """Write the model folder of a classifier that was fitted to the features of a pool.

    `head` is float32 (c, d + 1), as the network head's `fit` gives it; `settings` have the section
    pretrained. The pool's features are read from the cache, or computed again. Raises UserError
    for a pool that is no square RGB, a head of other features, and where `out` is no such folder.
    """
    refuse_others(out)
    _, height, width, channels = pool.images.shape
    if height != width or channels != 3:
        raise UserError(
            f"the pool of {pool.dataset} has images of {height} x {width} pixels and {channels} "
            "channel(s): a model folder is for square RGB, as the source folder gives it"
        )
    own = settings["pretrained"]
    features = pretrained.not_centered(pool.images, pool.images[:0], settings, device)[0]
    if head.shape != (pool.classes, features.shape[1] + 1):
        raise UserError(
            f"the head is {head.shape}, but the features of {own['model']}, layer {own['layer']}, "
            f"need one of ({pool.classes}, {features.shape[1] + 1}): give the head and the "
            "settings of one and the same cell"
        )
    backbone, digest, mean, std = loaded(own, "pretrained")
    center = pretrained.mean_of(features) if own["center"] else None
    transform = {name: own[name] for name in ("model", "size", "layer")}
    module = None if own["layer"] == "head" else name_of_block(backbone, own["layer"])
    facts = {
        **{"format": FORMAT, "format_version": FORMAT_VERSION, "classes": list(pool.class_names)},
        "image": {"size": height, **IMAGE},
        "backbone": {**transform, "module": module, "mean": mean, "std": std, "weights": digest},
        "features": {"centered": own["center"], **FEATURES},
        "made": made(pool, device),
        "measured": vars(measured),
    }
    write_folder(Path(out), tensors_of(backbone, head, center), facts)


def name_of_block(backbone: Any, layer: str | int) -> str:
    """The name, as torch has it, of the block whose output the features are."""
    block = pretrained.block_of(backbone, layer)
    return next(name for name, module in backbone.named_modules() if module is block)


def made(pool: Pool, device: str) -> dict[str, str]:
    """By what a model was made, and of what."""
    versions = {name: version(name) for name in ("timm", "torch", "pillow")}
    return {"wholepool": __version__, **versions, "device": device, "pool": pool.fingerprint}


def tensors_of(backbone: Any, head: np.ndarray, center: np.ndarray | None) -> dict[str, Tensor]:
    """All tensors of a model by name, each with memory of its own."""
    found = {BACKBONE + name: value.clone() for name, value in backbone.state_dict().items()}
    own = {"weight": head[:, :-1], "bias": head[:, -1]}
    if center is not None:
        own["center"] = center
    return found | {name: torch.tensor(array) for name, array in own.items()}


def write_folder(out: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write all files beside `out`, then put them there."""
    out = out.resolve()
    beside = out.with_name(f".{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # of a job that was killed
    try:
        save_weights(beside / TENSORS, tensors)
        facts = {**facts, "sha256": digest_of(beside / TENSORS)}
        write_json(beside / FACTS, facts)
        write_text(beside / README, readme(facts))
        if not (out / FACTS).exists():
            os.replace(beside, out)
            return
        for name in (TENSORS, README, FACTS):  # killed in between, sha256 tells
            os.replace(beside / name, out / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_others(out: str | Path) -> None:
    """UserError where something stands at `out` that is no model folder, and not empty."""
    path = Path(out)
    if path.is_dir():
        there = {one.name for one in path.iterdir()}
        if not there or (FACTS in there and is_ours(path / FACTS)):
            return
    elif not path.exists():
        return
    raise UserError(
        f"{out} is there already and is no model folder, so it is left as it is: name another "
        "place, or move it away"
    )


def is_ours(facts: Path) -> bool:
    try:
        return read_object(facts).get("format") == FORMAT
    except (UserError, OSError):
        return False


def readme(facts: Mapping[str, Any]) -> str:
    """README.md of a model folder."""
    measured, names = facts["measured"], facts["classes"]
    learned = f"It learned from {measured['n_labels']:,} labels. " if measured["n_labels"] else ""
    good = "How good it is was not measured."
    if measured["accuracy"] is not None:
        good = f"Of images that it had not learned from it got {measured['accuracy']:.1f} % right"
        if measured["interval"]:
            low, high = measured["interval"]
            good += f" (95 % interval: {low:.1f} to {high:.1f} %)"
        good += "."
    classes = "\n".join(f"- {' '.join(name.split())}" for name in names)
    return f"""# A model that labels images

It tells {len(names)} classes apart. {learned}{good}

{classes}

To label a folder of new images, or one image, with wholepool {facts["made"]["wholepool"]} or later:

```bash
python -m wholepool predict_images --model THIS_FOLDER --images NEW_IMAGES --out predictions.csv
```

predictions.csv then has, for each image, its path, the most probable class, that one's probability,
the second class and its probability. No network is needed. Every image gets one of these classes,
whatever it shows: look at those of low probability.

- `model.safetensors`: the weights of {facts["backbone"]["model"]}, and the classifier
- `model.json`: the classes in their order, and how an image is prepared

To use it without wholepool: its page docs/predict.md.
"""


def read_model(folder: str | Path, device: str = "cpu") -> Model:
    """Read a model folder. Raises UserError where it is missing, torn or of another format."""
    path = Path(folder)
    facts = read_facts(path)
    own, where = facts["backbone"], f"{path / FACTS}: backbone"
    tensors = load_weights(path / TENSORS)
    head, center = head_of(tensors, facts, path)
    backbone = created(own["model"], where)
    state = {
        name.removeprefix(BACKBONE): tensors[name] for name in tensors if name.startswith(BACKBONE)
    }
    fill(backbone, state, own["model"], str(path / TENSORS), where)
    how = (own["size"], own["layer"], own["mean"], own["std"], device)
    embed = pretrained.embedding_by(backbone.eval(), *how)

    def probabilities(images: np.ndarray) -> np.ndarray:
        features = embed(images)
        if center is not None:
            features = pretrained.of_length_one(features - center)
        # in float64: sums in float32 would depend, in their last bit, on the rows of the batch
        return softmax(classifier.embed(features, {}).astype(np.float64), head)

    return Model(tuple(facts["classes"]), facts["image"]["size"], probabilities)


def read_facts(path: Path) -> dict[str, Any]:
    """model.json of a folder, checked, as is whether it belongs to the weights beside it."""
    if not path.is_dir():
        what = "is a file" if path.exists() else "is not there"
        raise UserError(f"{path}: the model folder {what}: name the folder that has {FACTS}")
    if not (path / FACTS).exists():
        raise UserError(f"{path} is no model folder, for it has no {FACTS}: {AGAIN}")
    facts = read_object(path / FACTS)
    if facts.get("format") != FORMAT:
        raise UserError(
            f"{path / FACTS} is of the format {facts.get('format')!r}, not {FORMAT!r}: name a "
            "folder that python -m wholepool model has made"
        )
    if facts.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path / FACTS} has format_version {facts.get('format_version')!r}, but wholepool "
            f"{__version__} reads {FORMAT_VERSION}: install the wholepool that made it "
            f"({facts.get('made', {}).get('wholepool')}), or make it again"
        )
    wrong = jsonschema.exceptions.best_match(CHECKED.iter_errors(facts))
    if wrong:
        raise UserError(f"{path / FACTS}: {wrong.json_path}: {wrong.message}: {AGAIN}")
    if not (path / TENSORS).exists():
        raise UserError(f"{path} has no {TENSORS}: {AGAIN}")
    if (digest := digest_of(path / TENSORS)) != facts["sha256"]:
        raise UserError(
            f"{path / TENSORS} is damaged or another model's: its SHA-256 is {digest}, but {FACTS} "
            f"says {facts['sha256']}: {AGAIN}"
        )
    return facts


def head_of(
    tensors: Mapping[str, Tensor], facts: Mapping[str, Any], path: Path
) -> tuple[np.ndarray, np.ndarray | None]:
    """The classifier float64 (c, d + 1), and what features are centered by, float64 (d,)."""
    wanted = {"weight", "bias"} | ({"center"} if facts["features"]["centered"] else set())
    if missing := wanted - set(tensors):
        raise UserError(f"{path / TENSORS} lacks {', '.join(sorted(missing))}: {AGAIN}")
    weight, bias = (tensors[name].double().numpy() for name in ("weight", "bias"))
    if len(weight) != len(facts["classes"]):
        raise UserError(
            f"{path / FACTS} names {len(facts['classes'])} classes, but {TENSORS} has "
            f"{len(weight)}: a class may be renamed there, not added or removed; else {AGAIN}"
        )
    center = tensors["center"].numpy() if "center" in wanted else None
    return np.concatenate([weight, bias[:, None]], axis=1), center
