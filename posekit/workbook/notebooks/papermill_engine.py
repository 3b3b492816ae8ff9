"""Mistakes told in one line when a notebook is run by papermill itself.

papermill loads the engines of installed packages when it starts (entry point ``papermill.engine``
in pyproject.toml). This one is papermill's ordinary engine. What its module adds: an error that
posekit raised on purpose ends the command with its message instead of papermill's own traceback,
and with the same exit code 1; and Ctrl-C during a cell ends without asyncio's report of that cell.
Everything else is printed as ever.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType

from nbclient.exceptions import CellExecutionError
from papermill.engines import NBClientEngine as Engine

from posekit import errors

__all__ = ["Engine"]

TOLD = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.PosekitError)
}
_ordinary = sys.excepthook


def tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print the message of a posekit error in a notebook; anything else the ordinary way."""
    if getattr(error, "ename", None) in TOLD:
        print(f"posekit: {error.evalue}", file=sys.stderr)
    else:
        _ordinary(kind, error, traceback)


def is_not_an_abandoned_cell(record: logging.LogRecord) -> bool:
    """False for asyncio's complaint that nobody waits for a failed cell any more.

    Ctrl-C stops papermill and the kernel at once; what the cell then answers is a hundred lines
    of traceback about nothing but the Ctrl-C. A cell that fails by itself is always waited for.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], CellExecutionError))


sys.excepthook = tell
logging.getLogger("asyncio").addFilter(is_not_an_abandoned_cell)
