"""Goldens of networks: MixSTE, KTPFormer, D3DP and what is made of its hypotheses."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.checkpoints import from_reference
from posekit.geometry.cameras import Camera
from posekit.metrics.hypotheses import j_agg, j_best, p_agg, p_best
from posekit.models.d3dp import ddim_coefficients, sampling_steps

# Under the plain recipe the output of KTPFormer varies by 0.005 only, so 1e-4 would prove little.
PLAIN_TOLERANCE = 1e-5


def check_mixste(golden: Golden) -> None:
    """The output of the whole network."""
    network = _network(golden)
    with torch.inference_mode():
        golden.compare("output", network(golden.inputs["input"]))


def check_ktpformer(golden: Golden) -> None:
    """The fixed graphs, both priors before and after normalisation, and the output."""
    network = _network(golden)
    kinematics, trajectory = network.kpattention.attn.kpa, network.tpattention.attn.tpa
    seen = {
        "tap_kpa_conv": _rows_of_joints(kinematics.gconv),
        "tap_kpa": _rows_of_joints(kinematics),
        "tap_tpa_conv": _rows_of_frames(trajectory.gconv1.gconv),
        "tap_tpa": _rows_of_frames(trajectory),
    }
    with torch.inference_mode():
        output = network(golden.inputs["input"])
    golden.compare("adj", kinematics.gconv.adjacency)
    golden.compare("adj_temporal", trajectory.gconv1.gconv.adjacency)
    for name, rows in seen.items():
        golden.compare(name, rows[0][: len(golden.tensor(name))])
    golden.compare("output", output)
    if not golden.spec.get("fill_overrides"):
        torch.testing.assert_close(output, golden.tensor("output"), rtol=0, atol=PLAIN_TOLERANCE)


def check_denoiser(golden: Golden) -> None:
    """The denoiser with and without a hypothesis axis, and its code of the diffusion step."""
    network = _network(golden)
    keypoints, noisy = golden.inputs["input_2d"], golden.inputs["noisy_3d"]
    steps = torch.tensor(golden.config["timesteps"])
    with torch.inference_mode():
        golden.compare("sinusoid", network.time_mlp[0](steps))
        golden.compare("time_embedding", network.time_mlp(steps))
        golden.compare("output", network(keypoints, noisy, steps))
        golden.compare("output_single_hypothesis", network(keypoints, noisy[:, 0], steps))


def check_sampler(golden: Golden) -> None:
    """The chain of noisy and clean poses when the random draws are given."""
    network, iterations = _network(golden), golden.config["iterations"]
    noise = [golden.inputs[f"noise_{index}"] for index in range(iterations)]
    with torch.inference_mode():
        chain = list(network.denoising(golden.inputs["input_2d"], noise, iterations))
    golden.compare("alphas_cumprod", network.alphas_cumprod)
    steps = sampling_steps(network.timesteps, iterations)
    assert steps == golden.tensor("times").tolist()
    golden.compare("time_pair_coefficients", _coefficients(network, steps))
    golden.compare("states", torch.stack([state.noisy for state in chain]))
    golden.compare("predictions", torch.stack([state.clean for state in chain], dim=1))


def check_aggregation(golden: Golden) -> None:
    """The four aggregations under both protocols, and what J-Agg projects and picks."""
    inputs = golden.inputs
    target = _rooted(0.5 * inputs["target"])
    predictions = _rooted(target[:, None, None] + 0.1 * inputs["error"])
    trajectory = inputs["trajectory"] * torch.tensor([0.3, 0.3, 1.0])
    trajectory = trajectory + torch.tensor([0.0, 0.0, 4.5])
    camera = _camera(golden.config["camera"])
    observed = camera.project(target + trajectory) + 0.02 * inputs["error_2d"]
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


def _network(golden: Golden) -> torch.nn.Module:
    return from_reference(golden.spec["model"], golden.config, golden.state()).eval()


def _rows_of_joints(module: torch.nn.Module) -> list[Tensor]:
    """Filled by a hook with the module's output as rows (B*F, J, C)."""
    rows: list[Tensor] = []
    module.register_forward_hook(lambda _module, _inputs, out: rows.append(out.flatten(0, 1)))
    return rows


def _rows_of_frames(module: torch.nn.Module) -> list[Tensor]:
    """Filled by a hook with the module's output as rows (B*J, F, C)."""
    rows: list[Tensor] = []
    module.register_forward_hook(
        lambda _module, _inputs, out: rows.append(out.transpose(1, 2).flatten(0, 1))
    )
    return rows


def _coefficients(network: torch.nn.Module, steps: list[int]) -> Tensor:
    rows = []
    for step, following in pairwise(steps[:-1]):
        signal = network.alphas_cumprod[step].item()
        next_signal = network.alphas_cumprod[following].item()
        weights = ddim_coefficients(signal, next_signal, network.eta)
        rows.append([step, following, signal, next_signal, *weights])
    return torch.tensor(rows).view(-1, 6)


def _rooted(pose: Tensor) -> Tensor:
    pose = pose.clone()
    pose[..., 0, :] = 0
    return pose


def _camera(intrinsics: list[float]) -> Camera:
    values = torch.tensor(intrinsics)
    return Camera(
        focal=values[:2],
        centre=values[2:4],
        radial=values[4:7],
        tangential=values[7:],
        resolution=torch.tensor([1000.0, 1000.0]),
        rotation=torch.tensor([1.0, 0.0, 0.0, 0.0]),
        translation=torch.zeros(3),
    )
