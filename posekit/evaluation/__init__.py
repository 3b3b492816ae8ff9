"""Evaluation of lifters: predict once, score under any protocol.

``evaluate`` is the short way. ``predict`` runs a lifter over a data set and keeps what it said,
``score`` measures it: another protocol costs no second run of the network.
``evaluate_hypotheses`` is for diffusion lifters, whose hypotheses can be made one in several ways.
"""

from posekit.evaluation.diffusion import evaluate_hypotheses
from posekit.evaluation.effects import protocol_effects
from posekit.evaluation.prediction import Predictions, predict, predict_optimised
from posekit.evaluation.protocols import (
    D3DP_PROTOCOL,
    HOT_SEQUENCE,
    MHFORMER,
    MIXSTE,
    MOTIONBERT,
    MPI_INF_3DHP,
    POSEAUG_3DHP,
    POSEAUG_H36M,
    PROTOCOLS,
    VIDEOPOSE3D,
    Protocol,
)
from posekit.evaluation.scoring import METRICS, Evaluation, evaluate, score

__all__ = [
    "D3DP_PROTOCOL",
    "HOT_SEQUENCE",
    "METRICS",
    "MHFORMER",
    "MIXSTE",
    "MOTIONBERT",
    "MPI_INF_3DHP",
    "POSEAUG_3DHP",
    "POSEAUG_H36M",
    "PROTOCOLS",
    "VIDEOPOSE3D",
    "Evaluation",
    "Predictions",
    "Protocol",
    "evaluate",
    "evaluate_hypotheses",
    "predict",
    "predict_optimised",
    "protocol_effects",
    "score",
]
