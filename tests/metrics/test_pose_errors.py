"""Error measures: values, invariances, masks, gradients, batches, and data that has no answer."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit import metrics
from posekit.errors import InvalidData
from posekit.geometry.rotations import axis_angle_to_matrix

PER_FRAME = {
    "mpjpe": metrics.mpjpe,
    "p_mpjpe": metrics.p_mpjpe,
    "n_mpjpe": metrics.n_mpjpe,
    "mpjve": metrics.mpjve,
    "acceleration_error": metrics.acceleration_error,
    "pck": metrics.pck,
    "auc": metrics.auc,
    "pve": metrics.pve,
}
FRAMES_LOST = {"mpjve": 1, "acceleration_error": 2}
every_measure = pytest.mark.parametrize("name", PER_FRAME)
# Frames 2 and 7 of 9 are bad, so some differences touch a bad frame from each side.
MASK = torch.tensor([1, 1, 0, 1, 1, 1, 1, 0, 1]).bool()


def poses(*shape, seed=0, spread=0.1):
    """A target and a prediction that is off by ``spread``, float64, metres."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(*shape, 3, generator=generator, dtype=torch.float64) * 0.3
    error = torch.randn(*shape, 3, generator=generator, dtype=torch.float64) * spread
    return target + error, target


def test_mpjpe_is_the_mean_distance():
    prediction, target = torch.zeros(2, 2, 3), torch.zeros(2, 2, 3)
    prediction[0, 0] = torch.tensor([3.0, 4.0, 0.0])
    prediction[1, 1] = torch.tensor([0.0, 0.0, 1.0])
    assert metrics.mpjpe(prediction, target) == 6 / 4
    assert metrics.mpjpe(prediction, target, reduce=False).tolist() == [2.5, 0.5]
    assert metrics.joint_errors(prediction, target).tolist() == [[5, 0], [0, 1]]


def test_velocity_and_acceleration_of_known_motion():
    time = torch.arange(5.0)
    target = torch.zeros(5, 1, 3)
    prediction = torch.zeros(5, 1, 3)
    prediction[:, 0, 0] = time**2
    assert metrics.mpjve(prediction, target, reduce=False).tolist() == [1, 3, 5, 7]
    assert metrics.acceleration_error(prediction, target, reduce=False).tolist() == [2, 2, 2]


def test_thresholds_are_strict():
    target = torch.zeros(1, 4, 3, dtype=torch.float64)
    prediction = target.clone()
    prediction[0, :, 2] = torch.tensor([0.0, 75.0, 149.9, 150.0])
    assert metrics.pck(prediction, target, threshold=150) == 75
    # Thresholds 5..150, 80..150, 150 and none lie above the four errors.
    assert metrics.auc(prediction, target, limit=150).item() == pytest.approx(
        100 * (30 + 15 + 1 + 0) / (4 * 31)
    )
    assert metrics.auc(target, target).item() == pytest.approx(96.774, abs=1e-3)


def test_strictness_holds_in_metres_and_float32():
    target = torch.zeros(1, 1, 3)
    prediction = target + torch.tensor([0.15, 0, 0])
    assert metrics.pck(prediction, target) == 0
    assert metrics.auc(prediction, target) == 0


similarities = st.tuples(
    st.tuples(*[st.floats(-3, 3)] * 3), st.floats(0.2, 5), st.tuples(*[st.floats(-5, 5)] * 3)
)


@settings(max_examples=25, deadline=None)
@given(similarities)
def test_procrustes_undoes_any_similarity(similarity):
    turn, scale, shift = (torch.tensor(part, dtype=torch.float64) for part in similarity)
    prediction, target = poses(4, 17)
    moved = scale * prediction @ axis_angle_to_matrix(turn).T + shift
    torch.testing.assert_close(
        metrics.p_mpjpe(moved, target, reduce=False),
        metrics.p_mpjpe(prediction, target, reduce=False),
    )
    exact = scale * target @ axis_angle_to_matrix(turn).T + shift
    torch.testing.assert_close(metrics.procrustes_align(exact, target), target)


@settings(max_examples=25, deadline=None)
@given(similarities)
def test_mpjpe_follows_the_frame_and_the_unit(similarity):
    turn, scale, shift = (torch.tensor(part, dtype=torch.float64) for part in similarity)
    prediction, target = poses(4, 17)
    moved = [scale * pose @ axis_angle_to_matrix(turn).T + shift for pose in (prediction, target)]
    torch.testing.assert_close(metrics.mpjpe(*moved), scale * metrics.mpjpe(prediction, target))
    torch.testing.assert_close(metrics.mpjve(*moved), scale * metrics.mpjve(prediction, target))


def test_n_mpjpe_ignores_scale_and_nothing_else():
    prediction, target = poses(4, 17)
    error = metrics.n_mpjpe(prediction, target)
    torch.testing.assert_close(metrics.n_mpjpe(3.7 * prediction, target), error)
    assert metrics.n_mpjpe(prediction + 0.5, target) > error + 0.05


def test_alignment_minimises_the_squared_error():
    prediction, target = poses(3, 17, spread=0.3)
    aligned = metrics.procrustes_align(prediction, target)
    best = (aligned - target).square().sum()
    for turn in torch.eye(3, dtype=torch.float64) * 0.02:
        turned = aligned @ axis_angle_to_matrix(turn).T
        assert (turned - target).square().sum() > best
    assert (aligned * 1.01 - target).square().sum() > best
    assert (aligned + 0.01 - target).square().sum() > best


def test_alignment_never_reflects():
    _, target = poses(3, 17)
    mirrored = target * torch.tensor([-1.0, 1.0, 1.0])
    assert metrics.p_mpjpe(mirrored, target) > 0.1


def test_planar_and_straight_poses_align():
    _, target = poses(2, 17)
    turn = axis_angle_to_matrix(torch.tensor([0.4, 1.0, -2.0], dtype=torch.float64))
    planar = target * torch.tensor([1.0, 1.0, 0.0])
    straight = target * torch.tensor([1.0, 0.0, 0.0])
    for flat in (planar, straight):
        assert metrics.p_mpjpe(2 * flat @ turn.T + 1, flat) < 1e-9
        # In the plane, a half turn about the mirror axis is the reflection itself.
        assert metrics.p_mpjpe(flat * torch.tensor([-1.0, 1.0, 1.0]), flat) < 1e-9


@every_measure
def test_a_perfect_prediction(name):
    _, target = poses(5, 17)
    best = {"pck": 100, "auc": 100 * 30 / 31}.get(name, 0)
    assert PER_FRAME[name](target, target).item() == pytest.approx(best, abs=1e-9)


@every_measure
def test_frames_add_up_to_the_total(name):
    prediction, target = poses(2, 9, 17)
    per_frame = PER_FRAME[name](prediction, target, reduce=False)
    assert per_frame.shape == (2, 9 - FRAMES_LOST.get(name, 0))
    torch.testing.assert_close(per_frame.mean(), PER_FRAME[name](prediction, target))


def test_joints_add_up_to_the_total():
    prediction, target = poses(9, 17)
    by_joint = metrics.joint_errors(prediction, target).mean(dim=0)
    torch.testing.assert_close(by_joint.mean(), metrics.mpjpe(prediction, target))


@every_measure
def test_a_batch_gives_what_its_members_give(name):
    prediction, target = poses(2, 3, 9, 17)
    together = PER_FRAME[name](prediction, target, reduce=False)
    for first in range(2):
        for second in range(3):
            alone = PER_FRAME[name](prediction[first, second], target[first, second], reduce=False)
            torch.testing.assert_close(together[first, second], alone)


@every_measure
def test_masked_frames_have_no_influence(name):
    prediction, target = poses(9, 17)
    spoilt = prediction.clone()
    spoilt[~MASK] = math.nan
    clean = PER_FRAME[name](prediction, target, reduce=False)
    kept = MASK
    for _ in range(FRAMES_LOST.get(name, 0)):
        kept = kept[1:] & kept[:-1]
    masked = PER_FRAME[name](spoilt, target, mask=MASK, reduce=False)
    torch.testing.assert_close(masked[kept], clean[kept])
    assert masked[~kept].isnan().all()
    torch.testing.assert_close(PER_FRAME[name](spoilt, target, mask=MASK), clean[kept].mean())


def test_differences_that_touch_a_bad_frame_are_dropped():
    prediction, target = torch.zeros(9, 1, 3), torch.zeros(9, 1, 3)
    prediction[~MASK] = 100.0
    assert metrics.mpjve(prediction, target) > 10
    assert metrics.mpjve(prediction, target, mask=MASK) == 0
    assert metrics.acceleration_error(prediction, target, mask=MASK) == 0
    pairs = metrics.mpjve(prediction, target, mask=MASK, reduce=False).isnan()
    assert pairs.tolist() == [False, True, True, False, False, False, True, True]
    triples = metrics.acceleration_error(prediction, target, mask=MASK, reduce=False).isnan()
    assert triples.tolist() == [True, True, True, False, False, True, True]


@pytest.mark.parametrize("name", ["mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "acceleration_error"])
@pytest.mark.parametrize("mask", [None, torch.tensor([1, 1, 1, 0]).bool()])
def test_gradients(name, mask):
    prediction, target = poses(4, 6)
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda points: PER_FRAME[name](points, target, mask=mask), (prediction,)
    )


def test_gradients_through_the_aligned_pose_where_a_reflection_is_refused():
    prediction, target = poses(2, 6)
    mirrored = (prediction * torch.tensor([-1.0, 1.0, 1.0])).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda points: metrics.procrustes_align(points, target), (mirrored,)
    )


def test_a_perfect_prediction_has_finite_gradients():
    _, target = poses(4, 17)
    for name in ("mpjpe", "n_mpjpe", "mpjve"):
        prediction = target.clone().requires_grad_()
        PER_FRAME[name](prediction, target).backward()
        assert prediction.grad.isfinite().all()


def test_results_keep_the_precision_of_the_poses():
    prediction, target = poses(4, 17)
    for measure in PER_FRAME.values():
        single = measure(prediction.float(), target.float())
        assert single.dtype == torch.float32
        assert single.item() == pytest.approx(measure(prediction, target).item(), rel=1e-5)


def assert_refused(complaint, measure, *arguments, **options):
    with pytest.raises(InvalidData, match=complaint) as caught:
        measure(*arguments, **options)
    assert "\n" not in str(caught.value)


@every_measure
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(name, value):
    prediction, target = poses(9, 17)
    prediction[4, 3, 1] = value
    assert_refused("prediction has NaN .* 1 of 9 frames", PER_FRAME[name], prediction, target)
    assert_refused("target has NaN", PER_FRAME[name], target, prediction)


@every_measure
def test_shapes_and_masks_that_do_not_fit_are_refused(name):
    prediction, target = poses(9, 17)
    measure = PER_FRAME[name]
    assert_refused("expected the same", measure, prediction, target[:, :16])
    assert_refused("expected the same", measure, prediction[:1], target)
    assert_refused("expected .*joints, 3", measure, prediction[..., :2], target[..., :2])
    assert_refused("not empty", measure, prediction[:0], target[:0])
    assert_refused("expected a floating", measure, prediction.long(), target.long())
    assert_refused("leaves no frames", measure, prediction, target, mask=MASK & ~MASK)
    assert_refused(r"torch.bool \(9,\)", measure, prediction, target, mask=MASK[:8])
    assert_refused("mask is torch.int64", measure, prediction, target, mask=MASK.long())


@pytest.mark.parametrize(
    ("measure", "order"), [(metrics.mpjve, 1), (metrics.acceleration_error, 2)]
)
def test_too_few_frames_for_differences_are_refused(measure, order):
    prediction, target = poses(9, 17)
    assert_refused(f"at least {order + 1} frames", measure, prediction[:order], target[:order])
    alternating = torch.arange(9) % 2 == 0
    assert_refused("leaves no frames", measure, prediction, target, mask=alternating)


@pytest.mark.parametrize("measure", [metrics.p_mpjpe, metrics.n_mpjpe, metrics.procrustes_align])
@pytest.mark.parametrize("place", [0.0, 0.3])
def test_poses_without_size_are_refused(measure, place):
    prediction, target = poses(9, 17)
    prediction[5] = place
    assert_refused("all joints of the prediction coincide in 1 of 9", measure, prediction, target)
    assert_refused("all joints of the target coincide", measure, target, prediction)


def test_sizeless_poses_outside_the_mask_are_no_trouble():
    prediction, target = poses(9, 17)
    prediction[~MASK] = 0
    for measure in (metrics.p_mpjpe, metrics.n_mpjpe):
        assert measure(prediction, target, mask=MASK) > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@every_measure
def test_a_gpu_gives_the_same_numbers(name):
    prediction, target = poses(9, 17)
    on_gpu = PER_FRAME[name](prediction.cuda(), target.cuda(), mask=MASK.cuda())
    torch.testing.assert_close(on_gpu.cpu(), PER_FRAME[name](prediction, target, mask=MASK))
