"""The configuration, resolved in full."""

import copy

import pytest
import yaml
from configs import BASELINE, ROOT, changed, minimal, refusal

from wholepool.__main__ import parser
from wholepool.grid import sections
from wholepool.grid.cells import sup_of
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError

SCHEMA = sections.schema()
SECTIONS = {
    "datasets": ("pool", "augment", "deepcluster"),
    "experiments": ("optimizer", "sup", "semi", "propagation", "ceal"),
}


def test_defaults_are_the_methods():
    result = resolve(minimal())
    digits, demo = result["datasets"]["digits"], result["experiments"]["demo"]
    assert digits["source"] == "digits"
    assert digits["oracle"] == "hidden"
    assert digits["network"] == {
        "name": "conv13",
        "width": 1,
        "weight_norm": True,
        "dropout": 0.5,
        "logit_scale": 1,
        "precision": "float32",
    }
    assert digits["augment"] == {"translate": 4, "flip": True, "embedding_view": "plain"}
    assert digits["deepcluster"]["epochs"] == 250
    assert digits["deepcluster"]["clusters_per_class"] == 10
    assert demo["optimizer"] == {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4}
    assert (demo["sup"]["epochs"], demo["sup"]["lr"], demo["sup"]["cosine_period"]) == (
        200,
        0.2,
        1.05,
    )
    assert (demo["sup"]["batch_size"], demo["sup"]["drop_last"]) == (32, False)
    assert (demo["semi"]["batch_size"], demo["semi"]["labeled_size"]) == (128, 50)
    assert (demo["semi"]["draw"], demo["semi"]["weighted_loss"]) == ("replacement", False)
    assert demo["propagation"] == {
        "k": 50,
        "search": "auto",
        "recall": 0.99,
        "gamma": 3,
        "clip": True,
        "graph": "reciprocal",
        "alpha": 0.99,
        "labels": "onehot",
        "tolerance": 1e-6,
        "max_iterations": 100,
        "normalize_weights": False,
        "balance": "none",
    }
    assert demo["ceal"] == {"threshold": 0.1, "decay": 0.00033, "join": True}
    assert demo["seed_moves"] == "all"
    assert (demo["semi"]["first_epochs"], demo["semi"]["drop_last"]) == (1, False)
    assert (digits["deepcluster"]["kmeans_start"], digits["deepcluster"]["drop_last"]) == (
        "new",
        False,
    )
    assert digits["pool"]["grey_channels"] == 1
    assert set(demo["methods"]) == {"baseline", "pre", "semi", "pre+semi"}
    assert demo["seeds"] == [0, 1, 2, 3, 4]
    assert (demo["initial"], demo["cycles"], demo["published_accuracy"]) == (10, 5, None)
    assert (result["results_dir"], result["device"], result["threads"]) == ("results", "auto", 1)
    assert result["pool_memory_mb"] is None


def test_every_section_is_complete():
    result = resolve(minimal())
    for kind, names in SECTIONS.items():
        for entry in result[kind].values():
            for section in names:
                assert list(entry[section]) == list(SCHEMA["$defs"][section]["properties"])


def test_inner_section_wins_key_by_key():
    config = minimal()
    config["network"] = {"width": 0.5, "dropout": 0.1}
    config["datasets"] |= {"mnist": {"network": {"dropout": 0.3}}}
    config["sup"] = {"epochs": 7, "lr": 0.3}
    config["cycles"] = 3
    config["experiments"]["other"] = {
        "dataset": "mnist",
        "budget": 20,
        "sup": {"lr": 0.7},
        "cycles": 2,
        "initial": 30,
    }
    result = resolve(config)
    digits, mnist = (result["datasets"][name]["network"] for name in ("digits", "mnist"))
    assert (digits["width"], digits["dropout"]) == (0.5, 0.1)
    assert (mnist["width"], mnist["dropout"], mnist["weight_norm"]) == (0.5, 0.3, True)
    demo, other = result["experiments"]["demo"], result["experiments"]["other"]
    assert (demo["sup"]["epochs"], demo["sup"]["lr"], demo["sup"]["batch_size"]) == (7, 0.3, 32)
    assert (other["sup"]["epochs"], other["sup"]["lr"], other["sup"]["batch_size"]) == (7, 0.7, 32)
    assert (demo["cycles"], other["cycles"]) == (3, 2)
    assert (demo["initial"], other["initial"]) == (10, 30)


def test_a_method_s_own_sup_wins_key_by_key():
    config = minimal()
    config["sup"] = {"epochs": 7, "lr": 0.3}
    config["methods"] = {"full": {"labels": "all", "sup": {"epochs": 2}}, "a": BASELINE}
    demo = resolve(config)["experiments"]["demo"]
    full, plain = (sup_of(demo, demo["methods"][name]) for name in ("full", "a"))
    assert full == plain | {"epochs": 2}
    assert (plain["epochs"], plain["lr"], plain["cosine_period"]) == (7, 0.3, 1.05)


def test_grey_images_with_three_channels_have_three_means():
    config = changed("pool/grey_channels", 3)
    config["pool"]["mean"] = [0.1, 0.1, 0.1]
    assert resolve(config)["datasets"]["digits"]["pool"]["mean"] == [0.1, 0.1, 0.1]
    config["pool"]["mean"] = [0.1]
    assert "1 values, but digits has 3 channel(s)" in refusal(config)


def test_an_explicit_null_wins_over_the_section_above():
    config = changed("pool/size", 100)
    config["datasets"]["digits"] = {"pool": {"size": None}}
    assert resolve(config)["datasets"]["digits"]["pool"]["size"] is None


def test_resolving_leaves_the_configuration_alone():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    before = copy.deepcopy(config)
    result = resolve(config)
    result["experiments"]["digits"]["methods"].clear()
    result["experiments"]["digits"]["seeds"].append(99)
    assert config == before


def test_defaults_are_not_shared_between_calls():
    first = resolve(minimal())
    first["experiments"]["demo"]["methods"]["baseline"]["strategies"].clear()
    first["tables"]["ablation_strategies"].append("spoilt")
    second = resolve(minimal())
    assert second["experiments"]["demo"]["methods"]["baseline"]["strategies"]
    assert second["tables"]["ablation_strategies"] == ["uncertainty", "jlp"]


@pytest.mark.parametrize(("given", "seeds"), [(3, [0, 1, 2]), ([4, 7], [4, 7]), ([0], [0])])
def test_seeds(given, seeds):
    result = resolve(changed("seeds", given))
    assert result["experiments"]["demo"]["seeds"] == seeds


def test_a_data_set_may_be_left_empty_and_have_another_name():
    config = minimal()
    config["datasets"] = {"digits": None, "small": {"source": "digits", "pool": {"size": 100}}}
    config["experiments"]["demo"]["dataset"] = "small"
    result = resolve(config)
    assert result["datasets"]["digits"]["source"] == "digits"
    assert result["datasets"]["small"]["source"] == "digits"
    assert result["datasets"]["small"]["pool"]["size"] == 100


def test_largest_allowed_values():
    config = changed("datasets/digits/pool", {"size": 60})
    config["cycles"], config["initial"] = 6, 10  # 10 + 5 * 10: the whole pool
    config["propagation"] = {"k": 59}
    config["augment"] = {"translate": 15}
    config["semi"] = {"batch_size": 11, "labeled_size": 10}
    resolve(config)


@pytest.mark.parametrize(
    ("section", "values", "word"),
    [
        ("datasets", {"digits": {"pool": {"size": 59}}}, "60 labels"),
        ("propagation", {"k": 60}, "propagation.k is 60"),
        ("augment", {"translate": 16}, "translate is 16"),
        ("semi", {"batch_size": 10, "labeled_size": 10}, "labeled_size is 10"),
        ("initial", 9, "initial is 9"),
        ("cycles", 7, "70 labels"),
    ],
)
def test_one_beyond_the_largest_allowed_values(section, values, word):
    config = changed("datasets/digits/pool", {"size": 60})
    config["cycles"], config["initial"] = 6, 10
    config["propagation"] = {"k": 50}
    resolve(config)
    message = refusal(config | {section: values})
    assert word in message
    assert "\n" not in message  # and nothing else is wrong


@pytest.mark.parametrize(
    ("path", "value"), [("seeds", 3.0), ("cycles", 2.0), ("experiments/demo/budget", 20.0)]
)
def test_whole_numbers_written_with_a_point_are_integers_or_refused(path, value):
    """JSON schema counts 3.0 as an integer; a range, a path or a command line does not."""
    try:
        result = resolve(changed(path, value))
    except UserError:
        return
    demo = result["experiments"]["demo"]
    assert isinstance(demo["seeds"], list)
    assert isinstance(demo["cycles"], int)
    assert isinstance(demo["budget"], int)
    assert isinstance(demo["initial"], int)


@pytest.mark.parametrize(
    "spelling", ["rel", "rel/", "./rel", "a/../rel", "{here}/rel", "{here}/a/../rel", "$HERE/rel"]
)
def test_one_folder_has_one_spelling(tmp_path, monkeypatch, spelling):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERE", str(tmp_path))
    config = minimal() | {"results_dir": spelling.format(here=tmp_path)}
    assert resolve(config)["results_dir"] == "rel"


def test_a_folder_elsewhere_is_absolute_and_a_link_is_followed(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there, there / "with space"):
        folder.mkdir()
    (here / "link").symlink_to(there)
    (here / "odd").symlink_to(there / "with space")
    monkeypatch.chdir(here)
    found = [
        resolve(minimal() | {"results_dir": given})["results_dir"]
        for given in ("link/r", "../there/r", str(there / "r"), "odd", ".")
    ]
    assert found == [*[str(there / "r")] * 3, "odd", "."]


def test_home_and_variables_are_expanded_for_all_readers(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MINE", "shelf")
    config = minimal() | {"data_dir": "~/data/${MINE}", "results_dir": "~/r/$MINE"}
    resolved = resolve(config)
    assert resolved["data_dir"] == f"{tmp_path}/data/shelf"
    assert resolved["results_dir"] == f"{tmp_path}/r/shelf"
    args = parser("").parse_args(["show", "--results", "r", "--data-dir", "~/data"])
    assert args.data_dir == f"{tmp_path}/data"


@pytest.mark.parametrize("key", ["data_dir", "results_dir"])
def test_a_variable_that_is_not_set_is_named(monkeypatch, key):
    monkeypatch.delenv("SCRATCHH", raising=False)
    monkeypatch.setenv("SECRET", "of nobody's business")
    said = refusal(minimal() | {key: "$SCRATCHH/it"})
    assert f"{key} is '$SCRATCHH/it', but the variable SCRATCHH is not set" in said
    assert "SECRET" not in said
    assert f"{key} is '~no-such-user/it', but there is no such user" in refusal(
        minimal() | {key: "~no-such-user/it"}
    )


@pytest.mark.parametrize("folder", ["my results", "résultats"])
def test_what_a_path_may_hold_is_said_in_words(folder):
    said = refusal(minimal() | {"results_dir": folder})
    assert f"results_dir is '{folder}', but may hold only letters without accents" in said
    assert "^" not in said
