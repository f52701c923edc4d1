"""What can be wrong with weights and arrays."""

import json
import shutil

import numpy as np
from commands import with_settings
from spoiling import (
    PICKLED,
    array,
    case,
    gone,
    is_folder,
    not_finite,
    nothing,
    text,
    torn,
    weights,
    with_cell,
)

#: a strategy that reads the classifier
BALD = {
    **{"strategy": "bald", "cell": "tiny/semi/bald/0/0", "head": "head.npy"},
    "settings": json.dumps({"bald": {"passes": 3, "dropout": 0.5}}),
}
WEIGHTS = [
    case("no weights", "embed", gone("model.safetensors")).says(
        "model.safetensors", "is missing", "makes it"
    ),
    case("truncated weights", "embed", torn("model.safetensors")).says(
        "model.safetensors", "not a complete safetensors file", "delete it"
    ),
    case("pickle for weights", "train", text("theta.safetensors", PICKLED)).says(
        "theta.safetensors", "not a complete safetensors file", "delete it"
    ),
    case("wider network", "embed", weights("model.safetensors", width=0.125)).says(
        "model.safetensors", "width", "delete it"
    ),
    case(
        "network without weight norm", "train", weights("theta.safetensors", weight_norm=False)
    ).says("theta.safetensors", "weight_norm", "delete it"),
    case("weights that are no numbers", "embed", not_finite("model.safetensors")).says(
        "model.safetensors", "not finite", "delete it"
    ),
    case("pre-training that is no numbers", "train", not_finite("theta.safetensors")).says(
        "theta.safetensors", "not finite", "delete it"
    ),
    case("folder for weights", "embed", is_folder("model.safetensors")).says(
        "model.safetensors", "Is a directory", "move it away"
    ),
]

ARRAYS = [
    case("no test images", "embed", gone("test_images.npy")).says(
        "test_images.npy", "is missing", "again"
    ),
    case(
        "larger test images",
        "embed",
        array("test_images.npy", lambda found: np.repeat(np.repeat(found, 2, 1), 2, 2)),
    ).says("test_images.npy", "(500, 32, 32, 1)", "again"),
    case(
        "test images of floats", "embed", array("test_images.npy", lambda found: found / 255)
    ).says("test_images.npy", "float64", "again"),
    case("no embeddings", "propagate", gone("embeddings.npy")).says(
        "embeddings.npy", "is missing", "again"
    ),
    case("NaN in the embeddings", "propagate", array("embeddings.npy", with_cell(3, np.nan))).says(
        "embeddings.npy", "image 3", "sup.lr or semi.lr smaller"
    ),
    case("NaN for CoreSet", "acquire", array("embeddings.npy", with_cell(3, np.nan))).says(
        "embeddings.npy", "image 3", "sup.lr or semi.lr smaller"
    ),
    case("infinite embedding", "acquire", array("embeddings.npy", with_cell(4, np.inf))).says(
        "embeddings.npy", "image 4", "sup.lr or semi.lr smaller"
    ),
    case("all-zero embeddings", "propagate", array("embeddings.npy", lambda found: found * 0)).says(
        "embeddings.npy", "image 0 (and 59 more)", "sup.lr or semi.lr smaller"
    ),
    case(
        "embeddings of too few images", "acquire", array("embeddings.npy", lambda found: found[:50])
    ).says("embeddings.npy", "(50, 8)", "again"),
    case("flat embeddings", "propagate", array("embeddings.npy", lambda found: found.ravel())).says(
        "embeddings.npy", "(480,)", "again"
    ),
    case(
        "embeddings of another type",
        "propagate",
        array("embeddings.npy", lambda found: found.astype(np.float64)),
    ).says("embeddings.npy", "float64", "again"),
    case("half the embeddings", "acquire", torn("embeddings.npy")).says(
        "embeddings.npy", "not a complete", "again"
    ),
    case(
        "embeddings of pickles",
        "acquire",
        array("embeddings.npy", lambda found: np.array([None, PICKLED], dtype=object)),
    ).says("embeddings.npy", "pickle", "again"),
    case("no weights to read", "read_head", gone("model.safetensors")).says(
        "model.safetensors", "is missing", "makes it"
    ),
    case("no classifier", "acquire", nothing, **(BALD | {"head": None})).says(
        "--head", "bald", "give"
    ),
    case(
        "a classifier of other classes", "acquire", array("head.npy", lambda h: h[:9]), **BALD
    ).says("head.npy", "(9, 9)", "again"),
    case(
        "a classifier of wider embeddings", "acquire", array("head.npy", lambda h: h[:, 1:]), **BALD
    ).says("head.npy", "(10, 8)", "again"),
    case("NaN in the classifier", "acquire", array("head.npy", with_cell(3, np.nan)), **BALD).says(
        "head.npy", "not finite", "sup.lr or semi.lr smaller"
    ),
    case(
        "k of all images", "propagate", nothing, settings=with_settings(propagation={"k": 60})
    ).says("propagation.k", "60", "below"),
    case(
        "probabilities of other classes",
        "acquire",
        array("probabilities.npy", lambda found: found[:, :9]),
        strategy="uncertainty",
        probabilities="probabilities.npy",
    ).says("probabilities.npy", "(60, 9)", "again"),
    case(
        "probabilities that are no numbers",
        "acquire",
        array("probabilities.npy", with_cell(2, np.nan)),
        strategy="uncertainty",
        probabilities="probabilities.npy",
    ).says("probabilities.npy", "row 2", "again"),
    case(
        "probabilities that are logits",
        "evaluate",
        array("test_probabilities.npy", lambda found: np.log(found)),
    ).says("test_probabilities.npy", "row 0", "again"),
    case(
        "predictions of too few images",
        "evaluate",
        array("test_probabilities.npy", lambda found: found[:499]),
    ).says("test_probabilities.npy", "(499, 10)", "again"),
    case(
        "test label that is no class", "evaluate", array("test_labels.npy", with_cell(0, 10))
    ).says("test_labels.npy", "label 10", "again"),
    case("no test labels", "evaluate", gone("test_labels.npy")).says(
        "test_labels.npy", "is missing", "again"
    ),
    case(
        "clusters of too few images", "diagnose", array("clusters.npy", lambda found: found[:, :50])
    ).says("clusters.npy", "(1, 50)", "again"),
    case("torn list of epochs", "diagnose", text("cluster_epochs.json", "[0,")).says(
        "cluster_epochs.json", "complete", "again"
    ),
    case("epochs of other clusters", "diagnose", text("cluster_epochs.json", "[0, 1]")).says(
        "cluster_epochs.json", "[0, 1]", "again"
    ),
    case("torn history", "evaluate", torn("history.parquet")).says(
        "history.parquet", "not a complete Parquet file", "again"
    ),
    case(
        "history of another table",
        "evaluate",
        lambda folder: shutil.copy(folder / "queries.parquet", folder / "history.parquet"),
    ).says("history.parquet", "device", "again"),
]
