"""What runs prove: intervals, gates and verdicts on the claims of a paper."""

from posekit.workbook.evidence.comparisons import Comparison, Evidence, Learning
from posekit.workbook.evidence.convergence import learning_slope
from posekit.workbook.evidence.gates import LEAST_GAIN, Gate
from posekit.workbook.evidence.statistics import (
    Interval,
    PairedErrors,
    effect,
    holm,
    least_effect,
    paired_errors,
)
from posekit.workbook.evidence.verdicts import (
    AGAINST,
    CHECK_FAILED,
    CHECK_PASSED,
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_ASSESSED,
    NOT_TESTABLE,
    OTHER_SIZE,
    REPRODUCED,
    SUPPORTS,
    VERDICTS,
    ConditionResult,
    Verdict,
    judge_paper,
    not_assessed,
)

__all__ = [
    "AGAINST",
    "CHECK_FAILED",
    "CHECK_PASSED",
    "CONTRADICTED",
    "INCONCLUSIVE",
    "LEAST_GAIN",
    "NOT_ASSESSED",
    "NOT_TESTABLE",
    "OTHER_SIZE",
    "REPRODUCED",
    "SUPPORTS",
    "VERDICTS",
    "Comparison",
    "ConditionResult",
    "Evidence",
    "Gate",
    "Interval",
    "Learning",
    "PairedErrors",
    "Verdict",
    "effect",
    "holm",
    "judge_paper",
    "learning_slope",
    "least_effect",
    "not_assessed",
    "paired_errors",
]
