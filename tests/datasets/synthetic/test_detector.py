"""The synthetic detector follows its table, in size, in time and with its levels."""

from __future__ import annotations

import numpy as np
import pytest

from posekit.datasets.synthetic.detector import (
    DEVIATION,
    MEAN,
    OUTLIER_RANGE,
    WEIGHT,
    WHITE_NOISE,
    detect,
)
from posekit.datasets.synthetic.person import keyed_generator
from posekit.errors import InvalidData, InvalidParameter

FRAMES = 9 * 4000
STILL = np.broadcast_to(np.linspace(-0.5, 0.5, 34).reshape(17, 2), (FRAMES, 17, 2))


def errors(level: str, **options: float) -> np.ndarray:
    return detect(STILL, level, keyed_generator("test", level), **options)[..., :2] - STILL


def test_ground_truth_is_left_alone() -> None:
    seen = detect(STILL[:50], "gt", keyed_generator("test"))
    assert (seen[..., :2] == STILL[:50]).all()
    assert (seen[..., 2] == 1).all()


def test_key_frames_follow_the_table_joint_by_joint() -> None:
    keys = errors("cpn")[::9]
    weight = WEIGHT[:, None]
    spread = weight * (DEVIATION**2 + (1 - weight) * MEAN**2)
    variance = spread + (1 - weight) * OUTLIER_RANGE**2 / 3 + WHITE_NOISE**2
    sigma = np.sqrt(variance)
    np.testing.assert_allclose(keys.mean(axis=0), weight * MEAN, atol=0.00075)
    np.testing.assert_allclose(keys.std(axis=0), sigma, rtol=0.07)


def test_mean_displacement_is_that_of_a_good_detector() -> None:
    pixels = 500 * np.linalg.norm(errors("cpn")[::9], axis=-1).mean(axis=0)
    assert pixels.mean() == pytest.approx(4.8, abs=0.3)
    assert pixels.argmin() == 0
    assert pixels[0] == pytest.approx(2.5, abs=0.3)
    assert pixels[6] == pytest.approx(6.1, abs=0.4)
    trunk, extremities = pixels[[0, 7, 8, 9, 10]], pixels[[3, 6, 13, 16]]
    assert extremities.mean() > trunk.mean()


def test_errors_are_correlated_in_time_yet_forgotten_soon() -> None:
    error = errors("cpn")
    centred = error - error.mean(axis=0)

    def correlation(lag: int) -> float:
        products = (centred[:-lag] * centred[lag:]).mean(axis=(0, 2))
        return float((products / (centred**2).mean(axis=(0, 2))).mean())

    assert correlation(1) > 0.8
    assert correlation(1) > correlation(4) > correlation(8) > correlation(12) - 0.02
    assert abs(correlation(20)) < 0.05
    # White noise on top of the interpolated part.
    assert np.diff(error, 2, axis=0)[2::9].std() > 2 * WHITE_NOISE


def test_levels_are_ordered() -> None:
    time = np.arange(FRAMES)[:, None, None] / 50
    moving = STILL + 0.2 * np.sin(2 * np.pi * 0.5 * time)
    size = [
        np.linalg.norm(
            detect(moving, level, keyed_generator("order"))[..., :2] - moving, axis=-1
        ).mean()
        for level in ("gt", "cpn", "noisy", "occluded")
    ]
    assert size[0] == 0
    assert 0 < 1.4 * size[1] < size[2]
    assert 1.05 * size[2] < size[3]


def test_errors_grow_with_the_person_in_the_image() -> None:
    far, near = (np.abs(errors("cpn", person_height=height)).mean() for height in (0.48, 1.44))
    assert near / far == pytest.approx(3.0, rel=1e-6)
    heights = np.where(np.arange(FRAMES) < FRAMES // 2, 0.48, 0.96)
    error = np.abs(errors("cpn", person_height=heights)).mean(axis=(1, 2))
    assert error[FRAMES // 2 :].mean() / error[: FRAMES // 2].mean() == pytest.approx(2, rel=0.05)


def test_confidence_falls_with_the_error() -> None:
    seen = detect(STILL, "cpn", keyed_generator("confidence"))
    distance = np.linalg.norm(seen[..., :2] - STILL, axis=-1)
    confidence = seen[..., 2]
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    small, large = confidence[distance < 0.003].mean(), confidence[distance > 0.02].mean()
    assert small > large + 0.25
    middle = confidence[(distance > 0.009) & (distance < 0.011)].mean()
    assert middle == pytest.approx(0.028 / 0.038 + 0.011 - 0.00459, abs=0.02)


def test_swapped_limbs_are_rare_and_short() -> None:
    apart = np.zeros((FRAMES, 17, 2))
    apart[:, [2, 3, 15, 16]] = -0.5
    apart[:, [5, 6, 12, 13]] = 0.5
    seen = detect(apart, "noisy", keyed_generator("swap"))[..., 0]
    legs, arms = seen[:, 3] > 0, seen[:, 16] > 0
    assert 0.003 < (legs | arms).mean() < 0.02
    assert (seen[legs][:, [2, 5]] * (1, -1) > 0).all()
    assert not (detect(apart, "cpn", keyed_generator("swap"))[:, 3, 0] > 0).any()


def test_missing_limbs_stay_where_they_were_last_seen() -> None:
    moving = np.broadcast_to(np.linspace(-0.9, 0.9, FRAMES)[:, None, None], (FRAMES, 17, 2))
    seen = detect(moving, "occluded", keyed_generator("hide"))
    frozen = (np.diff(seen[:, 16, :2], axis=0) == 0).all(axis=-1)
    assert 0.01 < frozen.mean() < 0.1
    hidden = seen[1:, 16, 2][frozen]
    assert hidden.min() >= 0.05
    assert hidden.max() <= 0.3
    assert (seen[1:, 15, 2][frozen] <= 0.3).all()
    trunk = np.diff(seen[:, 8, :2], axis=0)
    assert not (trunk == 0).all(axis=-1).any()


def test_same_generator_same_errors() -> None:
    first, second = (detect(STILL[:300], "occluded", keyed_generator("a")) for _ in range(2))
    assert (first == second).all()
    assert (detect(STILL[:300], "occluded", keyed_generator("b")) != first).any()


def test_a_single_frame() -> None:
    assert detect(STILL[:1], "occluded", keyed_generator("one")).shape == (1, 17, 3)


@pytest.mark.parametrize("shape", [(10, 16, 2), (10, 17, 3), (17, 2), (0, 17, 2)])
def test_other_joints_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidData, match="17 Human3"):
        detect(np.zeros(shape), "cpn", keyed_generator("x"))


def test_bad_values_and_levels_are_refused() -> None:
    broken = STILL[:5].copy()
    broken[2, 3, 0] = np.nan
    with pytest.raises(InvalidData, match="not finite"):
        detect(broken, "cpn", keyed_generator("x"))
    with pytest.raises(InvalidParameter, match="'hrnet'; choose one of gt, cpn, noisy, occluded"):
        detect(STILL[:5], "hrnet", keyed_generator("x"))
