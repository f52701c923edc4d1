# The resolved configuration, and the functions that the rules call.
import gc
import inspect
import json
import re
import shlex
from pathlib import Path

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError

from wholepool.grid import (
    fits,
    joblist,
    made,
    people,
    people_files,
    plan,
    slices,
    versions,
    written,
)
from wholepool.grid.cells import ALL, INITIAL, Cell, cells, cold, initial_size, summary
from wholepool.grid.config import resolve
from wholepool.job import registry
from wholepool.job.environment import export_package
from wholepool.job.errors import UserError
from wholepool.job.hardware import gpu_present
from wholepool.job.yaml import read_yaml
from wholepool.report import acquired, build

# Planning makes millions of objects that stay and hardly a cycle: to look through them all for
# garbage, as Python does at its default of 700 new ones, took a quarter of a large plan's time.
gc.set_threshold(100_000, 50, 100)

try:
    for path in workflow.configfiles:  # Snakemake's own reading lets a key stand twice
        read_yaml(path)
    registry.check_all()
    SETTINGS = resolve(config)
    if Path(SETTINGS["results_dir"]).is_file():
        raise UserError(
            f"results_dir is {SETTINGS['results_dir']}, but a file stands where this folder should: "
            "move it away, or choose another"
        )
except UserError as error:
    raise WorkflowError(str(error)) from None

export_package()

RESULTS = SETTINGS["results_dir"]
DATASETS = SETTINGS["datasets"]
EXPERIMENTS = SETTINGS["experiments"]
PLAN = summary(SETTINGS)
STRATEGIES = registry.plugins("strategy")
PRES = registry.plugins("pretrain")
PEOPLE = people.asking(SETTINGS)

# Where and how a job computes is no parameter of it: taking a grid from a CPU to a GPU, or moving
# the data, does not redo what is done. (Threads are, where they are not 1: see slices.computed. So a
# job has the config's number, also where Snakemake is given fewer cores.) Nor a resource, if it is text: in a group Snakemake wants
# that to be the same for all jobs. Only a job that will use a GPU asks for one: CPU jobs must not
# wait for GPU slots.
DEVICE, THREADS = SETTINGS["device"], SETTINGS["threads"]
GPU = int(DEVICE == "cuda" or (DEVICE == "auto" and gpu_present()))
POOL_MEMORY = "auto" if SETTINGS["pool_memory_mb"] is None else SETTINGS["pool_memory_mb"]
MACHINE = (
    f"--device {DEVICE} --threads {THREADS} --pool-memory-mb {POOL_MEMORY}"
    f" --checkpoint-seconds {SETTINGS['checkpoint_seconds']}"
    f" --data-dir {shlex.quote(SETTINGS['data_dir'])}"
)

PATTERN = Cell("{experiment}", "{method}", "{strategy}", "{seed}", "{cycle}")
DATA = f"{RESULTS}/datasets/{{dataset}}"
PRETRAIN = f"{RESULTS}/{plan.pre_folder('{dataset}', '{pre}')}{{draw}}"
RUN = f"{RESULTS}/{PATTERN.path}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
CELL = "{experiment}/{method}/{strategy}/seed{seed}-cycle{cycle}"


def either(names):
    """A wildcard constraint: one of these names, literally."""
    return "|".join(sorted({re.escape(str(name)) for name in names})) or "(?!)"


def per_job(function):
    """Mark what Snakemake calls in every job: it asks for the parameters each time, so keep them."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


def files_of(wildcards, input, output):
    """Every file of a job, as options of its stage: the name in the rule is the option's name."""
    return " ".join(
        f"--{name.replace('_', '-')} "
        + " ".join(map(shlex.quote, [path] if isinstance(path, str) else path))
        for files in (input, output)
        for name, path in files.items()
        if path
    )


def files_and(**options):
    """As `files_of`, and options that do not decide the result: a change of theirs redoes nothing.

    Snakemake keeps no parameter that is made of a job's files.
    """

    def line(wildcards, input, output):
        told = [
            f"--{name} {shlex.quote(slices.as_json(value(wildcards)))}"
            for name, value in options.items()
        ]
        return " ".join([files_of(wildcards, input, output), *told])

    return per_job(line)


def command(stage, **options):
    """Param function: the stage, and its options that are no files. A function is asked per job."""

    def line(wildcards):
        words = [stage]
        for name, value in options.items():
            value = value(wildcards) if callable(value) else value
            if isinstance(value, list):
                words += [f"--{name.replace('_', '-')}", *map(shlex.quote, value)]
            elif value is not None:
                text = value if isinstance(value, str) else slices.as_json(value)
                words.append(f"--{name.replace('_', '-')} {shlex.quote(text)}")
        return " ".join(words)

    return per_job(line)


def cell_command(stage, **options):
    """`command` of a stage of a cell."""

    def name(w):
        return f"{w.experiment}/{w.method}/{w.strategy}/{w.seed}/{w.cycle}"

    return command(stage, cell=name, **options)


def needs(mem_mb, hours, gpu=0):
    """Resources: what the stage takes, half as much memory and twice the time at each new attempt."""
    return {
        "mem_mb": per_job(lambda wildcards, attempt: int(mem_mb * (1 + 0.5 * (attempt - 1)))),
        "runtime": per_job(lambda wildcards, attempt: int(hours * 60) * 2 ** (attempt - 1)),
        "gpu": gpu,
    }


def below_results(files):
    """Input files where they stand.

    The age of the pool's images makes no job run again: pool.json, which holds their fingerprint
    and is compared by content, stands for them: they may be too many to be hashed.
    """
    return {
        name: ancient(f"{RESULTS}/{path}") if name == "pool" else f"{RESULTS}/{path}"
        for name, path in files.items()
    }


def cell_of(wildcards):
    w = wildcards
    return Cell(w.experiment, w.method, w.strategy, int(w.seed), int(w.cycle))


def inputs(function):
    """Input function of a rule of a cell, from the plan's.

    A path may name a cell that the grid has not: say so.
    """

    def found(wildcards):
        cell = cell_of(wildcards)
        if fault := plan.no_cell(SETTINGS, cell):
            raise WorkflowError(f"{RESULTS}/{cell.path} is no cell of this grid: {fault}")
        return below_results(function(SETTINGS, cell))

    return unpack(per_job(found))


def outputs(rule, folder):
    """The outputs of a rule, in the folder that its wildcards make."""
    gone = written.TEMPORARY.get(rule, ())
    return {
        name: temp(path) if name in gone else path
        for name, path in written.placed(folder, rule).items()
    }


def experiment_of(wildcards):
    return EXPERIMENTS[wildcards.experiment]


def dataset_of(wildcards):
    """A cell's data set settings."""
    return DATASETS[experiment_of(wildcards)["dataset"]]


def words_of(wildcards):
    """The method's words: its PRE, its SEMI, its strategies."""
    return experiment_of(wildcards)["methods"][wildcards.method]


def draw_seed(wildcards):
    """Whose random draws the cell has."""
    return str(slices.draw_seed(experiment_of(wildcards), wildcards.seed))


def answers(wildcards):
    """The slice of the config that decides what the oracle says."""
    return slices.answers(dataset_of(wildcards))


@per_job
def one_cycle(wildcards):
    """The group of a cell's jobs: on a cluster one cycle of one trajectory is one job.

    Cycle 0 is trained for all strategies; what each then asks belongs to its own first cycle. On
    one machine there are no groups, and to plan them would take a tenth of the time.
    """
    if workflow.local_exec:
        return None
    shared = int(wildcards.cycle) == 0 and wildcards.strategy not in (INITIAL, ALL)
    cycle = 1 if shared else wildcards.cycle
    cell = (wildcards.experiment, wildcards.method, wildcards.strategy, f"seed{wildcards.seed}")
    return "-".join((*cell, f"cycle{cycle}"))


@per_job
def one_pretraining(wildcards):
    """The group of a pre-training and its diagnosis; none on one machine."""
    draw = plan.drawn_for(wildcards.draw) or "shared"
    return None if workflow.local_exec else f"pretrain-{wildcards.dataset}-{wildcards.pre}-{draw}"


def all_metrics(wildcards=None):
    """The metrics of every cell of the grid."""
    name = written.OUTPUTS["evaluate"]["out"]
    return [f"{RESULTS}/{cell.path}/{name}" for cell in cells(EXPERIMENTS)]


def made_with(wildcards=None):
    """Every result that says with which settings it was made."""
    return [f"{RESULTS}/{path}" for path, _, _ in made.of_results(SETTINGS)]


def dataset_infos(wildcards=None):
    """The description of every data set that an experiment uses."""
    return {name: f"{RESULTS}/{path}" for name, path in plan.infos(SETTINGS).items()}


INFOS = [f"{name}={path}" for name, path in dataset_infos().items()]


def pretrain_diagnoses(wildcards=None):
    """The diagnosis of every pre-training in the grid."""
    return [
        f"{RESULTS}/{path}"
        for dataset in dict.fromkeys(one["dataset"] for one in EXPERIMENTS.values())
        for job in joblist.dataset_jobs(SETTINGS, dataset)
        if job.rule == "diagnose"
        for path in job.outputs.values()
    ]


def with_gift(gift):
    """A wildcard constraint: the PREs that give weights, or features."""
    return either(name for name, plugin in PRES.items() if plugin["GIVES"] == gift)


def diagnosed(wildcards):
    """The inputs of a draw's diagnosis."""
    seed = plan.drawn_for(wildcards.draw)
    return below_results(plan.diagnose_inputs(wildcards.dataset, wildcards.pre, seed))


def embedded(wildcards):
    """The inputs of embed_pool."""
    seed = plan.drawn_for(wildcards.draw)
    return below_results(plan.embed_pool_inputs(wildcards.dataset, wildcards.pre, seed))


def start_of(wildcards):
    """How an experiment starts from zero labels."""
    if start := cold(experiment_of(wildcards)):
        return start
    raise WorkflowError(
        f"experiment {wildcards.experiment} starts from a draw, so nothing is asked there: give it "
        "initial: {strategy: ...}"
    )


def ask_gpu(wildcards):
    """As acquire_gpu."""
    return GPU if STRATEGIES[start_of(wildcards)["strategy"]]["GPU"] else 0


def fitted(yes):
    """A wildcard constraint: the experiments whose network is fitted, or those where it is trained."""
    return either(
        name
        for name, one in EXPERIMENTS.items()
        if plan.is_fitted(SETTINGS, Cell(name, "", "", 0, 0)) == yes
    )


def graph_settings(wildcards):
    """The slice of the config that decides a graph of features, by the file's name."""
    for path, (pre, name) in plan.graphs(SETTINGS, wildcards.dataset).items():
        if pre == wildcards.pre and path.endswith(f"graph-{wildcards.graph}.npz"):
            return slices.graph(EXPERIMENTS[name], THREADS)
    raise WorkflowError(f"no experiment of this grid asks for the graph {wildcards.graph}")


def fit_settings(wildcards):
    how = experiment_of(wildcards), words_of(wildcards), THREADS
    return slices.fit(dataset_of(wildcards), *how)


def pretrain_settings(wildcards):
    """The slice of the config that decides what a PRE gives."""
    return slices.pretrain(DATASETS[wildcards.dataset], wildcards.pre, THREADS)


def train_settings(wildcards):
    """The slice of the config that decides the result; so of the other stages below."""
    how = experiment_of(wildcards), words_of(wildcards), THREADS
    return slices.train(dataset_of(wildcards), *how)


def pre_of(wildcards):
    """What the cell's training starts from."""
    return plan.pre_of(experiment_of(wildcards), words_of(wildcards), int(wildcards.seed))


def embed_settings(wildcards):
    return slices.embed(dataset_of(wildcards), THREADS)


def read_head_settings(wildcards):
    return slices.read_head(dataset_of(wildcards))


def propagate_semi(wildcards):
    """The SEMI to be measured; none is told for the stage's default, whose commands are older."""
    semi = plan.propagating(words_of(wildcards))
    return None if semi == "label_propagation" else semi


def propagate_settings(wildcards):
    return slices.propagate(experiment_of(wildcards), THREADS)


def acquire_settings(wildcards):
    return slices.acquire(experiment_of(wildcards), wildcards.strategy, THREADS)


def acquire_gpu(wildcards):
    """Only a strategy that says so computes there."""
    return GPU if STRATEGIES[wildcards.strategy]["GPU"] else 0


def that_gives_pseudo_labels(gives):
    """A wildcard constraint: the strategies that give pseudo-labels too, or the others."""
    return either(
        name for name, plugin in STRATEGIES.items() if plugin["GIVES_PSEUDO_LABELS"] == gives
    )
