"""The stage data compares what a source gives with what the grid asks of it, and says so itself."""

import json

import numpy as np
import pytest
from by_hand import N, chain, data_command

from wholepool import __main__ as cli

pytestmark = pytest.mark.usefixtures("clean_process")
PHOTOS = """
import numpy as np

from wholepool.data.sources import Images


def read(settings, data_dir):
    train = np.random.default_rng(0).integers(0, 256, (60, 16, 12, 1), dtype=np.uint8)
    return Images(train, np.arange(60) % 2, None, None, ["a", "b"])
"""
OWN = {"initial": 10, "budget": 10, "cycles": 6, "k": 50, "batches": [[32, False]], "images": True}
ALL = {"size": None}


def asked(translate=2, **changes):
    return {
        "network": "conv13",
        "augment": {"translate": translate},
        "experiments": {"demo": OWN | changes},
    }


def run(folder, told):
    return cli.main([*data_command(folder, ALL, "photos"), "--asked", json.dumps(told)])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            asked(cycles=12),
            "12 cycles need 120 labels (initial 10, budget 10), but the pool has 60",
        ),
        (asked(k=60), "propagation.k is 60, but must be below the pool's 60 images"),
        (asked(initial=1), "initial is 1, but needs at least one label for each of 2 classes"),
        (asked(batches=[[1, False]]), "a batch of sup is one image (10 labels, sup.batch_size 1)"),
        (asked(translate=12), "augment.translate is 12, but must be below the 12 pixels"),
    ],
)
def test_what_the_pool_cannot_give_is_told_before_it_is_written(
    tmp_path, plugin, capsys, told, words
):
    plugin("source", "photos", PHOTOS)
    assert run(tmp_path, told) == 2
    shown = capsys.readouterr().err
    assert words in shown and "Traceback" not in shown
    assert not list(tmp_path.glob("*.npy")) and not (tmp_path / "pool.json").exists()


def test_images_below_the_least_size_are_told_by_the_smaller_side(tmp_path, plugin, capsys):
    plugin("source", "photos", PHOTOS.replace("16, 12", "16, 11"))
    assert run(tmp_path, asked()) == 2
    assert "of at least 12 pixels, but these have 11" in capsys.readouterr().err


def test_what_fits_is_made(tmp_path, plugin):
    plugin("source", "photos", PHOTOS)
    assert run(tmp_path, asked()) == 0
    assert np.load(tmp_path / "pool.npy").shape == (60, 16, 12, 1)


def test_the_first_acquisition_tells_that_the_last_will_lack_images(light_stages, capsys):
    """A grid that has grown: its pool is there, and the stage data does not run again."""
    folder = light_stages[0]
    command = next(one for one in chain(folder) if one[0] == "acquire")
    command[command.index("--out") + 1] = str(folder / "none.parquet")
    left = N - 20
    assert cli.main([*command, "--later", str(left // 7)]) == 2
    said = f"budget is 7 and {left // 7 + 1} cycles are to ask for as many, but only {left} images"
    assert said in capsys.readouterr().err and not (folder / "none.parquet").exists()
    assert cli.main([*command, "--later", str(left // 7 - 1)]) == 0
    (folder / "none.parquet").unlink()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("np.arange(60) % 2", "np.eye(2, dtype=int)[np.arange(60) % 2]", "as if one-hot"),
        ("np.arange(60) % 2", '["a", "b"] * 30', "the label 'a', of type str"),
        ("(60, 16", "(0, 16", "gives no image to train on"),
        ("(60, 16, 12, 1)", "(60, 1, 16, 16)", "channels must come last"),
    ],
)
def test_odd_forms_leave_no_file_behind(tmp_path, plugin, capsys, old, new, words):
    """Written into an oracle they would be damage that no second run mends."""
    assert old in PHOTOS
    found = plugin("source", "photos", PHOTOS.replace(old, new))
    assert cli.main(data_command(tmp_path, ALL, "photos")) == 2
    shown = capsys.readouterr().err
    assert f"{found.path}: source 'photos' gives" in shown
    assert words in shown and "Traceback" not in shown
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} <= {".lock"}


def test_gray_images_without_an_axis_lists_and_whole_names_make_the_same_pool(tmp_path, plugin):
    pools = {}
    odd = (
        PHOTOS.replace("Images(train,", "Images(list(train[..., 0]),")
        .replace("np.arange(60) % 2", "list(np.arange(60) % 2)")
        .replace("None, None,", "[], [],")
        .replace('["a", "b"]', "np.array([7, 9])")
    )
    for name, code in (("plain", PHOTOS.replace('["a", "b"]', '["7", "9"]')), ("odd", odd)):
        plugin("source", "photos", code)
        (folder := tmp_path / name).mkdir()
        assert cli.main(data_command(folder, ALL, "photos")) == 0
        pools[name] = {path.name: path.read_bytes() for path in sorted(folder.glob("*.[njp]*"))}
        assert b'"photos"' in pools[name].pop("source.json")  # it knows the source's version
    assert pools["odd"] == pools["plain"] and len(pools["odd"]) == 6


STRATEGY = """
import numpy as np

from wholepool.strategies import Acquisition

NEEDS = ()


def acquire(query):
    picks = query.unlabeled[: query.budget]
    return Acquisition(picks, np.zeros(len(picks)))
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return Acquisition(", "return tuple([", "returned a tuple, no Acquisition"),
        ("np.zeros(len(picks))", "[0.0]", "gave (1,) scores"),
        ("    return", "    query.rng.random()\n    return", "does not declare it: add STOCHASTIC"),
    ],
)
def test_a_strategy_s_odd_answer_names_its_file(light_stages, plugin, capsys, old, new, words):
    folder = light_stages[0]
    code = STRATEGY.replace(old, new)
    if "tuple" in new:
        code = code.replace("len(picks)))", "len(picks))])")
    found = plugin("strategy", "own", code)
    command = next(one for one in chain(folder) if one[0] == "acquire")
    for name, value in (("strategy", "own"), ("settings", "{}"), ("out", str(folder / "none"))):
        command[command.index(f"--{name}") + 1] = value
    assert cli.main(command) == 2
    shown = capsys.readouterr().err
    assert str(found.path) in shown and words in shown and "Traceback" not in shown
    assert not (folder / "none").exists()
