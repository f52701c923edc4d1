# What the grid costs, before it runs: measured on this machine, told and kept.
use rule stage as cost with:
    output:
        rates=f"{RESULTS}/cost/throughput.json",
        out=f"{RESULTS}/cost/cost.md",
    log:
        f"{LOGS}/cost.log",
    benchmark:
        f"{BENCHMARKS}/cost.tsv"
    resources:
        **needs(mem_mb=8000, hours=1, gpu=GPU),
    params:
        # how many cores there are is asked only of the job: --unlock has none
        command=command("cost", config=GIVEN, jobs=lambda wildcards: str(workflow.cores)),
