"""torchvision's data sets, from folders in tiny, without a network."""

import numpy as np
import pytest
from folders import NAMES, TORCHVISION, read, write_cifar, write_mnist, write_svhn

from wholepool.data.sources import _torchvision
from wholepool.job import registry
from wholepool.job.errors import UserError


@pytest.mark.parametrize(
    ("source", "name"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_gray_idx_files(tmp_path, monkeypatch, no_network, source, name):
    arrays = write_mnist(tmp_path, monkeypatch, name)
    images = read(source, tmp_path)
    assert images.train.shape == (7, 28, 28, 1)
    assert images.train.dtype == np.uint8
    assert np.array_equal(images.train[..., 0], arrays["train"][0])
    assert np.array_equal(images.test[..., 0], arrays["t10k"][0])
    assert np.array_equal(images.train_labels, arrays["train"][1])
    assert np.array_equal(images.test_labels, arrays["t10k"][1])
    assert images.train_labels.dtype == np.int64
    assert len(images.class_names) == 10
    assert all(isinstance(word, str) for word in images.class_names)


def test_published_checksums_of_the_unpacked_files_cover_both_parts():
    for name in ("MNIST", "FashionMNIST"):
        names = {
            f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")
        }
        assert set(_torchvision.UNPACKED_MD5[name]) == names
        assert all(len(value) == 32 for value in _torchvision.UNPACKED_MD5[name].values())
    known = _torchvision.UNPACKED_MD5.values()
    assert len({value for sums in known for value in sums.values()}) == 8


@pytest.mark.parametrize(("source", "name"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_color_pickles(tmp_path, monkeypatch, no_network, source, name):
    expected, labels, words = write_cifar(tmp_path, monkeypatch, name)
    images = read(source, tmp_path)
    assert np.array_equal(images.train, expected["train_list"])
    assert np.array_equal(images.test, expected["test_list"])
    assert images.train.shape[1:] == (32, 32, 3)
    assert images.train.flags.c_contiguous
    assert images.train_labels.tolist() == labels["train_list"]
    assert images.test_labels.tolist() == labels["test_list"]
    assert images.class_names == words
    assert len(words) == registry.get("source", source)["KNOWN"]["classes"]


def test_svhn_mat_files(tmp_path, monkeypatch, no_network):
    parts = write_svhn(tmp_path, monkeypatch)
    images = read("svhn", tmp_path)
    assert images.train.shape == (5, 32, 32, 3)
    assert np.array_equal(images.train, parts["train"][0])
    assert np.array_equal(images.test, parts["test"][0])
    assert images.train.flags.c_contiguous
    assert images.train_labels.tolist() == parts["train"][1]
    assert images.test_labels.tolist() == parts["test"][1]
    assert images.class_names == [str(digit) for digit in range(10)]


def test_svhn_does_not_want_the_extra_images(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    read("svhn", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "test_32x32.mat",
        "train_32x32.mat",
    ]


@pytest.mark.parametrize("source", TORCHVISION)
def test_missing_data_says_what_where_and_how(tmp_path, no_network, source):
    with pytest.raises(UserError) as caught:
        read(source, tmp_path / "data")
    message = str(caught.value)
    assert NAMES[source] in message
    assert "missing" in message
    assert str(tmp_path / "data") in message
    assert "could not be downloaded" in message
    assert "no network in tests" in message
    assert "data_dir" in message
    assert "copy" in message


def test_a_download_that_breaks_off_is_explained(tmp_path, monkeypatch):
    import http.client

    def fail(*args, **options):
        raise http.client.IncompleteRead(b"half", 100)

    monkeypatch.setattr("urllib.request.urlopen", fail)
    with pytest.raises(UserError, match="MNIST"):
        read("mnist", tmp_path)


def test_only_the_test_part_is_missing(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    (tmp_path / "test_32x32.mat").unlink()
    with pytest.raises(UserError, match="SVHN is missing"):
        read("svhn", tmp_path)


@pytest.mark.parametrize("source", ["cifar10", "cifar100", "svhn"])
def test_files_with_another_checksum_are_refused(tmp_path, monkeypatch, no_network, source):
    name = NAMES[source]
    if name == "SVHN":
        write_svhn(tmp_path, monkeypatch)
    else:
        write_cifar(tmp_path, monkeypatch, name)
    path = next(p for p in sorted(tmp_path.rglob("*")) if p.is_file() and "test" in p.name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=name):
        read(source, tmp_path)


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize(
    "file",
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"],
)
def test_a_damaged_raw_file_is_named(tmp_path, monkeypatch, no_network, source, file):
    write_mnist(tmp_path, monkeypatch, NAMES[source])
    path = tmp_path / NAMES[source] / "raw" / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged.*Delete") as caught:
        read(source, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [0, 3, 10, 500])
def test_a_truncated_raw_file_is_named(tmp_path, monkeypatch, no_network, size):
    """A full disk or a broken copy: torchvision itself stumbles over it."""
    write_mnist(tmp_path, monkeypatch, "MNIST")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError) as caught:
        read("mnist", tmp_path)
    assert str(path) in str(caught.value)
