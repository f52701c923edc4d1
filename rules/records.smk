# What has to run, where Snakemake's own records do not tell.
# They stand in .snakemake, by the name of the file, and hold for the file that the job left there. A
# results folder that was copied, moved, linked or taken from another machine has none. And a missing
# file makes no job run if what was made from it is there. So before Snakemake plans, files without a
# record are asked what made them (wholepool/grid/made.py), and whatever lacks one of its files is made.
from pathlib import Path

from snakemake.dag import DAG
from snakemake.io import is_flagged
from snakemake.logging import logger as snakemake_log
from snakemake.settings.types import RerunTrigger

from wholepool.data import behind

GATHERING = ("runs", "pretraining", "tables", "figures")


def recorded(dag, job):
    """Whether Snakemake's record of each file of a job is of the file that is there."""
    for path in job.output:
        record = dag.workflow.persistence.metadata(path)
        if record is None or (os.path.exists(path) and os.path.getmtime(path) != record.endtime):
            return False
    return True


def incomplete(job):
    """Whether a job was done, but a file of it that stays is not there any more."""
    return not all(os.path.exists(path) for path in job.output if not is_flagged(path, "temp"))


def of_other_settings(dag):
    """The jobs, with a reason, whose results say that they were made by something else."""
    results, jobs = Path(RESULTS), {}
    for job in dag.jobs:
        if job.output and not recorded(dag, job):
            jobs |= {os.path.relpath(path, results): job for path in job.output}
    try:
        differing = made.made_otherwise(SETTINGS, results, jobs) if jobs else {}
    except ImportError as missing:  # where jobs have an environment of their own
        snakemake_log.warning(f"results without a record are taken as they are: {missing}")
        differing = {}
    for path, difference in differing.items():
        yield jobs[path], difference
    settings = f"tables/{made.SETTINGS}"
    if settings in jobs and made.gathered_otherwise(SETTINGS, results / settings):
        for job in dag.jobs:
            if job.rule.name in GATHERING:
                yield job, ("the grid", "another", "this one")


def of_other_files(dag):
    """The jobs, each with a file, whose source would read another one today."""
    for job in dag.jobs:
        if job.rule.name in ("data", "data_of_people"):
            record, data_dir = Path(job.output["files"]), Path(SETTINGS["data_dir"])
            file = behind.changed(record, data_dir)
            if not file and job.rule.name == "data_of_people":  # who asks must know what is gone
                file = behind.gone(record, data_dir)
            if file:
                yield job, file


def force(dag):
    """Have the jobs run that Snakemake would leave out for want of a record or of a file."""
    for job in dag.jobs:
        if job.output and incomplete(job):
            dag.forcefiles.update(job.output)
    if RerunTrigger.PARAMS not in workflow.rerun_triggers:
        return  # asked not to compare: the stage runs will refuse what differs
    for job, file in of_other_files(dag):
        dag.forcefiles.update(job.output)
        snakemake_log.warning(f"made again, for {file} has changed: {job.output[0]}")
    forced = {}
    for job, (key, then, now) in of_other_settings(dag):
        dag.forcefiles.update(job.output)
        forced.setdefault((key, then, now), []).append(job.output[0])
    for (key, then, now), paths in forced.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        snakemake_log.warning(f"made again, for {key} was {then}, not {now}: {paths[0]}{more}")


if workflow.is_main_process:
    unforced, asked = DAG.update_needrun, []

    async def update_needrun_of_all(dag, *arguments, **options):
        if dag.workflow is workflow and dag not in asked:
            asked.append(dag)
            require_slurm(dag.workflow.executor_plugin)
            force(dag)
        await unforced(dag, *arguments, **options)

    DAG.update_needrun = update_needrun_of_all
