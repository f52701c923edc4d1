# From every cell's metrics to the tables.
TABLES = f"{RESULTS}/tables"


rule runs:
    input:
        metrics=all_metrics,
        made=made_with,
        info=dataset_infos().values(),
    output:
        runs=report(
            f"{TABLES}/runs.csv",
            caption="../workflow/report/runs.rst",
            category="Tables",
            labels={"table": "every run"},
        ),
        settings=f"{TABLES}/settings.json",
    log:
        f"{LOGS}/runs.log",
    benchmark:
        f"{BENCHMARKS}/runs.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        schema=SCHEMA,  # a resource: a checkout that moves changes no result
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        results=lambda wildcards, output: Path(output.runs).parents[1],
        # as it was given: resolved, a grid of a hundred experiments is longer than a command may be
        config=json.dumps(config, separators=(",", ":")),
        infos=[f"{name}={path}" for name, path in dataset_infos().items()],
        version=VERSIONS["runs"],
    shell:
        "python -m wholepool runs --results {params.results} --config {params.config:q}"
        " --schema {resources.schema:q} --info {params.infos:q} --out {output.runs}"
        " --settings-out {output.settings} --threads {threads} --log {log}"


rule tables:
    input:
        runs=f"{TABLES}/runs.csv",
        info=dataset_infos().values(),
    output:
        accuracy=report(
            f"{TABLES}/accuracy.csv",
            caption="../workflow/report/accuracy.rst",
            category="Tables",
            labels={"table": "accuracy"},
        ),
        paper=multiext(
            f"{TABLES}/table", *(f"{n}.{kind}" for n in (1, 2, 3) for kind in ("csv", "md", "tex"))
        ),
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        plan=PLAN,
        infos=[f"{name}={path}" for name, path in dataset_infos().items()],
        out=lambda wildcards, output: Path(output.accuracy).parent,
        version=VERSIONS["tables"],
    shell:
        "python -m wholepool tables --runs {input.runs} --grid {params.plan:q}"
        " --info {params.infos:q} --out {params.out} --threads {threads} --log {log}"


rule pretraining:
    input:
        pretrain_diagnoses,
    output:
        f"{TABLES}/pretraining.csv",
    log:
        f"{LOGS}/pretraining.log",
    benchmark:
        f"{BENCHMARKS}/pretraining.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        version=VERSIONS["pretraining"],
    shell:
        "python -m wholepool pretraining --diagnoses {input} --out {output}"
        " --threads {threads} --log {log}"


rule all_tables:
    input:
        rules.runs.output,
        rules.tables.output,
        rules.pretraining.output if pretrain_diagnoses() else [],
