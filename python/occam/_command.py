"""The installed command `occam`, for what the module leaves to it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO

from ._errors import CancelledError, Error, FileError, InternalError, of_kind

_INTERRUPTED = 130


def find(command: str | None) -> str:
    """The path of the program: as given, as OCCAM_COMMAND tells, or in PATH."""
    wanted = command or os.environ.get("OCCAM_COMMAND") or "occam"
    found = shutil.which(wanted)
    if found is None:
        raise FileError(
            f"there is no command {wanted!r}; build and install Occam (cmake --install), "
            "or set OCCAM_COMMAND to the path of the program"
        )
    return found


def run(
    arguments: Sequence[str], watch: Callable[[], bool], *, command: str | None = None
) -> bool:
    """Runs the command. Returns whether it came to its end, False where watch() stopped it.

    watch() is called ten times a second; False stops the command gently. What it raises, Ctrl-C
    included, ends the command within two seconds. A command that fails raises as calls do.
    """
    with tempfile.TemporaryFile() as errors:
        # A session of its own: a terminal's Ctrl-C reaches this process alone.
        process = subprocess.Popen(
            [find(command), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            stopped = False
            while process.poll() is None:
                time.sleep(0.1)
                if not watch() and not stopped:
                    process.send_signal(signal.SIGINT)
                    stopped = True
            watch()
        except BaseException:
            _end(process)
            raise
        if process.returncode == 0 or (stopped and process.returncode == _INTERRUPTED):
            return not stopped
        raise _failure(process.returncode, errors)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupts twice, the second time for good: the command stops at once at a later signal."""
    for patience in (1.2, 0.3):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
    if process.poll() is None:
        process.kill()
        process.wait()


def _failure(code: int, errors: IO[bytes]) -> Error:
    errors.seek(0)
    text = errors.read().decode(errors="replace").strip().removeprefix("occam: ")
    if code == _INTERRUPTED:
        return CancelledError(text or "the command was interrupted")
    if code < 0:
        return InternalError(f"the command was ended by {signal.Signals(-code).name}. {text}")
    return of_kind(code, text)
