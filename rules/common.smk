# The resolved configuration, and where each job finds its inputs. Functions only.
import gc
import inspect
import json
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from wholepool.grid import slices
from wholepool.grid.config import resolve
from wholepool.job.yaml import read_yaml
from wholepool.job.environment import export_package
from wholepool.job.errors import UserError
from wholepool.grid.cells import ALL, INITIAL, Cell, cells, summary
from wholepool.job.hardware import gpu_present
from wholepool.grid.versions import VERSIONS
from wholepool.strategies import STRATEGIES

# Planning makes millions of objects that stay and hardly a cycle: to look through them all for
# garbage, as Python does at its default of 700 new ones, took a quarter of a large plan's time.
gc.set_threshold(100_000, 50, 100)

# not workflow.source_path: that is another path in every run, so jobs that have it would run again
ROOT = Path(workflow.basedir)
SCHEMA = f"{ROOT}/workflow/schemas/config.schema.yaml"
REFERENCE = ROOT / "evidence"

try:
    for path in workflow.configfiles:  # Snakemake's own reading lets a key stand twice
        read_yaml(path)
    SETTINGS = resolve(config, SCHEMA)
    if Path(SETTINGS["results_dir"]).is_file():
        raise UserError(
            f"results_dir is {SETTINGS['results_dir']}, but a file stands where this folder should: "
            "move it away, or choose another"
        )
except UserError as error:
    raise WorkflowError(str(error)) from None

export_package()

RESULTS = SETTINGS["results_dir"]
THREADS = SETTINGS["threads"]
DEVICE = SETTINGS["device"]
POOL_MEMORY = "auto" if SETTINGS["pool_memory_mb"] is None else SETTINGS["pool_memory_mb"]
# Where and how a job computes (device, memory for the pool, data_dir) is no parameter of it: taking a
# grid from a CPU to a GPU, or moving the data, does not redo what is done. Nor a resource, if it is
# text: in a group Snakemake wants that to be the same for all jobs. Only a job that will use a GPU
# asks for one: CPU jobs must not wait for GPU slots.
GPU = int(DEVICE == "cuda" or (DEVICE == "auto" and gpu_present()))
DATASETS = SETTINGS["datasets"]
EXPERIMENTS = SETTINGS["experiments"]
PLAN = json.dumps(summary(SETTINGS))

PATTERN = Cell("{experiment}", "{method}", "{strategy}", "{seed}", "{cycle}")
RUN = f"{RESULTS}/{PATTERN.path}"
DATA = f"{RESULTS}/datasets/{{dataset}}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
CELL = "{experiment}/{method}/{strategy}/seed{seed}-cycle{cycle}"


def either(names):
    """A wildcard constraint: one of these names, literally."""
    return "|".join(sorted({re.escape(str(name)) for name in names}))


def methods():
    """Every (method's words) of every experiment, by method name."""
    return {
        name: words
        for experiment in EXPERIMENTS.values()
        for name, words in experiment["methods"].items()
    }


def per_job(function):
    """Mark what Snakemake calls in every job: it asks for the signature each time, so keep that."""
    function.__signature__ = inspect.signature(function)
    return function


def experiment_of(wildcards):
    return EXPERIMENTS[wildcards.experiment]


def dataset_of(wildcards):
    """A cell's data set settings."""
    return DATASETS[experiment_of(wildcards)["dataset"]]


def words_of(wildcards):
    """The method's words: its PRE, its SEMI, its strategies."""
    return experiment_of(wildcards)["methods"][wildcards.method]


def of_dataset(**names):
    """Input function: files of the cell's data set, by input name. One of them is the pool.

    The age of the pool's images makes no job run again: pool.json, which holds their fingerprint
    and is compared by content, stands for them. To compare the images themselves Snakemake would
    hash them after every job, once for each of its outputs.
    """

    def files(dataset):
        found = {key: f"{RESULTS}/datasets/{dataset}/{name}" for key, name in names.items()}
        return found | {"pool": ancient(found["pool"])}

    paths = {name: files(experiment["dataset"]) for name, experiment in EXPERIMENTS.items()}
    return unpack(per_job(lambda wildcards: paths[wildcards.experiment]))


def folder(wildcards, back=0, own=False):
    """The folder of the cell, or of the cell `back` cycles before it.

    All strategies share cycle 0's training; `own` asks for the strategy's own folder even there.
    """
    cycle = int(wildcards.cycle) - back
    shared = cycle == 0 and not own and wildcards.strategy != ALL
    strategy = INITIAL if shared else wildcards.strategy
    cell = Cell(wildcards.experiment, wildcards.method, strategy, int(wildcards.seed), cycle)
    return f"{RESULTS}/{cell.path}"


@per_job
def labeled_set(wildcards, back=0):
    """The cell's labeled set; in cycle 0 the initial one, the same for all methods."""
    if wildcards.strategy == ALL:
        return f"{RESULTS}/datasets/{experiment_of(wildcards)['dataset']}/all_labels.parquet"
    if int(wildcards.cycle) - back == 0:
        return f"{RESULTS}/runs/{wildcards.experiment}/initial/seed{wildcards.seed}/labeled.parquet"
    return f"{folder(wildcards, back)}/labeled.parquet"


@per_job
def theta(wildcards):
    """The pre-trained weights, if the method has a PRE."""
    pre = words_of(wildcards)["pre"]
    dataset = experiment_of(wildcards)["dataset"]
    return [] if pre == "none" else f"{RESULTS}/datasets/{dataset}/pretrain/{pre}/model.safetensors"


@per_job
def acquired_pseudo_labels(wildcards):
    """The pseudo-labels that the strategy gave with the last acquisition (CEAL)."""
    if int(wildcards.cycle) == 0 or not STRATEGIES[wildcards.strategy].gives_pseudo_labels:
        return []
    if not experiment_of(wildcards)["ceal"]["join"]:
        return []
    return f"{folder(wildcards, back=1, own=True)}/acquired_pseudo_labels.parquet"


@per_job
def pseudo_labels_to_judge(wildcards):
    """The pseudo-labels that evaluation compares with the truth: SEMI's own, or CEAL's."""
    if words_of(wildcards)["semi"] != "none":
        return f"{folder(wildcards)}/pseudo_labels.parquet"
    return acquired_pseudo_labels(wildcards)


def embeds_pool(wildcards):
    """Whether anything reads the cell's embeddings of the pool: SEMI's judgment, or a strategy."""
    words = words_of(wildcards)
    if words["semi"] != "none":
        return True
    if int(wildcards.cycle) + 1 == experiment_of(wildcards)["cycles"]:
        return False
    asking = words["strategies"] if wildcards.strategy == INITIAL else [wildcards.strategy]
    return any(STRATEGIES[name].needs for name in asking if name != ALL)


@per_job
def test_probabilities(wildcards):
    """The test images' probabilities: beside the pool's where those are made, else alone."""
    name = "test_probabilities" if embeds_pool(wildcards) else "predictions/test_probabilities"
    return f"{folder(wildcards)}/{name}.npy"


def needed(array, name):
    """Input function of acquire: an array of the cell, if the strategy declares that it reads it."""
    return per_job(
        lambda wildcards: (
            f"{folder(wildcards)}/{name}" if array in STRATEGIES[wildcards.strategy].needs else []
        )
    )


@per_job
def draw_seed(wildcards):
    """Whose random draws the cell has."""
    return slices.draw_seed(experiment_of(wildcards), wildcards.seed)


@per_job
def semi_of(wildcards):
    return words_of(wildcards)["semi"]


@per_job
def budget_of(wildcards):
    return experiment_of(wildcards)["budget"]


@per_job
def acquire_version(wildcards):
    return VERSIONS["acquire"], STRATEGIES[wildcards.strategy].version


@per_job
def acquire_settings(wildcards):
    return slices.as_json(slices.acquire(experiment_of(wildcards), wildcards.strategy))


@per_job
def acquire_gpu(wildcards):
    """Only jLP solves: it is the one that reads the graph."""
    return GPU if "graph" in STRATEGIES[wildcards.strategy].needs else 0


@per_job
def train_settings(wildcards):
    """The slice of the config that decides the result, as JSON; so of the other stages below."""
    dataset, experiment = dataset_of(wildcards), experiment_of(wildcards)
    return slices.as_json(slices.train(dataset, experiment, words_of(wildcards)))


@per_job
def propagate_settings(wildcards):
    return slices.as_json(slices.propagate(experiment_of(wildcards)))


@per_job
def embed_settings(wildcards):
    return slices.as_json(slices.embed(dataset_of(wildcards)))


@per_job
def data_settings(wildcards):
    return slices.as_json(slices.data(DATASETS[wildcards.dataset]))


@per_job
def pretrain_settings(wildcards):
    return slices.as_json(slices.pretrain(DATASETS[wildcards.dataset]))


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
    return None if workflow.local_exec else f"pretrain-{wildcards.dataset}-{wildcards.pre}"


def all_metrics(wildcards=None):
    """The metrics of every cell of the grid."""
    return [f"{RESULTS}/{cell.path}/metrics.json" for cell in cells(EXPERIMENTS)]


def made_with(wildcards=None):
    """Every result that says with which settings it was made."""
    return [f"{RESULTS}/{path}" for path, _, _ in slices.of_results(SETTINGS)]


def dataset_infos(wildcards=None):
    """The description of every data set that an experiment uses."""
    used = dict.fromkeys(experiment["dataset"] for experiment in EXPERIMENTS.values())
    return {name: f"{RESULTS}/datasets/{name}/pool.json" for name in used}


def pretrain_diagnoses(wildcards=None):
    """The diagnosis of every pre-training in the grid."""
    return sorted(
        {
            f"{RESULTS}/datasets/{experiment['dataset']}/pretrain/{words['pre']}/diagnosis.json"
            for experiment in EXPERIMENTS.values()
            for words in experiment["methods"].values()
            if words["pre"] != "none"
        }
    )


def landings():
    """Every folder of evidence that is checked in beside the code, wherever the grid is run."""
    return sorted(
        path.parent
        for path in REFERENCE.glob("*/runs.csv")
        if (path.parent / "settings.json").exists()
    )


def memory(base):
    """mem_mb: what the stage takes, and half as much again at each new attempt."""
    return per_job(lambda wildcards, attempt: int(base * (1 + 0.5 * (attempt - 1))))


def minutes(base):
    """runtime: a limit in minutes that doubles at each new attempt."""
    return per_job(lambda wildcards, attempt: base * 2 ** (attempt - 1))
