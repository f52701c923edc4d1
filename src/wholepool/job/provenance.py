"""What made a result: code, settings, data, versions, machine, seed and times.

The history of a training or pre-training has all of it in its metadata. `evaluate` copies what a
repetition would find again (`REPEATED`) into the metrics, without the times: so a training that was
resumed, or done twice, still ends in metrics of the same bytes.

What later trainings read (labeled sets, CEAL's pseudo-labels, pools, weights) carries neither
commit nor version: Snakemake knows such files by their content, and the same labels, made again by
newer code, must not cost weeks of training.
"""

import datetime
import functools
import hashlib
import importlib.metadata
import json
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wholepool import __version__

#: what the same job finds again when it is done again, on this machine
REPEATED = (
    *("commit", "settings", "settings_digest", "fingerprint", "draw_seed"),
    *("device", "threads", "precision", "wholepool", "torch", "numpy", "scipy", "python"),
)
#: what it does not
TIMES = ("started", "finished", "seconds", "resumed")


@functools.cache
def checkout() -> tuple[str, bool] | None:
    """The commit of the code that runs, and whether the code differs from it; None without git.

    Only what decides results counts as a difference: the package, the Snakefile and the rules. A
    repository that does not track the package, but only lies around it, is not meant.
    """
    here = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(here), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    try:
        git("ls-files", "--error-unmatch", "--", "__init__.py")
        commit = git("rev-parse", "--verify", "HEAD").strip()
        changed = git("status", "--porcelain", "--", ".", ":(top)Snakefile", ":(top)rules")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit, bool(changed.strip())


def commit() -> str:
    """The commit, followed by -dirty if the code differs from it; unknown without git."""
    found = checkout()
    return "unknown" if found is None else found[0] + "-dirty" * found[1]


def digest(settings: Any) -> str:
    """16 hex digits of the SHA-256 of settings as canonical JSON (RFC 8785: 1 equals 1.0)."""
    text = json.dumps(whole(settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def whole(value: Any) -> Any:
    """`value` with its whole floats as integers."""
    if isinstance(value, Mapping):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def of_settings(settings: Any, version: str) -> dict[str, str]:
    """The code and settings of an index set that no training reads: text by name.

    `version` is the stage's, with its plug-ins'.
    """
    text = json.dumps(settings, sort_keys=True)
    code = {"commit": commit(), "wholepool": __version__, "version": version}
    return code | {"settings": text, "settings_digest": digest(settings)}


def of_training(
    settings: Any,
    version: str,
    fingerprint: str,
    device: str,
    threads: int,
    precision: str,
    torch: str,
    **seeds: int,
) -> dict[str, str]:
    """`REPEATED` of a training or a pre-training, which has no seeds: text by name.

    `settings` is the slice of the configuration that the job was given, `version` the stage's with
    its plug-ins', `device` a GPU's name or cpu, `torch` its version, `seeds` the cell's seed and
    its draw_seed.
    """
    run = {"device": device, "threads": str(threads), "precision": precision, "torch": torch}
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy")}
    versions["python"] = platform.python_version()
    numbers = {name: str(seed) for name, seed in seeds.items()}
    return of_settings(settings, version) | {"fingerprint": fingerprint} | numbers | run | versions


def times(began: float, spent: float = 0.0, resumed: int = 0) -> dict[str, str]:
    """`TIMES` of a job that ends now: text by name.

    `began` is when this attempt did, by time.monotonic(); `spent` are the seconds of the attempts
    before, and `resumed` is how many there were. "started" is this attempt's, "seconds" are all
    attempts'; moments are ISO 8601, in UTC.
    """
    took, now = time.monotonic() - began, datetime.datetime.now(datetime.UTC)
    moments = now - datetime.timedelta(seconds=took), now
    started, finished = (moment.isoformat(timespec="seconds") for moment in moments)
    values = started, finished, f"{spent + took:.1f}", str(resumed)
    return dict(zip(TIMES, values, strict=True))


def differences(then: Any, now: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Every (dotted key, value then, value now) in which two settings differ; None: not there."""
    if not (isinstance(then, Mapping) and isinstance(now, Mapping)):
        return [] if then == now else [(key, then, now)]
    return [
        found
        for name in dict.fromkeys((*then, *now))
        for found in differences(then.get(name), now.get(name), f"{key}.{name}".lstrip("."))
    ]
