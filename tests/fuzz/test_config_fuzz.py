"""Whatever stands in a configuration: it resolves to what the documentation says, or is refused."""

import copy
import datetime
import json
import math
import pickle
import re
import time
from pathlib import Path

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from wholepool.grid import sections
from wholepool.grid.cells import sup_of
from wholepool.grid.config import EXPERIMENT_KEYS, resolve
from wholepool.job import registry
from wholepool.job.errors import UserError

ROOT = Path(__file__).parents[2]
SCHEMA = sections.schema()
SHIPPED = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / "config.yaml", ROOT / "tests" / "workflow" / "tiny.yaml")
]
SHIPPED += [
    yaml.safe_load((ROOT / "workflow" / "grids" / f"{name}.yaml").read_text(encoding="utf-8"))
    for name in ("paper", "paper_on_cpu", "one_label_per_class", "released_code")
]
SHIPPED += [
    {"datasets": {"digits": None}, "experiments": {"demo": {"dataset": "digits", "budget": 10}}}
]
#: of a data set and of an experiment, whatever its methods are
OF_DATASET = ["source", "oracle", "network", "pool", "augment"]
OF_EXPERIMENT = ["dataset", "budget", *EXPERIMENT_KEYS, "optimizer", "sup", "semi", "propagation"]
STRATEGIES = tuple(registry.plugins("strategy"))
#: those that have a section of their own
WITH_SECTION = {name for name in STRATEGIES if name in SCHEMA["properties"]}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def nested(depth, leaf=1, table=False):
    for _ in range(depth):
        leaf = {"sup": leaf} if table else [leaf]
    return leaf


# what a resolved configuration is, said without the schema's validator


def satisfies(value, schema):
    """Whether a value is of a schema's type and in its range; YAML's types, taken strictly."""
    if schema is True:
        return True
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "oneOf" in schema:
        return any(satisfies(value, one) for one in schema["oneOf"])
    if "enum" in schema:
        return any(type(value) is type(known) and value == known for known in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None:
        return "null" in types
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    kinds |= {list: "array", dict: "object"}
    kind = kinds[type(value)]
    if kind not in types and not (kind == "integer" and "number" in types):
        return False
    if kind in ("integer", "number"):
        return (
            -math.inf < value < math.inf
            and value >= schema.get("minimum", -math.inf)
            and value <= schema.get("maximum", math.inf)
            and value > schema.get("exclusiveMinimum", -math.inf)
            and value < schema.get("exclusiveMaximum", math.inf)
        )
    if kind == "array":
        unique = not schema.get("uniqueItems") or len(set(map(str, value))) == len(value)
        return (
            unique
            and len(value) >= schema.get("minItems", 0)
            and all(satisfies(item, schema["items"]) for item in value)
        )
    if kind == "object":
        known = schema.get("properties", {})
        more = schema.get("additionalProperties", True)  # a plug-in's own: see check_plugin
        return (
            len(value) >= schema.get("minProperties", 0)
            and all(key in known or more is not False for key in value)
            and all(satisfies(v, known.get(key, more)) for key, v in value.items())
            and all(key in value for key in schema.get("required", []))
        )
    return True


def check_plugin(kind, given):
    """A plug-in that is named where its keys stand: there is one, with its keys and no others."""
    plugin = registry.plugins(kind)[sections.word_of(given)]
    if isinstance(given, dict):
        assert list(given) == list(sections.inline(plugin)["properties"])
        assert satisfies(given, sections.inline(plugin))


def known_of(dataset):
    return registry.get("source", sections.word_of(dataset["source"]))["KNOWN"]


def check_resolved(result):
    """Every rule that the schema's descriptions and the messages of `resolve` state."""
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result
    for key, value in result.items():
        assert satisfies(value, SCHEMA["properties"][key]), key
    assert set(SCHEMA["properties"]) - set(result) == WITH_SECTION | set(
        "pool network augment deepcluster pretrained optimizer sup semi propagation initial cycles "
        "seeds seed_moves pre_drawn methods published_accuracy".split()
    )
    experiments = result["experiments"].values()
    for name, dataset in result["datasets"].items():
        assert NAME.fullmatch(name)
        methods = [e["methods"].values() for e in experiments if e["dataset"] == name]
        pres = {words["pre"] for several in methods for words in several} - {"none"}
        assert list(dataset)[: len(OF_DATASET)] == OF_DATASET
        assert set(dataset) - set(OF_DATASET) == pres  # each PRE has a section
        for kind in ("source", "oracle", "network"):
            check_plugin(kind, dataset[kind])
        known, pool = known_of(dataset), dataset["pool"]
        assert pool["size"] is None or pool["size"] <= known["n"]
        assert dataset["augment"]["translate"] < known["size"]
        channels = known["channels"] if known["channels"] > 1 else pool["grey_channels"]
        assert all(pool[key] is None or len(pool[key]) == channels for key in ("mean", "std"))
    for name, experiment in result["experiments"].items():
        assert NAME.fullmatch(name)
        asked = {word for words in experiment["methods"].values() for word in words["strategies"]}
        assert list(experiment)[: len(OF_EXPERIMENT)] == OF_EXPERIMENT
        assert set(experiment) - set(OF_EXPERIMENT) == asked & WITH_SECTION
        dataset = result["datasets"][experiment["dataset"]]
        known = known_of(dataset)
        n = dataset["pool"]["size"] or known["n"]
        assert experiment["initial"] + experiment["budget"] * (experiment["cycles"] - 1) <= n
        assert known["classes"] <= experiment["initial"]
        assert experiment["propagation"]["k"] < n
        assert isinstance(experiment["seeds"], list) and len(experiment["seeds"]) <= 1000
        semi = experiment["semi"]
        assert semi["cosine_period"] >= 1
        assert semi["labeled_size"] < semi["batch_size"]
        for method, words in experiment["methods"].items():
            assert NAME.fullmatch(method)
            eats = registry.get("network", dataset["network"]["name"])["EATS"]
            gives = "features" if words["pre"] == "pretrained" else "images"
            assert words["pre"] in ("none", "deepcluster", "pretrained") and gives == eats
            assert words["semi"] in ("none", "label_propagation", "poisson")
            assert set(words["strategies"]) <= set(STRATEGIES)
            sup = sup_of(experiment, words)
            assert satisfies(sup, SCHEMA["$defs"]["sup"]) and sup["cosine_period"] >= 1
            assert words["semi"] != "none" or sup["epochs"] > 0
            if words["labels"] == "all":
                assert words["semi"] == "none" and words["strategies"] == []
            else:
                assert words["strategies"]
                assert words["semi"] == "none" or "ceal" not in words["strategies"]
    assert set(result["tables"]["ablation_strategies"]) <= set(STRATEGIES)


def attempt(config):
    """The resolved configuration or None; a refusal is explained in lines of printable text."""
    began = time.process_time()
    try:
        result = resolve(config)
    except UserError as error:
        message = str(error)
        first, *more = message.split("\n")
        assert first.startswith("the configuration is wrong:")
        assert all(line.startswith("  - ") for line in more)
        assert all(line.isprintable() for line in (first, *more))
        assert all(len(line) < 2000 for line in (first, *more))
        result = message
    assert time.process_time() - began < 5  # 0.02 is usual
    return result


def check(config):
    """What holds of any configuration. Returns what `attempt` does."""
    before = pickle.dumps(config)
    result = attempt(config)
    assert pickle.dumps(config) == before
    if isinstance(result, str):
        return result
    check_resolved(result)
    # what is written out in full says the same when it is read again
    assert resolve(result) == result
    assert resolve(yaml.safe_load(yaml.safe_dump(result))) == result
    # and shares nothing with what was given
    spoil(result)
    assert pickle.dumps(config) == before
    return None


def spoil(value):
    for child in list(value.values()) if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            spoil(child)
    value.clear()


# what is drawn

EXTREMES = [
    *(None, True, False, 0, 1, -1, 2, 3, 10, 64, 1e-320, 0.5, 1.0, -0.0, 1e308, 1e-9),
    *(math.nan, math.inf, -math.inf, 2**31, 2**63, 2**64, 10**9, 10**18, 10**308, 10**309),
    *(10**400, -(10**400), 10**4299, 10**5000, "", " ", "random", "ceal", "all", "none", "digits"),
    *("a\nb", "a\x1b[31mb", "\u202e", "ünï", "\ud800", "x" * 300, "../..", "$(x)", "10", "1e3"),
    *([], {}, [[]], [None], [1, 1], [1, True], [1, 1.0], [0, -0.0], [math.nan, math.nan]),
    *(["random", "jlp"], ["ceal"], [{}, {}], {"": 1}, {None: 1}, {1: 2, "a": 3}, {True: 1}),
    *({(1, 2): 3}, datetime.date(2020, 1, 1), b"bytes", {1, 2}, (1, 2)),
    *(nested(9), nested(9, table=True), nested(100), nested(100, table=True)),
    *([0.5] * 5000, ["random"] * 3000, {f"k{i}": i for i in range(300)}, [[1], [1]] * 30),
]
VALUES = st.one_of(
    st.sampled_from(EXTREMES).map(copy.deepcopy),  # a later accident may change it
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    ),
)
NEW_KEYS = st.one_of(
    st.sampled_from(["initial", "all", "x" * 101, "a\nb", "ünï", "\ud800", "", "..", "-rf"]),
    st.sampled_from([1, 2024, None, True, 1.5, (1, 2), datetime.date(2020, 1, 1)]),
    st.sampled_from(sorted(SCHEMA["properties"]) + sorted(SCHEMA["$defs"]["semi"]["properties"])),
    st.text(max_size=12),
)


def places(value, path=()):
    """The path of every value, through tables and lists."""
    if path:
        yield path
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in children:
            if len(path) < 6:
                yield from places(child, (*path, key))


def at(config, path):
    for key in path:
        config = config[key]
    return config


@st.composite
def settings_in_place(draw, config):
    """A key that the schema knows, where it may stand, with a value that may be right."""
    kind = draw(st.sampled_from(["top", "dataset", "experiment"]))
    if kind == "top":
        parent, known = config, SCHEMA["properties"]
    else:
        entries = config[f"{kind}s"]
        name = draw(st.sampled_from(sorted(entries)))
        if entries[name] is None:
            entries[name] = {}
        parent, known = entries[name], SCHEMA["$defs"][kind]["properties"]
    key = draw(st.sampled_from(sorted(set(known) - {"datasets", "experiments"})))
    schema = known[key]
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if key == "network":
        schema = sections.inline(registry.get("network", "conv13"))
    if "properties" in schema:
        if not isinstance(parent.get(key), dict):
            parent[key] = {}
        parent = parent[key]
        key, schema = draw(st.sampled_from(sorted(schema["properties"].items())))
    near = [schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum", "default")]
    values = st.sampled_from([value for value in near if value is not None] or [None])
    likely = st.sampled_from([1, 2, 9, 10, 11, 50, 59, 60, 100, 0.5, 1.5, 0, True, None, [0.5]])
    parent[key] = draw(st.one_of(values, likely, st.sampled_from(schema.get("enum", [1])), VALUES))


@st.composite
def mutated(draw):
    """A shipped configuration after one to four accidents."""
    config = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.integers(1, 4))):
        accident = draw(st.sampled_from(["set", "set", "swap", "remove", "rename", "share", "add"]))
        if accident == "add" and all(
            isinstance(config.get(key), dict) and config[key] for key in ("datasets", "experiments")
        ):
            entries = [*config["datasets"].values(), *config["experiments"].values()]
            if all(isinstance(entry, dict | None) for entry in entries) and all(
                isinstance(key, str) for key in [*config["datasets"], *config["experiments"]]
            ):
                draw(settings_in_place(config))
                continue
        paths = list(places(config))
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        parent, key = at(config, path[:-1]), path[-1]
        if accident == "set":
            parent[key] = draw(VALUES)
        elif accident == "remove":
            del parent[key]
        elif accident == "rename" and isinstance(parent, dict):
            parent[draw(NEW_KEYS)] = parent.pop(key)
        else:  # the same table in two places, as YAML's anchors make it; or in itself
            other = at(config, draw(st.sampled_from(paths)))
            shared = accident == "share" and isinstance(other, dict | list)
            parent[key] = other if shared else copy.deepcopy(other)
    return config


# what holds


@given(mutated())
def test_a_mutated_configuration_resolves_or_is_refused(config):
    check(config)


@given(st.sampled_from(SHIPPED), st.data())
def test_one_known_key_with_any_value(config, data):
    config = copy.deepcopy(config)
    data.draw(settings_in_place(config))
    check(config)


BY_ONE = st.sampled_from([-1, 0, 0, 0, 0, 1])  # of six limits, most are kept


@given(st.integers(50, 1297), st.integers(1, 6), st.integers(1, 8), st.data())
def test_numbers_are_taken_up_to_their_limits(size, cycles, budget, data):
    """Each at its limit, or one from it: refused exactly where one is beyond it."""
    beyond = {
        name: data.draw(BY_ONE) for name in ("labels", "classes", "k", "shift", "semi", "period")
    }
    needed = budget * (cycles - 1)
    initial = 10 - beyond["classes"]
    config = {
        "datasets": {"digits": {"pool": {"size": needed + initial - beyond["labels"]}}},
        "experiments": {"e": {"dataset": "digits", "budget": budget, "initial": initial}},
        "cycles": cycles,
        "augment": {"translate": 15 + beyond["shift"]},
        "semi": {"labeled_size": size + beyond["semi"], "batch_size": size + 1},
        "sup": {"epochs": size, "cosine_period": 1 - beyond["period"] / 1000},
    }
    config["propagation"] = {"k": config["datasets"]["digits"]["pool"]["size"] - 1 + beyond["k"]}
    if config["propagation"]["k"] < 1:
        return
    assert (check(config) is None) == (max(beyond.values()) < 1)


@given(VALUES)
@example(None)
@example([])
def test_any_value_is_no_configuration(value):
    assert isinstance(attempt(value), str)


@given(st.sampled_from(SHIPPED), st.data())
def test_a_value_of_a_wrong_type_is_refused_by_its_key(config, data):
    config = copy.deepcopy(config)
    path = data.draw(st.sampled_from(list(places(config))))
    parent = at(config, path[:-1])
    strange = [b"x", {1, 2}, (1, 2), datetime.date(2020, 1, 1), 10**5000, nested(3000)]
    parent[path[-1]] = data.draw(st.sampled_from(strange))
    message = attempt(config)
    assert isinstance(message, str)
    assert ".".join(map(str, path)) in message


@given(st.sampled_from(SHIPPED), st.data())
def test_an_unknown_key_is_named(config, data):
    config = copy.deepcopy(config)
    names = ("datasets", "experiments", "methods")
    tables = [
        path
        for path in [(), *places(config)]
        if isinstance(at(config, path), dict) and (not path or path[-1] not in names)
    ]
    table = at(config, data.draw(st.sampled_from(tables)))
    key = data.draw(NEW_KEYS.filter(lambda key: str(key) not in json.dumps(SCHEMA)))
    table[key] = 1
    message = attempt(config)
    assert isinstance(message, str)
    assert str(key)[:100] in message or repr(key)[1:-1] in message


@given(st.sampled_from(SHIPPED), st.randoms(use_true_random=False))
def test_the_order_of_keys_is_of_no_account_but_for_the_order_of_names(config, random):
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(child) for key, child in items}

    assert resolve(shuffled(config)) == resolve(config)
