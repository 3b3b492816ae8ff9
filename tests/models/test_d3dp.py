"""D3DP: schedule, sampling, training."""

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points
from posekit.models import build, mixste
from posekit.models.d3dp import (
    D3DP,
    Config,
    Denoiser,
    KTPFormerDenoiser,
    MixSTEDenoiser,
    cosine_schedule,
    sampling_steps,
)

SMALL = {"frames": 4, "embed_dim": 16, "depth": 1, "heads": 2, "drop_path": 0.0}


@pytest.fixture(params=["mixste", "ktpformer"])
def lifter(request):
    torch.manual_seed(0)
    network = build("d3dp", skeleton=HUMAN36M_17, host=request.param, **SMALL).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def draw(*shape, seed=1):
    return torch.rand(*shape, generator=torch.manual_seed(seed)) * 2 - 1


def poses(*shape, seed):
    """Root-relative poses of about human size (..., 17, 3), metres."""
    pose = 0.4 * draw(*shape, 17, 3, seed=seed)
    return pose - pose[..., :1, :]


def test_schedule_has_the_published_values():
    signal = cosine_schedule(1000)
    expected = {0: 0.999958716, 199: 0.898705921, 499: 0.493843590, 799: 0.0940456127}
    for step, value in (expected | {999: 2.42876691e-9}).items():
        assert signal[step].item() == pytest.approx(value, rel=1e-8)
    assert bool((signal.diff() < 0).all())


@pytest.mark.parametrize(
    ("iterations", "steps"),
    [
        (1, [999, -1]),
        (2, [999, 499, -1]),
        (5, [999, 799, 599, 399, 199, -1]),
        (10, [*range(999, 0, -100), -1]),
    ],
)
def test_sampling_visits_the_published_steps(iterations, steps):
    assert sampling_steps(1000, iterations) == steps


def test_denoiser_has_the_size_of_the_release():
    with torch.device("meta"):
        denoiser = MixSTEDenoiser(mixste.Config())
    assert sum(parameter.numel() for parameter in denoiser.parameters()) == 34_835_459


def test_prediction_depends_on_neither_the_call_nor_the_batch(lifter):
    keypoints = draw(3, 4, 17, 2)
    first = lifter(keypoints)
    assert first.shape == (3, 4, 17, 3)
    torch.manual_seed(99)
    torch.testing.assert_close(lifter(keypoints), first, rtol=0, atol=0)
    torch.testing.assert_close(lifter(keypoints[1:2]), first[1:2])


def test_hypotheses_and_iterations_are_free_at_test_time(lifter):
    keypoints = draw(2, 4, 17, 2)
    few = lifter(keypoints)
    lifter.hypotheses, lifter.iterations = 3, 1
    assert not torch.allclose(lifter(keypoints), few)
    samples = lifter.sample(keypoints, hypotheses=2, iterations=3)
    assert samples.shape == (2, 3, 2, 4, 17, 3)
    with pytest.raises(InvalidParameter, match="at least 1"):
        lifter.sample(keypoints, hypotheses=2, iterations=0)


def test_samples_repeat_with_their_generator(lifter):
    keypoints = draw(2, 4, 17, 2)
    one, other, third = (
        lifter.sample(
            keypoints, hypotheses=2, iterations=2, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (5, 5, 6)
    )
    assert torch.equal(one, other)
    assert not torch.allclose(one, third)
    assert not torch.allclose(one[0], one[1])


def test_mirrored_input_gives_the_mirrored_pose(lifter):
    keypoints = draw(2, 4, 17, 2)
    noise = [draw(2, 3, 4, 17, 3, seed=seed) for seed in (7, 8)]
    mirrored = [mirror_points(draws, HUMAN36M_17) for draws in noise]
    *_, plain = lifter.denoising(keypoints, noise, 2)
    *_, flipped = lifter.denoising(mirror_points(keypoints, HUMAN36M_17), mirrored, 2)
    torch.testing.assert_close(mirror_points(flipped.clean, HUMAN36M_17), plain.clean)


class PerfectDenoiser(Denoiser):
    """Knows the one true pose of plain and mirrored keypoints, whatever the noise."""

    def __init__(self, truth):
        torch.nn.Module.__init__(self)
        self.frames, self.skeleton, self.in_channels = truth.shape[1], HUMAN36M_17, 5
        self.truth = truth
        self.seen = []

    def forward(self, keypoints, noisy, steps):
        self.seen.append(noisy)
        mirrored = bool(keypoints[0, 0, 0, 0] < 0)
        truth = mirror_points(self.truth, HUMAN36M_17) if mirrored else self.truth
        return truth[:, None].expand_as(noisy) if noisy.ndim == 5 else truth


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_perfect_denoiser_gives_the_truth(scale):
    truth = poses(2, 4, seed=3)
    lifter = D3DP(PerfectDenoiser(truth), Config(scale=scale, hypotheses=2, iterations=3))
    torch.testing.assert_close(lifter(draw(2, 4, 17, 2).abs()), truth)


def test_training_input_is_clamped_noise_around_the_target():
    truth = poses(64, 2, seed=3)
    lifter = D3DP(PerfectDenoiser(truth), Config(scale=2.0))
    torch.manual_seed(0)
    torch.testing.assert_close(lifter.training_forward(draw(64, 2, 17, 2).abs(), truth), truth)
    (noisy,) = lifter.pose_estimator.seen
    assert noisy.abs().max().item() == pytest.approx(1.1)
    # One step per sequence: from nearly clean to pure noise.
    distance = (noisy - truth).norm(dim=-1).mean(dim=(1, 2))
    assert distance.min() < 0.2
    assert distance.max() > 0.8


def test_gradient_of_a_training_step_reaches_the_time_code(lifter):
    lifter.training_forward(draw(2, 4, 17, 2), poses(2, 4, seed=3)).square().sum().backward()
    for layer in (1, 3):
        assert bool(lifter.pose_estimator.time_mlp[layer].weight.grad.any())


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidData, match=r"\(batch, 4, 17, 2\)"):
        build("d3dp", skeleton=HUMAN36M_17, **SMALL)(draw(1, 4, 17, 3))
    with pytest.raises(InvalidParameter, match="choose one of mixste, ktpformer"):
        build("d3dp", skeleton=HUMAN36M_17, host="poseformer")
    with pytest.raises(InvalidParameter, match=r"no option 'kpa'; it takes .*timesteps"):
        build("d3dp", skeleton=HUMAN36M_17, kpa=False)
    assert isinstance(
        build("d3dp", skeleton=HUMAN36M_17, host="ktpformer", kpa=False, **SMALL).pose_estimator,
        KTPFormerDenoiser,
    )
