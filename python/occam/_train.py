"""Training of small models."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Union

from . import _command
from ._data import Buffer
from ._errors import UsageError
from ._model import Model
from ._progress import Progress, shown

Event = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """What a training made.

    Attributes
    ----------
    model : Model
        The model that codes.
    log : list of dict
        The run's log, an event each: "step" with step, bytes_seen, loss_bpb and so on, "validation"
        with bpb, and others.
    finished : bool
        False where the callback stopped it.
    checkpoint : Path or None
        The checkpoint, where there was an `out`.
    """

    model: Model
    log: list[Event] = field(repr=False)
    finished: bool
    checkpoint: Path | None

    @property
    def bits_per_byte(self) -> float | None:
        """The last validation, in bits a byte; None where nothing was validated."""
        found = [event["bpb"] for event in self.log if event["event"] == "validation"]
        return found[-1] if found else None


def train(
    data: Union[Buffer, str, "os.PathLike[str]"],
    out: Union[None, str, "os.PathLike[str]"] = None,
    *,
    params: Union[int, str] = "200K",
    minutes: float | None = None,
    bytes_seen: int | None = None,
    steps: int | None = None,
    callback: Callable[[Event], Any] | None = None,
    progress: Progress = None,
    threads: int = 0,
    command: str | None = None,
    **options: Any,
) -> Training:
    """Trains a small model, by the command `occam train`.

    Parameters
    ----------
    data : bytes-like, str or path
        What to learn from: bytes, or whatever --data of the command takes.
    out : str or path, optional
        The checkpoint to write, NAME.h5; model and log stand beside it. Without it only the model
        is kept, in memory.
    params : int or str
        Number of parameters, about: 200K, 800K, ...
    minutes, bytes_seen, steps : number, optional
        Length of the run, by one of them; 10 minutes without.
    callback : callable, optional
        Called with each event of the run's log, a dict. False from it stops the run, and what was
        learned so far is the result.
    progress : None, bool or callable
        See `compress`; it counts seconds, bytes or steps, as the length is given.
    threads : int
        0: one a processor. The weights do not depend on it.
    command : str, optional
        The program; without it what OCCAM_COMMAND names, or `occam` in the PATH.
    **options
        More options of the command, with underscores: context=256, batch=32, init="wiki-800K.occm",
        seed=7, keep_best=True.

    Returns
    -------
    Training
        The model, the log, and where the checkpoint is.

    Notes
    -----
    Training runs in a process of its own. Its libraries compute on stacks that no handler of
    signals may interrupt, and the module needs none of them.

    Examples
    --------
    >>> import occam
    >>> logs = b"".join(...)  # doctest: +SKIP
    >>> made = occam.train(logs, bytes_seen=6_000_000, context=256, batch=32)  # doctest: +SKIP
    >>> codec = occam.RecordCodec(made.model)  # doctest: +SKIP
    """
    lengths = {"minutes": minutes, "bytes_seen": bytes_seen, "steps": steps}
    given = {name: value for name, value in lengths.items() if value is not None}
    if len(given) > 1:
        raise UsageError(f"give one of {' and '.join(given)}")
    if out is not None and Path(out).suffix != ".h5":
        raise UsageError(f"the checkpoint is a file NAME.h5, not {out}")
    with tempfile.TemporaryDirectory(prefix="occam-train-") as work:
        checkpoint = Path(work) / "model.h5" if out is None else Path(out)
        if isinstance(data, (str, os.PathLike)):
            source = os.fspath(data)
        else:
            source = os.path.join(work, "data")
            with open(source, "wb") as file:
                file.write(data)
        wanted: dict[str, Any] = {"params": params, "threads": threads, **given, **options}
        log = checkpoint.with_suffix(".log.jsonl")
        before = log.stat().st_mtime_ns if log.exists() else None
        with shown(progress, _total(given), "training") as tell:
            follower = _Follower(log, before, callback, tell, next(iter(given), "minutes"))
            finished = _command.run(
                ["train", "--data", source, "--out", str(checkpoint), "-q", *_flags(wanted)],
                follower.look,
                command=command,
            )
        made = checkpoint.with_suffix(".occm")
        if not finished:
            export = ["inspect", str(checkpoint), "--export", str(made), "-f"]
            _command.run(export, lambda: True, command=command)
        model = Model(made)
        kept = None if out is None else checkpoint
    return Training(model, follower.events, finished, kept)


class _Follower:
    """Reads a log while it is written."""

    def __init__(
        self,
        path: Path,
        before: int | None,
        callback: Callable[[Event], Any] | None,
        tell: Callable[[int, int], None] | None,
        length: str,
    ) -> None:
        self.path, self.before, self.callback, self.tell = path, before, callback, tell
        self.place = {"minutes": "elapsed_s", "bytes_seen": "bytes_seen", "steps": "step"}[length]
        self.events: list[Event] = []
        self.file: IO[bytes] | None = None
        self.part = b""
        self.go_on = True

    def look(self) -> bool:
        """Passes on what is new. Returns whether the run goes on."""
        if self.file is None and self._is_new():
            self.file = open(self.path, "rb")
        if self.file is not None:
            *lines, self.part = (self.part + self.file.read()).split(b"\n")
            for line in lines:
                self._pass_on(json.loads(line))
        return self.go_on

    def _is_new(self) -> bool:
        return self.path.exists() and self.path.stat().st_mtime_ns != self.before

    def _pass_on(self, event: Event) -> None:
        self.events.append(event)
        if self.tell is not None and event["event"] == "step":
            done = int(event[self.place])
            self.tell(done, done)
        if self.callback is not None and self.callback(event) is False:
            self.go_on = False


def _total(given: dict[str, Any]) -> int:
    (name, value), *_ = list(given.items()) or [("minutes", 10)]
    return int(60 * value) if name == "minutes" else int(value)


def _flags(wanted: dict[str, Any]) -> list[str]:
    flags = []
    for name, value in wanted.items():
        if value is None or value is False:
            continue
        flags.append("--" + name.replace("_", "-"))
        if value is not True:
            flags.append(str(value))
    return flags
