"""Papers as data: published figures with sources, what to run for each row, and the claims.

One YAML file per paper stands in this folder, or in a folder of ``POSEKIT_PAPERS``, and the file's
name is the paper's key.
"""

from posekit.workbook.papers.loader import list_papers, load_paper, read_paper
from posekit.workbook.papers.schema import (
    COST_METRICS,
    ORACLE_ESTIMATES,
    PAIRED_METRICS,
    Claim,
    Condition,
    Control,
    Paper,
    Row,
    RowRun,
    Table,
    Term,
)

__all__ = [
    "COST_METRICS",
    "ORACLE_ESTIMATES",
    "PAIRED_METRICS",
    "Claim",
    "Condition",
    "Control",
    "Paper",
    "Row",
    "RowRun",
    "Table",
    "Term",
    "list_papers",
    "load_paper",
    "read_paper",
]
