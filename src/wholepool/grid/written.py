"""The files that each rule writes, by name, into the folder of its data set, PRE or cell."""

#: file by the name that the rule gives it, which is its option on the stage's command line
Files = dict[str, str]

#: what a job writes, by its rule
OUTPUTS: dict[str, Files] = {
    "data": {
        "pool": "pool.npy",
        "info": "pool.json",
        "made": "source.json",
        "files": "files.json",
        "oracle": "oracle.parquet",
        "test_images": "test_images.npy",
        "test_labels": "test_labels.npy",
    },
    "answered": {
        "out": "labeled.parquet",
        "aside": "aside.parquet",
        "described": "pool.json",  # with the classes that people have made by then
    },
    "label_all": {"out": "all_labels.parquet"},
    "initial": {"out": "labeled.parquet"},
    "pretrain": {
        "history": "history.parquet",
        "clusters": "clusters.npy",
        "cluster_epochs": "cluster_epochs.json",
        "out": "model.safetensors",
    },
    "features": {
        "history": "history.parquet",
        "test_features": "test_features.npy",
        "out": "features.npy",
    },
    "embed_pool": {"embeddings": "embeddings.npy"},
    "diagnose": {"out": "diagnosis.json"},
    "ask": {"out": "queries.parquet"},
    "label": {"out": "labeled.parquet"},
    "train": {"history": "history.parquet", "out": "model.safetensors"},
    "fit": {
        "history": "history.parquet",
        "head": "head.npy",
        "test_probabilities": "test_probabilities.npy",
        "pseudo_labels": "pseudo_labels.parquet",
    },
    "embed": {
        "embeddings": "embeddings.npy",
        "probabilities": "probabilities.npy",
        "test_probabilities": "test_probabilities.npy",
    },
    "read_head": {"head": "head.npy"},
    "predict_pool": {"out": "predicted.parquet"},
    "predict": {"test_probabilities": "predictions/test_probabilities.npy"},
    "propagate": {"out": "pseudo_labels.parquet"},
    "evaluate": {"out": "metrics.json"},
    "acquire": {"out": "queries.parquet"},
}
# of a data set whose labels come from people: which file each image is, and which gave none
OUTPUTS["data_of_people"] = {
    "images": "images.parquet",
    "rejected": "rejected.csv",
    "near": "near_duplicates.csv",
    **OUTPUTS["data"],
}
# what people get: where they look for it, and what the page asks
OUTPUTS["batch"] = {"out": "batch.json"}
OUTPUTS["standing"] = {
    "suspicious": "suspicious.csv",
    "status": "status.json",
    "out": "predictions.csv",
}
OUTPUTS["embed_initial"] = OUTPUTS["embed"]
OUTPUTS["propagate_initial"] = OUTPUTS["propagate"]
OUTPUTS["acquire_with_pseudo_labels"] = {
    "pseudo_labels": "acquired_pseudo_labels.parquet",
    **OUTPUTS["acquire"],
}
#: of these, what is removed when nothing reads it any more. Cycle 0 is shared by all strategies,
#: also by one that is added next month: were its embeddings temporary, making them again for the
#: newcomer would run the other strategies' acquisitions again, and all that follows. So
#: of cycle 0, one cell in every 1 + 4 S, they stay. (test_probabilities stay everywhere, for the
#: same reason: else measuring again would mean acquiring again.)
TEMPORARY = {"embed": ("embeddings", "probabilities")}

#: where each array that a strategy may need stands, in the cell's folder. (What the oracle has
#: answered, which it may need too, stands in the labeled set)
ARRAYS = OUTPUTS["embed"] | OUTPUTS["read_head"]


def placed(folder: str, rule: str) -> Files:
    """What a job of a rule writes, in its folder."""
    return {name: f"{folder}/{file}" for name, file in OUTPUTS[rule].items()}
