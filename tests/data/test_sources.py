"""Where images come from: digits, and torchvision's folders in tiny, without a network."""

import functools
import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import urllib.error
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from toys import Payload

from wholepool.data import sources as datasets
from wholepool.data.sources import SOURCES, stratified_subset, subset, with_channels
from wholepool.job.errors import UserError

# digits


@pytest.fixture(scope="module")
def digits():
    return SOURCES["digits"].load(None)


def test_digits_have_the_declared_shapes(digits):
    known = SOURCES["digits"]
    assert digits.train.shape == (1297, 16, 16, 1) == (known.n, known.size, known.size, 1)
    assert digits.test.shape == (500, 16, 16, 1)
    assert (known.n_test, known.channels, known.classes) == (500, 1, 10)
    assert digits.train.dtype == digits.test.dtype == np.uint8
    assert digits.train_labels.shape == (1297,)
    assert digits.test_labels.shape == (500,)
    assert digits.class_names == [str(digit) for digit in range(10)]


def test_digits_use_the_full_range(digits):
    assert digits.train.min() == 0
    assert digits.train.max() == 255
    assert digits.test.max() == 255


def test_digits_are_the_enlarged_originals(digits):
    """2x2 means of the enlarged images come back to the scanned ones."""
    from sklearn.datasets import load_digits

    both = np.concatenate([digits.train, digits.test])[..., 0].astype(float)
    small = both.reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4)) * 16 / 255
    original = load_digits().images
    nearest = [abs(original - image).mean(axis=(1, 2)).min() for image in small[::60]]
    assert max(nearest) < 1.5
    assert small.mean() == pytest.approx(original.mean(), abs=0.05)


def test_digits_parts_share_no_scan_and_miss_none(digits):
    """The two parts together are the 1,797 originals, each as often as it is there."""
    from sklearn.datasets import load_digits

    both = np.concatenate([digits.train, digits.test]).reshape(1797, -1)
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    data = load_digits()
    assert len(np.unique(both, axis=0)) == len(np.unique(data.data, axis=0))
    assert np.bincount(labels).tolist() == np.bincount(data.target).tolist()
    train = {image.tobytes() for image in digits.train}
    assert not any(image.tobytes() in train for image in digits.test)


def test_digits_split_is_stratified(digits):
    total = np.bincount(digits.train_labels) + np.bincount(digits.test_labels)
    assert np.abs(np.bincount(digits.test_labels) - total * 500 / 1797).max() < 1


def test_digits_split_is_fixed(digits):
    np.random.seed(1)
    again = SOURCES["digits"].load(None)
    assert np.array_equal(again.train, digits.train)
    assert np.array_equal(again.test_labels, digits.test_labels)


# subsets


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        ([10, 10, 10], 6, [2, 2, 2]),
        ([10, 10, 10], 7, [3, 2, 2]),  # ties go to the lower class
        ([70, 20, 10], 10, [7, 2, 1]),
        ([50, 30, 20], 5, [3, 1, 1]),  # quotas 2.5, 1.5, 1: the first of the equal remainders
        ([97, 2, 1], 10, [10, 0, 0]),
        ([3, 4], 7, [3, 4]),
        ([5, 5], 0, [0, 0]),
        ([1, 1, 1, 1], 3, [1, 1, 1, 0]),
    ],
)
def test_stratified_sizes_by_largest_remainder(counts, size, expected):
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    chosen = stratified_subset(labels, size, np.random.default_rng(0))
    assert np.bincount(labels[chosen], minlength=len(counts)).tolist() == expected
    assert len(set(chosen)) == size
    assert (np.diff(chosen) > 0).all()


def test_stratified_total_is_exact():
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = rng.integers(7, size=rng.integers(20, 200))
        size = int(rng.integers(1, len(labels) + 1))
        assert len(stratified_subset(labels, size, rng)) == size


def test_stratified_choice_is_random_within_a_class():
    labels = np.repeat([0, 1], 50)
    rng = np.random.default_rng(0)
    counts = np.zeros(100)
    for _ in range(1000):
        counts[stratified_subset(labels, 10, rng)] += 1
    assert abs(counts - 100).max() < 50


@pytest.mark.parametrize("sampling", ["stratified", "uniform"])
def test_subset(sampling):
    labels = np.arange(100) % 10
    chosen = subset(labels, 30, sampling, np.random.default_rng(0))
    assert len(set(chosen)) == 30
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(range(100))
    assert np.array_equal(chosen, subset(labels, 30, sampling, np.random.default_rng(0)))
    assert not np.array_equal(chosen, subset(labels, 30, sampling, np.random.default_rng(1)))
    even = np.bincount(labels[chosen]).tolist() == [3] * 10
    assert even == (sampling == "stratified")


@pytest.mark.parametrize("size", [None, 100])
def test_subset_of_all_is_all(size):
    labels = np.arange(100) % 10
    chosen = subset(labels, size, "uniform", np.random.default_rng(0))
    assert np.array_equal(chosen, np.arange(100))


@pytest.mark.parametrize("sampling", ["stratified", "uniform"])
def test_subset_larger_than_the_whole(sampling):
    with pytest.raises(UserError, match=r"pool\.size is 101.*100"):
        subset(np.zeros(100, dtype=int), 101, sampling, np.random.default_rng(0))


# torchvision's folders

RNG = np.random.default_rng(0)


def idx(array):
    """An array in the idx format: a magic number, the sizes, the bytes."""
    header = (0x0800 + array.ndim).to_bytes(4, "big")
    header += b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def no_network(monkeypatch):
    """Every way out of this machine that torchvision knows fails as one without a network does."""

    def fail(*args, **options):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    monkeypatch.setattr("socket.create_connection", fail)
    monkeypatch.setattr("socket.getaddrinfo", fail)


def write_mnist(folder, monkeypatch, name):
    """Seven and three gray images with their labels; returns the arrays."""
    raw = folder / name / "raw"
    raw.mkdir(parents=True)
    arrays, sums = {}, {}
    for part, n in (("train", 7), ("t10k", 3)):
        images = RNG.integers(0, 256, size=(n, 28, 28), dtype=np.uint8)
        labels = RNG.integers(0, 10, size=n)
        arrays[part] = (images, labels)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx(array)
            file = f"{part}-{kind}-ubyte"
            (raw / file).write_bytes(content)
            sums[file] = md5(content)
    monkeypatch.setitem(datasets.UNPACKED_MD5, name, sums)
    return arrays


@pytest.mark.parametrize(
    ("source", "name"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_gray_idx_files(tmp_path, monkeypatch, no_network, source, name):
    arrays = write_mnist(tmp_path, monkeypatch, name)
    images = SOURCES[source].load(tmp_path)
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
        assert set(datasets.UNPACKED_MD5[name]) == names
        assert all(len(value) == 32 for value in datasets.UNPACKED_MD5[name].values())
    known = datasets.UNPACKED_MD5.values()
    assert len({value for sums in known for value in sums.values()}) == 8


def write_cifar(folder, monkeypatch, name):
    """torchvision's pickles with four images a batch; returns images N, H, W, 3 and labels."""
    import torchvision.datasets

    dataset = getattr(torchvision.datasets, name)
    base = folder / dataset.base_folder
    base.mkdir(parents=True)
    fine = name == "CIFAR100"
    images, labels = {}, {}

    def write(file, value):
        content = pickle.dumps(value)
        (base / file).write_bytes(content)
        return md5(content)

    for attribute in ("train_list", "test_list"):
        entries, shown, said = [], [], []
        for file, _ in getattr(dataset, attribute):
            array = RNG.integers(0, 256, size=(4, 32, 32, 3), dtype=np.uint8)
            label = RNG.integers(0, 100 if fine else 10, size=4).tolist()
            batch = {"data": array.transpose(0, 3, 1, 2).reshape(4, -1)}
            if fine:
                batch |= {"fine_labels": label, "coarse_labels": [0, 0, 0, 0]}
            else:
                batch |= {"labels": label}
            entries.append([file, write(file, batch)])
            shown.append(array)
            said += label
        monkeypatch.setattr(dataset, attribute, entries)
        images[attribute], labels[attribute] = np.concatenate(shown), said
    words = [f"word{i}" for i in range(100 if fine else 10)]
    meta = {dataset.meta["key"]: words, "coarse_label_names": ["coarse"] * 20}
    sum_of_meta = write(dataset.meta["filename"], meta)
    monkeypatch.setattr(dataset, "meta", dataset.meta | {"md5": sum_of_meta})
    return images, labels, words


@pytest.mark.parametrize(("source", "name"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_color_pickles(tmp_path, monkeypatch, no_network, source, name):
    expected, labels, words = write_cifar(tmp_path, monkeypatch, name)
    images = SOURCES[source].load(tmp_path)
    assert np.array_equal(images.train, expected["train_list"])
    assert np.array_equal(images.test, expected["test_list"])
    assert images.train.shape[1:] == (32, 32, 3)
    assert images.train.flags.c_contiguous
    assert images.train_labels.tolist() == labels["train_list"]
    assert images.test_labels.tolist() == labels["test_list"]
    assert images.class_names == words
    assert len(words) == SOURCES[source].classes


def write_svhn(folder, monkeypatch):
    """H, W, C, N arrays in .mat files, digit 0 labeled 10."""
    import torchvision.datasets

    split_list = dict(torchvision.datasets.SVHN.split_list)
    parts = {}
    folder.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", 5), ("test", 4)):
        images = RNG.integers(0, 256, size=(n, 32, 32, 3), dtype=np.uint8)
        labels = np.array([10, 1, 9, 10, 5], dtype=np.uint8)[:n]
        url, file, _ = split_list[split]
        scipy.io.savemat(folder / file, {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None]})
        split_list[split] = [url, file, md5((folder / file).read_bytes())]
        parts[split] = (images, [0, 1, 9, 0, 5][:n])
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", split_list)
    return parts


def test_svhn_mat_files(tmp_path, monkeypatch, no_network):
    parts = write_svhn(tmp_path, monkeypatch)
    images = SOURCES["svhn"].load(tmp_path)
    assert images.train.shape == (5, 32, 32, 3)
    assert np.array_equal(images.train, parts["train"][0])
    assert np.array_equal(images.test, parts["test"][0])
    assert images.train.flags.c_contiguous
    assert images.train_labels.tolist() == parts["train"][1]
    assert images.test_labels.tolist() == parts["test"][1]
    assert images.class_names == [str(digit) for digit in range(10)]


def test_svhn_does_not_want_the_extra_images(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    SOURCES["svhn"].load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "test_32x32.mat",
        "train_32x32.mat",
    ]


TORCHVISION = ["mnist", "fashion_mnist", "svhn", "cifar10", "cifar100"]
NAMES = dict(
    zip(TORCHVISION, ["MNIST", "FashionMNIST", "SVHN", "CIFAR10", "CIFAR100"], strict=True)
)


@pytest.mark.parametrize("source", TORCHVISION)
def test_missing_data_says_what_where_and_how(tmp_path, no_network, source):
    with pytest.raises(UserError) as caught:
        SOURCES[source].load(tmp_path / "data")
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
        SOURCES["mnist"].load(tmp_path)


def test_only_the_test_part_is_missing(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    (tmp_path / "test_32x32.mat").unlink()
    with pytest.raises(UserError, match="SVHN is missing"):
        SOURCES["svhn"].load(tmp_path)


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
        SOURCES[source].load(tmp_path)


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
        SOURCES[source].load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [0, 3, 10, 500])
def test_a_truncated_raw_file_is_named(tmp_path, monkeypatch, no_network, size):
    """A full disk or a broken copy: torchvision itself stumbles over it."""
    write_mnist(tmp_path, monkeypatch, "MNIST")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError) as caught:
        SOURCES["mnist"].load(tmp_path)
    assert str(path) in str(caught.value)


# nothing that is not the published file is unpacked or read


@pytest.mark.parametrize("source", ["cifar10", "cifar100"])
@pytest.mark.parametrize("kind", ["train_list", "test_list", "meta"])
def test_a_pickle_that_is_not_the_published_one_is_not_read(
    tmp_path, monkeypatch, no_network, source, kind
):
    import torchvision.datasets

    name = NAMES[source]
    data, ran = tmp_path / "data", tmp_path / "ran"
    write_cifar(data, monkeypatch, name)
    dataset = getattr(torchvision.datasets, name)
    file = dataset.meta["filename"] if kind == "meta" else getattr(dataset, kind)[-1][0]
    payload = pickle.dumps({"data": Payload(ran)})
    (data / dataset.base_folder / file).write_bytes(payload)
    with pytest.raises(UserError, match=f"{name} is missing.*checksums"):
        SOURCES[source].load(data)
    assert not ran.exists()
    pickle.loads(payload)
    assert ran.exists()  # so it would have


def test_a_mat_file_that_is_not_the_published_one_is_not_read(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    read = []
    monkeypatch.setattr("scipy.io.loadmat", lambda path, **options: read.append(Path(path).name))
    (tmp_path / "train_32x32.mat").write_bytes(b"another")
    with pytest.raises(UserError, match="SVHN is missing"):
        SOURCES["svhn"].load(tmp_path)
    assert read == []


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_the_files_of_an_old_torchvision_have_no_checksum_and_are_not_read(
    tmp_path, monkeypatch, no_network, name
):
    """They would win over the raw files, which were verified."""
    import torch

    data, ran = tmp_path / "data", tmp_path / "ran"
    write_mnist(data, monkeypatch, name)
    processed = data / name / "processed"
    processed.mkdir()
    for file in ("training.pt", "test.pt"):
        torch.save(Payload(ran), processed / file)
    source = {value: key for key, value in NAMES.items()}[name]
    with pytest.raises(UserError, match=f"{processed} holds files.*move that folder away"):
        SOURCES[source].load(data)
    assert not ran.exists()


@pytest.fixture
def served(tmp_path):
    """A local web server; returns the folder that it serves and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def escaping_archive(path, outside):
    """A tar with members outside the folder it is unpacked in: by .., absolute, by a link."""
    with tarfile.open(path, "w:gz") as tar:
        for name in ("../../escaped", str(outside / "absolute")):
            member = tarfile.TarInfo(name)
            member.size = 5
            tar.addfile(member, io.BytesIO(b"hello"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(link)
        member = tarfile.TarInfo("link/linked")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))


@pytest.mark.parametrize("checksum", ["published", "its own"])
def test_a_download_is_verified_before_it_is_unpacked_and_stays_in_its_folder(
    tmp_path, monkeypatch, served, checksum
):
    """Even one with the right checksum, which none but the published archive has, stays there."""
    import torchvision.datasets

    dataset = torchvision.datasets.CIFAR10
    folder, address = served
    outside, data = tmp_path / "outside", tmp_path / "a" / "b" / "data"
    outside.mkdir()
    escaping_archive(folder / dataset.filename, outside)
    monkeypatch.setattr(dataset, "url", f"{address}/{dataset.filename}")
    unpacked = []
    extract = tarfile.TarFile.extractall
    monkeypatch.setattr(
        tarfile.TarFile,
        "extractall",
        lambda tar, *arguments, **options: (
            unpacked.append(1) or extract(tar, *arguments, **options)
        ),
    )
    if checksum == "its own":
        if not hasattr(tarfile, "data_filter"):
            pytest.skip("before Python 3.11.4 the checksum stands alone")
        monkeypatch.setattr(dataset, "tgz_md5", md5((folder / dataset.filename).read_bytes()))
    with pytest.raises(UserError, match="CIFAR10 is missing"):
        SOURCES["cifar10"].load(data)
    assert bool(unpacked) == (checksum == "its own")
    assert list(outside.iterdir()) == []
    made = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*")}
    assert {str(path) for path in made} == {"b", "b/data", f"b/data/{dataset.filename}"}


def test_a_mirror_that_serves_another_file_is_not_unpacked(tmp_path, monkeypatch, served):
    import torchvision.datasets

    folder, address = served
    name = torchvision.datasets.MNIST.resources[0][0]
    (folder / name).write_bytes(gzip.compress(idx(np.zeros((7, 28, 28)))))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{address}/"])
    with pytest.raises(UserError, match="MNIST is missing.*corrupted"):
        SOURCES["mnist"].load(tmp_path / "data")
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert [path.name for path in raw.iterdir()] == [name]


def test_data_that_are_there_need_no_network(tmp_path, monkeypatch):
    write_mnist(tmp_path, monkeypatch, "MNIST")
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: asked.append(a))
    monkeypatch.setattr("torchvision.datasets.MNIST.download", lambda self: asked.append("asked"))
    SOURCES["mnist"].load(tmp_path)
    assert not asked


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("mnist", (60000, 10000, 28, 1, 10)),
        ("fashion_mnist", (60000, 10000, 28, 1, 10)),
        ("svhn", (73257, 26032, 32, 3, 10)),
        ("cifar10", (50000, 10000, 32, 3, 10)),
        ("cifar100", (50000, 10000, 32, 3, 100)),
    ],
)
def test_what_is_known_beforehand(source, known):
    entry = SOURCES[source]
    assert (entry.n, entry.n_test, entry.size, entry.channels, entry.classes) == known


def test_all_sources_are_registered():
    assert set(SOURCES) == {"digits", *TORCHVISION}


def test_grey_images_get_three_equal_channels():
    images = SOURCES["digits"].load(Path("nowhere"))
    three = with_channels(images, 3)
    assert three.train.shape == (1297, 16, 16, 3)
    assert three.test.shape == (500, 16, 16, 3)
    for channel in range(3):
        assert np.array_equal(three.train[..., channel], images.train[..., 0])
        assert np.array_equal(three.test[..., channel], images.test[..., 0])
    assert np.array_equal(with_channels(images, 1).train, images.train)
    assert three.train_labels is images.train_labels
