# From a data set's source to the pool, its hidden labels, and the initial labeled sets.
# data, initial, label_all, label (cycle.smk), evaluate and diagnose are the only rules that may name the
# oracle's file: tests/workflow walks the DAG to prove it.
wildcard_constraints:
    dataset=either(DATASETS),
    experiment=either(EXPERIMENTS),
    method=either(name for experiment in EXPERIMENTS.values() for name in experiment["methods"]),
    strategy=either([INITIAL, ALL, *STRATEGIES]),
    pre=either(PRES),
    seed=r"\d+",
    cycle=r"\d+",
    draw=r"(/seed\d+)?",


use rule stage as data with:
    output:
        **outputs("data", DATA),
    log:
        f"{LOGS}/data/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/data/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=people_only(False),
    resources:
        **needs(mem_mb=4000, hours=1),
    params:
        command=command(
            "data",
            name=lambda wildcards: wildcards.dataset,
            settings=lambda wildcards: slices.data(DATASETS[wildcards.dataset]),
            kept=kept,
        ),
        version=per_job(lambda wildcards: versions.of_data(DATASETS[wildcards.dataset])),
        # what the grid asks of the pool: told here at the latest, and no reason to make it again
        files=files_and(asked=lambda wildcards: fits.asked_of(SETTINGS, wildcards.dataset)),


# the first queries, where a strategy asks from zero labels
use rule stage as ask with:
    input:
        unpack(
            per_job(lambda w: below_results(plan.ask_inputs(SETTINGS, w.experiment, int(w.seed))))
        ),
    output:
        out=f"{RESULTS}/{plan.initial_folder('{experiment}', '{seed}')}/{written.OUTPUTS['ask']['out']}",
    log:
        f"{LOGS}/ask/{{experiment}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/ask/{{experiment}}/seed{{seed}}.tsv"
    resources:
        **needs(mem_mb=8000, hours=1, gpu=per_job(ask_gpu)),
    params:
        command=command(
            "ask",
            strategy=lambda wildcards: start_of(wildcards)["strategy"],
            budget=lambda wildcards: start_of(wildcards)["size"],
            seed=lambda wildcards: wildcards.seed,
            pre=lambda w: plan.pre_of(experiment_of(w), start_of(w), int(w.seed)),
            settings=lambda w: slices.acquire(experiment_of(w), start_of(w)["strategy"], THREADS),
        ),
        version=per_job(lambda w: versions.of_acquire(start_of(w)["strategy"], "ask")),


use rule stage as initial with:
    input:
        unpack(
            per_job(
                lambda w: below_results(plan.initial_inputs(SETTINGS, w.experiment, int(w.seed)))
            )
        ),
    output:
        out=f"{RESULTS}/{plan.initial_labels('{experiment}', '{seed}')}",
    log:
        f"{LOGS}/initial/{{experiment}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/initial/{{experiment}}/seed{{seed}}.tsv"
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=command(
            "initial",
            seed=lambda wildcards: wildcards.seed,
            size=lambda wildcards: initial_size(experiment_of(wildcards)["initial"]),
            settings=answers,
        ),
        version=per_job(lambda wildcards: versions.of_answers("initial", dataset_of(wildcards))),


# full supervision: the oracle labels all that it knows
use rule stage as label_all with:
    input:
        **below_results(plan.answers_inputs("{dataset}")),
    output:
        **outputs("label_all", DATA),
    log:
        f"{LOGS}/label_all/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/label_all/{{dataset}}.tsv"
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=command(
            "label_all", settings=lambda wildcards: slices.answers(DATASETS[wildcards.dataset])
        ),
        version=per_job(
            lambda wildcards: versions.of_answers("label_all", DATASETS[wildcards.dataset])
        ),
