"""A folder of images that is being labeled: its config, and what stands where."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wholepool.grid import people
from wholepool.grid.config import resolve
from wholepool.grid.written import placed
from wholepool.job.errors import UserError
from wholepool.job.yaml import read_yaml
from wholepool.labeling import journal
from wholepool.labeling.lines import Line


@dataclass(frozen=True)
class Project:
    """What a config says, all paths relative to its folder, which is the working directory.

    `folder` holds the images, `journal` the answers; `name` is its one experiment's, `cycles` are
    those that are closed.
    """

    config: Path
    settings: Mapping[str, Any]
    name: str
    dataset: str
    folder: Path
    journal: Path

    @property
    def cycles(self) -> int:
        return int(self.settings["experiments"][self.name]["cycles"])

    def lines(self) -> list[Line]:
        """The journal's valid lines."""
        return journal.read(self.journal)[0]

    def made(self, rule: str) -> dict[str, Path]:
        """The files of a rule for people, or for the data set."""
        place = f"datasets/{self.dataset}" if rule == "data_of_people" else f"people/{self.name}"
        below = Path(self.settings["results_dir"])
        return {name: below / path for name, path in placed(place, rule).items()}


def opened(given: str | None) -> Project:
    """The project of a config; without one, of the only config here. Its folder becomes the cwd.

    Raises UserError if there is none, or several, or it asks nobody.
    """
    from wholepool.data.sources.folder import expanded

    config = Path(given) if given else only_one()
    if not config.is_file():
        raise UserError(
            f"{config} is not there: name the config, or make one by wholepool new FOLDER"
        )
    os.chdir(config.parent)
    config = Path(config.name)
    settings = resolve(read_yaml(config))
    asking = people.asking(settings)
    if len(asking) != 1:
        raise UserError(
            f"{config} has {len(asking)} experiments in which people are asked, but one is wanted: "
            "take a config that wholepool new has made"
        )
    ((name, experiment),) = asking.items()
    dataset = settings["datasets"][experiment["dataset"]]
    below = Path(settings["data_dir"])
    return Project(
        config,
        settings,
        name,
        experiment["dataset"],
        below / expanded(dataset["source"]["path"]),
        below / dataset["oracle"]["answers"],
    )


def only_one() -> Path:
    """The one config in the working directory in which people are asked."""
    here = sorted(Path().glob("*.y*ml"))
    found = [path for path in here if asks(path)] or (here if len(here) == 1 else [])
    if len(found) == 1:  # perhaps a file with a slip: whoever reads it says which
        return found[0]
    if not found:
        above = Path(f"{Path.cwd()}.yaml")
        where = f"go to {above.parent}" if asks(above) else "go to where it is, name it"
        raise UserError(
            f"no config of a folder to be labeled is here: {where}, or make one by wholepool new "
            "FOLDER"
        )
    names = ", ".join(map(str, found))
    raise UserError(f"several folders are labeled from here, by {names}: name one of these")


def reported(given: str | None) -> Path:
    """The config whose results are reported: the one given, Snakemake's own, or the only project.

    A project's folder becomes the cwd, as in `opened`; other configs are meant from the cwd, as
    Snakemake means them. Raises UserError if there is none.
    """
    config = Path(given or "config.yaml")
    if not given and not config.is_file():
        config = only_one()
    if not config.is_file():
        raise UserError(f"{config} is not there: name the config, wholepool report CONFIG")
    if asks(config):
        os.chdir(config.parent)
        return Path(config.name)
    return config


def told_report(project: Project) -> str:
    """Write the report of a project as it stands; where it is, or why it is not there.

    Whatever fails is told and no error: the next batch is picked by then, and does not need it.
    """
    from wholepool.report.standing import written

    try:
        return f"All of this on one page, with images: {written(project.config)}"
    except Exception as error:
        return f"The report could not be written: {' '.join(str(error).split()) or repr(error)}"


def asks(path: Path) -> bool:
    """Whether a file looks like the config of a project; nothing that it holds is an error."""
    try:
        datasets: Any = read_yaml(path)["datasets"]
        oracles = [own["oracle"] for own in datasets.values() if "oracle" in own]
    except (UserError, AttributeError, KeyError, TypeError):
        return False
    return any(isinstance(one, dict) and one.get("name") == "journal" for one in oracles)
