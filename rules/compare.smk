# This grid, and what has landed in evidence/, beside the paper's printed figures.
# Not part of `all`: a grid that is not the paper's, as the demo, would only learn that no cell was run.
EVIDENCE = ROOT / "evidence"
LANDINGS = sorted(
    path.parent for path in EVIDENCE.glob("*/runs.csv") if (path.parent / "settings.json").exists()
)


use rule stage as compare_with_paper with:
    input:
        own=[f"{TABLES}/runs.csv", f"{TABLES}/settings.json"],
        landed=[f"{path}/{name}" for path in LANDINGS for name in ("runs.csv", "settings.json")],
        paper=f"{EVIDENCE}/paper.csv",
        paper_grid=f"{ROOT}/workflow/grids/paper.yaml",
    output:
        figure=item(f"{FIGURES}/compare_with_paper.png", "compare_with_paper", "Figures"),
        more=multiext(f"{FIGURES}/compare_with_paper", ".svg", ".pdf"),
        table=item(f"{TABLES}/compare_with_paper.csv", "compare_with_paper"),
        page=f"{TABLES}/compare_with_paper.md",
    log:
        f"{LOGS}/compare_with_paper.log",
    benchmark:
        f"{BENCHMARKS}/compare_with_paper.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command(
            "compare",
            evidence=[TABLES, *map(str, LANDINGS)],
            paper=f"{EVIDENCE}/paper.csv",
            paper_grid=f"{ROOT}/workflow/grids/paper.yaml",
            tables=TABLES,
            figures=FIGURES,
        ),
        files="",
        version=versions.version("compare_with_paper"),
