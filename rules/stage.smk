# What every rule has, and the command that it runs: a stage of the package, see `python -m wholepool`.
rule stage:
    log:
        f"{LOGS}/stage.log",
    conda:
        "../envs/wholepool.yaml"
    threads: THREADS
    params:
        command="--help",
        files=per_job(files_of),
    shell:
        "python -m wholepool {params.command} {params.files}" f" {MACHINE} --log {{log:q}}"
