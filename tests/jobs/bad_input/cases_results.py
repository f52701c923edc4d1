"""What can be wrong with results, and what is made of them."""

import re

from commands import METRICS, PLACES
from spoiling import case, gone, in_json, in_text, nothing, text, torn

RESULTS = [
    case("cell that was not run", "runs", gone(METRICS)).says(
        METRICS, "is missing", "has not been run"
    ),
    case("torn metrics", "runs", torn(METRICS)).says(METRICS, "not a complete JSON file", "again"),
    case("metrics of another cell", "runs", in_json(METRICS, seed=3)).says(
        METRICS, "seed is 3", "again"
    ),
    case("metrics that are a list", "runs", text(METRICS, "[]")).says(METRICS, "list", "again"),
    case("metrics without accuracy", "runs", in_json(METRICS, accuracy=None)).says(
        METRICS, "accuracy", "again"
    ),
    case("torn description of the pool", "runs", torn("pool.json")).says(
        "pool.json", "complete", "again"
    ),
    case("description without a name", "runs", nothing, info=["pool.json"]).says(
        "--info", "pool.json", "NAME=FILE"
    ),
    case("torn grid on the command line", "runs", nothing, config="{").says(
        "--config", "{", "JSON"
    ),
    case("torn diagnosis", "pretraining", torn(PLACES["diagnosis.json"])).says(
        "diagnosis.json", "complete", "again"
    ),
    case("diagnosis without NMI", "pretraining", in_json(PLACES["diagnosis.json"], nmi=None)).says(
        "diagnosis.json", "nmi", "again"
    ),
    case("no runs", "tables", gone("results/tables/runs.csv")).says(
        "results/tables/runs.csv", "is missing", "runs"
    ),
    case("empty runs", "tables", text("results/tables/runs.csv", "")).says(
        "results/tables/runs.csv", "CSV", "again"
    ),
    case("binary runs", "tables", text("results/tables/runs.csv", b"\xff\x00\xfe,\n\x81")).says(
        "results/tables/runs.csv", "CSV", "again"
    ),
    case(
        "runs without a column", "tables", in_text("results/tables/runs.csv", "n_labels", "labels")
    ).says("results/tables/runs.csv", "n_labels", "again"),
    case(
        "runs with a word for a number",
        "tables",
        in_text("results/tables/runs.csv", "initial,0,0,20", "initial,x,0,20"),
    ).says("results/tables/runs.csv", "'x'", "again"),
    case(
        "runs of another grid",
        "tables",
        in_text("results/tables/runs.csv", "tiny,digits", "huge,digits"),
    ).says("results/tables/runs.csv", "huge", "a results folder of its own"),
    case(
        "impossible accuracy",
        "tables",
        lambda folder: text(
            "results/tables/runs.csv",
            re.sub(
                r"(initial,0,0,20,[^,]*),[^,]*",
                r"\1,250.0",
                (folder / "results/tables/runs.csv").read_text(),
            ),
        )(folder),
    ).says("results/tables/runs.csv", "250.0", "between 0 and 100"),
    case("no accuracy", "figures", gone("results/tables/accuracy.csv")).says(
        "results/tables/accuracy.csv", "is missing", "tables"
    ),
    case("torn accuracy", "figures", torn("results/tables/accuracy.csv", 0.3)).says(
        "results/tables/accuracy.csv", "column", "again"
    ),
    case("grid without experiments", "figures", nothing, grid="{}").says(
        "--grid", "experiments", "give"
    ),
    case("results that are not there", "show", nothing, results="nowhere").says(
        "nowhere/tables/accuracy.csv", "is missing", "all_tables"
    ),
    case("accuracy that is no table", "show", text("results/tables/accuracy.csv", "hello\n")).says(
        "results/tables/accuracy.csv", "column", "again"
    ),
    case("results that are a file", "land", nothing, results="grid.yaml").says(
        "grid.yaml/tables/runs.csv", "Not a directory", "move it away"
    ),
    case("unfinished grid", "land", gone("results/tables/runs.csv")).says(
        "results/tables/runs.csv", "is missing", "give"
    ),
    case(
        "settings of another grid",
        "land",
        in_text("results/tables/settings.json", '"tiny"', '"huge"'),
    ).says("runs.csv", "tiny", "again"),
    case("torn settings", "compare", torn("results/tables/settings.json")).says(
        "results/tables/settings.json", "complete", "again"
    ),
    case("settings that are a list", "compare", text("results/tables/settings.json", "[]")).says(
        "results/tables/settings.json", "holds a list", "again"
    ),
    case("no evidence", "compare", nothing, evidence=["nowhere"]).says(
        "nowhere/runs.csv", "is missing", "give"
    ),
    case("no paper", "compare", gone("paper.csv")).says("paper.csv", "is missing", "give"),
    case(
        "paper with a cell twice",
        "compare",
        lambda folder: text(
            "paper.csv",
            (folder / "paper.csv").read_text()
            + (folder / "paper.csv").read_text().splitlines()[5]
            + "\n",
        )(folder),
    ).says("paper.csv", "twice", "keep one row"),
    case("no grid of the paper", "compare", gone("grid.yaml")).says(
        "grid.yaml", "is missing", "--paper-grid"
    ),
]
