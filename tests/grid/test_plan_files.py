"""The files of each job: those that the rules have, each made before it is read."""

import re

import pytest
import yaml
from configs import ROOT

from wholepool.grid import joblist, made, plan, written
from wholepool.grid.cells import Cell, cells
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError

TINY = ROOT / "tests" / "workflow" / "tiny.yaml"
RULES = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
#: PRE that gives features, and a network that eats them
GIVES = 'GIVES = "features"\n\n\ndef features(*given): ...\n'
EATS = 'EATS = "features"\n\n\ndef build(*given): ...\n'


def grid(**changes):
    return resolve(yaml.safe_load(TINY.read_text("utf-8")) | changes)


@pytest.fixture(params=["tiny", "config", "paper", "deviations"])
def config(request):
    path = {"tiny": TINY, "config": ROOT / "config.yaml"}.get(request.param)
    path = path or ROOT / "workflow" / "grids" / f"{request.param}.yaml"
    return resolve(yaml.safe_load(path.read_text("utf-8")))


def rules_with_outputs():
    """{rule: its output's text} of every rule; `use rule` without an output of its own has none."""
    blocks = re.split(r"^(?=(?:use )?rule )", RULES, flags=re.MULTILINE)[1:]
    found = {}
    for block in blocks:
        name = re.match(r"(?:use rule \w+ as (\w+) with|rule (\w+)):", block)
        name = name[1] or name[2]
        output = re.search(r"^    output:\n((?:^        .*\n)+)", block, flags=re.MULTILINE)
        found[name] = " ".join(output[1].split()) if output else None
    return found


def test_every_rule_has_the_outputs_that_the_plan_says():
    """tests/workflow/test_plan.py shows that Snakemake understands the same by it."""
    found = rules_with_outputs()
    places = {"data": "DATA", "label_all": "DATA", "pretrain": "PRETRAIN", "features": "PRETRAIN"}
    places |= dict.fromkeys(("diagnose", "embed_pool"), "PRETRAIN") | {"data_of_people": "DATA"}
    for rule in written.OUTPUTS:
        if rule not in ("ask", "initial", "answered", "batch", "standing"):
            assert found[rule] == f'**outputs("{rule}", {places.get(rule, "RUN")}),', rule
    # whose folder is no cell's
    assert found["initial"].startswith('out=f"{RESULTS}/{plan.initial_labels(')
    assert plan.initial_labels("e", 3).endswith("/" + written.OUTPUTS["initial"]["out"])
    assert "people.folder(" in found["answered"]
    assert all("/people/{{experiment}}" in found[rule] for rule in ("batch", "standing"))
    assert found["graph"].startswith('out=f"{RESULTS}/{plan.pre_folder(')
    gathering = {"runs", "tables", "pretraining", "figures", "statistics", "report"}
    gathering |= {"compare_with_paper", "cost"}
    without = {"stage", "all_tables", "all_figures", "all_statistics", "next_batch"}
    assert found.keys() == written.OUTPUTS.keys() | {"graph"} | gathering | without
    assert {name for name, output in found.items() if output is None} == without


def test_what_is_temporary_is_made_and_needed_by_a_strategy_alone():
    for rule, names in written.TEMPORARY.items():
        assert set(names) <= written.OUTPUTS[rule].keys()
        for name in names:
            assert written.OUTPUTS[rule][name] == written.ARRAYS[name]
    arrays = set(written.ARRAYS.items())
    assert arrays == set((written.OUTPUTS["embed"] | written.OUTPUTS["read_head"]).items())


def test_every_file_is_made_once_and_before_it_is_read(config):
    made = set()
    for job in joblist.planned(config):
        assert set(job.inputs.values()) <= made, job
        new = set(job.outputs.values())
        assert not new & made and len(new) == len(job.outputs), job
        made |= new
    ends = {f"{cell.path}/metrics.json" for cell in cells(config["experiments"])}
    assert ends <= made


def test_every_job_has_the_names_of_its_rule(config):
    for job in joblist.planned(config):
        assert job.outputs.keys() == written.OUTPUTS[job.rule].keys()
        for name, path in job.outputs.items():
            assert path.endswith("/" + written.OUTPUTS[job.rule][name])


def test_only_what_must_see_them_is_given_hidden_labels(config):
    hidden = {"oracle", "test_labels"}
    readers = {job.rule for job in joblist.planned(config) if hidden & job.inputs.keys()}
    assert readers <= {"initial", "label_all", "label", "evaluate", "diagnose"}
    assert {"initial", "evaluate"} <= readers
    paths = {
        job.rule
        for job in joblist.planned(config)
        if any(re.search("oracle|test_labels|metrics|diagnosis", p) for p in job.inputs.values())
    }
    assert paths == readers


def test_features_stand_for_the_images(plugin):
    plugin("pretrain", "blocks", GIVES)
    plugin("network", "linear", EATS)
    config = grid(
        network={"name": "linear"},
        methods={"m": {"pre": "blocks", "strategies": ["coreset"]}},
    )
    jobs = list(joblist.planned(config))
    assert {"pretrain", "diagnose"} & {job.rule for job in jobs} == set()
    (features,) = [job for job in jobs if job.rule == "features"]
    assert features.pre == "blocks"
    assert features.inputs == plan.of_dataset("digits", "pool", "info", "test_images")
    folder = plan.pre_folder("digits", "blocks")
    for job in jobs:
        if job.rule in ("train", "embed", "embed_initial", "predict"):
            assert job.inputs["features"] == f"{folder}/features.npy"
            assert "theta" not in job.inputs
            tested = job.inputs.get("test_features")
            assert tested == (None if job.rule == "train" else f"{folder}/test_features.npy")
        elif job.rule != "features":
            assert not [path for path in job.inputs.values() if folder in path], job


def test_the_classifier_is_read_only_where_a_strategy_reads_it():
    config = grid(methods={"m": {"strategies": ["random", "bald", "alfamix"]}})
    jobs = list(joblist.planned(config))
    heads = {job.outputs["head"]: job for job in jobs if job.rule == "read_head"}
    asking = [job for job in jobs if job.rule == "acquire" and "head" in job.inputs]
    assert {job.cell.strategy for job in asking} == {"bald", "alfamix"}
    assert {job.inputs["head"] for job in asking} == set(heads)
    for path, job in heads.items():
        assert job.inputs["model"] == path.replace("head.npy", "model.safetensors")
        assert not {"oracle", "test_labels", "labeled"} & job.inputs.keys()
    # of cycle 0 one for all; the embeddings' jobs are those of a grid without these strategies
    assert len([path for path in heads if "/initial/" in path]) == 2
    plain = list(joblist.planned(grid(methods={"m": {"strategies": ["coreset"]}})))
    (first, *_), (other, *_) = (
        [job for job in found if job.rule == "embed_initial"] for found in (jobs, plain)
    )
    assert first == other
    assert "read_head" not in {job.rule for job in plain}


def test_a_network_without_a_linear_classifier_is_refused_to_them(plugin):
    plugin("network", "curved", EATS.replace("features", "images"))
    words = {"m": {"strategies": ["random", "dropquery"]}}
    with pytest.raises(UserError, match=r"methods\.m: strategy dropquery reads .* LINEAR = True"):
        grid(network={"name": "curved"}, methods=words)
    plugin("network", "straight", "LINEAR = True\n" + EATS.replace("features", "images"))
    grid(network={"name": "straight"}, methods=words)


def test_what_the_oracle_has_answered_embeds_no_pool(plugin):
    plugin("strategy", "counts", 'NEEDS = ("answers",)\ndef acquire(query): ...\n')
    jobs = list(joblist.planned(grid(methods={"m": {"strategies": ["counts"]}})))
    assert not {"embed", "embed_initial"} & {job.rule for job in jobs}


def test_a_semi_that_propagates_nothing_has_no_pseudo_labels_to_be_judged(plugin):
    plugin("semi", "twins", 'READS = ("semi",)\n\n\ndef phase(context): ...\n')
    config = grid(methods={"m": {"semi": "twins", "strategies": ["random"]}})
    jobs = list(joblist.planned(config))
    assert not {"propagate", "propagate_initial"} & {job.rule for job in jobs}
    assert not [job for job in jobs if "pseudo_labels" in job.inputs]
    assert "predict" in {job.rule for job in jobs}


READING = 'READS = ("semi", "propagation")\n\n\ndef phase(context): ...\n'


def test_pseudo_labels_are_measured_by_their_own_semi_if_it_can(plugin):
    plugin("semi", "silent", READING)
    plugin("semi", "telling", READING + "\n\ndef propagated(*given): ...\n")
    found = {}
    for semi in ("label_propagation", "poisson", "silent", "telling"):
        config = grid(methods={"m": {"semi": semi, "strategies": ["random"]}})
        job = next(job for job in joblist.planned(config) if job.rule == "propagate_initial")
        _, told = made.of_propagate(config, job)
        found[semi] = plan.propagating(plan.words_of(config, job.cell)), told["version"]
    assert found["label_propagation"] == ("label_propagation", "propagate 1")
    assert found["silent"] == ("label_propagation", "propagate 1")
    assert found["poisson"] == ("poisson", "propagate 1, poisson 1")
    assert found["telling"][0] == "telling"
    assert re.fullmatch(r"propagate 1, telling 1 \w{12}", found["telling"][1])


def test_ceal_s_pseudo_labels_join_the_next_training_and_are_judged_there():
    config = grid()
    cell = Cell("tiny", "baseline", "ceal", 1, 1)
    path = "runs/tiny/baseline/ceal/seed1/cycle0/acquired_pseudo_labels.parquet"
    assert plan.train_inputs(config, cell)["pseudo_labels"] == path
    assert plan.evaluate_inputs(config, cell)["pseudo_labels"] == path
    apart = grid(ceal={"join": False})
    assert "pseudo_labels" not in plan.train_inputs(apart, cell) | plan.evaluate_inputs(apart, cell)


def test_each_seed_may_have_a_pre_of_its_own():
    shared, own = grid(), grid(pre_drawn="per_seed")
    folders = [
        sorted({path.rpartition("/")[0] for job in joblist.planned(config) if job.rule == "pretrain"
                for path in job.outputs.values()})
        for config in (shared, own)
    ]  # fmt: skip
    pre = "datasets/digits/pretrain/deepcluster"
    assert folders == [[pre], [f"{pre}/seed0", f"{pre}/seed1"]]
    for config, place in ((shared, pre), (own, f"{pre}/seed1")):
        cell = Cell("tiny", "pre+semi", "random", 1, 1)
        assert plan.train_inputs(config, cell)["theta"] == f"{place}/model.safetensors"
        told = {path for path, *_ in made.of_results(config)}
        assert f"{place}/history.parquet" in told


def test_features_are_never_drawn_per_seed(plugin):
    plugin("pretrain", "frozen", GIVES)
    plugin("network", "linear", EATS)
    methods = {"frozen": {"pre": "frozen", "semi": "none", "strategies": ["random"]}}
    config = grid(pre_drawn="per_seed", methods=methods, network={"name": "linear"})
    rules = [job.rule for job in joblist.planned(config)]
    assert rules.count("features") == 1 and "pretrain" not in rules
