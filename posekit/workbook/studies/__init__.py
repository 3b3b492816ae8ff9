"""Studies: the runs behind a paper's tables, cached, and what they say."""

from posekit.workbook.studies.matrix import Matrix, cross_evaluate
from posekit.workbook.studies.study import Study
from posekit.workbook.studies.update_reference import update_reference

__all__ = ["Matrix", "Study", "cross_evaluate", "update_reference"]
