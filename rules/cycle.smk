# One cycle of one trajectory: train, embed, propagate, evaluate, acquire, label.


rule train:
    input:
        of_dataset(pool="pool.npy", info="pool.json"),
        labeled=labeled_set,
        theta=theta,
        pseudo_labels=acquired_pseudo_labels,
    output:
        model=f"{RUN}/model.safetensors",
        history=f"{RUN}/history.parquet",
    log:
        f"{LOGS}/train/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/train/{CELL}.tsv"
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(8000),
        runtime=minutes(480),
        gpu=GPU,
        checkpoint_seconds=SETTINGS["checkpoint_seconds"],
    params:
        draw_seed=draw_seed,
        settings=train_settings,
        semi=semi_of,
        version=VERSIONS["train"],
    shell:
        "python -m wholepool train"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --draw-seed {params.draw_seed}"
        " --pool {input.pool} --info {input.info} --labeled {input.labeled}"
        " --theta {input.theta} --pseudo-labels {input.pseudo_labels} --semi {params.semi}"
        " --settings {params.settings:q} --history {output.history} --out {output.model}"
        f" --device {DEVICE} --pool-memory-mb {POOL_MEMORY}"
        " --threads {threads}"
        " --checkpoint-seconds {resources.checkpoint_seconds} --log {log}"


ruleorder: embed_initial > embed
ruleorder: propagate_initial > propagate


rule embed:
    input:
        of_dataset(pool="pool.npy", info="pool.json", test_images="test_images.npy"),
        model=f"{RUN}/model.safetensors",
    output:
        embeddings=temp(f"{RUN}/embeddings.npy"),
        probabilities=temp(f"{RUN}/probabilities.npy"),
        test_probabilities=f"{RUN}/test_probabilities.npy",
    log:
        f"{LOGS}/embed/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/embed/{CELL}.tsv"
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(8000),
        runtime=minutes(30),
        gpu=GPU,
    params:
        draw_seed=draw_seed,
        settings=embed_settings,
        version=VERSIONS["embed"],
    shell:
        "python -m wholepool embed"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --draw-seed {params.draw_seed}"
        " --pool {input.pool} --info {input.info} --test-images {input.test_images}"
        " --model {input.model} --settings {params.settings:q}"
        " --embeddings {output.embeddings}"
        " --probabilities {output.probabilities}"
        " --test-probabilities {output.test_probabilities}"
        f" --device {DEVICE} --pool-memory-mb {POOL_MEMORY}"
        " --threads {threads} --log {log}"


# Cycle 0 is shared by all strategies, also by one that is added next month. Were its embeddings and
# graph temporary, making them again for the newcomer would re-run the other strategies' acquisition,
# and so all that follows. So of cycle 0, one cell in every 1 + 4 S, they stay. (test_probabilities
# stay everywhere, for the same reason: else measuring again would mean acquiring again.)
use rule embed as embed_initial with:
    output:
        embeddings=f"{RUN}/embeddings.npy",
        probabilities=f"{RUN}/probabilities.npy",
        test_probabilities=f"{RUN}/test_probabilities.npy",
    wildcard_constraints:
        strategy=INITIAL,


# Where nothing reads the pool's embeddings (Random without SEMI, the last cycle, full supervision)
# only the test images are embedded: on a large pool that is most of the pass.
use rule embed as predict with:
    output:
        embeddings=[],
        probabilities=[],
        test_probabilities=f"{RUN}/predictions/test_probabilities.npy",
    log:
        f"{LOGS}/predict/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{CELL}.tsv"


rule propagate:
    input:
        of_dataset(pool="pool.npy", info="pool.json"),
        labeled=labeled_set,
        embeddings=f"{RUN}/embeddings.npy",
    output:
        pseudo_labels=f"{RUN}/pseudo_labels.parquet",
        graph=temp(f"{RUN}/graph.npz"),
    log:
        f"{LOGS}/propagate/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/propagate/{CELL}.tsv"
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(8000),
        runtime=minutes(60),
        gpu=GPU,
    params:
        settings=propagate_settings,
        version=VERSIONS["propagate"],
    shell:
        "python -m wholepool propagate"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --pool {input.pool} --info {input.info} --labeled {input.labeled}"
        " --embeddings {input.embeddings} --settings {params.settings:q}"
        " --graph {output.graph} --out {output.pseudo_labels}"
        f" --device {DEVICE}"
        " --threads {threads} --log {log}"


use rule propagate as propagate_initial with:
    output:
        pseudo_labels=f"{RUN}/pseudo_labels.parquet",
        graph=f"{RUN}/graph.npz",
    wildcard_constraints:
        strategy=INITIAL,


rule evaluate:
    input:
        of_dataset(
            pool="pool.npy",
            info="pool.json",
            oracle="oracle.parquet",
            test_labels="test_labels.npy",
        ),
        labeled=labeled_set,
        history=f"{RUN}/history.parquet",
        test_probabilities=test_probabilities,
        pseudo_labels=pseudo_labels_to_judge,
    output:
        f"{RUN}/metrics.json",
    log:
        f"{LOGS}/evaluate/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{CELL}.tsv"
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        version=VERSIONS["evaluate"],
    shell:
        "python -m wholepool evaluate"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --pool {input.pool} --info {input.info} --oracle {input.oracle}"
        " --test-labels {input.test_labels} --labeled {input.labeled} --history {input.history}"
        " --test-probabilities {input.test_probabilities}"
        " --pseudo-labels {input.pseudo_labels} --out {output} --threads {threads} --log {log}"


rule acquire:
    input:
        of_dataset(pool="pool.npy", info="pool.json"),
        labeled=labeled_set,
        embeddings=needed("embeddings", "embeddings.npy"),
        probabilities=needed("probabilities", "probabilities.npy"),
        graph=needed("graph", "graph.npz"),
    output:
        queries=f"{RUN}/queries.parquet",
        pseudo_labels=[],
    log:
        f"{LOGS}/acquire/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/{CELL}.tsv"
    wildcard_constraints:
        strategy=either(
            name for name, strategy in STRATEGIES.items() if not strategy.gives_pseudo_labels
        ),
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(8000),
        runtime=minutes(240),
        gpu=acquire_gpu,
    params:
        draw_seed=draw_seed,
        settings=acquire_settings,
        budget=budget_of,
        version=acquire_version,
    shell:
        "python -m wholepool acquire --strategy {wildcards.strategy}"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --draw-seed {params.draw_seed}"
        " --pool {input.pool} --info {input.info} --labeled {input.labeled}"
        " --embeddings {input.embeddings} --probabilities {input.probabilities}"
        " --graph {input.graph} --budget {params.budget} --settings {params.settings:q}"
        " --pseudo-labels {output.pseudo_labels} --out {output.queries}"
        f" --device {DEVICE}"
        " --threads {threads} --log {log}"


use rule acquire as acquire_with_pseudo_labels with:
    output:
        queries=f"{RUN}/queries.parquet",
        pseudo_labels=f"{RUN}/acquired_pseudo_labels.parquet",
    wildcard_constraints:
        strategy=either(
            name for name, strategy in STRATEGIES.items() if strategy.gives_pseudo_labels
        ),


rule label:
    input:
        of_dataset(pool="pool.npy", info="pool.json", oracle="oracle.parquet"),
        labeled=lambda wildcards: labeled_set(wildcards, back=1),
        queries=lambda wildcards: f"{folder(wildcards, back=1, own=True)}/queries.parquet",
    output:
        f"{RUN}/labeled.parquet",
    log:
        f"{LOGS}/label/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/label/{CELL}.tsv"
    group:
        one_cycle
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        version=VERSIONS["label"],
    shell:
        "python -m wholepool label"
        " --cell {wildcards.method}/{wildcards.strategy}/{wildcards.seed}/{wildcards.cycle}"
        " --pool {input.pool} --info {input.info} --labeled {input.labeled}"
        " --queries {input.queries} --oracle {input.oracle} --out {output}"
        " --threads {threads} --log {log}"
