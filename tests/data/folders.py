"""torchvision's folders in tiny: written as it lays them out, with their checksums."""

import hashlib
import pickle

import numpy as np
import scipy.io

from wholepool.data.sources import _torchvision
from wholepool.job import registry

RNG = np.random.default_rng(0)
TORCHVISION = ["mnist", "fashion_mnist", "svhn", "cifar10", "cifar100"]
NAMES = dict(
    zip(TORCHVISION, ["MNIST", "FashionMNIST", "SVHN", "CIFAR10", "CIFAR100"], strict=True)
)


def read(source, data_dir):
    """What a source reads, before anything compares it with what is known of the true one."""
    return registry.get("source", source).load().read({}, data_dir)


def idx(array):
    """An array in the idx format: a magic number, the sizes, the bytes."""
    header = (0x0800 + array.ndim).to_bytes(4, "big")
    header += b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


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
    monkeypatch.setitem(_torchvision.UNPACKED_MD5, name, sums)
    return arrays


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
