# One driver a results folder, and no job of a driver that is gone.
# Snakemake's own lock outlives a killed Snakemake, so profiles/default turns it off: this one is the
# kernel's, which lets go of it. After a crash the same command goes on, with nothing to unlock.
import os
import shutil
import signal
import time

from snakemake.dag import DAG
from snakemake.io import _IOFile

from wholepool.job.snakemake_load import keep_one_timer, remember_checksums
from wholepool.job.files import explained
from wholepool.job.hardware import SLOW_BFLOAT16, lacks_bfloat16
from wholepool.job.locks import announce, claim_results, release_results, superseded
from wholepool.job import log as told

PARSED = time.time()
announce()
remember_checksums(_IOFile)

if not workflow.is_main_process:
    # A job on the cluster. SLURM's warning signal is for the stage, which answers it with a checkpoint;
    # Snakemake and the shell around it must not die of it before.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if superseded(RESULTS):
        raise WorkflowError(
            f"this job was submitted by a run of Snakemake in {RESULTS} that has ended; the one that "
            "has taken over does its work"
        )
    # A group that is submitted once more, or requeued, does what is left of it. Snakemake forces all of
    # its jobs, a finished training too, and has no setting for that.
    forced = DAG.update_needrun

    async def update_needrun(dag, *arguments, **options):
        dag.forcefiles.clear()
        await forced(dag, *arguments, **options)

    DAG.update_needrun = update_needrun


def require_slurm(plugin):
    """Say at once that there is no SLURM; its plugin would wait for it, and not say for what."""
    if plugin is not None and plugin.name == "slurm" and shutil.which("sbatch") is None:
        raise WorkflowError(
            "the executor is slurm, but this machine has no sbatch: start Snakemake where jobs can "
            "be submitted, or leave --profile profiles/slurm out to run here"
        )


def remove_before_submission(executor):
    """Have a job's outputs removed when it is first submitted, as Snakemake does when one starts here.

    On a cluster a job may be cancelled before it starts. Snakemake then would take what is there from
    earlier settings for its result; and a job would take it for what it did at its last attempt.
    What has come since this run was planned is the work of a killed driver's job, and stays.
    """
    submit, removed = executor.run_job_pre, set()

    def run_job_pre(job):
        for member in job.jobs if job.is_group() else [job]:
            files = [file for file in member.output if file not in removed]
            removed.update(files)
            if all(os.path.exists(file) and os.path.getmtime(file) > PARSED for file in files):
                continue
            for file in files:
                Path(file).unlink(missing_ok=True)
                workflow.persistence.cleanup_metadata(file)
        submit(job)

    executor.run_job_pre = run_job_pre


def warn_of_bfloat16():
    """Say before a long run what each of its jobs would say. On a cluster other processors compute."""
    precisions = {own["network"].get("precision") for own in DATASETS.values()}
    if workflow.local_exec and not GPU and "bfloat16" in precisions and lacks_bfloat16():
        told.logger.warning(SLOW_BFLOAT16)


onstart:
    global CLAIM
    told.start_logging("wholepool", None)
    warn_of_bfloat16()
    keep_one_timer(workflow.scheduler)
    try:
        # the SLURM plugin names all jobs of a run alike
        CLAIM = claim_results(RESULTS, getattr(workflow.scheduler._executor, "run_uuid", ""))
    except UserError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        raise WorkflowError(explained(error, RESULTS)) from None
    if not workflow.local_exec:
        remove_before_submission(workflow.scheduler._executor)


onsuccess:
    release_results(CLAIM)


onerror:
    release_results(CLAIM)
