# PRE: once per data set, shared by all its experiments, methods, strategies and seeds; or (pre_drawn:
# per_seed) once per data set and seed, in the folder PRE/seedN.
# It hands over weights to start from, or features that stand for the images.
use rule stage as pretrain with:
    input:
        **below_results(plan.pretrain_inputs("{dataset}")),
    output:
        **outputs("pretrain", PRETRAIN),
    log:
        f"{LOGS}/pretrain/{{dataset}}/{{pre}}{{draw}}.log",
    benchmark:
        f"{BENCHMARKS}/pretrain/{{dataset}}/{{pre}}{{draw}}.tsv"
    wildcard_constraints:
        pre=with_gift("weights"),
    priority: 10  # half of the grid waits for it
    group:
        one_pretraining
    resources:
        **needs(mem_mb=8000, hours=24, gpu=GPU),
    params:
        command=command(
            "pretrain",
            pre=lambda w: w.pre,
            seed=lambda w: plan.drawn_for(w.draw),
            settings=pretrain_settings,
        ),
        version=per_job(lambda w: versions.of_pretrain(DATASETS[w.dataset], w.pre)),


use rule pretrain as features with:
    input:
        **below_results(plan.features_inputs("{dataset}")),
    output:
        **outputs("features", PRETRAIN),
    wildcard_constraints:
        pre=with_gift("features"),
    params:
        command=command("features", pre=lambda w: w.pre, settings=pretrain_settings),
        version=per_job(lambda wildcards: versions.of_features(wildcards.pre)),


# the pool as the PRE left it: what a strategy looks at before there is a label
use rule stage as embed_pool with:
    input:
        unpack(per_job(embedded)),
    output:
        **outputs("embed_pool", PRETRAIN),
    log:
        f"{LOGS}/embed_pool/{{dataset}}/{{pre}}{{draw}}.log",
    benchmark:
        f"{BENCHMARKS}/embed_pool/{{dataset}}/{{pre}}{{draw}}.tsv"
    resources:
        **needs(mem_mb=8000, hours=1 / 2, gpu=GPU),
    params:
        command=command(
            "embed_pool",
            pre=lambda w: f"{w.pre}{w.draw}",
            settings=lambda w: slices.embed(DATASETS[w.dataset], THREADS),
        ),
        version=per_job(lambda w: versions.of_embed(DATASETS[w.dataset], "embed_pool")),


# the graph of features, which never change: made once for all cells that propagate over it
use rule stage as graph with:
    input:
        unpack(per_job(lambda w: below_results(plan.graph_inputs(w.dataset, w.pre)))),
    output:
        out=f"{RESULTS}/{plan.pre_folder('{dataset}', '{pre}')}/graph-{{graph}}.npz",
    log:
        f"{LOGS}/graph/{{dataset}}/{{pre}}-{{graph}}.log",
    benchmark:
        f"{BENCHMARKS}/graph/{{dataset}}/{{pre}}-{{graph}}.tsv"
    wildcard_constraints:
        pre=with_gift("features"),
        graph=r"[0-9a-f]{12}",
    resources:
        **needs(mem_mb=8000, hours=1, gpu=GPU),
    params:
        command=command("graph", settings=graph_settings),
        version=versions.version("graph"),


use rule stage as diagnose with:
    input:
        unpack(per_job(diagnosed)),
    output:
        **outputs("diagnose", PRETRAIN),
    log:
        f"{LOGS}/diagnose/{{dataset}}/{{pre}}{{draw}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{dataset}}/{{pre}}{{draw}}.tsv"
    wildcard_constraints:
        pre=with_gift("weights"),
    group:
        one_pretraining
    resources:
        **needs(mem_mb=2000, hours=1 / 6),
    params:
        command=command("diagnose"),
        version=versions.version("diagnose"),
