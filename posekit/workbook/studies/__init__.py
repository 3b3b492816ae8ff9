"""Studies: the runs behind a paper's tables, cached, and what they say."""

from posekit.workbook.studies.study import Study

__all__ = ["Study"]
