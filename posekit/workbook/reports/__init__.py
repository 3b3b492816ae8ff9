"""Executed notebooks -> HTML reports that need no network, and the index page over them."""

from posekit.workbook.reports.index import build_index
from posekit.workbook.reports.page import build_report
from posekit.workbook.reports.running import NotebookRun, run_notebook

__all__ = ["NotebookRun", "build_index", "build_report", "run_notebook"]
