"""Mistakes that a user can mend, each told in one line: what, what was expected, what to do."""

import difflib
from collections.abc import Iterable


class PosekitError(Exception):
    """Base of every error that posekit raises on purpose.

    IPython asks an exception for ``_render_traceback_``; answering with the message alone keeps
    the cause readable in notebooks, where frames of library code would bury it.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class DatasetNotFound(PosekitError):
    """Files of a data set are not on disk; the message lists them and how to get them."""


class InvalidData(PosekitError):
    """A file or an array does not hold what its format or its name promises."""


class DataChanged(InvalidData):
    """Files of a data set are not what they were when a run was planned."""


class InvalidCheckpoint(PosekitError):
    """A checkpoint is corrupt, unsafe, or belongs to another network."""


class InvalidParameter(PosekitError):
    """An option, a name or a value that posekit does not know."""


class InvalidSnapshot(PosekitError):
    """The state of an interrupted training that is unreadable, or that of another run."""


class StorageError(PosekitError):
    """A folder cannot be written: read-only, full, or locked by another process."""


class RunFailedError(PosekitError):
    """One or more runs of a study failed; the others are kept."""


def unknown(kind: str, value: object, choices: Iterable[str]) -> str:
    """One line about a name that is not among the choices: the nearest valid one, and all."""
    choices = list(choices)
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {value!r}; {hint}choose one of: {', '.join(choices)}."


def check_count(name: str, value: object) -> None:
    """Refuse a number of frames, samples or steps below 1.

    Raises:
        InvalidParameter: no whole number from 1.
    """
    if type(value) is not int or value < 1:
        raise InvalidParameter(f"{name} is {value!r:.60}; give a whole number from 1.")
