# The paper's figures, of the grid that was run.
FIGURES = f"{RESULTS}/figures"


use rule stage as figures with:
    input:
        accuracy=f"{TABLES}/accuracy.csv",
        info=dataset_infos().values(),
    output:
        item([f"{FIGURES}/figure{n}.png" for n in (1, 2, 3, 4)], "figures", "Figures"),
        [f"{FIGURES}/figure{n}.{kind}" for n in (1, 2, 3, 4) for kind in ("svg", "pdf")],
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{BENCHMARKS}/figures.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command(
            "figures", accuracy=f"{TABLES}/accuracy.csv", grid=PLAN, info=INFOS, out=FIGURES
        ),
        files="",
        version=version("figures"),


rule all_figures:
    input:
        rules.figures.output,
