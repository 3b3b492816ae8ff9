"""What makes a reproducibility workbook of the library: papers, studies, tables, reports."""
