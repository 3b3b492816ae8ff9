"""Prediction and scoring under protocols."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from torch import nn

from posekit import metrics
from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation import evaluate, evaluate_hypotheses, predict, protocol_effects, score
from posekit.evaluation.optimisation import Optimisation
from posekit.evaluation.prediction import predict_optimised
from posekit.evaluation.protocols import (
    D3DP_PROTOCOL,
    DAMAGED_TAKES,
    HOT_SEQUENCE,
    MHFORMER,
    MIXSTE,
    PROTOCOLS,
    VIDEOPOSE3D,
    Protocol,
)
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points
from posekit.metrics.hypotheses import j_best, p_agg
from posekit.models import build

ONE_ACTION = (tiny.clip(40, "S9", "Walking 1"), tiny.clip(25, "S11", "Walking 1"))


@pytest.fixture(scope="module")
def lifter():
    torch.manual_seed(3)
    return tiny.TinyLifter().eval()


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


def test_choice_of_clips(lifter):
    dataset = tiny.dataset(
        tiny.clip(20, "S9", "Sitting 1"),
        tiny.clip(21, "S9", "SittingDown 1"),
        tiny.clip(22, "S11", "Walking 1"),
    )
    predictions = predict(lifter, dataset, protocol=MIXSTE, device="cpu")
    sitting = score(predictions, replace(MIXSTE, actions=("Sitting",)))
    assert set(sitting.per_action) == {"Sitting", "SittingDown"}
    kept = score(predictions, replace(MIXSTE, excluded=DAMAGED_TAKES))
    assert kept.clips == ("S9/Sitting 1/0", "S11/Walking 1/0")
    with pytest.raises(InvalidData, match="scores none of the 3 clips"):
        score(predictions, replace(MIXSTE, subjects=("S5",)))


def test_sequence_lifter_scored_at_the_middle_frame(lifter):
    class Position(tiny.TinyLifter):
        """Predicts its frame's place in the window."""

        def forward(self, keypoints):
            places = torch.arange(self.frames).float()[None, :, None, None]
            return places.expand(len(keypoints), -1, 17, 3)

    for rule, place in (("centred", 4), ("causal", 8)):
        protocol = replace(VIDEOPOSE3D, windows=rule, flip=False)
        predictions = predict(Position(), tiny.dataset(), protocol=protocol, device="cpu")
        assert predictions.plain.shape == (72, 1, 17, 3)
        assert (predictions.plain == place).all()


def test_batch_size_and_precision(lifter):
    results = [
        evaluate(
            lifter,
            tiny.dataset(),
            protocol=HOT_SEQUENCE,
            device="cpu",
            batch_size=batch,
            precision=precision,
        ).metrics["mpjpe"]
        for batch, precision in ((1, "float32"), (None, "float32"), (None, "bf16"))
    ]
    assert results[1] == pytest.approx(results[0], rel=1e-6)
    assert results[2] != results[1]
    assert results[2] == pytest.approx(results[1], abs=2.0)


def test_evaluation_leaves_the_mode_and_the_random_state_alone(lifter):
    state = torch.get_rng_state()
    lifter.train()
    evaluate(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu")
    assert lifter.training
    lifter.eval()
    assert torch.equal(torch.get_rng_state(), state)


def test_effects_name_what_moves_the_number(lifter):
    dataset = tiny.dataset(
        tiny.clip(40, "S9", "Greeting"),
        tiny.clip(7, "S9", "Posing"),
        tiny.clip(20, "S11", "Posing"),
    )
    predictions = predict(lifter, dataset, protocol=MIXSTE, device="cpu")
    effects = dict(protocol_effects(predictions, MIXSTE))
    assert list(effects) == [
        "protocol of MixSTE, KTPFormer",
        "root zeroed",
        "root joint left out",
        "padding not counted",
        "overlap counted once",
        "average over frames",
        "without flip averaging",
        "damaged S9 takes left out",
    ]
    without = score(predictions, replace(MIXSTE, excluded=DAMAGED_TAKES))
    assert effects["damaged S9 takes left out"] == without.metrics["mpjpe"]
    exact = tiny.dataset(tiny.clip(18, "S9", "Posing"))
    predictions = predict(lifter, exact, protocol=MIXSTE, device="cpu")
    labels = [label for label, _ in protocol_effects(predictions, MIXSTE)]
    assert "padding not counted" not in labels
    assert "overlap counted once" not in labels
    assert "damaged S9 takes left out" not in labels


def test_refusals(lifter):
    class Broken(tiny.TinyLifter):
        def forward(self, keypoints):
            return torch.full((*keypoints.shape[:3], 3), torch.nan)

    with pytest.raises(InvalidData, match=r"NaN or infinity .* first in S9/Walking 1/0"):
        predict(Broken(), tiny.dataset(), protocol=MIXSTE, device="cpu")
    with pytest.raises(InvalidParameter, match="one frame per window"):
        predict(tiny.TinyLifter(output="frame"), tiny.dataset(), protocol=MIXSTE, device="cpu")
    with pytest.raises(InvalidParameter, match="float32, bf16"):
        predict(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu", precision="half")
    with pytest.raises(InvalidParameter, match="choose one of"):
        Protocol("mine", windows="sequence", root="fixed")
    plain = predict(lifter, tiny.dataset(), protocol=replace(MIXSTE, flip=False), device="cpu")
    with pytest.raises(InvalidParameter, match="hold none"):
        score(plain, MIXSTE)
    with pytest.raises(InvalidParameter, match="predict again"):
        score(plain, MHFORMER)
    blind = tiny.dataset(replace(tiny.clip(18), pose=None))
    with pytest.raises(InvalidData, match="without true poses"):
        evaluate(lifter, blind, protocol=MIXSTE, device="cpu")


def test_cards_are_complete():
    labels = [[label for label, _ in protocol.describe()] for protocol in PROTOCOLS.values()]
    assert all(own == labels[0] for own in labels)
    assert dict(D3DP_PROTOCOL.describe())["Predicted root"].startswith("set to the origin")


def test_one_frame_clips_have_no_velocity(lifter):
    evaluation = evaluate(
        tiny.TinyLifter(frames=1).eval(), tiny.dataset(tiny.clip(1)), protocol=MIXSTE, device="cpu"
    )
    assert np.isnan(evaluation.metrics["mpjve"])
    assert np.isfinite(evaluation.metrics["mpjpe"])


@pytest.fixture(scope="module")
def d3dp():
    torch.manual_seed(0)
    lifter = build("d3dp", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=1, heads=2)
    nn.init.normal_(lifter.pose_estimator.head[1].weight, std=0.1)
    return lifter


def test_hypotheses_against_aggregation_by_hand(d3dp):
    clip = tiny.clip(9)
    found = evaluate_hypotheses(
        d3dp, tiny.dataset(clip), hypotheses=3, iterations=2, seed=5, device="cpu"
    )
    assert len(found) == 8
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        poses = d3dp.sample(clip.keypoints[None], hypotheses=3, iterations=2, generator=generator)
    poses[..., 0, :] = 0
    target = (clip.pose - clip.pose[:, :1])[None]
    for name, aggregate in (("j_best", j_best), ("p_agg", p_agg)):
        for metric, align in (("mpjpe", False), ("p_mpjpe", True)):
            errors = aggregate(poses, target, align=align).errors.mean((0, 2, 3))
            for step in (1, 2):
                assert found[name, step].metrics[metric] == pytest.approx(
                    1000 * float(errors[step - 1]), rel=1e-4
                )
    assert "by the true pose" in dict(found["j_best", 1].card)["Oracle choices"]
    assert dict(found["j_agg", 1].card)["Oracle choices"] == "none"


def test_oracles_bound_and_p_best_falls_with_the_batch(d3dp):
    dataset = tiny.dataset(tiny.clip(36, "S9", "Walking 1"), tiny.clip(20, "S11", "Sitting 1"))
    by_batch = {
        batch: evaluate_hypotheses(
            d3dp, dataset, hypotheses=4, iterations=1, seed=0, batch=batch, device="cpu"
        )
        for batch in (1, 4)
    }
    for found in by_batch.values():
        errors = {name: evaluation.metrics["mpjpe"] for (name, _), evaluation in found.items()}
        assert errors["j_best"] <= min(errors.values())
    assert dict(by_batch[4]["p_best", 1].card)["Windows per mini-batch"] == "4"
    with pytest.raises(InvalidParameter, match="without flip averaging"):
        evaluate_hypotheses(
            d3dp, dataset, hypotheses=1, iterations=1, seed=0, protocol=MIXSTE, device="cpu"
        )


def test_optimised_predictions_of_no_iterations_are_the_flip_average(lifter):
    plain = score(predict(lifter, tiny.dataset(), protocol=MHFORMER), MHFORMER)
    none = Optimisation(iterations=0)
    kept = predict_optimised(lifter, tiny.dataset(), none, protocol=MHFORMER)
    assert score(kept, MHFORMER).metrics["mpjpe"] == pytest.approx(plain.metrics["mpjpe"])


def test_optimising_the_pose_itself_fits_clean_keypoints(lifter):
    before = evaluate(lifter, tiny.dataset(), protocol=MHFORMER).metrics["mpjpe"]
    settings = Optimisation(
        target="pose", iterations=60, learning_rate=0.02, weight_uncertainty=0.0
    )
    fitted = predict_optimised(lifter, tiny.dataset(), settings, protocol=MHFORMER)
    assert score(fitted, MHFORMER).metrics["mpjpe"] < 0.8 * before


def test_a_given_root_needs_the_truth(lifter):
    blind = tiny.dataset(replace(tiny.clip(40), pose=None))
    with pytest.raises(InvalidData, match="optimise with root 'fitted'"):
        predict_optimised(lifter, blind, Optimisation(), protocol=MHFORMER)
