# Where people answer: from their journal to labels, and from a model to the next batch.
# Only answered, batch and standing are told where the journal is: tests/workflow proves it.
use rule data as data_of_people with:
    output:
        **outputs("data_of_people", DATA),
    wildcard_constraints:
        dataset=people_only(True),


use rule stage as answered with:
    input:
        unpack(
            per_job(lambda w: below_results(people_files.answered_inputs(SETTINGS, w.experiment)))
        ),
    output:
        **outputs("answered", f"{RESULTS}/{people.folder('{experiment}', '{closed}')}"),
    log:
        f"{LOGS}/answered/{{experiment}}/closed{{closed}}.log",
    benchmark:
        f"{BENCHMARKS}/answered/{{experiment}}/closed{{closed}}.tsv"
    wildcard_constraints:
        experiment=either(PEOPLE),
        closed=r"\d+",
    resources:
        **needs(mem_mb=1000, hours=1 / 6),
    params:
        command=command("answered", closed=lambda wildcards: wildcards.closed, settings=answers),
        version=per_job(lambda wildcards: versions.of_answers("answered", dataset_of(wildcards))),
        said=per_job(lambda w: people.digest(SETTINGS, w.experiment, int(w.closed))),


use rule stage as predict_pool with:
    input:
        inputs(people_files.predict_pool_inputs),
    output:
        **outputs("predict_pool", RUN),
    log:
        f"{LOGS}/predict_pool/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/predict_pool/{CELL}.tsv"
    wildcard_constraints:
        experiment=either(PEOPLE),
    resources:
        **needs(mem_mb=4000, hours=1 / 6),
    params:
        command=cell_command("predict_pool"),
        version=versions.version("predict_pool"),


use rule stage as batch with:
    input:
        unpack(per_job(lambda w: below_results(people_files.batch_inputs(SETTINGS, w.experiment)))),
    output:
        **outputs("batch", f"{RESULTS}/people/{{experiment}}"),
    log:
        f"{LOGS}/batch/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/batch/{{experiment}}.tsv"
    wildcard_constraints:
        experiment=either(PEOPLE),
    resources:
        **needs(mem_mb=4000, hours=1 / 6),
    params:
        command=command(
            "batch",
            closed=closed,
            strategy=lambda wildcards: people.strategy_of(experiment_of(wildcards)),
            budget=lambda wildcards: str(experiment_of(wildcards)["budget"]),
            settings=answers,
        ),
        version=versions.version("batch"),
        said=per_job(lambda w: people.digest(SETTINGS, w.experiment, int(closed(w)))),


use rule stage as standing with:
    input:
        unpack(per_job(of_last_cycle)),
    output:
        **outputs("standing", f"{RESULTS}/people/{{experiment}}"),
    log:
        f"{LOGS}/standing/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/standing/{{experiment}}.tsv"
    wildcard_constraints:
        experiment=either(PEOPLE),
    resources:
        **needs(mem_mb=4000, hours=1 / 6),
    params:
        command=command(
            "standing",
            closed=closed,
            cycles=predicted_before,
            budget=lambda wildcards: str(experiment_of(wildcards)["budget"]),
            settings=of_people,
        ),
        version=versions.version("standing"),
        said=per_job(lambda w: people.digest(SETTINGS, w.experiment, int(closed(w)))),


rule next_batch:
    input:
        [
            f"{RESULTS}/people/{name}/{file}"
            for name, experiment in PEOPLE.items()
            for rule in ("batch", "standing")[: 1 + (experiment["cycles"] > 0)]
            for file in written.OUTPUTS[rule].values()
        ],
