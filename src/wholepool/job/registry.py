"""Plug-ins: everything that can be added without an edit here, found and described in one way.

A plug-in is one module, in one of the folders below or in another installed package, which names it
as an entry point of the group `wholepool.KIND`. Its name is its word in the config. What it
declares stands at the top of its module as literals (NEEDS = ("embeddings",)) and is read without
running it: planning imports neither torch nor anybody's code. Its section of the config, if it has
one, is described by a .yaml file of the same name next to it: JSON Schema for its keys.
"""

import ast
import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wholepool.job.errors import UserError, suggestion

ROOT = Path(__file__).parents[1]
WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in: its folder, what a module must define one of, what it may declare.

    `declares` has the default of each declaration, `allowed` the values that it may hold, `taken`
    the words that mean something else where a plug-in's name stands.
    """

    folder: str
    defines: tuple[str, ...]
    declares: Mapping[str, Any]
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken: tuple[str, ...] = ()


KINDS = {
    # KNOWN: n, n_test, size, channels, classes, as far as they are known before the data are there
    "source": Kind("data/sources", ("read",), {"VERSION": 1, "TITLE": "", "KNOWN": {}}),
    # KNOWS: all labels, or some of them so far
    "oracle": Kind(
        "data/oracles", ("answer",), {"VERSION": 1, "KNOWS": "all"}, {"KNOWS": ("all", "some")}
    ),
    "network": Kind(
        *("learn/networks", ("build",)),
        {"VERSION": 1, "EATS": "images", "LINEAR": False},
        {"EATS": ("images", "features")},
    ),
    "pretrain": Kind(
        "learn/pretrain",
        ("pretrain", "features"),
        {"VERSION": 1, "READS": (), "GIVES": "weights"},
        {"GIVES": ("weights", "features")},
        ("none",),
    ),
    # a SEMI may only give pseudo-labels, or bring a phase of training of its own
    "semi": Kind(
        "learn/semi", ("pseudo_label", "phase"), {"VERSION": 1, "READS": ()}, taken=("none",)
    ),
    "strategy": Kind(
        "strategies",
        ("acquire",),
        {"VERSION": 1, "TITLE": "", "NEEDS": (), "READS": ()}
        | {"STOCHASTIC": False, "GIVES_PSEUDO_LABELS": False, "GPU": False, "COLD": False},
        {"NEEDS": ("embeddings", "probabilities", "head", "answers")},
        ("initial", "all"),  # parts of paths: see grid/cells.py
    ),
    # FILES: what the page makes, below the results
    "page": Kind("report/pages", ("make",), {"VERSION": 1, "FILES": ()}),
}


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was found, not yet imported; `plugin["NEEDS"]` is what it declares."""

    kind: str
    name: str
    module: str
    path: Path

    def __getitem__(self, declaration: str) -> Any:
        return declarations(self)[declaration]

    @property
    def section(self) -> dict[str, Any] | None:
        """JSON Schema of its section of the config: {"description", "properties"}; or None."""
        return section(self)

    @property
    def title(self) -> str:
        """How tables and figures print it."""
        return self["TITLE"] or self.name

    def load(self) -> Any:
        """Import it. Raises UserError if its module does not define what its kind must."""
        module = importlib.import_module(self.module)
        defines = KINDS[self.kind].defines
        if not any(callable(getattr(module, name, None)) for name in defines):
            raise UserError(
                f"{self.path}: a {self.kind} must define the function {' or '.join(defines)}, "
                "which it does not: add it"
            )
        self.check_gift(module)
        return module

    def check_gift(self, module: Any) -> None:
        """Raise UserError where what the module defines is not what it declares."""
        if self.kind == "pretrain":
            wanted = {"weights": "pretrain", "features": "features"}[self["GIVES"]]
            if not hasattr(module, wanted):
                raise UserError(
                    f"{self.path}: GIVES is {self['GIVES']!r}, so it must define the function "
                    f"{wanted}, which it does not: add it, or declare what it gives"
                )
        if self.kind == "semi" and not hasattr(module, "phase") and "semi" not in self["READS"]:
            raise UserError(
                f"{self.path}: training on its pseudo-labels reads the section semi: add it to "
                'READS, as in READS = ("semi",)'
            )


@functools.cache
def plugins(kind: str) -> dict[str, Plugin]:
    """All plug-ins of a kind, by name: the package's own, then those of other packages.

    Raises UserError for a name that cannot be one, or that stands twice.
    """
    folder = ROOT / KINDS[kind].folder
    dotted = "wholepool." + KINDS[kind].folder.replace("/", ".")
    found = {
        path.stem: Plugin(kind, path.stem, f"{dotted}.{path.stem}", path)
        for path in sorted(folder.glob("[!_]*.py"))
    }
    for entry in importlib.metadata.entry_points(group=f"wholepool.{kind}"):
        where = f"entry point {entry.name} = {entry.value} of the group wholepool.{kind}"
        if not WORD.fullmatch(entry.name) or entry.name in KINDS[kind].taken:
            raise UserError(
                f"{where}: a {kind} cannot have this name: take lower-case letters, digits and _, "
                f"and none of {', '.join(KINDS[kind].taken) or 'the words that are taken'}"
            )
        if entry.name in found and found[entry.name].module != entry.value:
            raise UserError(
                f"{where}: there is a {kind} of this name in {found[entry.name].path} already: "
                "rename it, or uninstall one of the two packages"
            )
        if entry.attr:
            raise UserError(f"{where}: it must name a module alone: leave out :{entry.attr}")
        spec = None
        with contextlib.suppress(ImportError):
            spec = importlib.util.find_spec(entry.value)
        if spec is None or spec.origin is None:
            raise UserError(f"{where}: there is no such module: install its package again")
        found[entry.name] = Plugin(kind, entry.name, entry.value, Path(spec.origin))
    return found


def get(kind: str, name: str, where: str = "") -> Plugin:
    """The plug-in of a name; UserError, with what was perhaps meant, if there is none."""
    known = plugins(kind)
    if name not in known:
        raise UserError(f"{where or kind} is {name!r}, which is unknown{suggestion(name, known)}")
    return known[name]


@functools.cache
def declarations(plugin: Plugin) -> dict[str, Any]:
    """What a plug-in declares, or its kind's defaults. UserError if that is not allowed."""
    kind = KINDS[plugin.kind]
    found = dict(kind.declares)
    for node in ast.parse(plugin.path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {leaf.id for target in targets for leaf in ast.walk(target)
                 if isinstance(leaf, ast.Name)} & found.keys()  # fmt: skip
        if not names:
            continue
        name = names.pop()
        if names or len(targets) > 1 or not isinstance(targets[0], ast.Name):
            raise UserError(f"{plugin.path}, line {node.lineno}: write {name} = ... on its own")
        wanted = type(kind.declares[name])
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            value = None
        where = f"{plugin.path}, line {node.lineno}: {name}"
        if type(value) is not wanted:
            raise UserError(f"{where} must be a literal of type {wanted.__name__}: write it so")
        allowed = kind.allowed.get(name, ())
        words = value if wanted is tuple else [value]
        if wrong := [word for word in words if allowed and word not in allowed]:
            raise UserError(f"{where} has {wrong[0]!r}, but may hold only {', '.join(allowed)}")
        found[name] = value
    return found


@functools.cache
def section(plugin: Plugin) -> dict[str, Any] | None:
    """See `Plugin.section`. Raises UserError if the file is there and describes no keys."""
    from wholepool.job.yaml import read_yaml  # 16 ms that a job which asks for none is spared

    path = plugin.path.with_suffix(".yaml")
    if not path.exists():
        return None
    found = read_yaml(path)
    if not isinstance(found.get("properties"), dict):
        raise UserError(f"{path} must describe the section's keys under properties: add it")
    return {"type": "object", "additionalProperties": False, **found}
