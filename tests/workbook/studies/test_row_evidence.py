"""What a row's runs say, seed by seed."""

from dataclasses import replace

import numpy as np
import pytest

from posekit.workbook.studies.row_evidence import OwnTest, RowEvidence


def evidence(errors, *, baselines=None, losses=None, steps=None):
    """A row of two clips of one take and one of another; errors (seeds, 3)."""
    values = np.array(errors, dtype=np.float64)
    return RowEvidence(
        seeds=tuple(range(len(values))),
        clips=np.array(["S1/walk/a", "S1/walk/b", "S2/sit/a"]),
        actions=np.array(["Walking", "Walking", "Sitting"]),
        frames=np.array([10, 30, 5]),
        errors={"mpjpe": values},
        steps=np.arange(1, 401) if steps is None else steps,
        losses=np.ones((len(values), 400)) if losses is None else losses,
        baselines=baselines or {},
    )


def test_the_figure_is_the_mean_over_actions_of_the_mean_over_frames():
    row = evidence([[40.0, 60.0, 100.0], [44.0, 64.0, 104.0]])
    first = ((10 * 40 + 30 * 60) / 40 + 100) / 2
    assert row.mean("mpjpe") == pytest.approx(first + 2)
    paired = row.paired("mpjpe")
    assert paired.takes == ("S1/walk", "S2/sit")
    assert paired.persons == ("S1", "S2")
    assert paired.weights.sum() == pytest.approx(1)


def test_a_row_has_learned_if_it_beats_linear_by_a_fifth():
    errors = [[50.0, 50.0, 50.0]]
    assert evidence(errors).learned is None
    for linear, learned in ((70.0, True), (62.6, True), (62.4, False), (40.0, False)):
        row = evidence(errors, baselines={"linear": {"mpjpe": linear}})
        assert row.learned is learned


def test_a_linear_map_that_is_worse_than_the_mean_pose_is_not_enough_to_beat():
    for mpjpe, learned in ((159.0, True), (161.0, False)):
        baselines = {"linear": {"mpjpe": 1786.0}, "mean pose": {"mpjpe": 200.0}}
        assert evidence([[mpjpe] * 3], baselines=baselines).learned is learned


def test_a_row_compared_on_other_data_has_learned_if_it_does_its_own():
    far = evidence([[120.0, 120.0, 120.0]], baselines={"linear": {"mpjpe": 124.0}})
    assert far.learned is False
    for mpjpe, learned in ((56.0, True), (60.0, False)):
        row = replace(far, own_test=OwnTest(mpjpe, {"linear": 70.0, "neighbours": 50.0}))
        assert row.learned is learned
        assert row.learning.baselines == {"linear": 70.0, "neighbours": 50.0}
        assert row.mean("mpjpe") == 120.0, "what is compared stays the same"
        assert row.baselines == far.baselines, "and so does what tables show"


def test_the_slope_is_that_of_the_seed_that_still_falls_fastest():
    steps = np.arange(1, 401)
    losses = np.stack([steps**-0.05, steps**-0.3])
    row = evidence([[50.0] * 3, [50.0] * 3], steps=steps, losses=losses)
    assert row.slope == pytest.approx(0.3, abs=0.01)
    nothing = evidence([[50.0] * 3], steps=steps[:2], losses=losses[:1, :2])
    assert nothing.slope is None
    unknown = np.stack([steps**-0.05, -(steps**-0.05)])  # a negative loss has no logarithm
    assert evidence([[50.0] * 3] * 2, steps=steps, losses=unknown).slope is None
