"""Studies: the runs behind a paper's tables, cached, and what they say."""

from posekit.workbook.studies.study import Study
from posekit.workbook.studies.update_reference import update_reference

__all__ = ["Study", "update_reference"]
