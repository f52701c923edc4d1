# One cycle of one trajectory: train, embed, propagate, evaluate, acquire, label.
ruleorder: embed_initial > embed
ruleorder: propagate_initial > propagate


# A network that is fitted at once, on features: all of its cell's learning in one job.
use rule stage as fit with:
    input:
        inputs(plan.fit_inputs),
    output:
        **outputs("fit", RUN),
    log:
        f"{LOGS}/fit/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/fit/{CELL}.tsv"
    wildcard_constraints:
        experiment=fitted(True),
    group:
        one_cycle
    resources:
        **needs(mem_mb=4000, hours=1 / 6),
    params:
        command=cell_command(
            "fit",
            draw_seed=draw_seed,
            pre=pre_of,
            semi=lambda wildcards: words_of(wildcards)["semi"],
            settings=fit_settings,
        ),
        version=per_job(
            lambda wildcards: versions.of_fit(dataset_of(wildcards), words_of(wildcards)["semi"])
        ),


use rule stage as train with:
    input:
        inputs(plan.train_inputs),
    output:
        **outputs("train", RUN),
    log:
        f"{LOGS}/train/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/train/{CELL}.tsv"
    wildcard_constraints:
        experiment=fitted(False),
    group:
        one_cycle
    resources:
        **needs(mem_mb=8000, hours=8, gpu=GPU),
    params:
        command=cell_command(
            "train",
            draw_seed=draw_seed,
            pre=pre_of,
            semi=lambda wildcards: words_of(wildcards)["semi"],
            settings=train_settings,
        ),
        version=per_job(
            lambda wildcards: versions.of_train(dataset_of(wildcards), words_of(wildcards)["semi"])
        ),


use rule stage as embed with:
    input:
        inputs(plan.embed_inputs),
    output:
        **outputs("embed", RUN),
    log:
        f"{LOGS}/embed/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/embed/{CELL}.tsv"
    wildcard_constraints:
        experiment=fitted(False),
    group:
        one_cycle
    resources:
        **needs(mem_mb=8000, hours=1 / 2, gpu=GPU),
    params:
        command=cell_command("embed", draw_seed=draw_seed, settings=embed_settings),
        version=per_job(lambda wildcards: versions.of_embed(dataset_of(wildcards))),


# As embed, but nothing is temporary: see written.TEMPORARY.
use rule embed as embed_initial with:
    output:
        **outputs("embed_initial", RUN),
    wildcard_constraints:
        experiment=fitted(False),
        strategy=INITIAL,


# The test images alone, where nothing reads the pool's embeddings: see plan.embeds_pool.
use rule embed as predict with:
    output:
        **outputs("predict", RUN),
    log:
        f"{LOGS}/predict/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{CELL}.tsv"


# The classifier of the network, where a strategy reads it. It is a job of its own, and not of embed,
# so that a strategy that is added next month leaves the embeddings of cycle 0 as they are.
use rule stage as read_head with:
    input:
        inputs(plan.read_head_inputs),
    output:
        **outputs("read_head", RUN),
    log:
        f"{LOGS}/read_head/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/read_head/{CELL}.tsv"
    wildcard_constraints:
        experiment=fitted(False),
    group:
        one_cycle
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=cell_command("read_head", settings=read_head_settings),
        version=per_job(lambda wildcards: versions.of_embed(dataset_of(wildcards), "read_head")),


use rule stage as propagate with:
    input:
        inputs(plan.propagate_inputs),
    output:
        **outputs("propagate", RUN),
    log:
        f"{LOGS}/propagate/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/propagate/{CELL}.tsv"
    wildcard_constraints:
        experiment=fitted(False),
    group:
        one_cycle
    resources:
        **needs(mem_mb=8000, hours=1, gpu=GPU),
    params:
        command=cell_command("propagate", semi=propagate_semi, settings=propagate_settings),
        version=per_job(
            lambda wildcards: versions.of_propagate(plan.propagating(words_of(wildcards)))
        ),


use rule propagate as propagate_initial with:
    output:
        **outputs("propagate_initial", RUN),
    wildcard_constraints:
        experiment=fitted(False),
        strategy=INITIAL,


use rule stage as evaluate with:
    input:
        inputs(plan.evaluate_inputs),
    output:
        **outputs("evaluate", RUN),
    log:
        f"{LOGS}/evaluate/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{CELL}.tsv"
    group:
        one_cycle
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=cell_command("evaluate", settings=answers),
        version=versions.version("evaluate"),


use rule stage as acquire with:
    input:
        inputs(plan.acquire_inputs),
    output:
        **outputs("acquire", RUN),
    log:
        f"{LOGS}/acquire/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/{CELL}.tsv"
    wildcard_constraints:
        strategy=that_gives_pseudo_labels(False),
    group:
        one_cycle
    resources:
        **needs(mem_mb=8000, hours=4, gpu=per_job(acquire_gpu)),
    params:
        command=cell_command(
            "acquire",
            draw_seed=draw_seed,
            strategy=lambda wildcards: wildcards.strategy,
            budget=lambda wildcards: experiment_of(wildcards)["budget"],
            settings=acquire_settings,
        ),
        version=per_job(lambda wildcards: versions.of_acquire(wildcards.strategy)),
        # that there will be enough images for the rest of the cycles is told at the first
        files=files_and(later=lambda w: experiment_of(w)["cycles"] - 2 - int(w.cycle)),


use rule acquire as acquire_with_pseudo_labels with:
    output:
        **outputs("acquire_with_pseudo_labels", RUN),
    wildcard_constraints:
        strategy=that_gives_pseudo_labels(True),


use rule stage as label with:
    input:
        inputs(plan.label_inputs),
    output:
        **outputs("label", RUN),
    log:
        f"{LOGS}/label/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/label/{CELL}.tsv"
    group:
        one_cycle
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=cell_command("label", settings=answers),
        version=per_job(lambda wildcards: versions.of_answers("label", dataset_of(wildcards))),
