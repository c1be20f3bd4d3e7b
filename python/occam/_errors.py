"""What calls raise: one exception a kind, all of them `occam.Error`."""


class Error(Exception):
    """A call failed. The text is one sentence: what, where, and what to do.

    The subclasses tell the kind. Most are also the built-in exception that one would expect.
    """


class UsageError(Error, ValueError):
    """The call asks for something that cannot be."""


class FileError(Error, OSError):
    """Reading or writing failed, or a program could not be run."""


class DamagedError(Error, ValueError):
    """The data is damaged, foreign, or belongs to another model."""


class OutOfMemoryError(Error, MemoryError):
    """There was not enough memory, or the call's own limit of it is too low."""


class CancelledError(Error):
    """The caller asked to stop."""


class InternalError(Error, RuntimeError):
    """A bug of Occam: please report it."""


_KINDS: dict[int, type[Error]] = {
    2: UsageError,
    3: FileError,
    4: DamagedError,
    5: OutOfMemoryError,
    6: CancelledError,
}


def of_kind(kind: int, message: str) -> Error:
    """The exception of a kind of the library, or of an exit code of a command."""
    return _KINDS.get(kind, InternalError)(message)
