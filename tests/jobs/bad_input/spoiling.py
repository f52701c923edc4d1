"""Ways to spoil a file, and what a case is made of."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from commands import ORACLE, POOL, SETTINGS, command, with_settings

from wholepool import __main__ as cli

Spoil = Callable[[Path], Any]


def nothing(folder: Path) -> None:
    """The command line alone is wrong."""


def gone(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def torn(name: str, share: float = 0.5) -> Spoil:
    """Half-written: the first part of the file."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return spoil


def text(name: str, content: str | bytes) -> Spoil:
    """The file holds something else."""
    content = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(content)


def is_folder(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)

    return spoil


def array(name: str, change: Callable[[np.ndarray], Any]) -> Spoil:
    """Change the array of a .npy file."""

    def spoil(folder: Path) -> None:
        found = np.load(folder / name)
        changed = change(found.copy())
        np.save(folder / name, found if changed is None else changed, allow_pickle=True)

    return spoil


def with_cell(row: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Put a value into a row of an array."""

    def change(found: np.ndarray) -> np.ndarray:
        found[row] = value
        return found

    return change


def columns(name: str, drop: tuple[str, ...] = (), **changes: Any) -> Spoil:
    """Change the columns of an index set as none of our writers does; its metadata stay."""

    def spoil(folder: Path) -> None:
        table = pq.read_table(folder / name)
        arrays = {key: table.column(key) for key in table.column_names if key not in drop}
        for key, change in changes.items():
            arrays[key] = change(table.column(key).to_numpy().copy())
        changed = pa.table(arrays).replace_schema_metadata(table.schema.metadata)
        pq.write_table(changed, folder / name)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        for each in spoils:
            each(folder)

    return spoil


def metadata(name: str, **changes: str) -> Spoil:
    new = {key.encode(): value.encode() for key, value in changes.items()}

    def spoil(folder: Path) -> None:
        table = pq.read_table(folder / name)
        pq.write_table(table.replace_schema_metadata(table.schema.metadata | new), folder / name)

    return spoil


def rewritten(name: str, kind: str, seed: int, at: int, /, **changes: Any) -> Spoil:
    """An index set that is right as such, of the columns as they are changed."""
    from wholepool.data.indexsets import read_index_set, write_index_set
    from wholepool.data.pool import read_pool

    def spoil(folder: Path) -> None:
        pool = read_pool(folder / "pool.npy", folder / "pool.json")
        found = read_index_set(folder / name, kind, pool)
        found |= {key: change(found[key].copy()) for key, change in changes.items()}
        write_index_set(folder / name, kind, found, pool, seed, at)

    return spoil


def of_other_pool(name: str) -> Spoil:
    """The file that the same stage makes for other images of the same shape and number."""

    def spoil(folder: Path) -> None:
        other = folder / "other"
        other.mkdir()
        settings = with_settings(pool={"seed": 1})
        assert cli.main(command("data", out="other/", settings=settings)) == 0
        shutil.copy(other / "oracle.parquet", folder / name)
        if name == "labeled.parquet":
            its = {key: f"other/{path}" for key, path in {**POOL, **ORACLE}.items()}
            assert cli.main(command("initial", **its)) == 0

    return spoil


def first_is(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    return with_cell(0, value)


def in_json(name: str, **changes: Any) -> Spoil:
    """Change keys of a JSON file; None drops one."""

    def spoil(folder: Path) -> None:
        found = json.loads((folder / name).read_text()) | changes
        kept = {key: value for key, value in found.items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return spoil


def in_text(name: str, before: str, after: str) -> Spoil:
    def spoil(folder: Path) -> None:
        content = (folder / name).read_text()
        assert before in content
        (folder / name).write_text(content.replace(before, after, 1))

    return spoil


def config(path: str, value: Any) -> Spoil:
    """The grid with one key, given with slashes, set to a value."""

    def spoil(folder: Path) -> None:
        grid = yaml.safe_load((folder / "grid.yaml").read_text())
        place = grid
        *above, last = path.split("/")
        for key in above:
            place = place.setdefault(key, {})
        place[last] = value
        (folder / "grid.yaml").write_text(yaml.safe_dump(grid))

    return spoil


def weights(name: str, **settings: Any) -> Spoil:
    """The weights of a network with other settings."""

    def spoil(folder: Path) -> None:
        from wholepool.grid.sections import own_of
        from wholepool.learn.networks.conv13 import Network
        from wholepool.learn.weights import save_weights

        network = Network(1, 10, **own_of(SETTINGS["network"]) | settings)
        save_weights(folder / name, network.state_dict())

    return spoil


def not_finite(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        from wholepool.learn.weights import load_weights, save_weights

        state = load_weights(folder / name)
        key = next(key for key in state if key.startswith("trunk."))
        state[key] = state[key] * float("nan")
        save_weights(folder / name, state)

    return spoil


def mnist(*spoils: tuple[str, bytes]) -> Spoil:
    """Files where torchvision looks for MNIST, none of them as published."""

    def spoil(folder: Path) -> None:
        raw = folder / "data" / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, content in spoils:
            (raw / name).write_bytes(content)

    return spoil


PICKLED = pickle.dumps({"weights": [1, 2, 3]})


class Case(NamedTuple):
    """What is wrong, the stage that is run, how its input is spoiled, and what must be said."""

    name: str
    stage: str
    spoil: Spoil
    options: dict[str, Any]
    said: tuple[str | re.Pattern[str], ...] = ()

    def says(self, *parts: str | re.Pattern[str]) -> "Case":
        """The case with the parts of its message: file or key, value, and remedy."""
        assert len(parts) == 3
        return self._replace(said=parts)


def case(name: str, stage: str, spoil: Spoil, **options: Any) -> Case:
    return Case(name, stage, spoil, options)


def require_said(case: Any, message: str) -> None:
    """Each part of the case is in the message."""
    assert len(case.said) == 3
    for part in case.said:
        there = part in message if isinstance(part, str) else part.search(message)
        assert there, f"{part!r} is not said in: {message}"
