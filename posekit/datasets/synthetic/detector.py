"""A 2D keypoint detector that errs the way detectors err on Human3.6M.

Per joint, the displacement is a mixture of a Gaussian and a uniform outlier, drawn every nine
frames and interpolated in between, so that the error is correlated in time yet varies faster than
the motion. Parameters: fitted to Human3.6M detections and shipped with MotionBERT
(``params/synthetic_noise.pth`` and ``params/d2c_params.pkl``, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from posekit.errors import InvalidData, InvalidParameter

KEY_FRAME_STEP = 9
"""27 key frames per 243 frames."""

REFERENCE_HEIGHT = 0.96
"""Image height of the person that the table was measured on: 480 px of 1000, normalised."""

# Per Human3.6M-17 joint: mean x, mean y, standard deviation x, standard deviation y (all in
# screen-normalised units) and the weight of the Gaussian; the rest of the weight is outliers.
_TABLE = np.array(
    [
        (0.00081, 0.00021, 0.00366, 0.00357, 0.9987),  # hip
        (-0.00015, 0.00200, 0.00713, 0.00511, 0.9670),  # right hip
        (0.00204, -0.00151, 0.00608, 0.00500, 0.8896),  # right knee
        (0.00094, 0.00091, 0.00895, 0.00529, 0.8938),  # right foot
        (0.00187, -0.00070, 0.00672, 0.00533, 0.9746),  # left hip
        (0.00193, -0.00520, 0.00701, 0.00492, 0.8767),  # left knee
        (0.00089, -0.00187, 0.00951, 0.00563, 0.8210),  # left foot
        (0.00247, 0.00233, 0.00659, 0.00497, 0.9578),  # spine
        (0.00214, -0.00651, 0.00549, 0.00531, 0.9183),  # thorax
        (0.00166, 0.00166, 0.00534, 0.00488, 0.9679),  # neck/nose
        (0.00084, 0.00159, 0.00342, 0.00349, 0.9841),  # head
        (0.00079, -0.00462, 0.00801, 0.00609, 0.8910),  # left shoulder
        (0.00150, 0.00030, 0.00517, 0.00475, 0.8016),  # left elbow
        (0.00116, 0.00163, 0.00499, 0.00509, 0.7028),  # left wrist
        (0.00210, -0.00317, 0.00782, 0.00793, 0.8809),  # right shoulder
        (0.00168, -0.00033, 0.00601, 0.00572, 0.8246),  # right elbow
        (0.00166, 0.00132, 0.00537, 0.00568, 0.7287),  # right wrist
    ]
)
MEAN = _TABLE[:, 0:2]
DEVIATION = _TABLE[:, 2:4]
WEIGHT = _TABLE[:, 4]
OUTLIER_RANGE = 0.03
WHITE_NOISE = 0.002

_LIMBS = ((2, 3), (5, 6), (12, 13), (15, 16))
_LIMB_PAIRS = (((2, 3), (5, 6)), ((15, 16), (12, 13)))


class Level(NamedTuple):
    """How badly the detector errs; rates are shares of frames."""

    deviation_factor: float
    weight_loss: float
    swap_rate: float
    occlusion_rate: float


LEVELS: dict[str, Level | None] = {
    "gt": None,
    "cpn": Level(1.0, 0.0, 0.0, 0.0),
    "noisy": Level(2.0, 0.05, 0.01, 0.0),
    "occluded": Level(2.0, 0.05, 0.01, 0.15),
}


def detect(
    keypoints: np.ndarray,
    level: str,
    rng: np.random.Generator,
    person_height: float | np.ndarray = REFERENCE_HEIGHT,
) -> np.ndarray:
    """Detections of true keypoints at a named noise level.

    Args:
        keypoints: (T, 17, 2) true positions of the Human3.6M-17 joints, screen-normalised.
        level: ``"gt"`` (no noise), ``"cpn"`` (as measured), ``"noisy"`` (deviations doubled, more
            outliers, limbs swapped left/right in 1 % of the frames) or ``"occluded"`` (noisy, and
            a limb missing in about 15 % of the frames: it stays where it was last seen).
        rng: source of randomness.
        person_height: height of the upright person in the image, screen-normalised, one number
            or one per frame (T,); errors grow with it. The table holds for 0.96.

    Returns:
        (T, 17, 3) float64: x, y, confidence in [0, 1].

    Raises:
        InvalidData: other than 17 joints, or values that are not finite.
        InvalidParameter: an unknown level.
    """
    keypoints = _checked(keypoints)
    if level not in LEVELS:
        raise InvalidParameter(
            f"unknown 2D noise level {level!r}; choose one of {', '.join(LEVELS)}."
        )
    settings = LEVELS[level]
    if settings is None:
        return np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1)
    displacement = _displacement(len(keypoints), settings, rng)
    scale = np.broadcast_to(np.asarray(person_height, float) / REFERENCE_HEIGHT, len(keypoints))
    detections = np.concatenate(
        [
            keypoints + displacement * scale[:, None, None],
            _confidence(displacement, rng)[..., None],
        ],
        axis=-1,
    )
    if settings.swap_rate:
        _swap_limbs(detections, settings.swap_rate, rng)
    if settings.occlusion_rate:
        _hide_limbs(detections, settings.occlusion_rate, rng)
    return detections


def _checked(keypoints: np.ndarray) -> np.ndarray:
    keypoints = np.asarray(keypoints, dtype=float)
    if keypoints.ndim != 3 or keypoints.shape[1:] != (17, 2) or len(keypoints) == 0:
        raise InvalidData(
            f"the synthetic detector knows the 17 Human3.6M joints, shape (frames, 17, 2); "
            f"it was given {keypoints.shape}."
        )
    if not np.isfinite(keypoints).all():
        raise InvalidData("the keypoints hold values that are not finite; remove those frames.")
    return keypoints


def _displacement(frames: int, level: Level, rng: np.random.Generator) -> np.ndarray:
    """(T, 17, 2) error of every joint, for a person of the reference height."""
    count = (frames - 1) // KEY_FRAME_STEP + 2
    gaussian = MEAN + rng.standard_normal((count, 17, 2)) * DEVIATION * level.deviation_factor
    outlier = rng.uniform(-OUTLIER_RANGE, OUTLIER_RANGE, (count, 17, 2))
    hit = rng.random((count, 17, 1)) < (WEIGHT - level.weight_loss)[:, None]
    keys = np.where(hit, gaussian, outlier)
    index, offset = np.divmod(np.arange(frames), KEY_FRAME_STEP)
    share = (offset / KEY_FRAME_STEP)[:, None, None]
    white = rng.standard_normal((frames, 17, 2)) * WHITE_NOISE * level.deviation_factor
    return (1 - share) * keys[index] + share * keys[index + 1] + white


def _confidence(displacement: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 17) score that a detector would give to a point displaced that far."""
    distance = np.sqrt((displacement**2).sum(axis=-1))
    noise = rng.normal(-0.00459, 0.1431, distance.shape)
    return np.clip(0.028 / (distance + 0.028) + 1.1 * distance + noise, 0.0, 1.0)


def _swap_limbs(detections: np.ndarray, rate: float, rng: np.random.Generator) -> None:
    """Exchange both arms or both legs in place, for 3 to 10 frames at a time."""
    for start, stop, kind in _events(len(detections), rate, (3, 10), len(_LIMB_PAIRS), rng):
        right, left = (list(limb) for limb in _LIMB_PAIRS[kind])
        span = detections[start:stop]
        span[:, right + left] = span[:, left + right]


def _hide_limbs(detections: np.ndarray, rate: float, rng: np.random.Generator) -> None:
    """Freeze a limb in place, for 5 to 25 frames at a time, with a low confidence."""
    for start, stop, kind in _events(len(detections), rate, (5, 25), len(_LIMBS), rng):
        limb = list(_LIMBS[kind])
        detections[start:stop, limb, :2] = detections[max(start - 1, 0), limb, :2]
        confidence = rng.uniform(0.05, 0.3, (stop - start, len(limb)))
        detections[start:stop, limb, 2] = confidence


def _events(
    frames: int, rate: float, lengths: tuple[int, int], kinds: int, rng: np.random.Generator
) -> Sequence[tuple[int, int, int]]:
    """Random spans (start, stop, kind) in order of time that cover ``rate`` of the frames."""
    shortest, longest = lengths
    count = rng.poisson(rate * frames / ((shortest + longest) / 2))
    starts = np.sort(rng.integers(0, frames, count))
    stops = np.minimum(starts + rng.integers(shortest, longest + 1, count), frames)
    chosen = rng.integers(0, kinds, count)
    return list(zip(starts.tolist(), stops.tolist(), chosen.tolist(), strict=True))
