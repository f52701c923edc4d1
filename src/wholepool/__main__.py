"""The stages as commands: `python -m wholepool STAGE ...`.

Snakemake runs them; they can be run by hand in the same way. Everything a stage reads and writes
is named on its command line. The stages themselves stand in wholepool/stages, and import what they
need inside, so that one which needs no torch does not pay for it.
"""

import contextlib
import errno
import gc
import logging
import os
import sys
from pathlib import Path

from wholepool.job.errors import Interrupted, UserError
from wholepool.job.locks import die_with_driver, sole_writer
from wholepool.job.log import logger, start_logging
from wholepool.stages import (  # noqa: F401 (fill STAGES)
    asking,
    blind,
    cost,
    fitting,
    gather,
    models,
    people,
    person,
    predicting,
    sighted,
    standing,
)
from wholepool.stages.options import STAGES, parser


def main(arguments: list[str] | None = None) -> int:
    """Run one stage.

    Returns 0; 2 after bad input, which is explained in one paragraph; 75 (EX_TEMPFAIL) if it was
    asked to stop and has written a checkpoint: it is to be resumed, by the same command.
    """
    args = parser(__doc__).parse_args(arguments)
    stage = STAGES[args.stage]
    # before NumPy is imported: its threads are the job's
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    cell = getattr(args, "cell", None)
    name = " ".join([args.stage, cell.name] if cell else [args.stage])
    start_logging(name, None)
    output = getattr(args, stage.output, None)
    try:
        die_with_driver()
        if output and not stage.into and Path(output).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), output)
        with sole_writer(output) if output else contextlib.nullcontext(False) as args.waited:
            start_logging(name, args.log)  # not before: whoever was waited for wrote to it
            if stage.gpu and args.device != "cpu":
                from wholepool.job.hardware import claim_gpu

                claim_gpu()
            stage.run(args)
    except UserError as error:
        logger.error("%s", error)
        return 2
    except BrokenPipeError:
        return 1
    except OSError as error:  # a full disk, a read-only folder, a folder where a file should be
        from wholepool.job.files import explained

        logger.error("%s", explained(error, output or ""))
        logger.debug("%s failed", args.stage, exc_info=True)  # to the log file alone
        return 2
    except Exception:
        logger.exception("%s failed", args.stage)
        return 1
    except Interrupted as stop:
        logger.warning(
            "stopped by %s: to be resumed. The same command goes on from the last checkpoint",
            stop,
        )
        return os.EX_TEMPFAIL
    return 0


if __name__ == "__main__":
    # Of the 2.7 CPU-seconds that starting and ending torch costs each job, the garbage collector
    # takes 0.3 while modules are imported (the stages that train turn it on again) and the
    # interpreter's teardown 0.6: everything is on disk by then, so leave without it.
    gc.disable()
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
