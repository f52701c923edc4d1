"""What a person at a terminal sees of a run: a bar a rule, the running jobs, failures in our words.

`Board` knows what runs; `Display`, a log handler, learns it from Snakemake's events and draws it.
The log files still have everything.
"""

import atexit
import logging
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wholepool.job.log import TOLD_BY_DRIVER, clock

TIME = re.compile(r"^\d{4}-\d\d-\d\d [\d:]{8},\d{3} ", re.MULTILINE)  # of log.FILE_FORMAT
EPOCH = re.compile(r"(\w+) epoch \d+: .*?(loss [^\s,]+).*, (\d+ of \d+) epochs, (.*)")
LEFT = re.compile(r"(?:(\d+):)?(\d+) (s|min|h) left$")
STATUS = re.compile(r"returned non-zero exit status \d+|died with <[^>]+>")
AGAIN = "Run the same command again: finished work is kept."
LISTED = 10  # failed jobs, in the last words
# Snakemake's own words: of no use before the run; worth a line during it; said by us
BEFORE = ("Assuming unrestricted", "Using shell", "Conda env", "Group jobs", "Singularity")
DURING = ("Terminating", "Will exit", "Trying to restart", "Complete log")
SAID = ("Exiting because a job", "At least one job", "--keep-incomplete", "CalledProcessError")


@dataclass
class Job:
    """A job that runs or failed; `began` is in Unix time."""

    rule: str
    name: str
    log: str
    began: float


@dataclass
class Board:
    """Where a run stands: jobs to do and done by rule, running and failed ones by number."""

    total: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)  # that the jobs done took, by rule
    running: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    going: str = "running"  # or, on a cluster, "submitted"

    def finish(self, number: int, now: float) -> None:
        """Count a job as done at Unix time `now`."""
        self.failed.pop(number, None)
        if job := self.running.pop(number, None):
            self.done[job.rule] += 1
            self.seconds[job.rule] = self.seconds.get(job.rule, 0.0) + now - job.began


def name_of(rule: str, wildcards: Mapping[str, Any]) -> str:
    """A job in words: train tiny/baseline/random seed 0 cycle 1."""
    numbers = [f"{key} {wildcards[key]}" for key in ("seed", "cycle") if key in wildcards]
    names = [str(value) for key, value in wildcards.items() if key not in ("seed", "cycle")]
    return " ".join(filter(None, [rule, "/".join(names), *numbers]))


def seconds_left(said: str) -> float | None:
    """The seconds in a job's "3:05 min left", if it says so: `clock` backwards."""
    found = LEFT.search(said)
    return found and (int(found[1] or 0) * 60 + int(found[2])) * (60 if found[3] == "h" else 1)


def time_left(board: Board, said: Mapping[int, str], now: float) -> str:
    """How long the rest takes if each job takes its rule's mean and as many run at a time as now.

    While no job of a rule is done, its mean comes from the ends in `said`, the running jobs' newest
    words. "More than" is said where nothing is known of a rule that runs or has several jobs.
    """
    rest, about = 0.0, "about"
    running = list(board.running.items())
    for rule, total in board.total.items():
        ends = [(now - job.began, seconds_left(said.get(number, "")))
                for number, job in running if job.rule == rule]  # fmt: skip
        known = [age + left for age, left in ends if left is not None]
        done = board.done[rule]
        if done or known:
            mean = board.seconds[rule] / done if done else sum(known) / len(known)
            rest += mean * (total - done - len(ends))
            rest += sum(max(0.0, mean - age) if left is None else left for age, left in ends)
        elif total > 1 or ends:
            about = "more than"
    return f"{about} {clock(rest / max(len(running), 1))} left" if rest else ""


def records(job: Job, size: int) -> list[str]:
    """The records in the last `size` bytes of a job's log; [] before it has any."""
    try:
        if os.path.getmtime(job.log) < job.began - 1:
            return []  # an earlier attempt's
        with open(job.log, "rb") as file:
            file.seek(max(0, os.path.getsize(job.log) - size))
            return TIME.split(file.read().decode(errors="replace"))[1:]
    except OSError:
        return []


def newest(job: Job) -> str:
    """What a running job has said last, an epoch in few words; "" if nothing."""
    line = "".join(records(job, 1000)[-1:]).partition(" ")[2].partition("\n")[0]
    epoch = EPOCH.fullmatch(line)
    return f"{epoch[1]} epoch {epoch[3]}, {epoch[2]}, {epoch[4]}" if epoch else line


def reason(job: Job) -> str:
    """Why a job failed: its log's last error, else last warning, else ""; a long one shortened."""
    said = [record.partition(" ") for record in records(job, 100_000)]
    texts = {level: text for level, _, text in said}  # the last of each
    lines = texts.get("ERROR", texts.get("WARNING", "")).strip().splitlines()
    return "\n".join(lines if len(lines) < 20 else [lines[0], "...", *lines[-12:]])


def end_of(status: str) -> str:
    """How a job ended whose log does not say why, by what Snakemake or SLURM says of it."""
    if "SIGKILL" in status or "exit status 137" in status:
        return "it was killed, as happens when the machine is out of memory"
    found = STATUS.search(status)
    return f"its log has no error; {found[0] if found else status or 'it said nothing'}"


def ending(board: Board, seconds: float) -> str:
    """The last words about a run that took `seconds`."""
    done, total = board.done.total(), board.total.total()
    if names := [f"\n  {job.name}: {job.log}" for job in board.failed.values()]:
        more = f"\n  and {len(names) - LISTED} more" if len(names) > LISTED else ""
        jobs = f"{len(names)} job{'s' * (len(names) > 1)} failed, {done} of {total} done."
        return f"{jobs} {AGAIN} The logs of what failed:{''.join(names[:LISTED])}{more}"
    if done < total:
        return f"Stopped with {done} of {total} jobs done. {AGAIN}"
    return f"All {total} jobs done in {clock(seconds)}."


def drawing(board: Board, width: int, height: int, now: float) -> Group:
    """The board in `height` lines or less: all jobs, each rule, each running job's newest words."""
    running = list(board.running.items())
    active = {job.rule for _, job in running}
    said: dict[int, str] = {}
    jobs: list[str] = []
    for number, job in running[: height // 2]:  # on a cluster there may be thousands
        said[number] = newest(job)
        line = f"{job.name}: {said[number]}".removesuffix(": ")
        jobs += [line] if len(line) <= width else [job.name, "  " + said[number]]
    del jobs[max(2, height // 4 * 2) :]  # an even number: each may take two
    # what runs, then what waits, then what is done; of one job a bar says nothing
    rules = [rule for rule, total in board.total.items() if total > 1 or rule in active]
    rules.sort(key=lambda rule: (rule not in active, board.done[rule] == board.total[rule]))
    bars = Table.grid(padding=(0, 1), expand=True)
    bars.add_column(no_wrap=True, overflow="ellipsis", max_width=26)
    bars.add_column(ratio=1, min_width=8)
    bars.add_column(no_wrap=True, justify="right")
    rows = [("all jobs", board.done.total(), board.total.total())]
    rows += [(rule.replace("_", " "), board.done[rule], board.total[rule]) for rule in rules]
    for name, done, total in rows[: max(1, height - len(jobs) - 2)]:
        bars.add_row(name, ProgressBar(total, done), f"{done} of {total}")
    failed = f"{len(board.failed)} failed" if board.failed else ""
    state = [f"{len(running)} {board.going}", failed, time_left(board, said, now)]
    lines = [", ".join(filter(None, state)), *jobs]
    return Group(bars, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


class Display(logging.Handler):
    """Takes the place of Snakemake's terminal handler `plain`, which goes on until jobs run.

    `local()`: whether the jobs run on this machine. Whatever goes wrong here, `plain` takes over.
    """

    def __init__(self, plain: logging.Handler, local: Callable[[], bool], color: bool) -> None:
        super().__init__()
        self.plain, self.local, self.color = plain, local, color
        self.board, self.began = Board(), time.time()
        self.live: Live | None = None
        self.broken = self.stopped = False
        self.status = ""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = not self.broken and self.tell(record)
        except Exception:
            self.broken, said = True, False
            self.stop()
        if not said:
            self.plain.handle(record)

    def tell(self, record: logging.LogRecord) -> bool:
        """Take in what Snakemake says; returns False where `plain` is to say it."""
        told, message, level = vars(record), record.getMessage(), record.levelno
        event = told["event"].value if told.get("event") else ""
        worth = level >= logging.WARNING or message.startswith(DURING)
        board, now = self.board, time.time()
        if self.live is None:
            if event == "run_info":
                board.total = Counter({k: v for k, v in told["stats"].items() if k != "total"})
                self.start()
            return event in ("run_info", "resources_info") or message.startswith(BEFORE)
        self.stopped |= message.startswith("Terminating")  # by Ctrl-C: no job fails of that
        if "CalledProcessError" in message:
            self.status = message
        if event == "job_info":
            log, name = next(iter(told["log"]), ""), name_of(told["rule_name"], told["wildcards"])
            board.running[told["jobid"]] = Job(told["rule_name"], name, log, now)
        elif event == "job_finished":
            board.finish(told["job_id"], now)
        elif event == "job_error":
            job = board.running.pop(told["jobid"], None)
            why = reason(job) if job else ""
            # of Ctrl-C the job may be told before Snakemake is
            if job and not self.stopped and not why.startswith("stopped by SIGINT"):
                board.failed[told["jobid"]] = job
                # a group, marked by `indent`, fails with all its jobs, of which one knows why
                if why or not told["indent"]:
                    why = why or end_of(told["rule_msg"] or self.status)
                    self.say(f"{job.name} failed: {why}", "red", words=True)
                    self.say("\n".join(f"  its log: {log}" for log in told["log"]))
        elif event == "group_error":
            self.say("\n".join([message, *(f"  its log: {log}" for log in told["aux_logs"])]))
        elif event in ("", "error") and not any(words in message for words in SAID) and worth:
            self.say(message, "red" if level >= logging.ERROR else "")
        return True

    def say(self, text: str, style: str = "", words: bool = False) -> None:
        """Print above the bars; `words`: broken between words, which would break a long path."""
        if text and self.live:
            self.live.console.print(Text.from_ansi(text, style=style), soft_wrap=not words)

    def start(self) -> None:
        """Draw from now on. What else writes to this terminal goes by a pipe, above the bars."""
        terminal = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace")
        console = Console(file=terminal, highlight=False, no_color=not self.color or None)
        # a hidden cursor would stay so after a SIGKILL
        console.show_cursor = lambda show=True: False  # type: ignore[method-assign]

        def draw() -> Group:
            # rich asks the standard streams, which may all be something else by now
            size = os.get_terminal_size(terminal.fileno())
            console.width, console.height = size.columns or 80, size.lines or 24
            return drawing(self.board, *console.size, time.time())

        self.live = Live(
            get_renderable=draw, console=console, refresh_per_second=2, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        out, into = os.pipe()

        def pass_on() -> None:
            with open(out, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self.say(line.rstrip("\n"))

        self.saved = {stream: os.dup(stream) for stream in (1, 2) if os.isatty(stream)}
        for stream in self.saved:
            os.dup2(into, stream)
        os.close(into)
        if self.local():
            os.environ[TOLD_BY_DRIVER] = "1"
        else:
            self.board.going = "submitted"
        self.reader = threading.Thread(target=pass_on, daemon=True)
        self.reader.start()
        self.live.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Give the terminal back, and say how the run ended."""
        if self.live is None:
            return
        for stream, saved in self.saved.items():
            os.dup2(saved, stream)
        self.reader.join(1)  # not for ever: a job that outlives the run may hold the pipe
        live, self.live, board = self.live, None, self.board
        live.stop()
        if not self.broken and (board.done or board.running or board.failed):
            live.console.print(ending(board, time.time() - self.began), soft_wrap=True)
        os.environ.pop(TOLD_BY_DRIVER, None)

    def close(self) -> None:
        self.stop()
        self.plain.close()
        super().close()
