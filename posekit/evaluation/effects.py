"""What each choice of protocol does to one set of predictions."""

from __future__ import annotations

from dataclasses import replace

from posekit.datasets.h36m_motionbert import DAMAGED_SOURCES
from posekit.datasets.human36m import DAMAGED_TAKES
from posekit.evaluation.prediction import Predictions
from posekit.evaluation.protocols import Protocol
from posekit.evaluation.scoring import score


def protocol_effects(predictions: Predictions, protocol: Protocol) -> list[tuple[str, float]]:
    """What each choice that papers mix up does to one set of predictions.

    Args:
        predictions: result of ``predict``.
        protocol: the protocol to vary, one choice at a time.

    Returns:
        (label, MPJPE in mm): the protocol as it is first, then its variants. Choices that cannot
        matter for these predictions (no padded window, no damaged take) are left out.
    """
    windows = predictions.windows
    takes = {f"{clip.subject}/{clip.take}" for clip in predictions.bank.dataset.clips}
    damaged = tuple(take for take in (*DAMAGED_TAKES, *DAMAGED_SOURCES) if take in takes)
    zeroed, excluded = protocol.root == "zeroed", bool(protocol.excluded)
    variants = [
        (f"protocol of {protocol.name}", {}),
        (f"root {'free' if zeroed else 'zeroed'}", {"root": "free" if zeroed else "zeroed"}),
        (
            f"root joint {'left out' if protocol.score_root else 'scored'}",
            {"score_root": not protocol.score_root},
        ),
    ]
    if bool(windows.padding.any()):
        label = f"padding {'not ' if protocol.count_padding else ''}counted"
        variants.append((label, {"count_padding": not protocol.count_padding}))
    if bool(windows.overlap.any()):
        label = f"overlap counted {'once' if protocol.count_overlap else 'twice'}"
        variants.append((label, {"count_overlap": not protocol.count_overlap}))
    other = "frames" if protocol.average == "actions" else "actions"
    variants.append((f"average over {other}", {"average": other}))
    if predictions.flipped is not None:
        label = f"{'without' if protocol.flip else 'with'} flip averaging"
        variants.append((label, {"flip": not protocol.flip}))
    if damaged:
        label = f"damaged S9 takes {'in' if excluded else 'left out'}"
        variants.append((label, {"excluded": () if excluded else damaged}))
    return [
        (label, score(predictions, replace(protocol, **change), names=()).metrics["mpjpe"])
        for label, change in variants
    ]
