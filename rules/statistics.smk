# What several seeds tell, and one page of everything.
REPORT = f"{RESULTS}/report.html"


use rule stage as statistics with:
    input:
        runs=f"{TABLES}/runs.csv",
        accuracy=f"{TABLES}/accuracy.csv",
        info=dataset_infos().values(),
        acquired=acquired_files,
    output:
        pages("statistics"),
    log:
        f"{LOGS}/statistics.log",
    benchmark:
        f"{BENCHMARKS}/statistics.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 2),
    params:
        command=command("statistics", results=RESULTS, config=GIVEN, info=INFOS, out=TABLES),
        files="",
        version=page_versions("statistics"),


rule all_statistics:
    input:
        rules.all_tables.input,
        rules.statistics.output,


use rule stage as report with:
    input:
        rules.all_statistics.input,
        rules.all_figures.input,
        rules.next_batch.input,
        info=dataset_infos().values(),
    output:
        out=item(REPORT, "report", "Report"),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command("report", results=RESULTS, config=GIVEN, info=INFOS),
        files=lambda wildcards, output: files_of(wildcards, {}, output),
        version=page_versions("report"),
