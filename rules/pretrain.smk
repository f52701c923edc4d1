# PRE: once per data set, shared by all its experiments, methods, strategies and seeds.
PRETRAIN = f"{DATA}/pretrain/{{pre}}"


rule pretrain:
    input:
        pool=ancient(f"{DATA}/pool.npy"),
        info=f"{DATA}/pool.json",
    output:
        model=f"{PRETRAIN}/model.safetensors",
        history=f"{PRETRAIN}/history.parquet",
        clusters=f"{PRETRAIN}/clusters.npy",
        cluster_epochs=f"{PRETRAIN}/cluster_epochs.json",
    log:
        f"{LOGS}/pretrain/{{dataset}}/{{pre}}.log",
    benchmark:
        f"{BENCHMARKS}/pretrain/{{dataset}}/{{pre}}.tsv"
    priority: 10  # half of the grid waits for it
    group:
        one_pretraining
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(8000),
        runtime=minutes(1440),
        gpu=GPU,
        checkpoint_seconds=SETTINGS["checkpoint_seconds"],
    params:
        settings=pretrain_settings,
        version=VERSIONS["pretrain"],
    shell:
        "python -m wholepool pretrain --pool {input.pool} --info {input.info}"
        " --pre {wildcards.pre} --settings {params.settings:q} --history {output.history}"
        " --clusters {output.clusters} --cluster-epochs {output.cluster_epochs}"
        f" --device {DEVICE} --pool-memory-mb {POOL_MEMORY}"
        " --out {output.model} --threads {threads}"
        " --checkpoint-seconds {resources.checkpoint_seconds} --log {log}"


rule diagnose:
    input:
        pool=ancient(f"{DATA}/pool.npy"),
        info=f"{DATA}/pool.json",
        oracle=f"{DATA}/oracle.parquet",
        clusters=f"{PRETRAIN}/clusters.npy",
        cluster_epochs=f"{PRETRAIN}/cluster_epochs.json",
    output:
        f"{PRETRAIN}/diagnosis.json",
    log:
        f"{LOGS}/diagnose/{{dataset}}/{{pre}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{dataset}}/{{pre}}.tsv"
    group:
        one_pretraining
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        version=VERSIONS["diagnose"],
    shell:
        "python -m wholepool diagnose --pool {input.pool} --info {input.info}"
        " --oracle {input.oracle} --clusters {input.clusters}"
        " --cluster-epochs {input.cluster_epochs} --out {output} --threads {threads} --log {log}"
