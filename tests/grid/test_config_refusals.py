"""Configurations that are refused, in words that say what to do."""

import math
import re

import pytest
from configs import BASELINE, ROOT, changed, minimal, refusal

from wholepool.grid.config import resolve
from wholepool.job.errors import UserError

BAD = [
    # key, value, what the message must name (regular expressions)
    ("experiments/demo/budget", 0, ["budget", "0", "minimum of 1"]),
    ("experiments/demo/budget", "ten", ["budget", "'ten'", "integer"]),
    ("experiments/demo/budget", 400, ["cycles", "2000 labels", "budget 400", "1297 images"]),
    ("initial", 9, ["initial is 9", "10 classes"]),
    ("initial", 0, ["initial is 0", "minimum of 1"]),
    ("cycles", 0, ["cycles is 0", "minimum of 1"]),
    ("cycles", 200, ["200 cycles", "2000 labels", "1297 images"]),
    ("seeds", 0, ["seeds is 0", "minimum of 1"]),
    ("seeds", [0, 1, 0], [r"seeds is \[0, 1, 0\]", "non-unique|unique|twice|more than once"]),
    ("seeds", [], [r"seeds is \[\]", "non-empty|too short|at least"]),
    ("seeds", [-1], [r"seeds", "-1", "minimum of 0"]),
    ("propagation/k", 1297, [r"propagation\.k is 1297", "below"]),
    ("propagation/k", 0, [r"propagation\.k is 0", "minimum of 1"]),
    ("propagation/alpha", 1, [r"propagation\.alpha is 1", "1"]),
    ("propagation/alpha", -0.1, [r"propagation\.alpha is -0\.1", "minimum of 0"]),
    ("propagation/tolerance", 0, [r"propagation\.tolerance is 0", "greater|minimum"]),
    ("propagation/graph", "mutual", [r"propagation\.graph is 'mutual'", "reciprocal", "union"]),
    (
        "propagation/search",
        "exat",
        [r"propagation\.search is 'exat'", "did you mean exact", "faiss"],
    ),
    ("propagation/search", 3, [r"propagation\.search is 3", "auto, exact, approximate", "faiss"]),
    ("propagation/search", {}, [r"propagation\.search: 'faiss' is a required"]),
    ("propagation/search", {"fais": "Flat"}, [r"propagation\.search\.fais", "did you mean faiss"]),
    ("propagation/search", {"faiss": 3}, [r"propagation\.search\.faiss is 3", "string"]),
    ("propagation/search", {"faiss": ""}, [r"propagation\.search\.faiss is ''", "IVF4096"]),
    ("propagation/search", {"faiss": "Flat; ls"}, [r"search\.faiss is 'Flat; ls'", "IVF4096"]),
    ("network/dropout", 1, [r"network\.dropout is 1", "less than|maximum"]),
    ("network/width", 0, [r"network\.width is 0", "greater|minimum"]),
    ("network/width", 100, [r"network\.width is 100", "maximum of 8"]),
    ("network/logit_scale", -1, [r"network\.logit_scale is -1", "minimum"]),
    ("network/weight_norm", "perhaps", [r"network\.weight_norm is 'perhaps'", "boolean"]),
    ("augment/translate", 16, [r"augment\.translate is 16", "16 pixels"]),
    ("augment/translate", -1, [r"augment\.translate is -1", "minimum of 0"]),
    ("augment/embedding_view", "augment", ["embedding_view", "did you mean augmented"]),
    ("pool/size", 2000, [r"pool\.size is 2000", "1297"]),
    ("pool/mean", [0.5, 0.5, 0.5], [r"pool\.mean has 3 values", r"1 channel"]),
    ("pool/std", [0.1, 0.2], [r"pool\.std has 2 values", r"1 channel"]),
    ("pool/grey_channels", 3.0, [r"grey_channels is 3\.0", "integer"]),
    ("pool/grey_channels", 2, ["grey_channels is 2", "must be one of 1, 3"]),
    ("seed_moves", "none", ["seed_moves", "must be one of all, initial"]),
    ("pool/std", [0], [r"pool\.std", "greater|minimum"]),
    ("pool/mean", [128], [r"pool\.mean", "128", "maximum of 1"]),
    ("pool/sampling", "random", [r"pool\.sampling is 'random'", "stratified", "uniform"]),
    ("datasets/imagenet", {}, ["imagenet", "unknown", "digits"]),
    ("datasets/x", {"source": "cifar-10"}, ["cifar-10", "did you mean cifar10"]),
    ("experiments/demo/dataset", "digit", ["'digit'", "did you mean digits"]),
    ("semi/labeled_size", 128, [r"semi\.labeled_size is 128", r"semi\.batch_size, 128"]),
    ("semi/batch_size", 40, [r"semi\.labeled_size is 50", r"below semi\.batch_size, 40"]),
    ("semi/epochs", 0, [r"semi\.epochs is 0", "minimum of 1"]),
    ("semi/epoch_share", 1.5, [r"semi\.epoch_share is 1\.5", "maximum of 1"]),
    ("semi/draw", "uniform", [r"semi\.draw is 'uniform'", "replacement", "distinct"]),
    ("sup/lr", 0, [r"sup\.lr is 0", "greater|minimum"]),
    ("sup/lr", math.nan, [r"sup\.lr", "nan"]),
    ("sup/lr", math.inf, [r"sup\.lr", "inf"]),
    ("network/width", math.nan, [r"network\.width", "nan"]),
    ("sup/batch_size", 0, [r"sup\.batch_size is 0", "minimum of 1"]),
    ("deepcluster/batch_size", 1, [r"deepcluster\.batch_size is 1", "minimum of 2"]),
    ("deepcluster/epochs", 0, [r"deepcluster\.epochs is 0", "minimum of 1"]),
    ("optimizer/momentum", 1, [r"optimizer\.momentum is 1", "less than|maximum"]),
    ("ceal/threshold", 2, [r"ceal\.threshold is 2", "maximum of 1"]),
    ("published_accuracy", 101, ["published_accuracy is 101", "maximum of 100"]),
    ("device", "gpu", ["device is 'gpu'", "auto, cpu, cuda"]),
    ("threads", 0, ["threads is 0", "minimum of 1"]),
    ("pool_memory_mb", -1, ["pool_memory_mb is -1", "minimum of 0"]),
    ("results_dir", "out; touch pwned", ["results_dir is 'out; touch pwned'"]),
    ("results_dir", "$(touch pwned)", ["results_dir"]),
    ("data_dir", "a'b", ["data_dir", "a'b"]),
    ("data_dir", "a\nb", ["data_dir"]),
    ("datasets/x; touch pwned", {"source": "digits"}, ["x; touch pwned"]),
    ("datasets/..", {"source": "digits"}, [r"'\.\.'"]),
    ("datasets/x\n", {"source": "digits"}, [r"x\\n"]),
    ("experiments/x; touch pwned", {"dataset": "digits", "budget": 10}, ["x; touch pwned"]),
    ("experiments/a b", {"dataset": "digits", "budget": 10}, ["'a b'"]),
    ("experiments/-rf", {"dataset": "digits", "budget": 10}, ["'-rf'"]),
    ("experiments/", {"dataset": "digits", "budget": 10}, ["''"]),
    ("methods", {"x; touch pwned": BASELINE}, ["methods", "x; touch pwned"]),
    ("methods", {"a{b}": BASELINE}, ["methods", r"a\{b\}"]),
    ("methods", {}, ["methods"]),
    ("methods", {"m": {"strategies": []}}, [r"methods\.m: strategies is empty"]),
    ("methods", {"m": {"strategies": ["random", "random"]}}, ["strategies", "unique"]),
    ("methods", {"m": {"strategies": ["corset"]}}, ["'corset'", "did you mean coreset"]),
    ("methods", {"m": {"strategies": ["xyz"]}}, ["'xyz'", "random", "jlp"]),
    (
        "methods",
        {"m": {"semi": "label_propagation", "strategies": ["ceal"]}},
        [r"methods\.m", "ceal", "not combined with SEMI", "remove"],
    ),
    ("methods", {"m": {"semi": "lp", "strategies": ["random"]}}, ["'lp'", "label_propagation"]),
    ("methods", {"m": {"pre": "deepclustre", "strategies": ["random"]}}, ["mean deepcluster"]),
    ("methods", {"m": {"pre": "none"}}, ["methods.m: strategies is empty", "labels: all"]),
    ("methods", {"m": {"labels": "all", "strategies": ["random"]}}, ["nothing is left to acquire"]),
    ("methods", {"m": {"labels": "all", "semi": "label_propagation"}}, ["remove.*its semi"]),
    ("methods", {"m": {"labels": "some"}}, ["must be one of acquired, all"]),
    ("sup/cosine_period", 0.5, [r"sup\.cosine_period is 0\.5", "minimum of 1"]),
    ("methods", {"m": {**BASELINE, "sup": {"epochs": 0}}}, [r"methods\.m\.sup\.epochs is 0"]),
    ("methods", {"m": {**BASELINE, "sup": {"epcohs": 1}}}, ["did you mean epochs"]),
    ("network/name", "conv12", ["network 'conv12' is unknown", "did you mean conv13"]),
    ("datasets/digits/network", {"widht": 1}, [r"datasets\.digits\.network\.widht", "mean width"]),
    ("datasets/digits/source", {"name": "digits", "path": "x"}, [r"unknown key .*source\.path"]),
    ("datasets/digits/source", {"path": "x"}, [r"datasets\.digits\.source", "'name'", "required"]),
    ("datasets/digits/oracle", "hiden", ["oracle 'hiden' is unknown", "did you mean hidden"]),
    ("pretrain", {"epochs": 1}, ["pretrain is an old key: write deepcluster"]),
    ("datasets/digits/pretrain", {}, [r"datasets\.digits\.pretrain is an old key"]),
    ("full", {"epochs": 3}, [r"full is an old key: write methods\.NAME\.sup"]),
    ("full_supervision", 90, ["full_supervision is an old key: write published_accuracy"]),
    ("sup/cosine_epochs", 210, [r"sup\.cosine_epochs is an old key: write sup\.cosine_period"]),
    (
        "experiments/demo/semi",
        {"sup_epochs": 0},
        [r"experiments\.demo\.semi\.sup_epochs is an old"],
    ),
    ("tables/ablation_strategies", ["randm"], ["randm", "did you mean random"]),
    ("netwrok", {"width": 1}, ["unknown key netwrok", "did you mean network"]),
    ("network/widht", 1, [r"unknown key network\.widht", "did you mean width"]),
    ("semi/labelled_size", 5, [r"semi\.labelled_size", "did you mean labeled_size"]),
    ("experiments/demo/sup", {"epoch": 5}, ["sup.epoch", "did you mean epochs"]),
    ("experiments/demo/network", {"width": 1}, [r"experiments\.demo\.network", "unknown key"]),
    ("datasets/digits/sup", {"epochs": 1}, [r"datasets\.digits\.sup", "unknown key"]),
    ("datasets", {}, ["datasets"]),
    ("experiments", {}, ["experiments"]),
    ("experiments/e", {"dataset": "digits"}, [r"experiments\.e", "'budget'", "required"]),
    ("network", None, ["network is None", "remove the key"]),
    ("network", [1], ["network", "object"]),
]


@pytest.mark.parametrize(
    ("path", "value", "words"), BAD, ids=[f"{path}={value}"[:60] for path, value, _ in BAD]
)
def test_bad_configuration_is_explained(path, value, words):
    message = refusal(changed(path, value))
    assert message.startswith("the configuration is wrong")
    for word in words:
        assert re.search(word, message), f"{word!r} is not in: {message}"
    assert len(message) < 2000


@pytest.mark.parametrize("factory", ["Flat", "IVF4096,PQ32x8,RFlat", "IVF64(IVF8,PQ4x4fs),SQ8"])
def test_a_factory_string_of_faiss_is_a_search(factory):
    result = resolve(changed("propagation/search", {"faiss": factory}))
    assert result["experiments"]["demo"]["propagation"]["search"] == {"faiss": factory}


@pytest.mark.parametrize("key", ["datasets", "experiments"])
def test_a_missing_top_key_is_named(key):
    config = minimal()
    del config[key]
    message = refusal(config)
    assert key in message
    assert "required" in message


@pytest.mark.parametrize("config", [None, [], "digits"])
def test_a_configuration_that_is_no_table(config):
    assert "object" in refusal(config)


def test_names_that_yaml_reads_as_numbers_are_text_or_refused():
    """experiments: {2024: ...}: the name becomes a folder and a wildcard, which are text."""
    config = minimal()
    config["experiments"] = {2024: config["experiments"]["demo"]}
    try:
        result = resolve(config)
    except UserError as error:
        assert "2024" in str(error)
        return
    assert list(result["experiments"]) == ["2024"]


def test_several_faults_are_all_listed():
    config = minimal()
    config["experiments"]["demo"]["budget"] = 0
    config["network"] = {"width": -1, "widht": 2}
    config["semi"] = {"draw": "never"}
    message = refusal(config)
    for word in ("budget", "network.width", "widht", "semi.draw"):
        assert word in message
    assert message.count("\n  - ") == 4


def test_several_faults_that_no_schema_finds_are_all_listed():
    config = minimal()
    config["initial"] = 5
    config["semi"] = {"labeled_size": 200}
    config["augment"] = {"translate": 40}
    config["propagation"] = {"k": 5000}
    config["datasets"]["x"] = {"source": "nothing"}
    config["methods"] = {"m": {"strategies": ["nonsense"]}}
    message = refusal(config)
    words = ("initial is 5", "labeled_size", "translate", "k is 5000", "'nothing'", "'nonsense'")
    assert all(word in message for word in words)
    assert message.count("\n  - ") == 6


def test_a_data_set_that_no_experiment_uses_is_checked_too():
    config = changed("datasets/spare", {"source": "digits", "pool": {"size": 5000}})
    assert "5000" in refusal(config)


def test_a_fault_of_a_shared_data_set_is_listed_once():
    config = changed("pool/size", 5000)
    config["experiments"]["other"] = {"dataset": "digits", "budget": 10}
    message = refusal(config)
    assert message.count("pool.size is 5000") == 1


def test_logs_of_two_cells_never_share_a_name():
    """A log is called experiment-method-...: "a-b" + "c" and "a" + "b-c" must not meet."""
    config = minimal()
    config["experiments"] = {
        "a-b": {"dataset": "digits", "budget": 10, "methods": {"c": BASELINE}},
        "a": {"dataset": "digits", "budget": 10, "methods": {"b-c": BASELINE}},
    }
    try:
        result = resolve(config)
    except UserError:
        return
    pattern = re.search(r'^CELL = f?"(.+)"$', (ROOT / "rules" / "common.smk").read_text(), re.M)
    names = [
        pattern[1].format(experiment=name, method=method, strategy="initial", seed=0, cycle=0)
        for name, experiment in result["experiments"].items()
        for method in experiment["methods"]
    ]
    assert len(set(names)) == len(names)


def test_what_is_written_out_in_full_is_a_configuration_and_says_the_same():
    config = minimal()
    config["methods"] = {"full": {"labels": "all"}}  # no strategy is run: Table II is empty
    for given in (minimal(), config):
        result = resolve(given)
        assert resolve(result) == result


ITSELF = {"epochs": 5}
ITSELF["sup"] = ITSELF
BILLIONS = [1] * 10
for _ in range(9):
    BILLIONS = [BILLIONS] * 10


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("sup/lr", 10**400, "sup.lr is an integer of more than 64 bits"),
        (
            "published_accuracy",
            -(10**5000),
            "published_accuracy is an integer of more than 64 bits",
        ),
        ("seeds", 10**9, "seeds is 1000000000: 1000000000 is greater than the maximum of 1000"),
        ("experiments/" + "x" * 101, {"dataset": "digits", "budget": 10}, "is too long"),
        ("sup", ITSELF, "sup.sup.sup.sup.* is nested too deeply"),
        ("methods", BILLIONS, "more than 100,000 values"),
        ("experiments/demo/sup", {5: 1}, "experiments.demo.sup.5: the key 5 is no text: quote it"),
        ("a\x1b[2Jb\n", 1, r"unknown key 'a\\x1b\[2Jb\\n'"),
        ("sup/lr", ["long"] * 1000, r"sup.lr is \['long', .*\.\.\.: .* is not of type 'number'"),
        ("pool/mean", [2] * 1000, "and 980 more"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_values_that_would_break_the_validator_or_the_message(path, value, words):
    message = refusal(changed(path, value))
    assert re.search(words, message)
    lines = message.split("\n")
    assert len(lines) <= 22
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
