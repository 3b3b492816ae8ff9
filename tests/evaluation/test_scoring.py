"""Scoring under protocols."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from posekit import metrics
from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation import evaluate, predict, score, scoring
from posekit.evaluation.protocols import MHFORMER, MIXSTE, MOTIONBERT
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points


def _frame_errors(lifter, clip, *, zeroed=False):
    """MPJPE of every frame of a clip in millimetres, flips averaged; the lifter sees frames."""
    single = tiny.TinyLifter(frames=1).eval()
    single.load_state_dict(lifter.state_dict())
    with torch.no_grad():
        keypoints = clip.keypoints[:, None]
        plain = single(keypoints)
        mirrored = mirror_points(single(mirror_points(keypoints, HUMAN36M_17)), HUMAN36M_17)
    prediction = ((plain + mirrored) / 2)[:, 0]
    if zeroed:
        prediction[:, 0] = 0
    truth = clip.pose - clip.pose[:, :1]
    return (prediction - truth).norm(dim=-1).mean(-1).double().numpy() * 1000


def test_overlap_padding_root_and_average(lifter):
    dataset = tiny.dataset()  # Walking 40 and 7 frames, Sitting 25; windows of 9
    predictions = predict(lifter, dataset, protocol=MIXSTE, device="cpu", batch_size=3)
    walk, sit, short = (_frame_errors(lifter, clip) for clip in dataset.clips)

    evaluation = score(predictions, MIXSTE)
    twice = [
        np.r_[walk[:36], walk[31:]],
        np.r_[sit[:18], sit[16:]],
        np.r_[short, short[-1], short[-1]],
    ]
    assert evaluation.clip_frames.tolist() == [45, 27, 9]
    np.testing.assert_allclose(
        evaluation.per_clip["mpjpe"], [part.mean() for part in twice], rtol=1e-5
    )
    walking = np.r_[twice[0], twice[2]].mean()
    assert evaluation.per_action["Walking"]["mpjpe"] == pytest.approx(walking, rel=1e-5)
    total = (walking + twice[1].mean()) / 2
    assert evaluation.metrics["mpjpe"] == pytest.approx(total, rel=1e-5)

    once = replace(MIXSTE, count_padding=False, count_overlap=False, average="frames")
    evaluation = score(predictions, once)
    pooled = np.r_[walk, sit, short]
    assert evaluation.metrics["mpjpe"] == pytest.approx(pooled.mean(), rel=1e-5)
    np.testing.assert_allclose(evaluation.per_frame["mpjpe"], pooled, rtol=1e-4)
    assert evaluation.frame_clips.tolist() == [0] * 40 + [1] * 25 + [2] * 7
    assert evaluation.frame_numbers.tolist() == [*range(40), *range(25), *range(7)]

    zeroed = np.concatenate([_frame_errors(lifter, clip, zeroed=True) for clip in dataset.clips])
    evaluation = score(predictions, replace(once, root="zeroed"))
    assert evaluation.metrics["mpjpe"] == pytest.approx(zeroed.mean(), rel=1e-5)
    assert evaluation.per_joint["hip"] == 0
    without = score(predictions, replace(once, root="zeroed", score_root=False))
    assert without.metrics["mpjpe"] == pytest.approx(zeroed.mean() * 17 / 16, rel=1e-5)


def test_breakdowns_add_up(lifter):
    evaluation = evaluate(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu")
    for name, total in evaluation.metrics.items():
        actions = [figures[name] for figures in evaluation.per_action.values()]
        assert total == pytest.approx(np.mean(actions)), name
        walking = np.array(evaluation.clip_actions) == "Walking"
        assert evaluation.per_action["Walking"][name] == pytest.approx(
            np.average(evaluation.per_clip[name][walking], weights=evaluation.clip_frames[walking])
        )
    assert np.mean(list(evaluation.per_joint.values())) == pytest.approx(
        evaluation.metrics["mpjpe"]
    )
    assert set(evaluation.per_subject) == {"S9", "S11"}
    only = score(
        predict(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu"),
        replace(MIXSTE, subjects=("S11",)),
    )
    assert only.metrics == pytest.approx(evaluation.per_subject["S11"])
    assert evaluation.clips[0] == "S9/Walking 1/0"
    assert dict(evaluation.card)["Padded frames"] == "counted"


def test_velocity_and_acceleration_leave_windows_or_stay(lifter):
    clip = tiny.clip(22)
    predictions = predict(lifter, tiny.dataset(clip), protocol=MIXSTE, device="cpu")
    prediction = predictions.poses(flip=True)  # 3 windows, the last repeats 5 frames
    truth = predictions.bank.pose[predictions.windows.outputs]
    across = score(predictions, MIXSTE)
    within = score(predictions, replace(MIXSTE, velocity="within windows"))
    laid = (prediction.flatten(0, 1), truth.flatten(0, 1))
    for name, metric in (("mpjve", metrics.mpjve), ("acceleration", metrics.acceleration_error)):
        expected = 1000 * float(metric(*laid))
        assert across.metrics[name] == pytest.approx(expected, rel=1e-5)
        expected = 1000 * float(metric(prediction, truth))
        assert within.metrics[name] == pytest.approx(expected, rel=1e-5)
    once = score(predictions, replace(MIXSTE, count_overlap=False))
    frames = torch.cat([prediction[:2].flatten(0, 1), prediction[2, 5:]])
    expected = 1000 * float(metrics.mpjve(frames, clip.pose - clip.pose[:, :1]))
    assert once.metrics["mpjve"] == pytest.approx(expected, rel=1e-4)


def test_invalid_frames_are_not_scored(lifter):
    clip = tiny.clip(18)
    pose = clip.pose.clone()
    pose[4] = torch.nan
    marked = replace(clip, pose=pose, valid=torch.arange(18) != 4)
    errors = _frame_errors(lifter, clip)
    evaluation = evaluate(lifter, tiny.dataset(marked), protocol=MIXSTE, device="cpu")
    assert evaluation.metrics["mpjpe"] == pytest.approx(np.delete(errors, 4).mean(), rel=1e-5)
    assert evaluation.clip_frames.tolist() == [17]
    assert np.isfinite(list(evaluation.metrics.values())).all()


def test_refusals(lifter):
    plain = predict(lifter, tiny.dataset(), protocol=replace(MIXSTE, flip=False), device="cpu")
    with pytest.raises(InvalidParameter, match="hold none"):
        score(plain, MIXSTE)
    with pytest.raises(InvalidParameter, match="predict again"):
        score(plain, MHFORMER)
    blind = tiny.dataset(replace(tiny.clip(18), pose=None))
    with pytest.raises(InvalidData, match="without true poses"):
        evaluate(lifter, blind, protocol=MIXSTE, device="cpu")


def test_one_frame_clips_have_no_velocity(lifter):
    evaluation = evaluate(
        tiny.TinyLifter(frames=1).eval(), tiny.dataset(tiny.clip(1)), protocol=MIXSTE, device="cpu"
    )
    assert np.isnan(evaluation.metrics["mpjve"])
    assert np.isfinite(evaluation.metrics["mpjpe"])


def test_a_true_prediction_scores_nothing_and_units_survive_downsampling(image_units):
    protocol = replace(MOTIONBERT, downsample=2)
    predictions = predict(tiny.TinyLifter(frames=5), image_units, protocol=protocol, device="cpu")
    truth = predictions.bank.pose[predictions.windows.outputs]
    exact = replace(predictions, plain=truth, flipped=truth)
    assert score(exact, protocol, names=()).metrics["mpjpe"] == 0.0
    # One unit beside the truth is half the picture's width times the frame's factor.
    beside = truth.clone()
    beside[..., 1:, 0] += 1.0
    found = score(replace(predictions, plain=beside, flipped=beside), protocol, names=())
    unit = predictions.bank.metres_per_unit[predictions.windows.outputs[0, 0]]
    assert found.per_frame["mpjpe"][0] == pytest.approx(1000 * float(unit) * 16 / 17, rel=1e-5)


def test_damaged_takes_are_not_scored(image_units):
    predictions = predict(tiny.TinyLifter(), image_units, protocol=MOTIONBERT, device="cpu")
    assert "S9/act_05_subact_02/54138969" not in score(predictions, MOTIONBERT).clips
    everything = score(predictions, replace(MOTIONBERT, excluded=()))
    assert "S9/act_05_subact_02/54138969" in everything.clips


def test_frames_of_several_windows_count_once(image_units):
    protocol = replace(MOTIONBERT, stride=3, excluded=())
    predictions = predict(tiny.TinyLifter(), image_units, protocol=protocol, device="cpu")
    found = score(predictions, protocol)
    assert found.clip_frames.tolist() == [21, 18, 18, 27, 9]
    errors = found.per_frame["mpjpe"][found.frame_clips == 0]
    numbers = found.frame_numbers[found.frame_clips == 0]
    by_frame = [errors[numbers == number].mean() for number in range(21)]
    assert found.per_clip["mpjpe"][0] == pytest.approx(np.mean(by_frame), rel=1e-5)
    assert len(errors) > len(by_frame)


@pytest.mark.parametrize("names", ["mpjpe", ("mpjpee",)])
def test_unknown_metrics_are_refused(lifter, names):
    predictions = predict(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu")
    with pytest.raises(InvalidParameter, match="unknown metric"):
        score(predictions, MIXSTE, names=names)


@pytest.mark.parametrize("velocity", ["across windows", "within windows"])
@pytest.mark.parametrize("part", [1, 2, 3, 7, 50])
def test_parts_do_not_decide_a_digit(lifter, monkeypatch, velocity, part):
    marked = replace(tiny.clip(25, "S8"), valid=torch.arange(25) != 4)
    dataset = tiny.dataset(tiny.clip(40), marked, tiny.clip(7, "S11"))
    protocol = replace(MIXSTE, velocity=velocity)
    predictions = predict(lifter, dataset, protocol=protocol, device="cpu")
    whole = score(predictions, protocol)
    monkeypatch.setattr(scoring, "FRAMES_PER_PART", part)
    parts = score(predictions, protocol)
    for kind in ("metrics", "per_joint"):
        assert getattr(parts, kind) == pytest.approx(getattr(whole, kind), rel=1e-6)
    for kind in ("per_clip", "per_frame"):
        for name, values in getattr(whole, kind).items():
            np.testing.assert_allclose(getattr(parts, kind)[name], values, rtol=1e-4, atol=1e-6)
