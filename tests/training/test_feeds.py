"""Feeds of lifting: which windows are trained on, label noise, what is refused."""

from dataclasses import replace

import pytest
import tiny
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import MPI_INF_3DHP_17
from posekit.training import LiftingFeed, LiftingRecipe, fit
from posekit.training.feeds import jittered

RECIPE = LiftingRecipe(learning_rate=2e-3, epochs=3, batch_size=4)


def test_frame_lifter_trains_on_centred_windows():
    recipe = replace(RECIPE, consistency=0.0, velocity=0.0, flip=False, batch_size=72)
    log = fit(
        tiny.TinyLifter(output="frame"), LiftingFeed(tiny.dataset(), recipe), seed=0, device="cpu"
    )
    assert log.steps_per_epoch == 1  # 72 frames, one window each


def test_window_longer_than_every_clip():
    with pytest.raises(InvalidParameter, match=r"S9/Walking 1/0, has 40 frames; choose frames <="):
        fit(tiny.TinyLifter(frames=41), LiftingFeed(tiny.dataset(), RECIPE), seed=0, device="cpu")


def test_windows_with_invalid_frames_are_left_out():
    good, bad = tiny.clip(18, take="Walking 1"), tiny.clip(18, take="Sitting 1")
    marked = replace(bad, valid=torch.arange(18) != 3)
    log = fit(
        tiny.TinyLifter(),
        LiftingFeed(tiny.dataset(good, marked), replace(RECIPE, batch_size=1)),
        seed=0,
        device="cpu",
    )
    assert log.steps_per_epoch == 2 * (2 + 1)
    with pytest.raises(InvalidData, match="every window"):
        fit(
            tiny.TinyLifter(frames=18),
            LiftingFeed(tiny.dataset(marked), RECIPE),
            seed=0,
            device="cpu",
        )


def test_clips_without_truth():
    blind = replace(tiny.clip(18), pose=None)
    with pytest.raises(InvalidData, match="no true pose"):
        fit(tiny.TinyLifter(), LiftingFeed(tiny.dataset(blind), RECIPE), seed=0, device="cpu")


def test_jitter_turns_and_scales_in_the_image_plane_only():
    pose = torch.randn(500, 1, 17, 3, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        moved = jittered(pose)
    torch.testing.assert_close(moved[..., 2], pose[..., 2])
    plane, before = moved[..., :2], pose[..., :2]
    scale = (plane.norm(dim=(-1, -2)) / before.norm(dim=(-1, -2))).squeeze()
    assert set(scale.mul(100).round().int().tolist()) == {95, 100, 105}
    cross = before[..., 0] * plane[..., 1] - before[..., 1] * plane[..., 0]
    angle = torch.rad2deg(torch.atan2(cross, (before * plane).sum(-1)))[:, 0, 0]
    assert set(angle.round().int().tolist()) == {-5, 0, 5}


class WholeWindowLifter(tiny.TinyLifter):
    """Trains on every frame of a window around each frame."""

    tiled_windows = False
    supervises_all_frames = True

    def training_loss(self, keypoints, target, criterion):
        assert target.shape[:2] == keypoints.shape[:2]
        middle = self.frames // 2
        prediction = self(keypoints)
        whole = criterion(prediction, target)
        centre = criterion(prediction[:, middle, None], target[:, middle, None])
        return whole._replace(total=whole.total + centre.total)


def test_a_lifter_may_supervise_whole_windows_around_each_frame():
    lifter, dataset = WholeWindowLifter(), tiny.dataset()
    recipe = LiftingRecipe(epochs=1, batch_size=16, flip=False, consistency=0.0, velocity=0.0)
    log = fit(lifter, LiftingFeed(dataset, recipe), seed=0, device="cpu")
    frames = sum(clip.frames for clip in dataset.clips)
    assert log.steps == -(-frames // 16)
    assert log.rows[-1]["total"] > log.rows[-1]["position"]


def test_data_of_other_joints_are_refused_even_if_as_many():
    other = tiny.dataset(skeleton=MPI_INF_3DHP_17)
    with pytest.raises(InvalidParameter, match=r"TinyLifter lifts .* tiny holds those of"):
        fit(tiny.TinyLifter(), LiftingFeed(other, RECIPE), seed=0, device="cpu")


def test_a_prediction_that_would_be_broadcast_is_refused():
    class OneFrame(tiny.TinyLifter):
        def forward(self, keypoints):
            return super().forward(keypoints)[:, :1]

    with pytest.raises(InvalidData, match=r"predicts \(4, 1, 17, 3\) .* target is \(4, 9, 17, 3\)"):
        fit(OneFrame(), LiftingFeed(tiny.dataset(), RECIPE), seed=0, device="cpu")
