"""Checkpoints inside a job: a training that was killed goes on where it was, to the same bytes.

They are not among the job's declared outputs, since Snakemake deletes the outputs of a job that
failed. A checkpoint is one file: a line that names the format, a line with the SHA-256 of the
rest, and a safetensors block whose metadata hold, as JSON, the identity of the training and all
that is no array. Reading one runs no code. The newest two are kept, in case one is torn.
"""

import contextlib
import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from wholepool.job.errors import Interrupted
from wholepool.job.files import atomic
from wholepool.job.log import logger

MAGIC = b"wholepool checkpoint 2\n"
#: a scheduler's kill, its warning, Ctrl-C, a closed terminal: write a checkpoint at once, and end
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)

State = dict[str, Any]


class Checkpoints:
    """The checkpoints of one job, in a folder of its own.

    `identity` names everything that decides the training's result (settings, labels, stage
    version, ...), each by a short text or digest: a checkpoint of another identity is never used.
    One is written every `seconds`. Without a folder nothing is kept. After `load`, `resumed` is how
    often the training was resumed, and `spent` the seconds that the attempts before took.
    """

    def __init__(
        self, folder: str | Path | None, identity: Mapping[str, str], seconds: float = 300
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.identity, self.seconds = dict(identity), seconds
        self.resumed, self.spent = 0, 0.0
        self.began = self.written = time.monotonic()
        self.signal: signal.Signals | None = None
        self.before: bytes | None = None

    @property
    def key(self) -> str:
        """The identity as one digest, which the training's result carries.

        It leaves out the code's versions: the same weights, made again by newer code, must be the
        same bytes, else all that was trained from them would be trained again.
        """
        lasting = {name: value for name, value in self.identity.items() if name != "versions"}
        return digest(json.dumps(lasting, sort_keys=True))

    def files(self) -> list[Path]:
        """The checkpoints that are there, the newest first."""
        if self.folder is None:
            return []
        return sorted(self.folder.glob("checkpoint-*.wholepool"), key=number_of, reverse=True)

    def load(self) -> State | None:
        """The newest state that is whole and of this training, or None; others are set aside."""
        for path in self.files():
            try:
                header, state = unpacked(path.read_bytes())
                found, wanted = dict(header["identity"]), self.identity
            except (ValueError, KeyError, TypeError, OSError, safetensors.SafetensorError) as error:
                set_aside(path, f"it is not whole ({error})")
                continue
            if other := sorted(n for n in found | wanted if found.get(n) != wanted.get(n)):
                set_aside(path, f"it is of another training: {', '.join(other)} differ(s)")
                continue
            self.resumed, self.spent = header["resumed"] + 1, header["spent"]
            logger.info("going on from %s", path)
            return state
        return None

    def reached(self, state: Callable[[], State]) -> None:
        """Call it at each step: it writes a checkpoint if one is due, and stops if asked to.

        `state()` is all that the training needs to go on from here: a nested dict of tensors,
        arrays, and what JSON can hold. Raises Interrupted after a signal.
        """
        due = time.monotonic() - self.written >= self.seconds
        if self.folder is not None and (due or self.signal is not None):
            self.write(self.packed(state()))
        if self.signal is not None:
            raise Interrupted(self.signal.name)

    @contextlib.contextmanager
    def busy(self, state: Callable[[], State]) -> Iterator[None]:
        """Around a long computation: a signal ends it at once, and writes the state before."""
        if self.folder is None:
            yield
            return
        self.reached(state)
        self.before = self.packed(state())
        try:
            yield
        except Interrupted:
            before, self.before = self.before, None  # a second signal must not end the writing
            self.write(before)
            raise
        finally:
            self.before = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGNALS as a wish to write a checkpoint and stop; but after nohup, no SIGHUP."""
        if self.folder is None:
            yield
            return
        nohup = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
        handlers = {n: signal.signal(n, self.receive) for n in SIGNALS if n not in nohup}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        if self.before is not None:
            raise Interrupted(self.signal.name)

    def packed(self, state: State) -> bytes:
        spent = self.spent + time.monotonic() - self.began
        return packed({"identity": self.identity, "resumed": self.resumed, "spent": spent}, state)

    def write(self, content: bytes) -> None:
        """Write the next checkpoint and keep two. If that fails (a full disk), training goes on."""
        assert self.folder is not None
        self.written = time.monotonic()
        there = self.files()
        path = self.folder / f"checkpoint-{number_of(there[0]) + 1 if there else 0}.wholepool"
        try:
            with atomic(path) as temporary:
                temporary.write_bytes(content)
            for old in there[1:]:
                old.unlink(missing_ok=True)
            logger.debug("wrote %s", path)
        except OSError as error:
            logger.warning("%s could not be written: %s. Training goes on without it", path, error)

    def remove(self) -> None:
        """After success: remove all of them, and the folder if it is empty then."""
        if self.folder is None or not self.folder.exists():
            return
        for path in [*self.folder.glob("checkpoint-*"), *self.folder.glob(".checkpoint-*")]:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else stands in it
            self.folder.rmdir()


def number_of(path: Path) -> int:
    """The serial number in a checkpoint's name; -1 if it has none."""
    number = path.stem.removeprefix("checkpoint-")
    return int(number) if number.isdecimal() else -1


def set_aside(path: Path, reason: str) -> None:
    """Rename a checkpoint that is not to be used, and say so."""
    aside = path.with_suffix(".set-aside")
    try:
        path.replace(aside)
        logger.warning("%s is set aside as %s: %s", path, aside.name, reason)
    except OSError as error:  # it is not used either way
        logger.warning("%s is not used: %s. It could not be renamed (%s)", path, reason, error)


def digest(*parts: bytes | np.ndarray | str) -> str:
    """SHA-256, in hexadecimal, of parts in their order, each with its length."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            part = f"{part.dtype} {part.shape} ".encode() + part.tobytes()
        elif isinstance(part, str):
            part = part.encode()
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()


def packed(header: Mapping[str, Any], state: State) -> bytes:
    """A header that JSON can hold, and a state, as the bytes of a checkpoint."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps({"header": header, "state": flattened(state, tensors)})
    block = save(tensors, metadata={"json": text})
    return MAGIC + hashlib.sha256(block).hexdigest().encode() + b"\n" + block


def unpacked(content: bytes) -> tuple[dict[str, Any], State]:
    """The header and the state of `packed`. Raises ValueError and the like if they are torn."""
    if not content.startswith(MAGIC):
        raise ValueError("it does not begin as a checkpoint")
    checksum, _, block = content[len(MAGIC) :].partition(b"\n")
    if hashlib.sha256(block).hexdigest().encode() != checksum:
        raise ValueError("its checksum differs")
    size = int.from_bytes(block[:8], "little")
    whole = json.loads(json.loads(block[8 : 8 + size])["__metadata__"]["json"])
    return whole["header"], restored(whole["state"], load(block))


def flattened(value: Any, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON, its tensors and arrays moved to `tensors`, named by their numbers.

    A tensor keeps its strides: how the optimizer adds two depends, in the last bit, on whether
    they lie in memory alike.
    """
    if isinstance(value, Tensor | np.ndarray):
        kind = "array" if isinstance(value, np.ndarray) else "tensor"
        tensor, name = torch.as_tensor(value).detach(), str(len(tensors))
        tensors[name] = tensor.cpu().contiguous()
        return {kind: name, "stride": tensor.stride()}
    if isinstance(value, dict):
        return {"dict": {key: flattened(inner, tensors) for key, inner in value.items()}}
    if isinstance(value, list | tuple):
        return [flattened(inner, tensors) for inner in value]
    return value


def restored(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `flattened` was given; tuples have become lists."""
    if isinstance(value, list):
        return [restored(inner, tensors) for inner in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: restored(inner, tensors) for key, inner in value["dict"].items()}
    if "array" in value:
        return tensors[value["array"]].numpy()
    tensor = tensors[value["tensor"]]
    return torch.empty_strided(tensor.shape, value["stride"], dtype=tensor.dtype).copy_(tensor)


def random_state(rng: np.random.Generator, device: torch.device) -> State:
    """The random states that a training draws from: NumPy's generator, torch's on host and GPU."""
    state: State = {"numpy": rng.bit_generator.state, "torch": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: State, rng: np.random.Generator, device: torch.device) -> None:
    """Put them back. On another kind of device than before, dropout draws from a new state."""
    rng.bit_generator.state = state["numpy"]
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
