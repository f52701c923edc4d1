"""What the stage `show` prints: the accuracies, what the unlabeled images gain, where they lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.grid.cells import ALL
from wholepool.report.accuracy import full_supervision
from wholepool.report.names import NOT_RUN, block_name, method_name, strategy_name
from wholepool.report.render import cell_texts, mean_and_std, seeds_phrase

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 110
_WITH_SEMI = ("semi", "pre+semi")


def summary(accuracy: pd.DataFrame) -> str:
    """The accuracy table as text for a terminal, at most 110 characters wide.

    One block per experiment: rows method × strategy, columns the cycles with their number of
    labels, cells mean±std in percent.
    """
    import pandas as pd

    texts = cell_texts(accuracy)
    blocks = []
    for experiment in dict.fromkeys(accuracy["experiment"]):
        part = accuracy[(accuracy["experiment"] == experiment) & (accuracy["strategy"] != ALL)]
        if part.empty:
            continue
        first = part.iloc[0]
        block = f"{experiment} ({block_name(first['dataset'], first['budget'])}): "
        block += f"test accuracy (%), mean±sample std {seeds_phrase(part)}"
        pairs = list(dict.fromkeys(zip(part["method"], part["strategy"], strict=True)))
        n_labels = sorted({int(row.cycle): int(row.n_labels) for row in part.itertuples()}.items())
        names = [(method_name(method), strategy_name(strategy)) for method, strategy in pairs]
        table = pd.DataFrame(
            [[texts.get((experiment, *p, cycle), NOT_RUN) for cycle, _ in n_labels] for p in pairs],
            index=pd.MultiIndex.from_tuples(names, names=["method", "strategy"]),
            columns=[f"cycle {cycle} ({count})" for cycle, count in n_labels],
        )
        wrapped = table.to_string(line_width=_WIDTH).splitlines()
        block += "".join("\n" + line.rstrip(" \\") for line in wrapped)
        for row in full_supervision(accuracy, experiment).itertuples():
            block += f"\n{method_name(row.method)} (all labels): {mean_and_std(row.mean, row.std)}"
        blocks.append(block)
    return "\n\n".join(blocks) or "no runs"


def first_gains(accuracy: pd.DataFrame) -> str:
    """What training on the whole pool gains at cycle 0: a sentence per experiment that has both.

    The better of _WITH_SEMI against the baseline, in percentage points of the mean test accuracy.
    """
    first = accuracy[(accuracy["cycle"] == 0) & accuracy["mean"].notna()]
    lines = []
    for experiment in dict.fromkeys(first["experiment"]):
        part = first[first["experiment"] == experiment]
        means = dict(zip(part["method"], part["mean"], strict=True))
        ours = [method for method in _WITH_SEMI if method in means]
        if "baseline" in means and ours:
            best = max(ours, key=means.__getitem__)
            gain = means[best] - means["baseline"]
            lines.append(
                f"{experiment}, cycle 0: {method_name(best)} {means[best]:.1f} %, "
                f"Baseline {means['baseline']:.1f} %: {gain:+.1f} points from the unlabeled images"
            )
    return "\n".join(lines)


def losses(accuracy: pd.DataFrame) -> str:
    """Where training on the whole pool does worse: a sentence.

    A cell counts if its mean is below the baseline's of the same strategy and cycle by more than
    its own standard error over seeds. Cells with one seed have none.
    """
    keys = ["experiment", "strategy", "cycle"]
    known = accuracy[accuracy["mean"].notna()]
    baseline = known[known["method"] == "baseline"][[*keys, "mean"]]
    ours = known[known["method"].isin(_WITH_SEMI) & (known["n_seeds"] > 1)]
    judged = ours.merge(baseline, on=keys, suffixes=("", "_baseline"))
    if judged.empty:
        return ""
    judged["error"] = judged["std"] / judged["n_seeds"] ** 0.5
    worse = [
        f"{row.experiment} {method_name(row.method)} {strategy_name(row.strategy)} "
        f"cycle {row.cycle} ({row.mean:.1f} against {row.mean_baseline:.1f}, "
        f"standard error {row.error:.1f})"
        for row in judged[judged["mean"] < judged["mean_baseline"] - judged["error"]].itertuples()
    ]
    if worse:
        return "below the baseline by more than the standard error: " + "; ".join(worse)
    n = len(judged)
    return f"none of {n} cells with SEMI is below the baseline by more than its standard error"
