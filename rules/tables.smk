# From every cell's metrics to the tables.
TABLES = f"{RESULTS}/tables"
# as it was given: resolved, a grid of a hundred experiments is longer than a command may be
GIVEN = json.dumps(config, separators=(",", ":"))


use rule stage as runs with:
    input:
        metrics=all_metrics,
        made=made_with,
        info=dataset_infos().values(),
    output:
        settings_out=f"{TABLES}/settings.json",
        out=item(f"{TABLES}/runs.csv", "runs"),
    log:
        f"{LOGS}/runs.log",
    benchmark:
        f"{BENCHMARKS}/runs.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command("runs", results=RESULTS, config=GIVEN, info=INFOS),
        files=lambda wildcards, output: files_of(wildcards, {}, output),
        version=versions.version("runs"),


use rule stage as tables with:
    input:
        runs=f"{TABLES}/runs.csv",
        info=dataset_infos().values(),
    output:
        pages("tables"),
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command("tables", runs=f"{TABLES}/runs.csv", grid=PLAN, info=INFOS, out=TABLES),
        files="",
        version=page_versions("tables"),


use rule stage as pretraining with:
    input:
        diagnoses=pretrain_diagnoses,
    output:
        out=f"{TABLES}/pretraining.csv",
    log:
        f"{LOGS}/pretraining.log",
    benchmark:
        f"{BENCHMARKS}/pretraining.tsv"
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=command("pretraining"),
        version=versions.version("pretraining"),


rule all_tables:
    input:
        rules.runs.output,
        rules.tables.output,
        rules.pretraining.output if pretrain_diagnoses() else [],
