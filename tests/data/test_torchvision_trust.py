"""Nothing that is not the published file is unpacked or read."""

import functools
import gzip
import io
import pickle
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from folders import NAMES, idx, md5, read, write_cifar, write_mnist, write_svhn
from toys import Payload

from wholepool.job.errors import UserError


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
        read(source, data)
    assert not ran.exists()
    pickle.loads(payload)
    assert ran.exists()  # so it would have


def test_a_mat_file_that_is_not_the_published_one_is_not_read(tmp_path, monkeypatch, no_network):
    write_svhn(tmp_path, monkeypatch)
    opened = []
    monkeypatch.setattr("scipy.io.loadmat", lambda path, **options: opened.append(Path(path).name))
    (tmp_path / "train_32x32.mat").write_bytes(b"another")
    with pytest.raises(UserError, match="SVHN is missing"):
        read("svhn", tmp_path)
    assert opened == []


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
        read(source, data)
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
        read("cifar10", data)
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
        read("mnist", tmp_path / "data")
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert [path.name for path in raw.iterdir()] == [name]


def test_data_that_are_there_need_no_network(tmp_path, monkeypatch):
    write_mnist(tmp_path, monkeypatch, "MNIST")
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: asked.append(a))
    monkeypatch.setattr("torchvision.datasets.MNIST.download", lambda self: asked.append("asked"))
    read("mnist", tmp_path)
    assert not asked
