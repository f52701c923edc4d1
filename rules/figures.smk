# The paper's figures, of the grid that was run.
FIGURES = f"{RESULTS}/figures"


rule figures:
    input:
        accuracy=f"{TABLES}/accuracy.csv",
        info=dataset_infos().values(),
    output:
        report(
            [f"{FIGURES}/figure{n}.png" for n in (1, 2, 3, 4)],
            caption="../workflow/report/figures.rst",
            category="Figures",
        ),
        [f"{FIGURES}/figure{n}.{kind}" for n in (1, 2, 3, 4) for kind in ("svg", "pdf")],
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{BENCHMARKS}/figures.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        plan=PLAN,
        infos=[f"{name}={path}" for name, path in dataset_infos().items()],
        out=lambda wildcards, output: Path(output[0]).parent,
        version=VERSIONS["figures"],
    shell:
        "python -m wholepool figures --accuracy {input.accuracy} --grid {params.plan:q}"
        " --info {params.infos:q} --out {params.out} --threads {threads} --log {log}"


rule all_figures:
    input:
        rules.figures.output,
