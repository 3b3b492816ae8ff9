"""Executed notebooks -> HTML reports that need no network, and the index page over them."""

from posekit.reports.index import build_index
from posekit.reports.page import build_report
from posekit.reports.running import NotebookRun, run_notebook

__all__ = ["NotebookRun", "build_index", "build_report", "run_notebook"]
