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
import hashlib
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

    `declares` has the default of each declaration, `allowed` the values (of a table: the keys) that
    it may hold, `taken` the words that mean something else where a plug-in's name stands.
    """

    folder: str
    defines: tuple[str, ...]
    declares: Mapping[str, Any]
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken: tuple[str, ...] = ()


#: what every word of a grid may say of itself, for docs/words.md: the paper that it is from, and
#: its time and memory
SAID = {"SOURCE": "", "COST": ""}

KINDS = {
    # KNOWN: n, n_test, size, channels, classes, as far as they are known before the data are there
    "source": Kind(
        *("data/sources", ("read",), {"VERSION": 1, "TITLE": "", "KNOWN": {}}),
        {"KNOWN": ("n", "n_test", "size", "channels", "classes")},
    ),
    # KNOWS: all labels, or some of them so far. CLOSES: people answer, and cycles are closed
    "oracle": Kind(
        *("data/oracles", ("answer", "answers")),
        {"VERSION": 1, "KNOWS": "all", "CLOSES": False},
        {"KNOWS": ("all", "some")},
    ),
    # LEAST: pixels that images must be high and wide, and must be where a batch may be one image
    "network": Kind(
        *("learn/networks", ("build", "fit")),
        {"VERSION": 1, "EATS": "images", "FITS": False, "LEAST": (1, 1)}
        | {"LINEAR": False, "NORMALIZES": False}
        | SAID,
        {"EATS": ("images", "features")},
    ),
    "pretrain": Kind(
        "learn/pretrain",
        ("pretrain", "features"),
        {"VERSION": 1, "READS": (), "GIVES": "weights"} | SAID,
        {"GIVES": ("weights", "features")},
        ("none",),
    ),
    # a SEMI may only give pseudo-labels, or bring a phase of training of its own
    "semi": Kind(
        *("learn/semi", ("pseudo_label", "phase"), {"VERSION": 1, "READS": ()} | SAID),
        taken=("none",),
    ),
    "strategy": Kind(
        "strategies",
        ("acquire",),
        {"VERSION": 1, "TITLE": "", "NEEDS": (), "READS": ()}
        | {"STOCHASTIC": False, "GIVES_PSEUDO_LABELS": False, "GPU": False, "COLD": False}
        | SAID,
        {"NEEDS": ("embeddings", "probabilities", "head", "answers")},
        ("initial", "all"),  # parts of paths: see grid/cells.py
    ),
    # FILES: what the page makes, below the results, in the stage STAGE (else that of its folder).
    # PLACE: where it stands in report.html, PEOPLE_PLACE: where people label; 0: nowhere
    "page": Kind(
        *("report/pages", ("make", "show")),
        {"VERSION": 1, "TITLE": "", "FILES": (), "STAGE": "", "PLACE": 0, "PEOPLE_PLACE": 0},
        {"STAGE": ("", "tables", "figures", "statistics")},
    ),
}

#: those that come with this package. Of any other, also one that is put into its folders, an edit
#: is a new version
OURS = {
    "source": (
        *("cifar10", "cifar100", "digits", "fashion_mnist", "folder", "mnist", "photographs"),
        "svhn",
    ),
    "oracle": ("hidden", "journal"),
    "network": ("backbone", "conv13", "head"),
    "pretrain": ("deepcluster", "pretrained"),
    "semi": ("label_propagation", "poisson"),
    "strategy": (
        *("alfamix", "badge", "bald", "ceal", "cluster_margin", "coreset", "dropquery", "jlp"),
        *("kmedoids", "least_confidence", "margin", "maxherding", "power_bald", "probcover"),
        *("random", "typiclust", "uherding", "uncertainty"),
    ),
    "page": (
        *("classes", "figure1", "figure2", "figure3", "figure4", "table1", "table2", "table3"),
        *("answer", "run"),
        *("aubc", "paired", "pooled"),
        *("penalty", "ranks", "efficiency"),
        *("selection", "variance"),
        *("accuracies", "again", "cost_of_run", "deviations", "examples", "learning_curves"),
        *("provenance", "pseudo_labels"),
        *("labels_so_far", "suspicious_answers", "what_next", "where_you_stand", "your_classes"),
    ),
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
    def version(self) -> str:
        """Its name and VERSION; and, if it did not come with this package, what its file holds.

        So an edit of somebody's own plug-in is noticed without a VERSION that is raised, also a
        comment. Ours say by VERSION alone when their results change.
        """
        said = f"{self.name} {self['VERSION']}"
        return said if self.is_ours else f"{said} {content(self.path)}"

    @property
    def is_ours(self) -> bool:
        """Whether it came with this package."""
        return self.name in OURS[self.kind] and ROOT in self.path.parents

    @property
    def title(self) -> str:
        """How tables and figures print it."""
        return self["TITLE"] or self.name

    def load(self) -> Any:
        """Import it. Raises UserError if its module does not define what its kind must."""
        module = importlib.import_module(self.module)
        defines = KINDS[self.kind].defines
        if not any(callable(getattr(module, name, None)) for name in defines):
            raise UserError(lacks(self))
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
        if self.kind == "network":
            musts = ("embed", "fit") if self["FITS"] else ("build",)
            if lacking := [name for name in musts if not hasattr(module, name)]:
                raise UserError(
                    f"{self.path}: FITS is {self['FITS']}, so it must define the function "
                    f"{lacking[0]}, which it does not: add it, or declare the other"
                )
        if self.kind == "oracle":
            asked = ("answers", "closed", "class_names") if self["CLOSES"] else ("answer",)
            if lacking := [name for name in asked if not hasattr(module, name)]:
                raise UserError(
                    f"{self.path}: CLOSES is {self['CLOSES']}, so it must define the function "
                    f"{lacking[0]}, which it does not: add it, or declare the other"
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


def content(path: Path) -> str:
    """The start of the SHA-256 of a plug-in's file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


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
    for node in parsed(plugin):
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
        try:
            value = ast.literal_eval(node.value)
        except (ValueError, TypeError):
            value = None
        where = f"{plugin.path}, line {node.lineno}: {name}"
        if fault := wrong_value(value, kind.declares[name], kind.allowed.get(name, ())):
            raise UserError(f"{where} {fault}")
        found[name] = value
    return found


def wrong_value(value: Any, default: Any, allowed: tuple[str, ...]) -> str:
    """What is wrong with a declaration's value, or "": it must be of its default's type."""
    wanted = type(default)
    if type(value) is not wanted:
        return f"must be a literal of type {wanted.__name__}: write it so"
    words = list(value) if wanted in (tuple, dict) else [value]
    if wrong := [word for word in words if allowed and word not in allowed]:
        return f"has {wrong[0]!r}, but may hold only {', '.join(allowed)}: take one of these"
    inside = list(value.values()) if wanted is dict else words
    of = int if wanted is dict or (wanted is tuple and default) else str
    if wanted in (tuple, dict) and (odd := [one for one in inside if type(one) is not of]):
        return f"has {odd[0]!r}, which is no {'whole number' if of is int else 'text'}: write it so"
    if of is int and wanted in (tuple, dict) and (low := [one for one in inside if one < 0]):
        return f"has {low[0]}, but numbers of it are at least 0: write how many there are"
    if wanted is tuple and default and len(value) != len(default):
        return f"has {len(value)} numbers, not {len(default)}: write it so"
    return ""


def parsed(plugin: Plugin) -> list[ast.stmt]:
    """A plug-in's module as statements, not run. UserError where it is no Python."""
    try:
        return ast.parse(plugin.path.read_bytes()).body
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(
            f"{plugin.path}{line}: the {plugin.kind} {plugin.name} is no Python that can be read "
            f"({getattr(error, 'msg', error)}): mend it"
        ) from None


def check_all() -> None:
    """Raise UserError if a plug-in that is there cannot be used, without running any of them.

    Planning asks all of them what they declare; here each says so before anything else is done.
    """
    for kind in KINDS:
        for plugin in plugins(kind).values():
            declarations(plugin)
            if not {"*", *KINDS[kind].defines} & defined(plugin):
                raise UserError(lacks(plugin))


def lacks(plugin: Plugin) -> str:
    """That a plug-in does not define what its kind must."""
    return (
        f"{plugin.path}: a {plugin.kind} must define the function "
        f"{' or '.join(KINDS[plugin.kind].defines)}, which it does not: add it"
    )


@functools.cache
def defined(plugin: Plugin) -> set[str]:
    """The names that a plug-in's module defines, found without running it; "*" if it can be any."""
    return set().union(*map(bound_by, parsed(plugin)))


def bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement of a module defines; "*" if that can be any."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}
    return {"*"} if isinstance(node, ast.If | ast.Try | ast.With | ast.For) else set()


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
