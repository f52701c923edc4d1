"""What makes a run the paper's: its methods, and the settings in which a run must be like it.

A run counts as the paper's cell only if it has all that the paper fixes, and one of the readings
where the paper is silent or its public code differs (`wholepool.grid.readings`). Any other run is
reduced. The reading that is not that of the paper's own grid is named.
"""

import json
from collections.abc import Container, Mapping
from typing import Any

from wholepool.grid.cells import is_full, sup_of
from wholepool.grid.readings import ADDRESS, NO_RESULT, fixed, readings
from wholepool.grid.sections import own_of, reads, table_of, word_of
from wholepool.grid.slices import sections
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.registry import Plugin

Settings = Mapping[str, Any]

FULL = "full"
NOT_RECORDED = "not recorded"
_ABSENT = object()
#: the paper's methods by what they do (labels, PRE, SEMI): a grid may call them otherwise
METHODS = {
    ("acquired", "none", "none"): "baseline",
    ("acquired", "deepcluster", "none"): "pre",
    ("acquired", "none", "label_propagation"): "semi",
    ("acquired", "deepcluster", "label_propagation"): "pre+semi",
    ("all", "none", "none"): FULL,
}


def known(source: str) -> Settings:
    """What a source declares of itself: n, n_test, size, channels, classes."""
    declared: Settings = registry.get("source", source)["KNOWN"]
    return declared


def protocol(source: str, budget: int, semi: bool) -> dict[str, tuple[Any, ...]]:
    """What keeps a run of this data set and budget the paper's: key -> the values allowed."""
    sizes = {f"pool.{key}": (known(source).get(key),) for key in ("n", "n_test")}
    open_ = readings(source, semi)
    allowed = {key: tuple(reading.value for reading in open_[key]) for key in open_}
    return {**sizes, "initial": (budget,), **fixed(source), **allowed}


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
    asked = {"pretrain": words["pre"], "semi": words["semi"]}
    if cycle > 0:
        asked["strategy"] = strategy
    names = ["network", "augment", "optimizer", "sup"]
    for kind, name in asked.items():
        plugin = registry.plugins(kind).get(name)
        if plugin:  # not "none", nor of a package that is not here
            names += _read_by(plugin)

    info = data["info"]
    flat = {"pool.n": info["n"], "pool.n_test": info["n_test"]}
    drawn = info["n"] != known(word_of(data["source"])).get("n")
    left_out = ("size",) if drawn else ("size", "sampling", "seed")
    flat |= {f"pool.{key}": value for key, value in data["pool"].items() if key not in left_out}
    flat |= {f"source.{key}": value for key, value in own_of(data["source"]).items()}
    flat |= {f"oracle.{key}": value for key, value in table_of(data["oracle"]).items()}
    if not is_full(words):
        flat["initial"] = plan["initial"]
    if "seed_moves" in plan:
        flat["seed_moves"] = plan["seed_moves"]
    if words["pre"] != "none":
        flat["pre_drawn"] = plan["pre_drawn"]
    both = {**data, **plan, **sections(plan, "propagation"), "sup": sup_of(plan, words)}
    for name in dict.fromkeys(names):
        section, _, one = name.partition(".")
        for key, value in both[section].items():
            if one in ("", key):
                flat[f"{section}.{key}"] = value
    return flat


def _read_by(plugin: Plugin) -> list[str]:
    """The sections that decide a plug-in's results, or single keys of others, "section.key"."""
    own = [name for name in reads(plugin) if name == plugin.name]
    return [name for name in plugin["READS"] if name.partition(".")[0] not in own] + own


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
    """The keys in which a cell is not the paper's, with their values.

    A key that nobody has decided on is one, and so is one that was not recorded though others of
    its section were.
    """
    allowed = protocol(source, budget, "semi.epochs" in flat)
    free = (ADDRESS | NO_RESULT) - allowed.keys()
    found = {
        key: value
        for key, value in flat.items()
        if key not in free and value not in allowed.get(key, ())
    }
    recorded = {key.partition(".")[0] for key in flat if "." in key}
    for key in fixed(source):
        section = key.partition(".")[0]
        if "." in key and section in recorded and key not in flat:
            found[key] = NOT_RECORDED
    return found


def deviations(
    flat: Settings, reference: Settings, reduced: Container[str], source: str
) -> dict[str, str]:
    """All other keys that differ from the paper's grid: their values, as text, and whose they are.

    A key that was not recorded is named.
    """
    whose = readings(source, "semi.epochs" in flat)
    found = {}
    for key in {**flat, **reference}:
        if key in reduced or flat.get(key, _ABSENT) == reference.get(key, _ABSENT):
            continue
        if key not in flat:
            found[key] = NOT_RECORDED
            continue
        words = [one.whose for one in whose.get(key, ()) if one.value == flat[key]]
        found[key] = as_yaml(flat[key]) + (f" ({words[0]})" if words else "")
    return found


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
