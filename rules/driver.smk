# One driver a results folder, and no job of a driver that is gone.
# Snakemake's own lock outlives a killed Snakemake, so profiles/default turns it off: this one is the
# kernel's, which lets go of it. After a crash the same command goes on, with nothing to unlock.
import signal

from wholepool.files import explained
from wholepool.locks import announce, claim_results, release_results, superseded
from wholepool.progress import start_logging

announce()

if not workflow.is_main_process:
    # A job on the cluster. SLURM's warning signal is for the stage, which answers it with a checkpoint;
    # Snakemake and the shell around it must not die of it before.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if superseded(RESULTS):
        raise WorkflowError(
            f"this job was submitted by a run of Snakemake in {RESULTS} that has ended; the one that "
            "has taken over does its work"
        )


onstart:
    global CLAIM
    start_logging("wholepool", None)
    try:
        CLAIM = claim_results(RESULTS)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        raise WorkflowError(explained(error, RESULTS)) from None


onsuccess:
    release_results(CLAIM)


onerror:
    release_results(CLAIM)
