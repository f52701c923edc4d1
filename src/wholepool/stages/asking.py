"""The stages in which a strategy asks for labels; they never see a hidden one."""

from typing import TYPE_CHECKING, Any

from wholepool.grid import versions
from wholepool.job import registry
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.registry import Plugin
from wholepool.stages.common import (
    acquisition_draws,
    draw_seed_of,
    first_draws,
    graph_device,
    labeled_set,
    open_pool,
    required,
)
from wholepool.stages.options import (
    CELL,
    DRAW_SEED,
    SETTINGS,
    Arguments,
    option,
    optional,
    positive,
    stage,
)

if TYPE_CHECKING:
    from wholepool.data.indexsets import Columns
    from wholepool.data.pool import Pool
    from wholepool.strategies import Acquisition


#: the files that a strategy may need
ARRAYS = ("embeddings", "probabilities", "head")


@stage(
    option("strategy", "pool", "info", "out"),
    optional("embeddings", "aside"),
    option("budget", type=positive),
    option("seed", type=int),
    option("pre", default="none", help="what made --embeddings, to be told"),
    SETTINGS,
)
def ask(args: Arguments) -> None:
    """Choose the first images to be labeled, from zero labels; none of --aside."""
    import numpy as np

    pool, plugin = open_pool(args), registry.get("strategy", args.strategy, "--strategy")
    if not plugin["COLD"]:
        raise UserError(
            f"strategy {args.strategy} cannot ask before there are labels: take one that declares "
            "COLD = True"
        )
    required(args, plugin)
    require_arrays(args, plugin)
    none: Columns = {"index": np.empty(0, np.int64), "label": np.empty(0, np.int32)}
    result = answer_of(args, plugin, pool, none, 0, first_draws(args, pool))
    more = {"seed": str(args.seed), "strategy": args.strategy, "pre": args.pre}
    write_queries(args, plugin, pool, result, (args.seed, 0), more)


@stage(
    option("strategy", "pool", "info", "labeled", "out"),
    optional("embeddings", "probabilities", "head", "pseudo-labels", "aside"),
    option("budget", type=positive),
    option("later", type=int, default=0, help="how often the cell's strategy asks after this"),
    *(SETTINGS, CELL, DRAW_SEED),
)
def acquire(args: Arguments) -> None:
    """Choose the next b images to be labeled, or all that are left beside those of --aside."""
    from wholepool.data.indexsets import write_index_set

    plugin = registry.get("strategy", args.strategy, "--strategy")
    required(args, plugin)
    require_arrays(args, plugin)
    pool = open_pool(args)
    known = labeled_set(args, pool)
    left = pool.n - len(known["index"])
    if not args.aside and args.budget <= left < args.budget * (args.later + 1):
        raise UserError(
            f"budget is {args.budget} and {args.later + 1} cycles are to ask for as many, but only "
            f"{left} images of {pool.dataset} are unlabeled: make budget or cycles smaller"
        )
    draws, where = acquisition_draws(args, pool), (args.cell.seed, args.cell.cycle)
    result = answer_of(args, plugin, pool, known, args.cell.cycle, draws)
    if args.pseudo_labels:
        write_index_set(args.pseudo_labels, "pseudo_labels", result.pseudo_labels, pool, *where)
    write_queries(args, plugin, pool, result, where, {"draw_seed": str(draw_seed_of(args))})


def require_arrays(args: Arguments, plugin: Plugin) -> None:
    """Raise UserError unless the command names every array that the strategy reads."""
    given = {name for name in ARRAYS if getattr(args, name, None)}
    if {"embeddings", "head"} <= given:  # of a network that is fitted: see `answer_of`
        given.add("probabilities")
    for name in plugin["NEEDS"]:
        if name != "answers" and name not in given:
            raise UserError(
                f"--{name} is missing, but strategy {args.strategy} reads it: give the file that "
                "the model's stages have made"
            )


def answer_of(
    args: Arguments,
    plugin: Plugin,
    pool: "Pool",
    known: "Columns",
    cycle: int,
    draws: tuple[str | int, ...],
) -> "Acquisition":
    """What the strategy asks for, checked; `known` are the labels so far.

    Where images are set aside it sees the others alone, and asks for fewer where fewer are left.
    """
    import numpy as np

    from wholepool.job.randomness import generator
    from wholepool.strategies import Acquisition, Query, checked

    rows, budget = np.arange(pool.n), args.budget
    if args.aside:
        rows = not_aside(args, pool, known)
        budget = min(budget, len(rows) - len(known["index"]))
        if budget == 0:
            return Acquisition(rows[:0], np.empty(0))
    left = len(rows) - len(known["index"])
    if budget > left:
        raise UserError(
            f"--budget is {args.budget}, but only {left} images of {pool.dataset} are unlabeled: "
            "ask for fewer"
        )
    arrays = arrays_of(args, plugin, pool)
    if args.aside:
        arrays |= {name: arrays[name][rows] for name in arrays if name != "head"}
    if "answers" in plugin["NEEDS"]:
        arrays["answers"] = known["label"]
    if plugin["GPU"] and args.device != "cpu":
        from wholepool.job.hardware import claim_gpu

        claim_gpu()
    query = Query(
        n=len(rows),
        labeled=np.searchsorted(rows, known["index"]),
        budget=budget,
        cycle=cycle,
        rng=generator(*draws),
        options=args.settings,
        device=graph_device(args.device) if plugin["GPU"] else "cpu",
        classes=pool.classes,
        **arrays,
    )
    began = str(query.rng.bit_generator.state)
    answer = plugin.load().acquire(query)
    if not plugin["STOCHASTIC"] and str(query.rng.bit_generator.state) != began:
        raise UserError(
            f"{plugin.path}: strategy {args.strategy} draws from query.rng, but does not declare "
            "it: add STOCHASTIC = True"
        )
    found = checked(answer, query, args.strategy, plugin.path, plugin["GIVES_PSEUDO_LABELS"])
    given = dict(found.pseudo_labels)
    if given:
        given["index"] = rows[given["index"]]
    return Acquisition(rows[found.indices], found.scores, given)


def not_aside(args: Arguments, pool: "Pool", known: "Columns") -> Any:
    """The images that are not set aside, ascending, int64: the labeled ones are among them."""
    import numpy as np

    from wholepool.data.indexsets import read_index_set, unlabeled

    aside = read_index_set(args.aside, "aside", pool)["index"]
    if len(both := np.intersect1d(aside, known["index"])):
        raise UserError(
            f"{args.aside} sets image {both[0]} aside, which is labeled in {args.labeled}: {AGAIN}"
        )
    return unlabeled(pool.n, aside)


def arrays_of(args: Arguments, plugin: Plugin, pool: "Pool") -> dict[str, Any]:
    """The arrays that the strategy reads, by name."""
    from wholepool.data.arrays import read_embeddings, read_head_of, read_probabilities

    arrays: dict[str, Any] = {}
    if args.embeddings:
        arrays["embeddings"] = read_embeddings(args.embeddings, pool)
    if getattr(args, "head", None):
        arrays["head"] = read_head_of(args.head, pool, arrays.get("embeddings"))
    if getattr(args, "probabilities", None):
        arrays["probabilities"] = read_probabilities(args.probabilities, pool.n, pool.classes)
    elif "probabilities" in plugin["NEEDS"]:
        from wholepool.learn.head import softmax

        arrays["probabilities"] = softmax(arrays["embeddings"], arrays["head"])
    return {name: array for name, array in arrays.items() if name in plugin["NEEDS"]}


def write_queries(
    args: Arguments,
    plugin: Plugin,
    pool: "Pool",
    result: "Acquisition",
    where: tuple[int, int],
    more: dict[str, str],
) -> None:
    """Write what is asked for; `where` is (seed, cycle)."""
    import numpy as np

    from wholepool.data.indexsets import write_index_set
    from wholepool.job import provenance

    ranks = np.arange(len(result.indices))
    queries = {"index": result.indices, "rank": ranks, "score": result.scores}
    version = versions.of_acquire(args.strategy, args.stage)
    made = provenance.of_settings(args.settings, version) | {"budget": str(args.budget), **more}
    if not plugin["STOCHASTIC"] and len(ranks):  # to a random draw all scores are alike
        made["zero_score_share"] = f"{np.mean(result.scores == 0):.4f}"
    write_index_set(args.out, "queries", queries, pool, *where, made)
