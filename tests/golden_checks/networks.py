"""Goldens of networks: MixSTE, KTPFormer, D3DP and what is made of its hypotheses."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from golden_checks.golden import Golden
from posekit.geometry.cameras import Camera
from posekit.metrics.hypotheses import j_agg, j_best, p_agg, p_best
from posekit.models.d3dp import ddim_coefficients, sampling_steps

# Under the plain recipe the output of KTPFormer varies by 0.005 only, so 1e-4 would prove little.
PLAIN_TOLERANCE = 1e-5


def check_mixste(golden: Golden) -> None:
    """The output of the whole network."""
    network = golden.network()
    with torch.inference_mode():
        golden.compare_run("output", nn.Module.__call__, network, golden.input("input"))


def check_ktpformer(golden: Golden) -> None:
    """The fixed graphs, both priors before and after normalisation, and the output."""
    network = golden.network()
    golden.tells("skeleton")
    kinematics, trajectory = network.kpattention.attn.kpa, network.tpattention.attn.tpa
    seen = {
        "tap_kpa_conv": _rows_of_joints(kinematics.gconv),
        "tap_kpa": _rows_of_joints(kinematics),
        "tap_tpa_conv": _rows_of_frames(trajectory.gconv1.gconv),
        "tap_tpa": _rows_of_frames(trajectory),
    }
    with torch.inference_mode():
        output = network(golden.input("input"))
    golden.compare("adj", kinematics.gconv.adjacency)
    golden.compare("adj_temporal", trajectory.gconv1.gconv.adjacency)
    for name, rows in seen.items():
        golden.compare(name, rows[0][: len(golden.tensor(name))])
    golden.compare("output", output)
    if not golden.spec.get("fill_overrides"):
        golden.compare_within("output", output, PLAIN_TOLERANCE)


def check_denoiser(golden: Golden) -> None:
    """The denoiser with and without a hypothesis axis, and its code of the diffusion step."""
    network = golden.network()
    _in_float64(network.time_mlp)
    keypoints, noisy = golden.input("input_2d"), golden.input("noisy_3d")
    golden.fixes(hypotheses=noisy.shape[1])
    steps = torch.tensor(golden.config["timesteps"])
    with torch.inference_mode():
        golden.compare("timesteps", steps)
        golden.compare("sinusoid", network.time_mlp[0](steps))
        golden.compare("time_embedding", network.time_mlp(steps))
        golden.compare("output", network(keypoints, noisy, steps))
        golden.compare("output_single_hypothesis", network(keypoints, noisy[:, 0], steps))


def check_sampler(golden: Golden) -> None:
    """The chain of noisy and clean poses when the random draws are given."""
    network, iterations = golden.network(), golden.config["iterations"]
    _in_float64(network.pose_estimator.time_mlp)
    noise = [golden.input(f"noise_{index}") for index in range(iterations)]
    with torch.inference_mode():
        chain = list(network.denoising(golden.input("input_2d"), noise, iterations))
    golden.compare("alphas_cumprod", network.alphas_cumprod)
    steps = sampling_steps(network.timesteps, iterations)
    assert steps == golden.tensor("times").tolist()
    golden.compare("time_pair_coefficients", _coefficients(network, steps))
    golden.compare("states", torch.stack([state.noisy for state in chain]))
    golden.compare("predictions", torch.stack([state.clean for state in chain], dim=1))


def check_aggregation(golden: Golden) -> None:
    """The four aggregations under both protocols, and what J-Agg projects and picks."""
    target = _rooted(0.5 * golden.input("target"))
    error = golden.input("error")
    sizes = ("batch", "iterations", "hypotheses", "frames", "joints")
    golden.fixes(**dict(zip(sizes, error.shape, strict=False)))
    predictions = _rooted(target[:, None, None] + 0.1 * error)
    trajectory = golden.input("trajectory") * torch.tensor([0.3, 0.3, 1.0])
    trajectory = trajectory + torch.tensor([0.0, 0.0, 4.5])
    camera = _camera(golden.config["camera"])
    golden.compare("camera", torch.tensor(golden.config["camera"]))
    observed = camera.project(target + trajectory) + 0.02 * golden.input("error_2d")
    golden.compare("input_2d", observed)
    golden.compare("reprojected_2d", camera.project(predictions + trajectory[:, None, None]))
    for name, align in (("mpjpe", False), ("p_mpjpe", True)):
        chosen = [
            *(choose(predictions, target, align=align) for choose in (j_best, p_best, p_agg)),
            j_agg(predictions, target, observed, camera, trajectory, align=align),
        ]
        golden.compare(name, torch.stack([one.errors.mean(dim=(0, 2, 3)) for one in chosen]))
    picked = j_agg(predictions, target, observed, camera, trajectory).pose
    indices = golden.tensor("j_agg_selection").long()[:, :, None, ..., None]
    torch.testing.assert_close(picked, predictions.take_along_dim(indices, dim=2).squeeze(2))


CHECKS = {
    "mixste": check_mixste,
    "ktpformer": check_ktpformer,
    "d3dp-denoiser": check_denoiser,
    "d3dp-sampler": check_sampler,
    "d3dp-aggregation": check_aggregation,
}


def _in_float64(time_mlp: nn.Sequential) -> None:
    """Codes of a step are computed in float32, as released; the rest goes on in float64."""
    time_mlp[0].register_forward_hook(lambda _module, _inputs, code: code.double())


def _rows_of_joints(module: nn.Module) -> list[Tensor]:
    """Filled by a hook with the module's output as rows (B*F, J, C)."""
    rows: list[Tensor] = []
    module.register_forward_hook(lambda _module, _inputs, out: rows.append(out.flatten(0, 1)))
    return rows


def _rows_of_frames(module: nn.Module) -> list[Tensor]:
    """Filled by a hook with the module's output as rows (B*J, F, C)."""
    rows: list[Tensor] = []
    module.register_forward_hook(
        lambda _module, _inputs, out: rows.append(out.transpose(1, 2).flatten(0, 1))
    )
    return rows


def _coefficients(network: nn.Module, steps: list[int]) -> Tensor:
    rows = []
    for step, following in pairwise(steps[:-1]):
        signal = network.alphas_cumprod[step].item()
        next_signal = network.alphas_cumprod[following].item()
        weights = ddim_coefficients(signal, next_signal, network.eta)
        rows.append([step, following, signal, next_signal, *weights])
    return torch.tensor(rows, dtype=torch.float64).view(-1, 6)


def _rooted(pose: Tensor) -> Tensor:
    pose = pose.clone()
    pose[..., 0, :] = 0
    return pose


def _camera(intrinsics: list[float]) -> Camera:
    values = torch.tensor(intrinsics, dtype=torch.float64)
    return Camera(
        focal=values[:2],
        centre=values[2:4],
        radial=values[4:7],
        tangential=values[7:],
        resolution=torch.tensor([1000.0, 1000.0]),
        rotation=torch.tensor([1.0, 0.0, 0.0, 0.0]),
        translation=torch.zeros(3),
    )
