"""Weights on disk: what is written is read, and what does not fit is refused by name."""

import pytest
import torch

from wholepool.job.errors import UserError
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.weights import load_network, load_weights, save_weights, trunk_state

torch.set_num_threads(1)


def build(seed=0, channels=1, classes=4, **changes):
    torch.manual_seed(seed)
    network = Network(channels, classes, **{"width": 1 / 16} | changes)
    network(torch.randn(4, channels, 12, 12))  # moves the running statistics
    return network


def same(one, other, names=None):
    one, other = one.state_dict(), other.state_dict()
    return all(torch.equal(one[name], other[name]) for name in names or one)


def test_round_trip(tmp_path):
    network, path = build(), tmp_path / "model.safetensors"
    save_weights(path, network.state_dict())
    other = build(seed=1)
    assert not same(network, other)
    load_network(other, path)
    assert same(network, other)
    batch = torch.randn(3, 1, 12, 12)
    assert torch.equal(network.eval()(batch), other.eval()(batch))


def test_loading_keeps_names_and_types(tmp_path):
    network, path = build(), tmp_path / "model.safetensors"
    save_weights(path, network.state_dict())
    loaded = load_weights(path)
    state = network.state_dict()
    assert set(loaded) == set(state)
    assert all(loaded[name].dtype == state[name].dtype for name in state)


def test_same_weights_are_the_same_bytes(tmp_path):
    for name in "ab":
        save_weights(tmp_path / name, build().state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_trunk_only_takes_the_trunk_and_leaves_the_head(tmp_path):
    network, path = build(), tmp_path / "model.safetensors"
    save_weights(path, trunk_state(network.state_dict()))
    other = build(seed=1)
    head = {k: v.clone() for k, v in other.state_dict().items() if k.startswith("head.")}
    load_network(other, path, trunk_only=True)
    names = list(trunk_state(network.state_dict()))
    assert any("running_var" in name for name in names)
    assert same(network, other, names)
    after = other.state_dict()
    assert all(torch.equal(head[name], after[name]) for name in head)


def test_trunk_only_takes_a_whole_network_with_other_classes(tmp_path):
    network, path = build(classes=4), tmp_path / "model.safetensors"
    save_weights(path, network.state_dict())
    other = build(seed=1, classes=7)
    load_network(other, path, trunk_only=True)
    assert same(network, other, list(trunk_state(network.state_dict())))


@pytest.mark.parametrize(
    "changes",
    [{"width": 1 / 8}, {"weight_norm": False}, {"classes": 5}, {"channels": 3}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_architecture_is_refused(tmp_path, changes):
    path = tmp_path / "model.safetensors"
    save_weights(path, build().state_dict())
    other = build(seed=1, **changes)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(UserError, match="another network") as caught:
        load_network(other, path)
    assert str(path) in str(caught.value)
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())


def test_a_trunk_alone_is_not_a_network(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, trunk_state(build().state_dict()))
    with pytest.raises(UserError, match="head") as caught:
        load_network(build(), path)
    assert str(path) in str(caught.value)


def test_a_trunk_of_another_width_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, trunk_state(build(width=1 / 8).state_dict()))
    with pytest.raises(UserError, match="trunk") as caught:
        load_network(build(), path, trunk_only=True)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "model.safetensors"
    save_weights(path, build().state_dict())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="delete") as caught:
        load_network(build(), path)
    assert str(path) in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"this is no network" * 100)
    with pytest.raises(UserError) as caught:
        load_weights(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "nowhere" / "model.safetensors"
    with pytest.raises(UserError, match="missing") as caught:
        load_network(build(), path)
    assert str(path) in str(caught.value)


def test_a_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises((TypeError, AttributeError, ValueError)):
        save_weights(path, {"weight": "not a tensor"})
    assert list(tmp_path.iterdir()) == []
