"""What makes a run the paper's: its methods, and the settings in which a run must be like it.

A run counts as the paper's cell only if it keeps `protocol`: all that the paper fixes in scale.
Any other run is reduced. Other settings are another reading of the paper, and are named.
"""

import json
from collections.abc import Container, Mapping
from typing import Any

from wholepool.grid.cells import is_full, sup_of
from wholepool.grid.sections import reads, word_of
from wholepool.job import registry
from wholepool.job.errors import UserError

Settings = Mapping[str, Any]

FULL = "full"
#: the paper's methods by what they do (labels, PRE, SEMI): a grid may call them otherwise
METHODS = {
    ("acquired", "none", "none"): "baseline",
    ("acquired", "deepcluster", "none"): "pre",
    ("acquired", "none", "label_propagation"): "semi",
    ("acquired", "deepcluster", "label_propagation"): "pre+semi",
    ("all", "none", "none"): FULL,
}

#: What the paper fixes in scale: key -> the values that keep it, for the methods that use the key.
PROTOCOL: dict[str, tuple[Any, ...]] = {
    "network.name": ("conv13",),
    "network.width": (1,),
    "network.dropout": (0.5,),
    "network.logit_scale": (1,),
    "augment.translate": (4,),
    "augment.flip": (True,),
    "sup.epochs": (200,),
    "sup.batch_size": (32,),
    "sup.lr": (0.2,),
    "sup.cosine_period": (1.05,),
    "semi.epochs": (200,),
    "semi.batch_size": (128,),
    "semi.labeled_size": (50,),
    "semi.lr": (0.2,),
    "semi.cosine_period": (1.05,),
    "semi.epoch_share": (0.5,),
    # 400, as in the authors' public code, is not less
    "deepcluster.epochs": (250, 400),
}
#: where Table I and section VI-A give a data set numbers of its own
PROTOCOL_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    "mnist": {"sup.batch_size": (10,), "semi.batch_size": (64,), "semi.labeled_size": (10,)}
}
#: before SEMI: 0, as in the authors' public code, is another reading of Algorithm 1, not less
BEFORE_SEMI = {"sup.epochs": (200, 0)}


def known(source: str) -> Settings:
    """What a source declares of itself: n, n_test, size, channels, classes."""
    declared: Settings = registry.get("source", source)["KNOWN"]
    return declared


def protocol(source: str, budget: int, semi: bool) -> dict[str, tuple[Any, ...]]:
    """What keeps a run of this data set and budget the paper's: key -> the values allowed."""
    sizes = {f"pool.{key}": (known(source).get(key),) for key in ("n", "n_test")}
    before = BEFORE_SEMI if semi else {}
    return {**sizes, "initial": (budget,), **PROTOCOL, **before, **PROTOCOL_OF.get(source, {})}


def settings_of(
    settings: Settings, experiment: str, method: str, strategy: str, cycle: int
) -> dict[str, Any]:
    """All settings that decide a cell's result, flat: "section.key" -> value.

    `settings` are those of a folder of evidence. "pool.n" and "pool.n_test" are the sizes of what
    was there. Sections that the cell does not use are left out.
    """
    plan = settings["experiments"][experiment]
    data = settings["datasets"][plan["dataset"]]
    words = plan["methods"][method]
    names = ["network", "augment", "optimizer", "sup"]
    asked = {"pretrain": words["pre"], "semi": words["semi"]}
    if cycle > 0:
        asked["strategy"] = strategy
    for kind, name in asked.items():
        plugin = registry.plugins(kind).get(name)
        if plugin:  # not "none", nor of a package that is not here
            names += reads(plugin)
            if kind == "strategy" and "graph" in plugin["NEEDS"]:
                names.append("propagation")
    names += [name for name in ("source_settings", "oracle_settings") if name in data]

    info = data["info"]
    flat = {"pool.n": info["n"], "pool.n_test": info["n_test"]}
    drawn = info["n"] != known(word_of(data["source"])).get("n")
    left_out = ("size",) if drawn else ("size", "sampling", "seed")
    flat |= {f"pool.{key}": value for key, value in data["pool"].items() if key not in left_out}
    if not is_full(words):
        flat["initial"] = plan["initial"]
    if "seed_moves" in plan:
        flat["seed_moves"] = plan["seed_moves"]
    flat["oracle"] = data["oracle"]
    both = {**data, **plan, "sup": sup_of(plan, words)}
    for name in dict.fromkeys(names):
        flat |= {f"{name}.{key}": value for key, value in both[name].items()}
    return flat


def reference_settings(
    resolved: Settings, source: str, budget: int | None, method: str, strategy: str, cycle: int
) -> dict[str, Any]:
    """`settings_of` the same cell in the paper's own grid, resolved; of all its images.

    `budget` is None for full supervision, which has none. Raises UserError if the grid lacks it.
    """
    does = next(does for does, name in METHODS.items() if name == method)
    it = dict(zip(("labels", "pre", "semi"), does, strict=True))
    for plan in resolved["experiments"].values():
        data = resolved["datasets"][plan["dataset"]]
        if data["source"] == source and budget in (None, plan["budget"]):
            same = (words for words in plan["methods"].values() if it.items() <= words.items())
            it = next(same, it)
            both = {
                "datasets": {"it": {**data, "info": known(source)}},
                "experiments": {"it": {**plan, "dataset": "it", "methods": {"it": it}}},
            }
            return settings_of(both, "it", "it", strategy, cycle)
    raise UserError(
        f"The paper's grid has no experiment on {source} with budget {budget}, so the settings of "
        "its cells are not known: add one to workflow/grids/paper.yaml."
    )


def reductions(flat: Settings, source: str, budget: int) -> dict[str, Any]:
    """The keys in which a cell is not the paper's in scale, with their values."""
    allowed = protocol(source, budget, "semi.epochs" in flat)
    return {key: value for key, value in flat.items() if value not in allowed.get(key, (value,))}


def deviations(flat: Settings, reference: Settings, reduced: Container[str]) -> dict[str, Any]:
    """All other keys that differ from the paper's grid; a key that was not recorded is named."""
    absent = object()
    return {
        key: flat.get(key, "not recorded")
        for key in {**flat, **reference}
        if key not in reduced and flat.get(key, absent) != reference.get(key, absent)
    }


def spelled(settings: Settings) -> str:
    """ "key: value; key: value", values as in YAML."""
    return "; ".join(f"{key}: {as_yaml(value)}" for key, value in settings.items())


def as_yaml(value: Any) -> str:
    """A setting's value as in YAML, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)
