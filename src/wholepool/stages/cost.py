"""What a grid costs before it runs."""

import json
from pathlib import Path
from typing import Any

from wholepool.stages.options import Arguments, option, optional, positive, stage

JOBS = option("jobs", type=positive, default=1, help="how many run at a time")


@stage(option("config", "out"), gpu=True)
def throughput(args: Arguments) -> None:
    """Measure how fast this machine does what a grid is made of: rates, as JSON."""
    from wholepool.cost.throughput import measure
    from wholepool.cost.work import jobs
    from wholepool.job.files import write_json

    write_json(args.out, measure(jobs(grid_of(args)), args.device, args.threads))


@stage(option("config"), optional("throughput", "rates", "out"), JOBS, gpu=True)
def cost(args: Arguments) -> None:
    """Tell what a grid costs before it runs: jobs, image passes, hours and disk."""
    from wholepool.cost.estimate import read_rates, report
    from wholepool.cost.work import jobs
    from wholepool.job.files import write_json, write_text

    plan = jobs(grid_of(args))
    if args.throughput:
        rates = read_rates(args.throughput)
    else:
        from wholepool.cost.throughput import measure

        rates = measure(plan, args.device, args.threads)
    name = "this grid" if args.config.startswith("{") else Path(args.config).name
    text = report(plan, rates, args.jobs, name)
    print(text, end="")
    if args.rates:
        write_json(args.rates, rates)
    if args.out:
        write_text(args.out, text)


def grid_of(args: Arguments) -> dict[str, Any]:
    """The grid that a command is given, as a file or (the workflow) as JSON; resolved."""
    from wholepool.grid.config import resolve
    from wholepool.job.yaml import read_yaml

    if args.config.startswith("{"):
        return resolve(json.loads(args.config))
    return resolve(read_yaml(args.config, "--config"))
