"""What is known of a grid's pools before they are there, from sources, networks and PREs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wholepool.grid import plan, slices, written
from wholepool.grid.sections import word_of
from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.job.files import load_array, read_object

if TYPE_CHECKING:
    from wholepool.learn.work import Work

#: what a source says of itself, if it knows all
KNOWN = {"n", "n_test", "size", "channels", "classes"}

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Pool:
    """What is known of a data set before it is there.

    `n` rows of `shape` in the pool, (H, W, C) of images or (d,) of features, and `n_test` to test
    on; `settings` are the data set's.
    """

    name: str
    n: int
    n_test: int
    shape: tuple[int, ...]
    classes: int
    settings: Settings = field(compare=False, repr=False)

    @cached_property
    def network(self) -> Mapping[str, int]:
        """Its network's dimensions, flops and bytes; UserError if its module does not say them."""
        settings = dict(self.settings["network"])
        plugin = registry.get("network", settings.pop("name"), "network.name")
        module = plugin.load()
        if not hasattr(module, "describe"):
            raise UserError(
                f"{plugin.path}: the network {plugin.name} does not say how large it is, so no "
                "cost can be told: add the function describe, see learn/networks/__init__.py"
            )
        return cast(Mapping[str, int], module.describe(self.shape, self.classes, settings))

    @property
    def fitted(self) -> bool:
        """Whether its network is fitted at once."""
        network = self.settings["network"]["name"]
        return bool(registry.get("network", network)["FITS"])


def pool_of(config: Settings, name: str, pre: str = "") -> Pool:
    """A data set's numbers: of its images, or of the features that a PRE gives of them.

    A source or a PRE that does not know them before it has looked has left them in its outputs.
    Raises UserError if these are not there.
    """
    dataset, results = config["datasets"][name], Path(config["results_dir"])
    known = registry.get("source", word_of(dataset["source"]))["KNOWN"]
    if set(known) >= KNOWN:
        n, size, channels = dataset["pool"]["size"] or known["n"], known["size"], known["channels"]
        shape = (size, size, channels if channels > 1 else dataset["pool"]["grey_channels"])
    else:
        info = results / plan.of_dataset(name, "info")["info"]
        require(
            info, f"datasets.{name}: the size of its source {word_of(dataset['source'])}", "data"
        )
        known = read_object(info, "n", "n_test", "height", "width", "channels", "classes")
        n, shape = known["n"], (known["height"], known["width"], known["channels"])
    pool = Pool(name, n, known["n_test"], shape, known["classes"], dataset)
    if not pre:
        return pool
    work = pretraining(pool, pre)
    if work.dimensions:
        return replace(pool, shape=(work.dimensions,))
    path = results / plan.pre_folder(name, pre) / written.OUTPUTS["features"]["out"]
    require(path, f"datasets.{name}: the size of the features of its PRE {pre}", "features")
    return replace(pool, shape=load_array(path, mapped=True).shape[1:])


def require(path: Path, what: str, stage: str) -> None:
    """Raise UserError, with the command that makes it, if a file is not there."""
    if not path.exists():
        raise UserError(
            f"{what} is not known before its {stage} stage has run: run `snakemake --cores 1 "
            f"{path}` first, with this grid"
        )


def pretraining(pool: Pool, pre: str) -> "Work":
    """What a PRE says that it does, if it says anything."""
    from wholepool.learn.work import Work

    module = registry.get("pretrain", pre).load()
    if not hasattr(module, "work"):
        return Work(unknown=f"PRE {pre}, which does not say how much it does")
    return cast(Work, module.work(pool.n, pool.classes, slices.pretrain(pool.settings, pre)))
