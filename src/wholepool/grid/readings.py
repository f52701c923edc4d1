"""Each key of the config, beside the paper: fixed by it, open to readings, or of no weight.

A run must have what the paper FIXES, and take one of the READINGS where the paper is silent or its
public code differs; else it is not the paper's cell. ADDRESS says which cell a run is, NO_RESULT
changes none. Every key stands in one of the four (a test walks the schema). The first value is
that of workflow/grids/paper.yaml. [5] is DeepCluster, whose settings the paper follows, as it does
those of [33], mean teachers.
"""

from typing import Any, NamedTuple


class Reading(NamedTuple):
    """A value that may stand for a key, and whose it is."""

    value: Any
    whose: str


TEXT, CODE, BOTH = "the text", "public code", "text and public code"
OF_5, SILENT = "[5]", "ours, the text is silent"

#: by the text or by what it follows, and by the public code alike; two values if results are equal
FIXED: dict[str, tuple[Any, ...]] = {
    "oracle.name": ("hidden",),
    "pre_drawn": ("once",),  # "performed only once at the beginning", Section VI-C
    "pool.copies": ("keep",),  # Table I has all images
    "network.name": ("conv13",),
    "network.width": (1,),
    "network.dropout": (0.5,),
    "network.logit_scale": (1,),
    "network.weight_norm": (True,),  # the network "used previously in [18]" has it
    "network.precision": ("float32",),
    "augment.translate": (4,),
    "augment.flip": (True,),
    "optimizer.momentum": (0.9,),
    "optimizer.nesterov": (True,),  # "all other parameters follow [33]"
    "optimizer.weight_decay": (0.0002,),
    "sup.epochs": (200,),
    "sup.batch_size": (32,),
    "sup.lr": (0.2,),
    "sup.cosine_period": (1.05,),
    "semi.epochs": (200,),
    "semi.batch_size": (128,),
    "semi.labeled_size": (50,),
    "semi.lr": (0.2,),
    "semi.cosine_period": (1.05,),
    "semi.epoch_share": (0.5,),
    "propagation.k": (50,),
    # in the paper's pools, auto is exact
    "propagation.search": ("auto", "exact"),
    "propagation.gamma": (3,),
    "propagation.alpha": (0.99,),
    "propagation.tolerance": (1e-6,),
    "deepcluster.momentum": (0.9,),
    "deepcluster.empty_clusters": ("split",),  # as faiss, which [5] and the public code use
    "deepcluster.pixel_epochs": (0,),
    "deepcluster.reassign_steps": (0,),
    "ceal.threshold": (0.1,),  # (7) gives no number: the public code's
    "ceal.decay": (0.00033,),
}
#: where Table I and Section VI-A give a data set numbers of its own
FIXED_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    "mnist": {"sup.batch_size": (10,), "semi.batch_size": (64,), "semi.labeled_size": (10,)}
}
#: where the paper is silent, or its public code differs from its text (docs/deviations.md)
READINGS: dict[str, tuple[Reading, ...]] = {
    "seed_moves": (Reading("all", SILENT), Reading("initial", CODE)),
    "pool.grey_channels": (Reading(1, SILENT), Reading(3, CODE)),
    "augment.embedding_view": (Reading("plain", SILENT), Reading("augmented", CODE)),
    "sup.drop_last": (Reading(False, SILENT), Reading(True, CODE)),
    "semi.labeled_draw": (Reading("permutations", CODE), Reading("replacement", TEXT)),
    "semi.draw": (Reading("replacement", TEXT), Reading("distinct", CODE)),
    "semi.first_epochs": (Reading(1, TEXT), Reading(2, CODE)),
    "semi.drop_last": (Reading(False, SILENT), Reading(True, CODE)),
    "semi.weighted_loss": (Reading(False, TEXT), Reading(True, CODE)),
    "propagation.clip": (Reading(True, TEXT), Reading(False, CODE)),
    "propagation.graph": (Reading("reciprocal", TEXT), Reading("union", CODE)),
    "propagation.labels": (Reading("onehot", TEXT), Reading("class_mean", CODE)),
    "propagation.max_iterations": (Reading(100, SILENT), Reading(20, CODE)),
    "propagation.normalize_weights": (Reading(False, TEXT), Reading(True, CODE)),
    "deepcluster.epochs": (Reading(250, TEXT), Reading(400, CODE)),
    "deepcluster.batch_size": (Reading(128, CODE), Reading(256, OF_5)),
    "deepcluster.lr": (Reading(0.02, CODE), Reading(0.05, OF_5)),
    "deepcluster.lr_decay": (Reading("cosine", CODE), Reading("constant", OF_5)),
    "deepcluster.nesterov": (Reading(True, CODE), Reading(False, OF_5)),
    "deepcluster.weight_decay": (Reading(0.0002, CODE), Reading(0.00001, OF_5)),
    "deepcluster.clusters_per_class": (Reading(10, OF_5), Reading(5, CODE)),
    "deepcluster.kmeans_iterations": (Reading(20, OF_5), Reading(10, CODE)),
    "deepcluster.kmeans_start": (Reading("new", OF_5), Reading("same", CODE)),
    "deepcluster.drop_last": (Reading(False, SILENT), Reading(True, CODE)),
    "deepcluster.head": (Reading("reset", OF_5), Reading("keep", CODE)),
    "deepcluster.sampling": (Reading("clusters", OF_5), Reading("images", CODE)),
    "deepcluster.pca": (Reading(None, CODE), Reading(256, OF_5)),
    "deepcluster.whiten": (Reading(False, CODE), Reading(True, OF_5)),
    "ceal.join": (Reading(True, TEXT), Reading(False, CODE)),
    "jlp.graph": (Reading("union", CODE), Reading("reciprocal", TEXT)),
}
#: Algorithm 1 has SUP before SEMI, the public code has none
BEFORE_SEMI = {"sup.epochs": (Reading(200, TEXT), Reading(0, CODE))}

_CIFAR = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])  # of CIFAR-10, for CIFAR-100 too
_CONSTANTS = {
    "mnist": ([0.1307], [0.3081]),
    "svhn": ([0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]),
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
}

#: the sources of the paper's data sets
PAPERS = tuple(_CONSTANTS)

#: which data set, budget, method, strategy, seed and cycle a run is of; and what of it there is:
#: `pool.n`, `pool.n_test` and `initial` are compared with Table I
ADDRESS = {
    *("dataset", "budget", "initial", "cycles", "seeds", "source.name"),
    *("pool.size", "pool.sampling", "pool.seed"),
    *("methods.labels", "methods.pre", "methods.semi", "methods.strategies"),
}
#: how jobs run, what is drawn beside the results, and what only a refused search reads
NO_RESULT = {
    *("results_dir", "data_dir", "device", "pool_memory_mb", "checkpoint_seconds", "threads"),
    *("tables.ablation_strategies", "tables.drop_seeds", "published_accuracy"),
    "propagation.recall",
}


def fixed(source: str) -> dict[str, tuple[Any, ...]]:
    """FIXED for a data set of the paper."""
    return {**FIXED, **FIXED_OF.get(source, {})}


def readings(source: str, semi: bool) -> dict[str, tuple[Reading, ...]]:
    """READINGS for a data set of the paper, of methods with SEMI or without."""
    found = dict(READINGS)
    for key, constant in zip(("pool.mean", "pool.std"), _CONSTANTS.get(source, ()), strict=False):
        # a gray image may stand three times
        repeated = (Reading(constant * 3, CODE),) if len(constant) == 1 else ()
        found[key] = (Reading(constant, CODE), *repeated, Reading(None, SILENT))
    return {**found, **BEFORE_SEMI} if semi else found
