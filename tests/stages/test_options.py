"""Options of the command line: what each takes, and one line where it does not."""

import argparse

import pytest

from wholepool import __main__ as cli
from wholepool.grid.cells import Cell
from wholepool.job.errors import UserError
from wholepool.stages import options
from wholepool.stages.options import STAGES


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (options.cell_of, "e/pre+semi/jlp/3/12", Cell("e", "pre+semi", "jlp", 3, 12)),
        (options.positive, "1", 1),
        (options.positive, "12", 12),
        (options.seconds, "0", 0.0),
        (options.seconds, "0.5", 0.5),
        (options.seconds, "1e3", 1000.0),
        (options.megabytes, "auto", None),
        (options.megabytes, "0", 0),
        (options.megabytes, "512", 512),
        (options.from_json, '{"a": [1, null]}', {"a": [1, None]}),
        (options.name_and_path, "digits=a=b/pool.json", ["digits", "a=b/pool.json"]),
    ],
)
def test_what_is_taken(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts", "words"),
    [
        (
            options.cell_of,
            ["", "e/m/s/1", "e/m/s/1/2/3", "e/m/s/one/2", "e/m/s/1/"],
            "must be experiment/method/strategy/seed/cycle, the last two whole numbers",
        ),
        (options.positive, ["0", "-1", "1.5", "", "many"], "a whole number of at least 1"),
        (options.seconds, ["-1", "nan", "inf", "soon", ""], "seconds, at least 0"),
        (options.megabytes, ["-1", "1.5", "all", ""], "a whole number of MiB, or auto"),
        (options.from_json, ["", "{", "{'a': 1}"], "must be JSON"),
        (options.name_and_path, ["", "pool.json"], "NAME=FILE"),
    ],
)
def test_what_is_refused_says_what_is_wanted(read, texts, words):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            read(text)
        assert str(caught.value).startswith(repr(text)) and words in str(caught.value)


def test_json_that_is_long_is_told_by_its_beginning():
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        options.from_json("x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("given", [{}, {"sup": {}}, None, [], "network", 3])
def test_json_without_its_sections_is_refused_by_the_option(given):
    with pytest.raises(UserError, match="--settings lacks .*network.*: give all of it"):
        options.require("--settings", given, "sup", "network")
    options.require("--settings", {"sup": {}, "network": {}}, "sup", "network")


def test_a_command_line_that_is_wrong_is_told_in_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["label", "--cell", "e/m/s/1"])
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and shown.startswith("[label] argument --cell: 'e/m/s/1', but")
    assert shown.endswith("for the usage see python -m wholepool label --help\n")


def test_every_stage_says_what_it_does_and_names_its_last_output():
    top = options.parser("")
    (commands,) = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    assert list(commands.choices) == list(STAGES)
    for name, stage in STAGES.items():
        assert name == stage.run.__name__ and stage.run.__doc__.strip()
        given = {action.dest for action in commands.choices[name]._actions}
        assert stage.output in given or name in ("show", "page"), name  # these write none
        machine = {"device", "threads", "pool_memory_mb", "checkpoint_seconds", "data_dir", "log"}
        assert machine <= given


def test_a_stage_registers_itself_with_its_own_options(monkeypatch):
    monkeypatch.setattr(options, "STAGES", {})

    @options.stage(
        options.option("pool", "out"), options.optional("graph"), gpu=True, output="pool"
    )
    def shine(args):
        """Shine."""

    found = options.STAGES["shine"]
    assert (found.run, found.gpu, found.output, found.into) == (shine, True, "pool", False)
    args = options.parser("").parse_args(["shine", "--pool", "a", "--out", "b"])
    assert (args.pool, args.out, args.graph, args.settings) == ("a", "b", None, None)
    assert (args.device, args.threads, args.pool_memory_mb, args.log) == ("auto", 1, None, None)
