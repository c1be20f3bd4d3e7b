"""Progress of long calls: a bar of tqdm where that is installed, in a terminal or a notebook."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional, Union

# None: a bar in notebooks, for calls of more than two seconds. True, False: a bar, or none. Else a
# function that is called some ten times a second with the bytes done and their number, which is
# None where nobody knows it.
Progress = Union[None, bool, Callable[[int, Optional[int]], Any]]

_PATIENCE_S = 2.0


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and type(running).__name__ == "ZMQInteractiveShell"


class _Line:
    """A line on standard error, where tqdm is missing."""

    def __init__(self, total: int | None, what: str) -> None:
        self.total, self.what, self.shown = total, what, False

    def move(self, done: int) -> None:
        share = f" {100 * done / self.total:5.1f} %" if self.total else ""
        print(f"\r{self.what}: {done / 1e6:.1f} MB{share}", end="", file=sys.stderr, flush=True)
        self.shown = True

    def close(self) -> None:
        if self.shown:
            print(file=sys.stderr)


class _Bar:
    """tqdm's bar."""

    def __init__(self, total: int | None, what: str) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(total=total, desc=what, unit="B", unit_scale=True, leave=False)

    def move(self, done: int) -> None:
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        self.bar.close()


def _make(total: int | None, what: str) -> "_Bar | _Line":
    try:
        return _Bar(total, what)
    except ImportError:
        return _Line(total, what)


@contextlib.contextmanager
def shown(
    progress: Progress, total: int | None, what: str, of_file: bool = False
) -> Iterator[Callable[[int, int], None] | None]:
    """What the core tells bytes done, (original, file); `of_file`: the total is the file's."""
    if callable(progress):
        tell = progress
        yield lambda original, file: _stop_if_false(tell(file if of_file else original, total))
        return
    if progress is False or (progress is None and not _in_notebook()):
        yield None
        return
    start = time.monotonic()
    bar: _Bar | _Line | None = None

    def move(original: int, file: int) -> None:
        nonlocal bar
        if bar is None and progress is None and time.monotonic() - start < _PATIENCE_S:
            return
        if bar is None:
            bar = _make(total, what)
        bar.move(file if of_file else original)

    try:
        yield move
    finally:
        if bar is not None:
            bar.close()


def _stop_if_false(answer: Any) -> None:
    if answer is False:
        from ._errors import CancelledError

        raise CancelledError("the progress function asked to stop")
