"""Values of the configuration never reach a shell but quoted, or as words of safe letters."""

import re
import shlex
import subprocess

import pytest
import yaml
from running import ROOT, TINY, planned, snakemake

from wholepool.__main__ import parser  # not from its own module: here it knows all stages
from wholepool.grid import sections

RULES = sorted((ROOT / "rules").glob("*.smk"))
SCHEMA = sections.schema()
#: letters that no shell reads as anything but themselves, wherever they stand in a word but first
SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
HOSTILE = "x; touch pwned"
#: what a name or a path might do to a shell. (A brace is a wildcard to Snakemake; those that reach
#: the shell stand in the JSON of settings, which is formatted no second time.)
WORST = "x y'\"$(touch pwned)`touch pwned`; touch pwned & > pwned | * ? ~ # ! \\ [a] %s"


def rules_text():
    return "\n".join(path.read_text(encoding="utf-8") for path in RULES)


def test_what_the_rules_give_to_the_shell_is_quoted_or_known_to_be_harmless():
    """Whoever adds a name here has seen what bounds it."""
    text = rules_text()
    assert text.count("shell:") == 1 and not re.search(r"\b(run|script|notebook|wrapper):", text)
    (block,) = re.findall(r'^    shell:\n((?:        f?".*"\n)+)', text, flags=re.MULTILINE)
    words = {
        "params.command",  # made by `command`, which quotes
        "params.files",  # made by `files_of`, which quotes
        "MACHINE",  # see below
        "{log:q}",
    }
    assert set(re.findall(r"\{(\{[^}]*\}|[^}]*)\}", block)) == words
    (machine,) = re.findall(r"^MACHINE = \(\n(.*?)^\)", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\{([^}]*)\}", machine) == [
        "DEVICE",  # one of the schema's words
        "THREADS",  # a number
        "POOL_MEMORY",  # a number or auto
        "SETTINGS['checkpoint_seconds']",  # a number
        "shlex.quote(SETTINGS['data_dir'])",
    ]


def test_no_rule_makes_a_part_of_its_command_by_itself():
    """All of it comes from the functions of rules/common.smk, which the next tests try."""
    text = rules_text()
    commands = re.findall(r"^ +command=(.*)$", text, flags=re.MULTILINE)
    assert commands.count('"--help",') == 1  # the base rule's, which all replace
    assert len(commands) > 15
    made = re.compile(r"(cell_)?command\(.*")
    assert [line for line in commands if not made.fullmatch(line)] == ['"--help",']
    files = set(re.findall(r"^ +files=(.*)$", text, flags=re.MULTILINE))
    assert files == {
        '"",',
        "per_job(files_of),",
        "lambda wildcards, output: files_of(wildcards, {}, output),",
        # these quote what they add
        "files_and(asked=lambda wildcards: fits.asked_of(SETTINGS, wildcards.dataset)),",
        'files_and(later=lambda w: experiment_of(w)["cycles"] - 2 - int(w.cycle)),',
    }
    uses = re.findall(r"^use rule (\w+) as (\w+) with:", text, flags=re.MULTILINE)
    made_of_stage = {"stage"}
    for base, rule in uses:
        assert base in made_of_stage, rule
        made_of_stage.add(rule)
    rules = set(re.findall(r"^rule (\w+):", text, flags=re.MULTILINE))
    assert rules == {"stage", "next_batch", "all_tables", "all_figures", "all_statistics"}


def test_the_patterns_allow_no_letter_that_a_shell_reads():
    for schema in (SCHEMA["$defs"]["name"], SCHEMA["properties"]["results_dir"]):
        pattern = re.compile(schema["pattern"])
        allowed = [chr(n) for n in range(0x250) if pattern.search(f"a{chr(n)}a")]
        assert "a" in allowed and all(map(SAFE.fullmatch, allowed))
        assert not any(pattern.search(text) for text in ("a\n", "-a", "~a", "", "a b"))
    for name in ("device",):
        assert all(map(SAFE.fullmatch, SCHEMA["properties"][name]["enum"]))
    for name in ("pool_memory_mb", "threads", "checkpoint_seconds"):
        kinds = SCHEMA["properties"][name]["type"]
        assert ({kinds} if isinstance(kinds, str) else set(kinds)) <= {"integer", "number", "null"}


LAWLESS = """
import sys
sys.path.insert(0, {src!r})
from wholepool.grid import sections
for place in (sections.core()["$defs"]["name"], *sections.core()["properties"].values()):
    place.pop("pattern", None)
include: {snakefile!r}
"""


@pytest.fixture
def lawless(tmp_path):
    """The Snakefile without the patterns of names and paths: what is left is the rules' quoting."""
    folder = tmp_path / "lawless"
    folder.mkdir()
    text = LAWLESS.format(src=str(ROOT / "src"), snakefile=str(ROOT / "Snakefile"))
    (folder / "Snakefile").write_text(text)
    return folder


def in_bash(command, folder):
    """The words that bash makes of a command, in a folder where it may do harm."""
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], cwd=folder, capture_output=True, check=True
    )
    return printed.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("target", ["all", "compare_with_paper", "cost"])
def test_every_option_of_every_rule_survives_bash_as_one_word(tmp_path, varied, lawless, target):
    """Even if the patterns let pass any name: in all names, and all paths that are made of them."""
    config = yaml.safe_load(TINY.read_text())
    config = varied(
        results_dir=f"r{WORST}",
        data_dir=f"d{WORST}",
        datasets={f"s{WORST}": config["datasets"]["digits"] | {"source": "digits"}},
        experiments={f"e{WORST}": config["experiments"]["tiny"] | {"dataset": f"s{WORST}"}},
        methods={f"{key}{WORST}": words for key, words in config["methods"].items()},
    )
    jobs = planned(tmp_path, target, config=config, root=lawless)
    jobs = [job for job in jobs if job.shell != "None"]
    assert jobs
    field = tmp_path / "field"
    field.mkdir()
    for job in jobs:
        words = in_bash(job.shell, field)
        assert words[:3] == ["python", "-m", "wholepool"]
        assert list(field.iterdir()) == []
        args = vars(parser("").parse_args(words[3:]))
        assert (args["device"], args["threads"]) == ("cpu", 1)
        assert args["data_dir"] == f"d{WORST}"
        assert args["log"].startswith(f"r{WORST}/logs/")
        if args.get("cell"):
            assert args["cell"].experiment == f"e{WORST}"
            assert args["cell"].method.removesuffix(WORST) in ("baseline", "full", "pre+semi")
        assert job.rule != "data" or args["name"] == f"s{WORST}"
        if isinstance(args.get("config"), dict):  # JSON that holds the names and paths again
            assert args["config"]["data_dir"] == f"d{WORST}"
        if args.get("grid"):
            assert list(args["grid"]["experiments"]) == [f"e{WORST}"]
        # the files, as they stand in the rule
        named = {word for word in words if word.startswith(f"r{WORST}/")} - {args["log"]}
        whole = {"runs", "tables", "figures", "statistics", "report", "compare_with_paper"}
        if job.rule not in whole:  # these read or write a folder
            assert named == {*job.inputs, *job.outputs}
        assert named or job.rule == "compare_with_paper"


def test_every_command_is_words_and_quoted_text(tmp_path, varied):
    """Outside single quotes no command of the plan has a letter that a shell reads."""
    name = "A.b_c+d-1"
    config = yaml.safe_load(TINY.read_text())
    config = varied(
        results_dir="../strange+results-1/a_b.c",
        data_dir="a b; touch pwned $(touch pwned) `touch pwned` & | > < * ? ~ # ! \\ [x] %s",
        datasets={name: config["datasets"]["digits"] | {"source": "digits"}},
        experiments={name: config["experiments"]["tiny"] | {"dataset": name}},
        methods={f"{key}{name}": words for key, words in config["methods"].items()},
    )
    for target in ("all", "cost", "compare_with_paper"):
        jobs = [job for job in planned(tmp_path, target, config=config) if job.shell != "None"]
        assert jobs
        for job in jobs:
            bare = re.sub(r"'[^']*'", "", job.shell.replace("'\"'\"'", ""))
            assert all(map(SAFE.fullmatch, bare.split(" "))), job.shell
            assert shlex.split(job.shell)[:3] == ["python", "-m", "wholepool"]


def test_a_strange_data_dir_arrives_whole(tmp_path, varied):
    folder = "a b; touch pwned $(touch pwned) `touch pwned` & echo > pwned \\"
    config = varied(
        data_dir=folder,
        datasets={"mnist": {}},
        experiments={
            "tiny": {"dataset": "mnist", "budget": 10},
        },
    )
    process = snakemake(
        *(tmp_path, "--cores", "1", "--", "results/datasets/mnist/pool.json"),
        config=config,
        check=False,
    )
    assert process.returncode != 0  # there is nothing in it, nor a network
    assert f"was found in {tmp_path}/{folder}" in process.stdout
    assert not list(tmp_path.rglob("pwned"))


def changed(key, value):
    """The tiny configuration's keys that make `value` the name, or the value, of a key."""
    config = yaml.safe_load(TINY.read_text())
    if key == "datasets":
        experiment = config["experiments"]["tiny"] | {"dataset": value}
        dataset = config["datasets"]["digits"] | {"source": "digits"}
        return {"datasets": {value: dataset}, "experiments": {"tiny": experiment}}
    if key == "experiments":
        return {"experiments": {value: config["experiments"]["tiny"]}}
    if key == "methods":
        return {"methods": {value: config["methods"]["baseline"]}}
    if key in ("pre", "semi"):
        return {"methods": {"m": config["methods"]["baseline"] | {key: value}}}
    if key == "strategies":
        return {"methods": {"m": config["methods"]["baseline"] | {key: [value]}}}
    if key == "source":
        return {"datasets": {"digits": config["datasets"]["digits"] | {key: value}}}
    if key == "dataset":
        return {"experiments": {"tiny": config["experiments"]["tiny"] | {key: value}}}
    if key == "budget":
        return {"experiments": {"tiny": config["experiments"]["tiny"] | {key: value}}}
    if key == "seeds":
        return {key: [value]}
    return {key: value}


@pytest.mark.parametrize(
    "key",
    [
        *("datasets", "experiments", "methods", "results_dir", "strategies", "source", "dataset"),
        *("pre", "semi", "device", "threads", "pool_memory_mb", "checkpoint_seconds", "budget"),
        *("initial", "seeds", "cycles"),
    ],
)
def test_a_value_that_a_shell_would_run_is_refused(tmp_path, varied, key):
    process = snakemake(
        *(tmp_path, "--cores", "1", "all"), config=varied(**changed(key, HOSTILE)), check=False
    )
    assert process.returncode != 0
    assert HOSTILE in process.stdout and "the configuration is wrong" in process.stdout
    assert "Traceback" not in process.stdout
    made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert made <= {"varied.yaml", ".snakemake"}


def test_a_value_on_the_command_line_is_refused_too(tmp_path):
    process = snakemake(
        *(tmp_path, "--cores", "1", "--config", f"results_dir={HOSTILE}", "--", "all"), check=False
    )
    assert process.returncode != 0 and f"results_dir is '{HOSTILE}'" in process.stdout
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("folder", ["it's", 'a"b', "a{b}", "-a", "a\nb", ""])
def test_a_data_dir_that_cannot_be_quoted_everywhere_is_refused(tmp_path, varied, folder):
    process = snakemake(tmp_path, "-n", "all", config=varied(data_dir=folder), check=False)
    assert process.returncode != 0 and "data_dir is" in process.stdout
