"""Values of the configuration never reach a shell but quoted, or as words of safe letters."""

import re
import shlex

import pytest
import yaml
from running import ROOT, TINY, planned, snakemake

from wholepool.grid.config import read_schema

RULES = sorted((ROOT / "rules").glob("*.smk"))
SCHEMA = read_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
#: letters that no shell reads as anything but themselves, wherever they stand in a word but first
SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
HOSTILE = "x; touch pwned"


def placeholders(path):
    """What the shell strings of a file of rules interpolate."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r'^    shell:\n((?:        f?".*"\n)+)', text, flags=re.MULTILINE)
    assert len(blocks) == text.count("    shell:\n")
    return [word for block in blocks for word in re.findall(r"\{([^}]*)\}", block)]


def test_what_the_rules_give_to_the_shell_is_quoted_or_known_to_be_harmless():
    """Whoever adds a name here has seen what bounds it."""
    paths = {  # below results_dir, of names and numbers: all of the pattern's letters
        *("log", "output", "input", "params.results", "params.tables", "params.figures"),
        *("params.out", "input.pool", "input.info", "input.labeled", "input.theta"),
        *("input.pseudo_labels", "input.test_images", "input.model", "input.embeddings"),
        *("input.oracle", "input.test_labels", "input.history", "input.test_probabilities"),
        *("input.probabilities", "input.graph", "input.queries", "input.clusters"),
        *("input.cluster_epochs", "input.runs", "input.accuracy"),
    }
    names = {  # the config's names, strategies', plug-ins': rules/data.smk constrains wildcards
        *("wildcards.dataset", "wildcards.method", "wildcards.strategy", "wildcards.pre"),
        "params.semi",
    }
    numbers = {  # integers and the like, or one of a few words: the schema's types
        *("wildcards.seed", "wildcards.cycle", "threads", "DEVICE", "resources.jobs"),
        *("POOL_MEMORY", "resources.checkpoint_seconds", "params.draw_seed"),
        *("params.size", "params.budget"),
    }
    given = {word for path in RULES for word in placeholders(path)}
    unquoted = {word for word in given if not word.endswith(":q")}
    unquoted = {word for word in unquoted if not word.startswith("output.")}  # paths, all of them
    assert unquoted == paths | names | numbers
    quoted = {word.removesuffix(":q") for word in given - unquoted}
    assert {"params.settings", "params.config", "resources.data_dir"} <= quoted


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
        assert {kinds} if isinstance(kinds, str) else set(kinds) <= {"integer", "number", "null"}


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
