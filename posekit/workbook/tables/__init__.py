"""Tables that people read: published beside measured, with sources, differences and labels.

Every table is shown by JupyterLab and kept by the report as real HTML (caption, scope), and prints
as text elsewhere. They take plain values, so that anything can fill them. A *figure* in a table is
a number that was published or measured.
"""

from posekit.workbook.tables.comparison import ComparisonTable, Measured, Row
from posekit.workbook.tables.grids import Card, Grid, Shown, format_value

__all__ = [
    "Card",
    "ComparisonTable",
    "Grid",
    "Measured",
    "Row",
    "Shown",
    "format_value",
]
