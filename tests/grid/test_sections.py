"""The sections that plug-ins bring: beside the core's, and refused where two names meet."""

import hashlib

import pytest
from configs import minimal, refusal

from wholepool.grid import sections, slices
from wholepool.grid.config import resolve
from wholepool.grid.versions import VERSIONS, version
from wholepool.job import registry
from wholepool.job.errors import UserError

WIDTH = "description: Of a test.\nproperties: {width: {description: w, type: number, default: 2}}\n"
ACQUIRE = "def acquire(query): ...\n"
BODIES = {
    "strategy": ACQUIRE,
    "semi": "def pseudo_label(state): ...\n",
    "pretrain": "def pretrain(*given): ...\n",
}


def test_a_section_is_in_the_schema_and_filled_only_where_a_method_uses_it(plugin):
    plugin("strategy", "gap", ACQUIRE, WIDTH)
    assert "gap" in sections.names("experiment")
    assert sections.schema()["properties"]["gap"] == {"$ref": "#/$defs/gap"}
    config = minimal() | {"methods": {"m": {"strategies": ["gap"]}}}
    assert resolve(config)["experiments"]["demo"]["gap"] == {"width": 2}
    config |= {"gap": {"width": 5}}
    assert resolve(config)["experiments"]["demo"]["gap"] == {"width": 5}
    config["methods"] = {"m": {"strategies": ["random"]}}
    assert "gap" not in resolve(config)["experiments"]["demo"]
    with pytest.raises(UserError, match=r"gap\.wdth; did you mean width"):
        resolve(config | {"gap": {"wdth": 5}})


def test_the_section_of_a_pre_is_its_data_set_s(plugin):
    plugin("pretrain", "rotations", BODIES["pretrain"], WIDTH)
    assert "rotations" in sections.names("dataset")
    assert "rotations" not in sections.names("experiment")
    config = minimal() | {"methods": {"m": {"pre": "rotations", "strategies": ["random"]}}}
    result = resolve(config)
    assert result["datasets"]["digits"]["rotations"] == {"width": 2}
    assert "rotations" not in result["experiments"]["demo"]


@pytest.mark.parametrize("name", ["pool", "sup", "methods", "seeds", "dataset", "method"])
@pytest.mark.parametrize("kind", BODIES)
def test_a_section_with_the_name_of_another_key_is_refused(plugin, kind, name):
    found = plugin(kind, name, BODIES[kind], WIDTH)
    with pytest.raises(UserError) as caught:
        sections.schema()
    assert str(caught.value) == (
        f"{found.path}: the {kind} {name} has a section of the config, but {name} is another key "
        "there already: rename the plug-in"
    )


@pytest.mark.parametrize(
    ("first", "second"), [("pretrain", "strategy"), ("pretrain", "semi"), ("semi", "strategy")]
)
def test_two_sections_of_one_name_are_refused(plugin, first, second):
    plugin(first, "twice", BODIES[first], WIDTH)
    plugin(second, "twice", BODIES[second], WIDTH)
    with pytest.raises(UserError, match=f"the {second} twice has a section of the config"):
        sections.schema()


def test_a_name_without_a_section_meets_no_other(plugin):
    plugin("strategy", "pool", ACQUIRE)
    plugin("semi", "deepcluster", BODIES["semi"])
    assert sections.names("experiment").count("pool") == 0
    assert sections.schema()["properties"]["pool"] == {"$ref": "#/$defs/pool"}
    assert "epochs" in sections.schema()["$defs"]["deepcluster"]["properties"]


def test_what_a_plug_in_reads_is_what_it_declares_and_then_its_own():
    reads = {
        name: sections.reads(plugin)
        for kind in ("strategy", "semi", "pretrain")
        for name, plugin in registry.plugins(kind).items()
    }
    assert (
        reads.items()
        >= {
            **{"ceal": ("ceal",), "coreset": (), "jlp": ("propagation", "jlp")},
            **{"random": (), "uncertainty": (), "label_propagation": ("semi", "propagation")},
            "poisson": ("semi", "propagation"),
            **{"deepcluster": ("deepcluster",), "margin": (), "typiclust": ("typiclust",)},
        }.items()
    )


def test_a_section_that_is_declared_is_not_read_twice(plugin):
    found = plugin("strategy", "gap", 'READS = ("gap", "propagation")\n' + ACQUIRE, WIDTH)
    assert sections.reads(found) == ("gap", "propagation")


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("strategy", "propagatoin"),
        ("strategy", "pool"),  # of a data set: a cell's stage does not get it
        ("semi", "network"),
        ("pretrain", "propagation"),
        ("pretrain", "ceal"),
    ],
)
def test_reading_a_section_that_is_not_there_is_refused(plugin, kind, wrong):
    found = plugin(kind, "gap", f'READS = ("{wrong}",)\n' + BODIES[kind])
    level = "dataset" if kind == "pretrain" else "experiment"
    with pytest.raises(UserError) as caught:
        sections.reads(found)
    assert str(caught.value) == (
        f"{found.path}: READS has {wrong!r}, but a {kind} may read only "
        f"{', '.join(sections.names(level))}"
    )


def test_an_inline_section_holds_the_name_and_the_plug_in_s_keys():
    conv13 = sections.inline(registry.get("network", "conv13"))
    assert list(conv13["properties"])[:2] == ["name", "width"]
    hidden = sections.inline(registry.get("oracle", "hidden"))
    assert list(hidden["properties"]) == ["name"]
    assert conv13["additionalProperties"] is hidden["additionalProperties"] is False


def test_a_name_and_a_table_of_it_are_the_same():
    for word in ("hidden", {"name": "hidden"}):
        assert sections.table_of(word) == {"name": "hidden"}
        assert (sections.word_of(word), sections.own_of(word)) == ("hidden", {})
    assert sections.own_of({"name": "half", "share": 0.5}) == {"share": 0.5}


# versions


def test_a_version_names_the_stage_and_the_plug_ins_that_it_runs(plugin):
    own = plugin("semi", "twins", "VERSION = 4\n" + BODIES["semi"])
    assert version("embed") == f"embed {VERSIONS['embed']}"
    both = version("train", network="conv13", semi="twins")
    content = hashlib.sha256(own.path.read_bytes()).hexdigest()[:12]
    assert both == f"train {VERSIONS['train']}, conv13 1, twins 4 {content}"
    assert version("train", network="conv13", semi="none") == f"train {VERSIONS['train']}, conv13 1"
    with pytest.raises(UserError, match="semi is 'twinz', which is unknown; did you mean twins"):
        version("train", semi="twinz")


NETWORK = "EATS = 'images'\ndef build(shape, classes, settings): ...\n"


def test_keys_of_one_network_at_the_top_are_not_another_network_s(plugin):
    plugin("network", "flat", NETWORK, "properties: {depth: {type: integer, default: 3}}")
    config = {
        "network": {"width": 0.5},
        "datasets": {"digits": {}, "mnist": {"network": {"name": "flat"}}},
        "experiments": {"one": {"dataset": "digits", "budget": 10}},
    }
    found = resolve(config)["datasets"]
    assert found["digits"]["network"]["width"] == 0.5
    assert found["mnist"]["network"] == {"name": "flat", "depth": 3}


def test_a_plug_in_may_read_the_section_of_one_that_is_not_run(plugin):
    plugin("strategy", "reader", "READS = ('ceal',)\ndef acquire(query): ...\n")
    config = {
        "datasets": {"digits": {}},
        "experiments": {"one": {"dataset": "digits", "budget": 10}},
        "methods": {"m": {"strategies": ["reader"]}},
    }
    experiment = resolve(config)["experiments"]["one"]
    assert slices.acquire(experiment, "reader")["ceal"]["threshold"] == 0.1


def test_a_key_that_a_strategy_cannot_read_is_told_when_the_config_is(plugin):
    code = 'READS = ("propagation.kk",)\n\n\ndef acquire(query): ...\n'
    found = plugin("strategy", "own", code)
    config = minimal() | {"methods": {"a": {"strategies": ["own"]}}}
    assert f"{found.path}: READS has 'propagation.kk', but propagation has only" in refusal(config)
