# From a data set's source to the pool, its hidden labels, and the initial labeled sets.
# data, initial, label_all, label (cycle.smk), evaluate and diagnose are the only rules that may name the
# oracle's file: tests/workflow walks the DAG to prove it.
wildcard_constraints:
    dataset=either(DATASETS),
    experiment=either(EXPERIMENTS),
    method=either(methods()),
    strategy=either([INITIAL, ALL, *STRATEGIES]),
    pre=r"[a-z0-9_]+",
    seed=r"\d+",
    cycle=r"\d+",


rule data:
    output:
        pool=f"{DATA}/pool.npy",
        info=f"{DATA}/pool.json",
        oracle=f"{DATA}/oracle.parquet",
        test_images=f"{DATA}/test_images.npy",
        test_labels=f"{DATA}/test_labels.npy",
    log:
        f"{LOGS}/data/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/data/{{dataset}}.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
        data_dir=SETTINGS["data_dir"],
    params:
        settings=data_settings,
        version=VERSIONS["data"],
    shell:
        "python -m wholepool data --name {wildcards.dataset} --settings {params.settings:q}"
        " --data-dir {resources.data_dir:q} --pool {output.pool} --info {output.info}"
        " --oracle {output.oracle} --test-images {output.test_images}"
        " --test-labels {output.test_labels} --threads {threads} --log {log}"


rule initial:
    input:
        of_dataset(pool="pool.npy", info="pool.json", oracle="oracle.parquet"),
    output:
        f"{RESULTS}/runs/{{experiment}}/initial/seed{{seed}}/labeled.parquet",
    log:
        f"{LOGS}/initial/{{experiment}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/initial/{{experiment}}/seed{{seed}}.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        size=lambda wildcards: experiment_of(wildcards)["initial"],
        version=VERSIONS["initial"],
    shell:
        "python -m wholepool initial --pool {input.pool} --info {input.info}"
        " --oracle {input.oracle} --seed {wildcards.seed} --size {params.size} --out {output}"
        " --threads {threads} --log {log}"


# full supervision: the oracle labels the whole pool
rule label_all:
    input:
        pool=ancient(f"{DATA}/pool.npy"),
        info=f"{DATA}/pool.json",
        oracle=f"{DATA}/oracle.parquet",
    output:
        f"{DATA}/all_labels.parquet",
    log:
        f"{LOGS}/label_all/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/label_all/{{dataset}}.tsv"
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        version=VERSIONS["label_all"],
    shell:
        "python -m wholepool label_all --pool {input.pool} --info {input.info}"
        " --oracle {input.oracle} --out {output} --threads {threads} --log {log}"
