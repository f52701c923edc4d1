# The paper's figures, of the grid that was run.
FIGURES = f"{RESULTS}/figures"


use rule stage as figures with:
    input:
        runs=f"{TABLES}/runs.csv",
        accuracy=f"{TABLES}/accuracy.csv",
        info=dataset_infos().values(),
    output:
        pages("figures"),
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{BENCHMARKS}/figures.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command(
            "figures",
            runs=f"{TABLES}/runs.csv",
            accuracy=f"{TABLES}/accuracy.csv",
            grid=PLAN,
            info=INFOS,
            out=FIGURES,
        ),
        files="",
        version=page_versions("figures"),


rule all_figures:
    input:
        rules.figures.output,
