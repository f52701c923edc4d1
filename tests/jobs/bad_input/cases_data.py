"""What can be wrong with sources and pools."""

import json
from typing import Any

import numpy as np
from commands import SETTINGS
from spoiling import (
    PICKLED,
    array,
    case,
    gone,
    in_json,
    mnist,
    nothing,
    of_other_pool,
    rewritten,
    text,
    torn,
)


def of_source(source: str, **wanted: Any) -> str:
    return json.dumps({"source": source, "pool": SETTINGS["pool"] | wanted})


DATA = [
    case("source that is not known", "data", nothing, settings=of_source("digit")).says(
        "source", "'digit'", "did you mean digits?"
    ),
    case(
        "more images than there are", "data", nothing, settings=of_source("digits", size=5000)
    ).says("pool.size", "5000", "only 1297 training images"),
    case(
        "two means for one channel", "data", nothing, settings=of_source("digits", mean=[0.1, 0.2])
    ).says("pool.mean", "2 values", "give one per channel"),
    case("settings that break off", "data", nothing, settings="{").says("--settings", "{", "JSON"),
    case("settings without a section", "data", nothing, settings='{"source": "digits"}').says(
        "--settings", "pool", "give"
    ),
    case("data_dir that is a file", "data", text("data", ""), settings=of_source("mnist")).says(
        "data", "is a file", "data_dir"
    ),
    case("data that are not there", "data", nothing, settings=of_source("mnist")).says(
        "MNIST", "no network in tests", "set data_dir to where it is"
    ),
    case(
        "wrong checksum",
        "data",
        mnist(("t10k-labels-idx1-ubyte", b"\0\0\x08\x01" * 9)),
        settings=of_source("mnist"),
    ).says("data/MNIST/raw/t10k-labels-idx1-ubyte", "MD5", "Delete it"),
    case(
        "truncated download",
        "data",
        mnist(("train-images-idx3-ubyte.gz", b"\x1f\x8b\x08\0\0\0\0\0")),
        settings=of_source("mnist"),
    ).says("MNIST", "no complete copy", "run the same command again"),
    case(
        "truncated archive",
        "data",
        lambda folder: (
            (folder / "data").mkdir(),
            (folder / "data" / "cifar-10-python.tar.gz").write_bytes(b"\x1f\x8b\x08\0half"),
        ),
        settings=of_source("cifar10"),
    ).says("CIFAR10", "no complete copy", "run the same command again"),
    case("images of mixed sizes", "data", nothing, settings=of_source("mixed")).says(
        "'mixed'", "sizes", "one size"
    ),
    case("test images of another size", "data", nothing, settings=of_source("other_test")).says(
        "'other_test'", "(5, 8, 8, 1)", "one size"
    ),
    case("images that are no bytes", "data", nothing, settings=of_source("floats")).says(
        "'floats'", "float64", "uint8"
    ),
    case("a label for nothing", "data", nothing, settings=of_source("short")).says(
        "'short'", "19 labels", "one label each"
    ),
    case("a label that is no class", "data", nothing, settings=of_source("eleventh")).says(
        "'eleventh'", "label 10", "10 classes"
    ),
]

POOLS = [
    case("no pool", "initial", gone("pool.npy")).says("pool.npy", "missing", "again"),
    case("half a pool", "initial", torn("pool.npy")).says("pool.npy", "not complete", "again"),
    case(
        "pool of pickles",
        "initial",
        array("pool.npy", lambda found: np.array([found, PICKLED], dtype=object)),
    ).says("pool.npy", "pickle", "again"),
    case("pool of another shape", "initial", array("pool.npy", lambda found: found[:50])).says(
        "pool.npy", "(50, 16, 16, 1)", "again"
    ),
    case("pool of another type", "initial", array("pool.npy", lambda found: found / 255)).says(
        "pool.npy", "float64", "again"
    ),
    case("torn description", "train", torn("pool.json")).says("pool.json", "complete", "again"),
    case("description without a key", "initial", in_json("pool.json", std=None)).says(
        "pool.json", "std", "again"
    ),
    case("description that is a list", "initial", text("pool.json", "[1, 2]")).says(
        "pool.json", "list", "again"
    ),
    case("description of no classes", "label_all", in_json("pool.json", class_names=[])).says(
        "pool.json", "class_names", "again"
    ),
    case("empty description", "label_all", text("pool.json", "")).says(
        "pool.json", "not a complete JSON file", "again"
    ),
    case("more initial labels than a class has", "initial", nothing, size=61).says(
        "initial", "61 labels need 7 images of class", "make initial smaller"
    ),
    case("negative initial labels", "initial", nothing, size=-5).says("--size", "-5", "at least 1"),
    case("hidden labels of other images", "initial", of_other_pool("oracle.parquet")).says(
        "oracle.parquet", "fingerprint", "made for this pool"
    ),
    case(
        "hidden labels of half the pool",
        "label_all",
        rewritten("oracle.parquet", "oracle", -1, -1, index=lambda i: i[::-1].copy()),
    ).says("oracle.parquet", "60 images", "run the same command again"),
]
