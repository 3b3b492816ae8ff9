"""Mistakes told in one line when papermill itself runs one of posekit's notebooks.

papermill loads the engines of installed packages when it starts (entry point ``papermill.engine``
in pyproject.toml), in every project that shares the environment. This one is papermill's ordinary
engine, and its module changes nothing unless papermill was called with a notebook that imports
posekit. Then an error that posekit raised on purpose ends the command with its message instead of
papermill's own traceback, with the same exit code 1; and Ctrl-C during a cell ends without
asyncio's report of that cell. Everything else is printed as ever.

It stands outside ``notebooks``, whose package loads torch.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from nbclient.exceptions import CellExecutionError

from posekit import errors

_IMPORT = re.compile(r"^\s*(from|import)\s+posekit\b", re.MULTILINE)


def __getattr__(name: str) -> Any:
    """``Engine``, looked up late: papermill loads this module while it is itself being loaded."""
    if name == "Engine":
        from papermill.engines import NBClientEngine

        return NBClientEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def runs_posekit(command: Sequence[str]) -> bool:
    """Whether a command is papermill's and the code of the notebook that it names imports posekit.

    Args:
        command: the words with which the process was started, the interpreter's included.
    """
    place = next((at for at, word in enumerate(command) if word.endswith(".ipynb")), 0)
    if "papermill" not in [Path(word).stem for word in command[:place]]:
        return False
    try:
        cells = json.loads(Path(command[place]).read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):  # papermill says what is wrong with it
        return False
    return any(_IMPORT.search(source) for source in code)


def tell_in_one_line() -> None:
    """End this process with the message alone where a posekit error in a notebook ends it."""
    ordinary = sys.excepthook
    told = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.PosekitError)
    }

    def tell(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if getattr(error, "ename", None) in told:
            print(f"posekit: {error.evalue}", file=sys.stderr)
        else:
            ordinary(kind, error, traceback)

    sys.excepthook = tell


def forget_abandoned_cells() -> None:
    """Silence asyncio's complaint that nobody waits for a failed cell any more.

    Ctrl-C stops papermill and the kernel at once; what the cell then answers is a hundred lines
    of traceback about nothing but the Ctrl-C. A cell that fails by itself is always waited for.
    """
    logging.getLogger("asyncio").addFilter(_is_no_abandoned_cell)


def _is_no_abandoned_cell(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], CellExecutionError))


if runs_posekit(sys.orig_argv):
    tell_in_one_line()
    forget_abandoned_cells()
