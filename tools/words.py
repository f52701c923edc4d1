"""Write docs/words.md: the words of a method, what each costs, and which go together.

    python tools/words.py            # a part of make reference

What is said of a word is what its module declares, and the first sentence of its docstring. Which
words go together is asked of the configuration itself: small grids are resolved and planned.
"""

import ast
import functools
import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

from wholepool.grid import joblist, sections
from wholepool.grid.config import resolve
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.registry import KINDS, Plugin

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "words.md"

HEAD = """# Every word of a method

This page is made by `make reference`: do not edit it. A method has a PRE, a SEMI and strategies;
its data set has a network. Their keys: [`config.md`](config.md#plug-ins). A word of your own is one
file: [`CONTRIBUTING.md`](../CONTRIBUTING.md#add-a-plug-in).

```yaml
datasets:
  cifar10: { network: { name: NETWORK } }
methods:
  mine: { pre: PRE, semi: SEMI, strategies: [STRATEGY, STRATEGY] }
```

In the costs, n is the number of images in the pool, L of labels so far, b of new ones (`budget`), d
of dimensions of the embedding, c of classes, and k of neighbors (`propagation.k`). Memory is told
where it is more than O(n), beside the arrays that are read. Seconds that were measured:
[`strategies.md`](strategies.md#what-they-cost). "The paper" is the one that the
[README](../README.md) names; a number in parentheses is an equation of it.
"""
#: heading and the cost's unit of each kind that is a word of a method
HEADINGS = {
    "network": ("Networks", "cost of one row"),
    "pretrain": ("PRE: before the first cycle", "cost, once"),
    "semi": ("SEMI: after SUP, in each cycle", "cost in each cycle"),
    "strategy": ("Strategies: which images are asked for", "cost of each acquisition"),
}
#: what a function is given, whatever its module declares
GIVEN = {
    "pretrain": "images",
    "features": "images",
    "pseudo_label": "embeddings, probabilities, labels",
    "phase": "images or features, labels",
}
#: how a declaration that is true is told
TRUE = {
    "LINEAR": "its classifier is linear",
    "STOCHASTIC": "draws",
    "GPU": "takes a GPU",
    "GIVES_PSEUDO_LABELS": "gives pseudo-labels",
    "COLD": "may be the strategy of `initial`, from zero labels",
}
TOGETHER = """## Which go together

Of each pair: yes, if there is a method that has both and can be planned, with other words as they
must be. A method's strategies do not mind each other.
"""


class Word(NamedTuple):
    """A word of the config, and the kind of plug-in that it names."""

    kind: str
    name: str


def words(kind: str) -> list[str]:
    """The names that may stand in the place of a kind, "none" among them where it is one."""
    none = [name for name in KINDS[kind].taken if name == "none"]
    return [*none, *registry.plugins(kind)]


def sentence(plugin: Plugin) -> str:
    """The first sentence of a plug-in's docstring, on one line."""
    text = ast.get_docstring(ast.Module(registry.parsed(plugin), [])) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", first)[0]


def given(plugin: Plugin) -> list[str]:
    """What a plug-in reads: arrays, then sections of the config."""
    declared = KINDS[plugin.kind].declares
    bound = set().union(*map(registry.bound_by, registry.parsed(plugin)))
    arrays = [GIVEN[name] for name in KINDS[plugin.kind].defines if name in bound & GIVEN.keys()]
    arrays += [plugin["EATS"]] if "EATS" in declared else []
    arrays += plugin["NEEDS"] if "NEEDS" in declared else ()
    if plugin.kind in sections.INLINE:
        return [*arrays, f"`{plugin.kind}`"]
    return [*arrays, *(f"`{name}`" for name in sections.reads(plugin))]


def more(plugin: Plugin) -> str:
    """What else it declares."""
    declared = KINDS[plugin.kind].declares
    found = [text for name, text in TRUE.items() if name in declared and plugin[name]]
    if "GIVES" in declared:
        found.append(f"gives {plugin['GIVES']}")
    if "LEAST" in declared and plugin["LEAST"][0] > 1:
        found.append(f"images of {plugin['LEAST'][0]} pixels or more")
    return "; ".join(found)


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in cells) + " |"


def kind_lines(kind: str) -> list[str]:
    """The table of a kind."""
    heading, cost = HEADINGS[kind]
    lines = [
        f"## {heading}",
        "",
        row("word", " ", "source", "reads", "and", cost),
        "|---" * 6 + "|",
    ]
    for name in words(kind):
        if name not in registry.plugins(kind):
            lines.append(row(f"`{name}`", "It is left out.", "", "", "", ""))
            continue
        plugin = registry.get(kind, name)
        cells = sentence(plugin), plugin["SOURCE"], ", ".join(given(plugin))
        lines.append(row(f"`{name}`", *cells, more(plugin), plugin["COST"]))
    return [*lines, ""]


def grid(method: tuple[Word, ...]) -> dict[str, Any]:
    """The smallest grid of a word of each kind, on the source with the largest images."""
    one = {word.kind: word.name for word in method}
    known = {name: found["KNOWN"] for name, found in registry.plugins("source").items()}
    source = max(known, key=lambda name: known[name].get("size", 0))
    own = {"pre": one["pretrain"], "semi": one["semi"], "strategies": [one["strategy"]]}
    return {
        "datasets": {"data": {"source": source, "network": {"name": one["network"]}}},
        "experiments": {"grid": {"dataset": "data", "budget": known[source].get("classes", 100)}},
        **{"cycles": 2, "seeds": 1, "methods": {"method": own}},
    }


@functools.cache
def faults(method: tuple[Word, ...]) -> frozenset[str]:
    """What the configuration says against a word of each kind in one method, without the places."""
    try:
        list(joblist.planned(resolve(grid(method))))
    except UserError as error:
        listed = str(error).partition(": ")[2] if "\n" not in str(error) else str(error)
        found = listed.split("\n  - ")[1:] or [listed]
        return frozenset(re.sub(r"^(datasets|experiments)\.[\w.]+: ", "", one) for one in found)
    return frozenset()


def against(*pair: Word) -> str:
    """Why no method has both of a pair, or "": what is wrong whatever its other words are."""
    free = [kind for kind in HEADINGS if kind not in {word.kind for word in pair}]
    choices = [[Word(kind, name) for name in words(kind)] for kind in free]
    common = None
    for others in itertools.product(*choices):
        found = faults(tuple(sorted((*pair, *others))))
        if not found:
            return ""
        common = found if common is None else common & found
    return "; ".join(sorted(common or ())) or "no choice of the other words goes with both"


def together_lines() -> list[str]:
    """The table of pairs, and the reasons of those that do not go together."""
    *across, _ = HEADINGS
    columns = [Word(kind, name) for kind in across for name in words(kind)]
    names = [row(" ", *map(label, columns)), "|---" * (len(columns) + 1) + "|"]
    lines, reasons = [TOGETHER, *names], []
    for kind in list(HEADINGS)[1:]:
        for word in (Word(kind, name) for name in words(kind)):
            cells = []
            for other in columns:
                if list(HEADINGS).index(other.kind) >= list(HEADINGS).index(kind):
                    cells.append(" ")
                    continue
                reason = against(other, word)
                if reason and reason not in reasons:
                    reasons.append(reason)
                cells.append(f"no ({reasons.index(reason) + 1})" if reason else "yes")
            lines.append(row(label(word), *cells))
    lines += ["", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]
    return lines


def label(word: Word) -> str:
    """A word with its kind, as the table has it."""
    short = {"pretrain": "PRE", "semi": "SEMI"}.get(word.kind, word.kind)
    return f"{short} `{word.name}`"


def page() -> str:
    """docs/words.md."""
    lines = [HEAD]
    for kind in HEADINGS:
        lines += kind_lines(kind)
    return "\n".join([*lines, *together_lines()]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
