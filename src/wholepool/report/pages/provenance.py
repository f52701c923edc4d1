"""Where the results come from: code, versions, machine, data, settings, and whom to cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wholepool.grid.people import NONE_YET
from wholepool.grid.sections import own_of, word_of
from wholepool.job.registry import plugins
from wholepool.report import labelers
from wholepool.report.fragment import fill, paragraph, table
from wholepool.report.names import dataset_name, method_name
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Provenance"
PLACE = 90
PEOPLE_PLACE = 90

#: values of a source that say nothing, the second of what is known later
VOID = (None, [NONE_YET])
#: column of runs.csv -> what it is called
_RECORDED = {
    **{"wholepool": "wholepool", "commit": "commit", "python": "Python", "torch": "PyTorch"},
    **{"numpy": "NumPy", "scipy": "SciPy", "device": "device", "threads": "threads"},
    "precision": "precision",
}
PAPER = (
    "Oriane Siméoni, Mateusz Budnik, Yannis Avrithis, Guillaume Gravier: Rethinking deep active "
    "learning: Using unlabeled data at model training. International Conference on Pattern "
    "Recognition (ICPR), 2020. arXiv:1911.08177"
)


def show(results: Results) -> str:
    """Tables of what made the trainings, of the data, of the settings, and of the literature."""
    labeled = labelers.only(results.settings)
    runs = labelers.trainings(results) if labeled else results.runs
    recorded = of_trainings(runs)
    nothing = "" if labeled else paragraph("No training has told what made it.")
    parts = [
        table(recorded, "What made the trainings.") if len(recorded) else nothing,
        table(of_data(results), "Data. The fingerprint is the SHA-256 of a pool's images."),
        "" if labeled else of_settings(runs),
        table(literature(results), "Where the methods are from."),
        paragraph(f"To cite the method: {PAPER}."),
        paragraph("To cite the software: wholepool, with its version and commit."),
    ]
    return "".join(parts)


def of_trainings(runs: pd.DataFrame) -> pd.DataFrame:
    """Each property with its values and how many trainings have each; then the dates."""
    import pandas as pd

    rows = []
    for name, title in _RECORDED.items():
        if name not in runs.columns:
            continue
        known = runs[name].dropna().astype(str)
        counts = known[known != ""].value_counts()
        for value, count in counts.items():
            shown = "not used" if value == "none" else value
            rows.append((title, shown, f"{count:,}"))
    for name, title, pick in (
        ("started", "first training started", "min"),
        ("finished", "last training ended", "max"),
    ):
        known = runs[name].dropna().astype(str) if name in runs.columns else pd.Series(dtype=str)
        if len(known := known[known != ""]):
            rows.append((title, getattr(known, pick)(), ""))
    return pd.DataFrame(rows, columns=["What", "Value", "Trainings"])


def of_data(results: Results) -> pd.DataFrame:
    """A row per data set of the grid."""
    import pandas as pd

    settings: Mapping[str, Any] = results.settings.get("datasets", {})
    rows = []
    for name in dict.fromkeys(plan["dataset"] for plan in results.grid["experiments"].values()):
        pool, own = results.pools.get(name, {}), settings.get(name, {})
        source = own.get("source", name)
        details = [f"{key}: {value}" for key, value in own_of(source).items() if value not in VOID]
        details += [f"{key}: {value}" for key, value in own.get("pool", {}).items() if value]
        rows.append(
            (
                dataset_name(name),
                word_of(source),
                f"{pool['n']:,}" if "n" in pool else "not read yet",
                f"{pool.get('n_test') or 0:,}" if pool else "–",
                pool.get("fingerprint", "–"),
                ", ".join(details) or "–",
            )
        )
    names = ["Data set", "Source", "Pool", "Test images", "Fingerprint", "Settings"]
    return pd.DataFrame(rows, columns=names)


def of_settings(runs: pd.DataFrame) -> str:
    """The digest of the settings of each experiment and method, folded."""
    from markupsafe import Markup

    names = ["experiment", "method", "settings_digest"]
    if "settings_digest" not in runs.columns:
        return ""
    known = runs[names].dropna().drop_duplicates()
    known = known[known["settings_digest"] != ""]
    if known.empty:
        return ""
    shown = known.assign(method=known["method"].map(method_name))
    shown = shown.set_axis(["Experiment", "Method", "Settings"], axis=1)
    template = (
        "<details><summary>Digests of the settings, by experiment and method</summary>{{ rows }}"
        "<p>tables/settings.json holds the settings themselves.</p></details>"
    )
    return fill(template, rows=Markup(table(shown)))


def literature(results: Results) -> pd.DataFrame:
    """The networks, PREs, SEMIs and strategies of the grid that name a source of theirs."""
    import pandas as pd

    methods = [
        words for plan in results.grid["experiments"].values() for words in plan["methods"].values()
    ]
    data = results.settings.get("datasets", {}).values()
    used = [("network", word_of(own["network"])) for own in data if "network" in own]
    used += [("pretrain", words["pre"]) for words in methods]
    used += [("semi", words["semi"]) for words in methods]
    used += [("strategy", name) for words in methods for name in words["strategies"]]
    kinds = {"network": "network", "pretrain": "PRE", "semi": "SEMI", "strategy": "strategy"}
    rows = [
        (kinds[kind], name, plugin["SOURCE"])
        for kind, name in dict.fromkeys(used)
        if (plugin := plugins(kind).get(name)) and plugin["SOURCE"]
    ]
    return pd.DataFrame(rows, columns=["Kind", "Word", "Source"])
