"""docs/words.md is made of the registry, and its words go together as the configuration says."""

import collections
import importlib.util
import itertools
import re
from pathlib import Path

import pytest
import yaml
from running import planned

from wholepool.grid import joblist
from wholepool.grid import written as files
from wholepool.grid.config import resolve
from wholepool.job import registry
from wholepool.job.errors import UserError

ROOT = Path(__file__).parents[2]
#: the kinds that meet in a method, in the order of the page
KINDS = [kind for kind in registry.KINDS if "SOURCE" in registry.KINDS[kind].declares]
NAMES = {
    kind: [name for name in registry.KINDS[kind].taken if name == "none"]
    + list(registry.plugins(kind))
    for kind in KINDS
}
METHODS = [dict(zip(KINDS, names, strict=True)) for names in itertools.product(*NAMES.values())]
PAIRS = [
    (one, other)
    for first, second in itertools.combinations(KINDS, 2)
    for one in [(first, name) for name in NAMES[first]]
    for other in [(second, name) for name in NAMES[second]]
]
SHORT = {"pretrain": "PRE", "semi": "SEMI"}


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "words.py"
    spec = importlib.util.spec_from_file_location("words", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text():
    return (ROOT / "docs" / "words.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table(text):
    """What the page says of each pair: {((kind, name), (kind, name)): "yes" or a reason}."""
    labels = {f"{SHORT.get(kind, kind)} `{name}`": (kind, name) for kind in KINDS
              for name in NAMES[kind]}  # fmt: skip
    together = text.partition("## Which go together")[2]
    reasons = dict(re.findall(r"^(\d+)\. (.*)$", together, flags=re.MULTILINE))
    head, _, *rows = [line.strip("| ").split(" | ") for line in together.splitlines()
                      if line.startswith("|")]  # fmt: skip
    found = {}
    for row in rows:
        for column, cell in zip(head, row[1:], strict=False):
            if number := re.fullmatch(r"no \((\d+)\)", cell):
                cell = reasons[number[1]]
            if cell.strip():
                found[labels[column], labels[row[0]]] = cell
    return found


def fit(method):
    """Whether the words of a method go together, from what their modules declare."""
    known = {kind: registry.get(kind, name) for kind, name in method.items() if name != "none"}
    pre, network, strategy = known.get("pretrain"), known["network"], known["strategy"]
    return (
        network["EATS"] == ("features" if pre and pre["GIVES"] == "features" else "images")
        and not ("semi" in known and strategy["GIVES_PSEUDO_LABELS"])
        and ("head" not in strategy["NEEDS"] or network["LINEAR"])
    )


def written(*methods):
    """The grid of some methods: a data set and an experiment for each network."""
    networks = list(dict.fromkeys(method["network"] for method in methods))
    mine = {network: {} for network in networks}
    for method in methods:
        own = mine[method["network"]].setdefault(f"{method['pretrain']}+{method['semi']}", {})
        own |= {"pre": method["pretrain"], "semi": method["semi"]}
        own.setdefault("strategies", []).append(method["strategy"])
    source = {"source": "svhn"}
    return {
        "datasets": {name: source | {"network": {"name": name}} for name in networks},
        "experiments": {
            name: {"dataset": name, "budget": 10, "methods": mine[name]} for name in networks
        },
        **{"cycles": 3, "seeds": 1},
    }


def refusal(method):
    """The faults of a method, one a line; "" if it is planned."""
    try:
        list(joblist.planned(resolve(written(method))))
    except UserError as error:
        return str(error)
    return ""


def test_the_page_is_current(tool, text):
    assert text == tool.page(), "run make reference"


def test_every_word_has_its_row(text):
    """And those of ours say in their modules where they are from and what they cost."""
    for kind, names in NAMES.items():
        for name in names:
            (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", part(text, kind), flags=re.MULTILINE)
            _, source, *_, cost = (cell.strip() for cell in row.split(" | "))
            if name in registry.OURS[kind]:
                assert "–" not in (source, cost), f"{kind} {name}: declare SOURCE and COST"


def part(text, kind):
    """The page's chapter of a kind."""
    titles = {"network": "Networks", "pretrain": "PRE", "semi": "SEMI", "strategy": "Strategies"}
    return re.search(rf"^## {titles[kind]}.*?(?=^## )", text, flags=re.MULTILINE | re.DOTALL)[0]


def test_the_table_has_every_pair(table):
    assert set(table) == set(PAIRS)


@pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda pair: "-".join(f"{kind}.{name}" for kind, name in pair)
)
def test_a_pair_is_planned_or_refused_as_the_table_says(table, pair):
    both = [method for method in METHODS if dict(pair).items() <= method.items()]
    for method in filter(fit, both):
        assert table[pair] == "yes"
        check_plan(method)
        return
    assert table[pair] != "yes"
    for method in both:
        (line,) = [one for one in refusal(method).split("\n") if table[pair] in one]
        assert all(re.search(rf"\b{name}\b", line) for _, name in pair)
        assert re.search(r": (choose|remove|give|declare|write|make|take) ", line), "no remedy"


def check_plan(method):
    """A method's grid is planned, with the stages and the files that its words need."""
    config = resolve(written(method))
    jobs = list(joblist.planned(config))
    (dataset,) = config["datasets"].values()
    assert dataset["network"]["name"] == method["network"]
    made = set()
    for job in jobs:
        assert set(job.inputs.values()) <= made, f"{job.rule} waits for what nobody makes"
        made |= set(job.outputs.values())
    inputs = collections.defaultdict(set)
    for job in jobs:
        inputs[job.rule] |= set(job.inputs)
    known = {kind: registry.get(kind, name) for kind, name in method.items() if name != "none"}
    gives = known["pretrain"]["GIVES"] if "pretrain" in known else ""
    own = {"weights": {"pretrain", "diagnose"}, "features": {"features"}, "": set()}
    assert {"pretrain", "diagnose", "features"} & set(inputs) == own[gives]
    if known["network"]["FITS"]:
        check_fitted(inputs, known)
        return
    assert ("theta" in inputs["train"]) == (gives == "weights")
    assert ("features" in inputs["train"]) == (gives == "features")
    reads = [name.partition(".")[0] for name in known["semi"]["READS"]] if "semi" in known else []
    propagates = "propagation" in reads
    assert ("propagate_initial" in inputs) == ("propagate" in inputs) == propagates
    needs, more = known["strategy"]["NEEDS"], known["strategy"]["GIVES_PSEUDO_LABELS"]
    acquire = "acquire_with_pseudo_labels" if more else "acquire"
    assert {"acquire", "acquire_with_pseudo_labels"} & set(inputs) == {acquire}
    arrays = {"embeddings", "probabilities", "head"}
    assert inputs[acquire] & arrays == set(needs) & arrays
    assert ("read_head" in inputs) == ("head" in needs)
    of_pool = propagates or bool({"embeddings", "probabilities"} & set(needs))
    assert ("embed_initial" in inputs) == of_pool


def check_fitted(inputs, known):
    """Of a network that is fitted: one job learns, by what was made once for the data set."""
    trained = {"train", "embed", "embed_initial", "predict", "read_head", "propagate"}
    assert not trained & set(inputs)
    propagates = "semi" in known and "propagation" in known["semi"]["READS"]
    assert ("graph" in inputs) == ("graph" in inputs["fit"]) == propagates
    needs = set(known["strategy"]["NEEDS"]) - {"answers"}
    if "probabilities" in needs:  # they are made of the other two
        needs = needs - {"probabilities"} | {"embeddings", "head"}
    more = known["strategy"]["GIVES_PSEUDO_LABELS"]
    acquire = "acquire_with_pseudo_labels" if more else "acquire"
    assert inputs[acquire] & {"embeddings", "probabilities", "head"} == needs
    assert ("joining" in inputs["fit"]) == more


def test_every_method_is_planned_or_refused_by_what_its_words_declare():
    """All of them, not only pairs: so three words never fail where each two go together."""
    for method in METHODS:
        assert (refusal(method) == "") == fit(method), method


def test_a_word_of_somebody_else_needs_neither_source_nor_cost(tool, plugin):
    """And a network that does not say that it is linear goes with none that reads its head."""
    plugin("network", "curved", '"""Curved."""\n\n\ndef build(shape, classes, settings): ...\n')
    for name in registry.plugins("strategy"):
        reads_head = "head" in registry.get("strategy", name)["NEEDS"]
        reason = tool.against(tool.Word("network", "curved"), tool.Word("strategy", name))
        assert bool(reason) == reads_head
        if reads_head:
            assert f"strategy {name} reads" in reason and "network curved" in reason
    assert "| `curved` | Curved. | – | images, `network` | – | – |" in tool.page()


@pytest.mark.jobs
def test_snakemake_plans_all_words_at_once(tmp_path):
    """One grid of every method that goes together: its jobs are those of the plan."""
    config = written(*filter(fit, METHODS))
    path = tmp_path / "words.yaml"
    path.write_text(yaml.safe_dump(config))
    found = collections.Counter(job.rule for job in planned(tmp_path, "all_tables", config=path))
    counted = collections.Counter(job.rule for job in joblist.planned(resolve(config)))
    mine = [*files.OUTPUTS, "graph"]
    assert {rule: found[rule] for rule in mine if found[rule]} == counted
