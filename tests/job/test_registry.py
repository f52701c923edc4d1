"""Plug-ins: found, described without being run, and refused in words that say what to mend."""

import subprocess
import sys

import pytest

from wholepool.job import registry
from wholepool.job.errors import UserError

MARGIN = (
    'TITLE = "Margin"\nNEEDS = ("probabilities",)\n\n\ndef acquire(query):\n    raise SystemExit\n'
)


def test_the_package_s_own_are_found():
    files = {path.stem for path in (registry.ROOT / "strategies").glob("*.py")}
    strategies = {name for name in files if not name.startswith("_")}
    assert list(registry.plugins("strategy")) == sorted(strategies)
    assert strategies >= {"ceal", "coreset", "jlp", "random", "uncertainty"}
    assert list(registry.plugins("pretrain")) == ["deepcluster", "pretrained"]
    assert list(registry.plugins("semi")) == ["label_propagation", "poisson"]
    assert list(registry.plugins("network")) == ["backbone", "conv13", "head"]
    assert list(registry.plugins("oracle")) == ["hidden", "journal"]
    assert "_torchvision" not in registry.plugins("source")


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plug_in_keeps_its_kind_s_contract(kind):
    for plugin in registry.plugins(kind).values():
        assert set(registry.declarations(plugin)) == set(registry.KINDS[kind].declares)
        plugin.load()
        assert plugin.path.read_text().startswith('"""')


def test_declarations_are_what_the_module_holds():
    for kind in registry.KINDS:
        for plugin in registry.plugins(kind).values():
            module = plugin.load()
            for name, default in registry.KINDS[kind].declares.items():
                assert plugin[name] == getattr(module, name, default), (plugin.name, name)


def test_another_package_s_is_found_by_its_entry_point(plugin):
    found = plugin("strategy", "gap", MARGIN, "properties: {width: {type: number, default: 1}}")
    assert (found.title, found["NEEDS"], found["READS"]) == ("Margin", ("probabilities",), ())
    assert found.section["properties"]["width"]["default"] == 1
    assert found.section["additionalProperties"] is False
    assert callable(found.load().acquire)
    assert "coreset" in registry.plugins("strategy")


def test_an_unknown_name_is_told_with_what_was_perhaps_meant():
    with pytest.raises(UserError, match=r"--strategy is 'jpl'.*did you mean jlp"):
        registry.get("strategy", "jpl", "--strategy")


def test_describing_a_plug_in_runs_none_of_its_code(plugin):
    found = plugin("strategy", "loud", "NEEDS = ('embeddings',)\nraise RuntimeError('was run')\n")
    assert found["NEEDS"] == ("embeddings",)
    with pytest.raises(RuntimeError, match="was run"):
        found.load()


def test_to_describe_all_plug_ins_takes_no_torch():
    code = (
        "import sys; from wholepool.job import registry as r\n"
        "for kind in r.KINDS:\n"
        "    for plugin in r.plugins(kind).values(): plugin['VERSION'], plugin.section\n"
        "from wholepool.grid.sections import schema; schema()\n"
        "print(*(name for name in ('torch', 'scipy', 'sklearn', 'pandas') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert done.stdout.strip() == "", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NEEDS = ('embedding',)\ndef acquire(query): ...\n", "may hold only embeddings, prob"),
        ("NEEDS = 'graph'\ndef acquire(query): ...\n", "literal of type tuple"),
        ("NEEDS = tuple(['graph'])\ndef acquire(query): ...\n", "literal of type tuple"),
        ("STOCHASTIC = 1\ndef acquire(query): ...\n", "literal of type bool"),
        ("READS = ('semi', 3)\ndef acquire(query): ...\n", "has 3, which is no text"),
        ("NEEDS = {[]: 1}\ndef acquire(query): ...\n", "literal of type tuple"),
    ],
)
def test_a_wrong_declaration_names_file_line_and_remedy(plugin, code, words):
    found = plugin("strategy", "odd", code)
    with pytest.raises(UserError, match=words) as error:
        registry.declarations(found)
    assert f"{found.path}, line 1" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("source", "KNOWN = {'nn': 3}\n", "KNOWN has 'nn', but may hold only n, n_test, size"),
        ("source", "KNOWN = {'n': 3.5}\n", "KNOWN has 3.5, which is no whole number"),
        ("source", "KNOWN = {'n': True}\n", "KNOWN has True, which is no whole number"),
        ("source", "KNOWN = {'n': -3}\n", "KNOWN has -3, but .* at least 0"),
        ("network", "LEAST = (12,)\n", "LEAST has 1 numbers, not 2"),
        ("network", "LEAST = ('a', 'b')\n", "LEAST has 'a', which is no whole number"),
    ],
)
def test_a_declaration_s_numbers_are_looked_at(plugin, kind, code, words):
    found = plugin(kind, "odd", code)
    with pytest.raises(UserError, match=f"line 1: {words}"):
        registry.declarations(found)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NEEDS = ('graph',)\n\n\ndef acquire(query): ...\n", "line 1: NEEDS has 'graph', but may"),
        ("def ask(query): ...\n", "must define the function acquire, which it does not"),
        ("def acquire(query) ...\n", "line 1: the strategy odd is no Python .*: mend it"),
        ("def acquire(query): ...\n\0", "the strategy odd is no Python"),
        ("\nwörter = '\udce4'\n", "the strategy odd is no Python"),
    ],
)
def test_all_plug_ins_are_looked_at_before_anything_runs(plugin, code, words):
    found = plugin("strategy", "odd", "def acquire(query): ...\n")
    registry.check_all()
    found.path.write_bytes(code.encode("utf-8", "surrogateescape"))
    registry.declarations.cache_clear()
    registry.defined.cache_clear()
    with pytest.raises(UserError, match=f"strategy_odd.py.*{words}"):
        registry.check_all()


@pytest.mark.parametrize(
    "code",
    [
        "from lab import acquire\n",
        "import x as acquire\n",
        "acquire = print\n",
        "if True:\n    def acquire(query): ...\n",
        "from lab.other import *\n",
    ],
)
def test_a_function_may_come_from_elsewhere(plugin, code):
    plugin("strategy", "odd", code)
    registry.check_all()


def test_a_module_without_its_function_is_refused(plugin):
    found = plugin("strategy", "empty", "NEEDS = ()\n")
    with pytest.raises(UserError, match=r"strategy_empty.py: .* must define the function acquire"):
        found.load()


@pytest.mark.parametrize("name", ["initial", "all", "Margin", "a-b", "1st"])
def test_a_name_that_paths_or_the_config_cannot_hold_is_refused(plugin, name):
    with pytest.raises(UserError, match=r"cannot have this name"):
        plugin("strategy", name, MARGIN)


def test_two_plug_ins_of_one_name_are_refused(plugin):
    with pytest.raises(UserError, match=r"there is a strategy of this name in .*random.py"):
        plugin("strategy", "random", MARGIN)


def test_a_section_without_keys_is_refused(plugin):
    found = plugin("strategy", "gap", MARGIN, "description: nothing\n")
    with pytest.raises(UserError, match=r"strategy_gap.yaml must describe the section's keys"):
        registry.section(found)


def test_an_entry_point_to_nothing_is_refused(plugin, tmp_path):
    plugin("strategy", "gap", MARGIN)
    (tmp_path / "lab-site" / "lab" / "strategy_gap.py").unlink()
    registry.plugins.cache_clear()
    with pytest.raises(UserError, match=r"no such module: install its package again"):
        registry.plugins("strategy")


@pytest.mark.parametrize("line", ["VERSION: int = 7", "VERSION = 7"])
def test_a_declaration_may_have_a_type(plugin, line):
    assert plugin("strategy", "typed", f"{line}\ndef acquire(query): ...\n")["VERSION"] == 7


@pytest.mark.parametrize("line", ["A = VERSION = 7", "VERSION, B = 7, 8"])
def test_a_declaration_stands_on_its_own(plugin, line):
    found = plugin("strategy", "chained", f"{line}\ndef acquire(query): ...\n")
    with pytest.raises(UserError, match=r"line 1: write VERSION = \.\.\. on its own"):
        registry.declarations(found)


def test_a_pre_must_define_what_it_gives(plugin):
    found = plugin("pretrain", "blocks", "def features(*given): ...\n")
    with pytest.raises(UserError, match=r"GIVES is 'weights', so it must define .* pretrain"):
        found.load()


def test_a_semi_that_gives_pseudo_labels_must_read_how_they_are_trained_on(plugin):
    found = plugin("semi", "plain", "def pseudo_label(state): ...\n")
    with pytest.raises(UserError, match=r'READS = \("semi",\)'):
        found.load()
    assert plugin("semi", "own", "def phase(context): ...\n").load()


def test_an_entry_point_names_a_module_alone(plugin, tmp_path):
    plugin("strategy", "gap", MARGIN)
    points = tmp_path / "lab-site" / "lab-1.0.dist-info" / "entry_points.txt"
    points.write_text("[wholepool.strategy]\ngap = lab.strategy_gap:acquire\n")
    registry.plugins.cache_clear()
    with pytest.raises(UserError, match="leave out :acquire"):
        registry.plugins("strategy")


def test_an_edit_of_somebody_s_own_plug_in_is_a_new_version_of_it(plugin):
    for kind in registry.KINDS:
        found = plugin(kind, "own", "VERSION = 3\n")
        first = found.version
        assert first.startswith("own 3 ") and first == plugin(kind, "own", "VERSION = 3\n").version
        found.path.write_text("VERSION = 3\n# an edit\n")
        assert found.version != first and found.version.startswith("own 3 ")


def test_of_the_package_s_own_version_alone_counts():
    """Else a comment would redo what it does not change."""
    for kind, names in registry.OURS.items():
        for name in names:
            found = registry.get(kind, name)
            assert found.version == f"{name} {found['VERSION']}"
    assert set(registry.OURS) == set(registry.KINDS)


def test_one_that_was_put_into_the_package_s_folders_is_somebody_s_own(tmp_path):
    path = registry.ROOT / "strategies" / "ratio.py"
    found = registry.Plugin("strategy", "ratio", "wholepool.strategies.ratio", path)
    assert not found.is_ours
    other = registry.Plugin("strategy", "random", "lab.random", tmp_path / "random.py")
    assert not other.is_ours
