"""Execute notebooks with papermill, one after the other, and keep what went wrong."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from posekit.errors import InvalidParameter, unknown
from posekit.machine.progress import Progress
from posekit.machine.storage import atomic_path, paper_folders, repository_root
from posekit.workbook.reports.page import read_notebook

SOCKET_PATH = 103  # bytes that a path of a Unix socket may have on macOS; on Linux 107


@dataclass(frozen=True)
class NotebookRun:
    """How the execution of one notebook ended.

    Attributes:
        paper: key of the paper, the notebook's file name.
        dataset: what it ran on.
        notebook: the executed notebook, kept whether it failed or not.
        error: one line, "" for success.
        seconds: wall time.
    """

    paper: str
    dataset: str
    notebook: Path
    error: str
    seconds: float


def reports_folder() -> Path:
    """The folder of executed notebooks and HTML pages in the repository.

    Raises:
        InvalidParameter: posekit is installed without its repository.
    """
    return _repository() / "reports"


def available_notebooks() -> tuple[str, ...]:
    """Names of the notebooks that exist, in alphabetical order, the reader's own among them."""
    return tuple(sorted(notebook_files()))


def notebook_files() -> dict[str, Path]:
    """Name -> file of every notebook, in the repository and in the folders of ``POSEKIT_PAPERS``.

    A notebook of the repository goes before one of the reader's under the same name.
    """
    folders = (*paper_folders(), _repository() / "notebooks")
    return {path.stem: path for folder in folders for path in folder.glob("*.ipynb")}


def _repository() -> Path:
    root = repository_root()
    if root is None:
        raise InvalidParameter(
            "the notebooks stand in the repository; clone it and install with pip install -e."
        )
    return root


def run_notebook(paper: str, parameters: Mapping[str, Any], folder: Path) -> NotebookRun:
    """Execute one notebook and keep the result as ``<paper>-<dataset>.ipynb`` in ``folder``.

    A notebook that fails is kept as well, up to the cell that failed. It takes the place of an
    earlier run's when it ends; until then, runs of one notebook at a time have a file each.

    Args:
        paper: name of a notebook.
        parameters: values for its parameters cell.
        folder: where executed notebooks are kept.

    Raises:
        InvalidParameter: there is no such notebook.
        StorageError: the folder cannot be written.
    """
    found = notebook_files()
    if paper not in found:
        raise InvalidParameter(unknown("paper", paper, sorted(found)))
    dataset = str(parameters.get("dataset", "synthetic"))
    target = folder / f"{paper}-{dataset}.ipynb"
    began = time.monotonic()
    try:
        with atomic_path(target) as partial:
            error = _execute(found[paper], partial, parameters)
    except BaseException:
        target.unlink(missing_ok=True)  # an earlier run's figures must not pass for this one's
        raise
    return NotebookRun(paper, dataset, target, error, time.monotonic() - began)


def _execute(source: Path, target: Path, parameters: Mapping[str, Any]) -> str:
    """Run ``source``; the error in one line, "" for none."""
    cells = read_notebook(source).cells
    with (
        Progress(source.stem, len(cells)) as progress,
        tempfile.TemporaryDirectory(prefix="posekit-", dir=_sockets_root()) as sockets,
    ):
        try:
            papermill.execute_notebook(
                source,
                target,
                parameters=dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                config=_quiet_kernel(Path(sockets)),
                on_cell_start=_advancing(progress),
            )
        except PapermillExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        except DeadKernelError:
            return "the kernel died (out of memory, or killed)"
        except NoSuchKernel:
            return "no Jupyter kernel python3; install posekit with its extra [notebooks]"
    return ""


def _advancing(progress: Progress) -> Any:
    """A hook that counts cells and notes the heading that the run has come to."""
    section = ""

    def advance(cell: NotebookNode, cell_index: int) -> None:
        nonlocal section
        heading = re.search(r"^#+ (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            section = heading[1]
        progress.advance(section)

    return advance


def _sockets_root() -> str:
    """Where folders of sockets are made: where temporary files are, if that path is not too long.

    Paths of Unix sockets are short by the system's definition; ``TMPDIR`` may be long.
    """
    usual = tempfile.gettempdir()
    longest = f"{usual}/posekit-12345678/kernel-65535"
    return "/tmp" if os.name == "posix" and len(os.fsencode(longest)) > SOCKET_PATH else usual


def _quiet_kernel(folder: Path) -> Config:
    """Kernels over Unix sockets in ``folder``: no open port, no race for one, no warning."""
    sockets = {"transport": "ipc", "ip": str(folder / "kernel")}
    return Config({"KernelManager": sockets} if os.name == "posix" else {})
