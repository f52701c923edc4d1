# This grid, and what has landed in evidence, beside the paper's printed figures.
# Not part of `all`: a grid that is not the paper's, as the demo, would only learn that no cell was run.
rule compare_with_paper:
    input:
        own=[f"{TABLES}/runs.csv", f"{TABLES}/settings.json"],
        landed=[f"{path}/{name}" for path in landings() for name in ("runs.csv", "settings.json")],
        paper=f"{REFERENCE}/paper.csv",
        grid=f"{ROOT}/workflow/grids/paper.yaml",
        schema=SCHEMA,
    output:
        figure=report(
            f"{FIGURES}/compare_with_paper.png",
            caption="../workflow/report/compare_with_paper.rst",
            category="Figures",
        ),
        more=multiext(f"{FIGURES}/compare_with_paper", ".svg", ".pdf"),
        table=report(
            f"{TABLES}/compare_with_paper.csv",
            caption="../workflow/report/compare_with_paper.rst",
            category="Tables",
            labels={"table": "comparison with the paper"},
        ),
        page=f"{TABLES}/compare_with_paper.md",
    log:
        f"{LOGS}/compare_with_paper.log",
    benchmark:
        f"{BENCHMARKS}/compare_with_paper.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        evidence=[TABLES, *landings()],
        tables=lambda wildcards, output: Path(output.table).parent,
        figures=lambda wildcards, output: Path(output.figure).parent,
        version=VERSIONS["compare_with_paper"],
    shell:
        "python -m wholepool compare --evidence {params.evidence:q} --paper {input.paper:q}"
        " --paper-grid {input.grid:q} --schema {input.schema:q} --tables {params.tables}"
        " --figures {params.figures} --threads {threads} --log {log}"
