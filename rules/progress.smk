# Bars for a person at a terminal: wholepool/job/progress.py. In pipes, cron, CI: Snakemake's plain log.
# All that this knows of Snakemake's inside is here and in the names of its log events; tried with
# 9.27. Where anything is otherwise, or rich is missing, the plain log stays.
import os


def show_progress(manager):
    """Put the bars in the place of Snakemake's terminal handler, if a person looks at it.

    Whoever asks for another log (--logger, --quiet, --verbose, --printshellcmds) gets that one.
    """
    from snakemake.settings.enums import Quietness
    from wholepool.job.progress import Display

    settings = manager.settings
    asked = {Quietness.HOST, Quietness.REASON}.issuperset(settings.quiet or ())
    more = settings.verbose or settings.debug_dag or settings.printshellcmds
    if settings.dryrun or settings.stdout or more or not asked:
        return
    for handler in manager.logger.handlers:
        if handler.name == "DefaultStreamHandler" and handler.is_tty:
            manager.logger.removeHandler(handler)
            manager.logger.addHandler(
                Display(handler, lambda: workflow.local_exec, not settings.nocolor)
            )
            return


if workflow.is_main_process and os.environ.get("TERM", "dumb") != "dumb":
    try:
        show_progress(workflow.logger_manager)
    except (ImportError, AttributeError):
        pass
