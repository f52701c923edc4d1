"""Which class a name in a file means: those that stand, and those that they were called before."""

from collections import Counter
from collections.abc import Iterable, Sequence

from wholepool.job.errors import suggestion
from wholepool.labeling.answers import State
from wholepool.labeling.classes import cleaned, folded, standing
from wholepool.labeling.exchange.found import one_line
from wholepool.labeling.lines import Line, is_word
from wholepool.labeling.sent import LONGEST


def known_names(lines: Sequence[Line], state: State) -> dict[str, str]:
    """Name -> class id, for each name that means one class.

    Besides the present names these are the former ones, of classes that were renamed or merged
    since a file was made, where no class has the name now and only one had it.
    """
    former: dict[str, set[str]] = {}
    for line in standing(lines):
        if line["kind"] in ("class", "rename"):
            key = state.merged.get(line["class"]) or line["class"]
            former.setdefault(cleaned(line["name"]), set()).add(key)
    names = {name: min(keys) for name, keys in former.items() if len(keys) == 1}
    names = {name: key for name, key in names.items() if key in state.classes}
    return names | {name: key for key, name in reversed(state.classes.items())}


def sorted_out(
    names: Iterable[str], known: dict[str, str], new_classes: bool
) -> tuple[dict[str, str], list[str], dict[str, tuple[str, str]]]:
    """What the class names of a file mean: of one occurrence each, as often as they occur.

    Gives name -> class id of what is known, the names to make classes of (only if `new_classes`),
    and name -> (why, what was perhaps meant) of the others, where why is "spelling" or "class". Of
    several new spellings the most frequent one is made.
    """
    means: dict[str, str] = {}
    new: list[str] = []
    other: dict[str, tuple[str, str]] = {}
    spelt = {folded(name): name for name in reversed(known)}
    for name, _ in Counter(names).most_common():
        shown = one_line(name)
        if shown in known:
            means[name] = known[shown]
        elif shown in new:
            continue
        elif folded(shown) in spelt:
            other[name] = ("spelling", f"did you mean {spelt[folded(shown)]}?")
        elif not is_word(shown) or len(shown) > LONGEST:
            other[name] = ("class", f"a class's name has 1 to {LONGEST} characters on one line")
        elif new_classes:
            new.append(shown)
            spelt[folded(shown)] = shown
        else:
            other[name] = ("class", suggestion(shown, known).removeprefix("; "))
    return means, new, other
