"""Progress: a line for each finished piece of work, and on a terminal a bar below them."""

import sys
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Counts pieces of work. Its lines go to standard error, as tables go to standard output."""

    def __init__(self, total: int, done: int = 0) -> None:
        # disable=None: no bar where standard error is a file or a pipe.
        self.bar = tqdm(total=total, initial=done, disable=None, leave=False, file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.bar.close()

    def tell(self, line: str, pieces: int = 1) -> None:
        """Prints a line and counts `pieces` as done."""
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()
        self.bar.update(pieces)
