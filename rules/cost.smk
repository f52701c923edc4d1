# What the grid costs, before it runs: measured on this machine, told and kept.
rule cost:
    output:
        page=f"{RESULTS}/cost/cost.md",
        rates=f"{RESULTS}/cost/throughput.json",
    log:
        f"{LOGS}/cost.log",
    benchmark:
        f"{BENCHMARKS}/cost.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        schema=SCHEMA,  # a resource: a checkout that moves changes no result
        mem_mb=memory(8000),
        runtime=minutes(60),
        gpu=GPU,
        jobs=lambda wildcards: workflow.cores,  # asked only of the job: --unlock has none
    params:
        config=json.dumps(config, separators=(",", ":")),
    shell:
        "python -m wholepool cost --config {params.config:q} --schema {resources.schema:q}"
        " --jobs {resources.jobs} --rates {output.rates} --out {output.page}"
        f" --device {DEVICE}"
        " --threads {threads} --log {log}"
