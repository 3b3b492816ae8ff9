"""Tables that people read: published beside measured, with sources, differences and labels.

Every table is shown by JupyterLab and kept by the report as real HTML (caption, scope), and prints
as text elsewhere. They take plain values, so that anything can fill them. A *figure* in a table is
a number that was published or measured.
"""

from posekit.workbook.tables.answer import Answer
from posekit.workbook.tables.comparison import ComparisonTable
from posekit.workbook.tables.forest import Effect
from posekit.workbook.tables.grids import Card, Grid, Shown, format_value
from posekit.workbook.tables.matrix import MatrixCell, MatrixTable
from posekit.workbook.tables.rows import Measured, Row
from posekit.workbook.tables.verdicts import Counted, JudgedClaim, Lamp, VerdictTable

__all__ = [
    "Answer",
    "Card",
    "ComparisonTable",
    "Counted",
    "Effect",
    "Grid",
    "JudgedClaim",
    "Lamp",
    "MatrixCell",
    "MatrixTable",
    "Measured",
    "Row",
    "Shown",
    "VerdictTable",
    "format_value",
]
