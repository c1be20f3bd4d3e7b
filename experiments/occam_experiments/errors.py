"""How a command ends: with one line and an exit code, which are those of Occam."""

import os
import sys
from collections.abc import Callable

USAGE, IO, DAMAGED, INTERNAL, INTERRUPTED = 2, 3, 4, 70, 130


class Failure(Exception):
    """Ends a command with one line and an exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def script_name() -> str:
    """The name that messages begin with."""
    return os.path.basename(sys.argv[0])


def run_script(main: Callable[[], None]) -> None:
    """Runs main(). What ends it is told in one line, with Occam's exit codes."""
    name = script_name()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except ModuleNotFoundError as error:
        print(f"{name}: needs {error.name}: install python3-{error.name}", file=sys.stderr)
        sys.exit(IO)
    except OSError as error:
        print(f"{name}: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(IO)
