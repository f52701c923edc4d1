"""A model folder: the probabilities of the workflow, whatever the batch, without any package."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from models import NAMES, OWN, SIZE, fitted, photographs, pool_of, written
from safetensors.torch import load_file, save_file

from wholepool.job.errors import UserError
from wholepool.labeling.ingest import ingest
from wholepool.learn import backbones, model_folder
from wholepool.learn.model_folder import Measured, read_model, refuse_others, write_model
from wholepool.learn.networks import head as network
from wholepool.learn.pretrain import pretrained

GOOD = Measured(1234, 84.25, (80.0, 87.5))


@pytest.fixture(autouse=True, scope="module")
def alone(tmp_path_factory):
    """A cache of its own, and one thread: small batches are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model folder that no test changes, with what it is of."""
    return written(tmp_path_factory.mktemp("made"), GOOD)


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "model")


def plainly(pool, images, head, settings):
    """The twin: the stage features with the images as its test set, then softmax in loops."""
    features = pretrained.features(pool.images, images, settings, "cpu")[1]
    rows = network.embed(features, {})
    found = []
    for row in rows.astype(float):
        logits = [sum(w * x for w, x in zip(one[:-1], row, strict=True)) + one[-1] for one in head]
        powers = np.exp(np.array(logits) - max(logits))
        found.append(powers / powers.sum())
    return np.array(found)


@pytest.mark.parametrize(
    "changes", [{}, {"center": False, "layer": "head"}, {"layer": 4, "size": SIZE}], ids=str
)
def test_probabilities_are_those_of_the_workflow(made, tmp_path, changes):
    folder, pool, head, settings = written(tmp_path, **changes) if changes else made
    new = ingest(photographs(tmp_path / "new", 7, seed=1), SIZE).pixels
    model = read_model(folder)
    assert (model.classes, model.size) == (NAMES, SIZE)
    found = model.probabilities(new)
    assert found.dtype == np.float64 and found.shape == (7, 3)
    np.testing.assert_allclose(found, plainly(pool, new, head, settings), rtol=0, atol=1e-12)


def test_an_image_that_is_the_mean_of_its_pool_has_those_of_the_workflow(made, tmp_path):
    _, pool, head, settings = made
    one = replace(pool, images=pool.images[:1])
    write_model(tmp_path / "model", one, head, settings, "cpu")
    found = read_model(tmp_path / "model").probabilities(one.images)
    np.testing.assert_allclose(found, plainly(one, one.images, head, settings), rtol=0, atol=1e-12)


def test_an_image_s_probabilities_do_not_depend_on_its_batch(made, tmp_path):
    new = ingest(photographs(tmp_path / "new", 4, seed=1), SIZE).pixels
    model = read_model(made[0])
    together = model.probabilities(new)
    alone = np.concatenate([model.probabilities(one[None]) for one in new])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-13)
    np.testing.assert_allclose(model.probabilities(new[::-1])[::-1], together, rtol=0, atol=1e-13)


def test_it_needs_neither_a_package_of_weights_nor_a_network(made, monkeypatch):
    wanted = read_model(made[0]).probabilities(made[1].images)
    for name in ("installed", "from_timm", "from_file"):
        monkeypatch.setattr(backbones, name, None)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    np.testing.assert_array_equal(read_model(made[0]).probabilities(made[1].images), wanted)


def test_what_lies_in_it(made):
    folder, pool, head, _ = made
    assert sorted(os.listdir(folder)) == ["README.md", "model.json", "model.safetensors"]
    assert not [name for name in os.listdir(folder.parent) if ".part" in name]
    tensors = load_file(folder / "model.safetensors")
    own = {name: tensors.pop(name).numpy() for name in ("weight", "bias", "center")}
    np.testing.assert_array_equal(own["weight"], head[:, :-1])
    np.testing.assert_array_equal(own["bias"], head[:, -1])
    settings = {"pretrained": OWN | {"center": False}}
    features = pretrained.features(pool.images, pool.images[:0], settings, "cpu")[0]
    np.testing.assert_allclose(own["center"], features.astype(float).mean(axis=0), atol=1e-9)
    state = {name.removeprefix("backbone."): tensor for name, tensor in tensors.items()}
    timm.create_model("tf_efficientnet_lite0").load_state_dict(state)  # strict
    facts = json.loads((folder / "model.json").read_text())
    assert facts["classes"] == list(NAMES) and facts["image"]["size"] == SIZE
    assert facts["made"]["pool"] == pool.fingerprint
    assert facts["backbone"]["module"] == "blocks.6.0"
    assert facts["backbone"]["weights"] == backbones.SHA256
    assert facts["measured"] == {"n_labels": 1234, "accuracy": 84.25, "interval": [80.0, 87.5]}


def test_its_readme_says_how_good_it_is(made):
    text = " ".join((made[0] / "README.md").read_text().split())
    assert "It tells 3 classes apart. It learned from 1,234 labels." in text
    assert "84.2 % right (95 % interval: 80.0 to 87.5 %)." in text
    assert all(name in text for name in NAMES)
    assert "python -m wholepool predict_images --model" in text
    facts = json.loads((made[0] / "model.json").read_text())
    facts["measured"] = vars(Measured())
    assert "How good it is was not measured." in model_folder.readme(facts)
    assert "labels. " not in model_folder.readme(facts)
    facts["measured"] = vars(Measured(accuracy=90.0))
    assert "got 90.0 % right.\n" in model_folder.readme(facts)


def test_a_class_may_be_renamed(copied, made):
    facts = json.loads((copied / "model.json").read_text())
    facts["classes"][0] = "night"
    (copied / "model.json").write_text(json.dumps(facts))
    assert read_model(copied).classes == ("night", *NAMES[1:])


def test_the_same_model_is_the_same_bytes_and_replaces_itself(made, tmp_path):
    folder, pool, head, settings = made
    for _ in range(2):
        write_model(tmp_path / "model", pool, head, settings, "cpu", GOOD)
    for name in ("model.json", "model.safetensors", "README.md"):
        assert (tmp_path / "model" / name).read_bytes() == (folder / name).read_bytes()
    write_model(tmp_path / "model", pool, 2 * head, settings, "cpu")
    found = load_file(tmp_path / "model" / "model.safetensors")["weight"].numpy()
    np.testing.assert_array_equal(found, 2 * head[:, :-1])
    assert os.listdir(tmp_path) == ["model"]


def test_what_is_not_ours_is_left_alone(tmp_path, made):
    _, pool, head, settings = made
    refuse_others(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse_others(tmp_path / "empty")
    write_model(tmp_path / "empty", pool, head, settings, "cpu")
    refuse_others(tmp_path / "empty")
    (tmp_path / "file").write_text("mine")
    for name, content in (("a", {"README.md": "mine"}), ("b", {"model.json": "{}"})):
        (tmp_path / name).mkdir()
        for one, text in content.items():
            (tmp_path / name / one).write_text(text)
    for name in ("file", "a", "b"):
        with pytest.raises(UserError, match=f"{name} is there already and is no model folder"):
            write_model(tmp_path / name, pool, head, settings, "cpu")
    assert (tmp_path / "a" / "README.md").read_text() == "mine"
    assert os.listdir(tmp_path / "a") == ["README.md"]


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path, made, monkeypatch):
    _, pool, head, settings = made
    monkeypatch.setattr(model_folder, "write_text", broken)
    with pytest.raises(OSError, match="no room"):
        write_model(tmp_path / "model", pool, head, settings, "cpu")
    assert os.listdir(tmp_path) == []
    (tmp_path / ".model.part").mkdir()  # of a job that was killed
    (tmp_path / ".model.part" / "model.json").write_text("{")
    monkeypatch.undo()
    write_model(tmp_path / "model", pool, head, settings, "cpu")
    assert os.listdir(tmp_path) == ["model"]


def test_a_folder_that_was_half_replaced_is_noticed(copied, made, monkeypatch):
    _, pool, head, settings = made
    replaced, put = [], os.replace

    def once(source, target):
        if str(target).startswith(str(copied)):
            replaced.append(target)
            if len(replaced) == 2:
                broken()
        put(source, target)

    monkeypatch.setattr(os, "replace", once)
    with pytest.raises(OSError, match="no room"):
        write_model(copied, pool, 2 * head, settings, "cpu")
    monkeypatch.undo()
    with pytest.raises(UserError, match="is damaged or another model's"):
        read_model(copied)
    write_model(copied, pool, 2 * head, settings, "cpu")  # the same command again
    read_model(copied)


def broken(*given):
    raise OSError(28, "no room")


def change(folder, key, value):
    facts = json.loads((folder / "model.json").read_text())
    if value is None:
        del facts[key]
    else:
        facts[key] = value
    (folder / "model.json").write_text(json.dumps(facts))


def tensors_without(folder, name):
    """The file without one of the tensors, and model.json made to fit."""
    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")
    change(folder, "sha256", model_folder.digest_of(folder / "model.safetensors"))


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def swapped(folder):
    path = folder / "model.safetensors"
    save_file({name: 2 * one for name, one in load_file(path).items()}, path)


SPOILED = {
    "gone": (shutil.rmtree, "the model folder is not there: name the folder"),
    "a file": (lambda at: (shutil.rmtree(at), at.write_text("x")), "the model folder is a file"),
    "no facts": (lambda at: (at / "model.json").unlink(), "no model folder, for it has no model.j"),
    "torn facts": (lambda at: cut(at / "model.json"), "model.json is not a complete JSON file"),
    "a list": (lambda at: (at / "model.json").write_text("[]"), "holds a list"),
    "another's": (lambda at: change(at, "format", "onnx"), "is of the format 'onnx', not 'whole"),
    "newer": (lambda at: change(at, "format_version", 2), "format_version 2, but wholepool"),
    "lacking": (lambda at: change(at, "backbone", None), "'backbone' is a required property"),
    "wrong": (lambda at: change(at, "image", {"size": "big"}), "image.size: 'big' is not of type"),
    "no tensors": (lambda at: (at / "model.safetensors").unlink(), "has no model.safetensors"),
    "torn tensors": (lambda at: cut(at / "model.safetensors"), "is damaged or another model's"),
    "other tensors": (swapped, "is damaged or another model's: its SHA-256 is"),
    "no center": (lambda at: tensors_without(at, "center"), "lacks center"),
    "no stem": (
        lambda at: tensors_without(at, "backbone.conv_stem.weight"),
        "not those of timm's tf_efficientnet_lite0: conv_stem.weight differs",
    ),
    "a class less": (lambda at: change(at, "classes", ["a"]), "names 1 classes, but .* has 3"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_folder_that_is_spoiled_is_told_by_its_file_and_fault(copied, how):
    spoil, words = SPOILED[how]
    spoil(copied)
    with pytest.raises(UserError, match=words) as caught:
        read_model(copied)
    assert str(copied) in str(caught.value) and "\n" not in str(caught.value)


def test_a_backbone_that_this_timm_does_not_know_is_told(copied):
    facts = json.loads((copied / "model.json").read_text())
    change(copied, "backbone", facts["backbone"] | {"model": "resnet_of_2040"})
    with pytest.raises(UserError, match="resnet_of_2040', which timm .* does not know"):
        read_model(copied)


def test_pools_that_no_photograph_could_be_of_are_refused(made, tmp_path):
    _, pool, head, settings = made
    for images, words in (
        (pool.images[..., :1], r"40 x 40 pixels and 1 channel\(s\)"),
        (pool.images[:, :30], "30 x 40 pixels and 3"),
    ):
        with pytest.raises(UserError, match=words):
            write_model(tmp_path / "no", replace(pool, images=images), head, settings, "cpu")
    assert not (tmp_path / "no").exists()


def test_a_head_of_other_features_is_refused(made, tmp_path):
    _, pool, head, settings = made
    with pytest.raises(UserError, match=r"the head is \(3, 320\), but .* need one of \(3, 321\)"):
        write_model(tmp_path / "no", pool, head[:, 1:], settings, "cpu")


def test_the_pools_of_these_tests_can_be_learned(made, tmp_path):
    """Else equal classes would tell nothing."""
    pool, labels = pool_of(tmp_path / "again", tmp_path, seed=5)
    assert (read_model(made[0]).probabilities(pool.images).argmax(axis=1) == labels).mean() > 0.8
    assert fitted(made[1], labels)[0].shape == (3, 321)
