"""D3DP: poses as samples of a diffusion model.

Shan et al., "Diffusion-based 3D human pose estimation with multi-hypothesis aggregation", ICCV
2023. Source: https://github.com/paTRICK-swk/D3DP at afcdd05. Parameter names are those of its
checkpoints; ``posekit.metrics.hypotheses`` makes one pose of several. Shapes: B batch, K sampling
iterations, N hypotheses, F frames, J joints, C channels.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import Skeleton, mirror_points
from posekit.models import ktpformer, mixste
from posekit.models.ktpformer import KTPFormer
from posekit.models.lifters import HostedLifter, Options, SamplingLifter
from posekit.models.mixste import AlternatingLifter, MixSTE, reference_options
from posekit.models.releases import Description, renamed

REFERENCE_CONSTANTS = frozenset(
    {
        *("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod"),
        *("sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod"),
        *("sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance"),
        *("posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2"),
    }
)
"""Buffers of the released files that follow from the number of steps; computed here instead."""

CLAMP = 1.1  # poses beyond this many scales are cut off, metres at scale 1


class Sinusoid(nn.Module):
    """Codes a diffusion step t as (sin(t w_k), cos(t w_k)), w_k = 10000^(-k / (C/2 - 1))."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.half = dim // 2

    def forward(self, steps: Tensor) -> Tensor:
        """steps (B,) integers -> (B, C), sines first."""
        index = torch.arange(self.half, device=steps.device)
        frequencies = torch.exp(index * (-math.log(10000) / (self.half - 1)))
        angles = steps[:, None] * frequencies
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class Denoiser(AlternatingLifter):
    """Makes a denoiser of the host that follows it in the list of base classes.

    The noisy pose joins the keypoints as three more input channels, and a code of the diffusion
    step is added to every token in front of the first attention. Nothing else of the host changes;
    ``in_channels`` of its ``Config`` are those of a keypoint, without the noisy pose.
    """

    def __init__(self, config: mixste.Config) -> None:
        super().__init__(replace(config, in_channels=config.in_channels + 3))
        dim = self.embed_dim
        self.time_mlp = nn.Sequential(
            Sinusoid(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def forward(self, keypoints: Tensor, noisy: Tensor, steps: Tensor) -> Tensor:
        """The clean pose that a noisy pose hides.

        Args:
            keypoints: (B, F, J, in_channels).
            noisy: (B, F, J, 3), or (B, N, F, J, 3) with hypotheses that share the keypoints.
            steps: (B,) integers, how noisy each sequence is.

        Returns:
            The shape of ``noisy``.
        """
        if noisy.ndim == 4:
            tokens = torch.cat((keypoints, noisy), dim=-1)
            return super().forward(tokens, self.time_mlp(steps))
        hypotheses = noisy.shape[1]
        clean = self(
            keypoints.repeat_interleave(hypotheses, dim=0),
            noisy.flatten(0, 1),
            steps.repeat_interleave(hypotheses, dim=0),
        )
        return clean.view_as(noisy)


class MixSTEDenoiser(Denoiser, MixSTE):
    """MixSTE as D3DP's denoiser, as released."""


class KTPFormerDenoiser(Denoiser, KTPFormer):
    """KTPFormer as D3DP's denoiser: KPA reads keypoints and noisy pose together.

    A reconstruction: the code of the "KTPFormer with diffusion" rows was never released.
    """


DENOISERS: dict[str, type[Denoiser]] = {"mixste": MixSTEDenoiser, "ktpformer": KTPFormerDenoiser}


def cosine_schedule(timesteps: int) -> Tensor:
    """Share of signal left at each step, abar (timesteps,), float64.

    f(u) = cos^2((u/T + s) / (1 + s) pi/2), s = 0.008; beta_u = clip(1 - f(u+1)/f(u), 0, 0.999);
    abar is the running product of 1 - beta (Nichol and Dhariwal, ICML 2021).
    """
    shift = 0.008
    share = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64, device="cpu")
    signal = torch.cos((share + shift) / (1 + shift) * math.pi / 2) ** 2
    betas = (1 - signal[1:] / signal[:-1]).clamp(0, 0.999)
    return torch.cumprod(1 - betas, dim=0)


def sampling_steps(timesteps: int, iterations: int) -> list[int]:
    """The steps that sampling visits, ``iterations`` of them and a final -1: 999, 499, -1."""
    steps = torch.linspace(-1, timesteps - 1, iterations + 1, device="cpu")
    return steps.int().tolist()[::-1]


@dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of D3DP besides its denoiser's.

    Attributes:
        timesteps: T, steps of the diffusion.
        scale: factor on poses while they diffuse.
        eta: 1 adds fresh noise at every sampling iteration, 0 none.
        hypotheses: N that ``forward`` averages; an attribute free to change at any time.
        iterations: K that ``forward`` runs; likewise.
        seed: of the noise in ``forward``.
    """

    timesteps: int = 1000
    scale: float = 1.0
    eta: float = 1.0
    hypotheses: int = 5
    iterations: int = 5
    seed: int = 0


class D3DP(HostedLifter, SamplingLifter):
    """Diffusion lifter: denoises random poses under the guidance of the keypoints.

    ``sample`` gives every hypothesis; ``forward`` gives one pose, the mean of the hypotheses of
    the last iteration (P-Agg), which needs no knowledge of the truth.

    Args:
        denoiser: one of ``DENOISERS``; gives frames, skeleton and channels.
        config: of the diffusion.
    """

    Config = Config
    hosts = DENOISERS
    published: ClassVar = {"D3DP, one step of one hypothesis": {"hypotheses": 1, "iterations": 1}}
    release_protocol = "D3DP"

    def __init__(self, denoiser: Denoiser, config: Config) -> None:
        super().__init__(denoiser.frames, denoiser.skeleton, "sequence", denoiser.in_channels - 3)
        self.pose_estimator = denoiser
        schedule = cosine_schedule(config.timesteps)
        self.register_buffer("alphas_cumprod", schedule, persistent=False)
        self.timesteps = config.timesteps
        self.scale = config.scale
        self.eta = config.eta
        self.hypotheses = config.hypotheses
        self.iterations = config.iterations
        self.seed = config.seed

    def training_forward(self, keypoints: Tensor, target: Tensor) -> Tensor:
        """Denoise the target after one random diffusion step per sequence.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, F, J, 3), root-relative, metres.

        Returns:
            The clean pose (B, F, J, 3), metres; the paper's loss is its plain MPJPE.
        """
        self.check_input(keypoints)
        steps = torch.randint(self.timesteps, (len(target),), device=target.device)
        signal = self.alphas_cumprod[steps].to(target.dtype)[:, None, None, None]
        noise = torch.randn_like(target)
        noisy = signal.sqrt() * target * self.scale + (1 - signal).sqrt() * noise
        return self.pose_estimator(keypoints, self._clamp(noisy) / self.scale, steps)

    def forward(self, keypoints: Tensor) -> Tensor:
        """The mean pose of ``hypotheses`` samples after ``iterations`` iterations.

        The noise comes from ``seed`` and is the same for all sequences of the batch, so that a
        prediction depends neither on the call nor on what else is in the batch.

        Args:
            keypoints: (B, F, J, in_channels).

        Returns:
            (B, F, J, 3), metres. The root is not forced to 0; D3DP's protocol does that.
        """
        generator = torch.Generator(keypoints.device).manual_seed(self.seed)
        shape = (1, self.hypotheses, self.frames, self.skeleton.joints, 3)
        noise = (
            torch.randn(shape, generator=generator, device=keypoints.device).expand(
                len(keypoints), -1, -1, -1, -1
            )
            for _ in range(self.iterations)
        )
        *_, last = self.denoising(keypoints, noise, self.iterations)
        return last.clean.mean(dim=1) / self.scale

    def sample(
        self,
        keypoints: Tensor,
        *,
        hypotheses: int,
        iterations: int,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """As ``SamplingLifter.sample``; published: 20 hypotheses in 10 iterations."""
        shape = (len(keypoints), hypotheses, self.frames, self.skeleton.joints, 3)
        noise = (
            torch.randn(shape, generator=generator, device=keypoints.device)
            for _ in range(iterations)
        )
        states = self.denoising(keypoints, noise, iterations)
        return torch.stack([state.clean for state in states], dim=1)

    def denoising(
        self, keypoints: Tensor, noise: Iterable[Tensor], iterations: int
    ) -> Iterator["DenoisingState"]:
        """DDIM sampling, one state per iteration (Song et al., ICLR 2021).

        Args:
            keypoints: (B, F, J, in_channels).
            noise: ``iterations`` standard normal tensors (B, N, F, J, 3): the start of the chain,
                then the fresh noise of each iteration but the last.
            iterations: K.
        """
        if iterations < 1:
            raise InvalidParameter(f"iterations is {iterations}; sampling takes at least 1.")
        self.check_input(keypoints)
        draws = iter(noise)
        noisy = next(draws)
        for step, following in pairwise(sampling_steps(self.timesteps, iterations)):
            clean = self.denoise(keypoints, noisy, step)
            yield DenoisingState(step, noisy, clean)
            if following < 0:
                return
            signal = self.alphas_cumprod[step].item()
            next_signal = self.alphas_cumprod[following].item()
            # The noise that explains the unclamped state, given the clean pose.
            noise_found = (noisy * signal**-0.5 - clean) / (1 / signal - 1) ** 0.5
            sigma, direction = ddim_coefficients(signal, next_signal, self.eta)
            noisy = next_signal**0.5 * clean + direction * noise_found + sigma * next(draws)

    def denoise(self, keypoints: Tensor, noisy: Tensor, step: int) -> Tensor:
        """The clean pose (B, N, F, J, 3), mean of a plain and a mirrored pass, clamped."""
        steps = torch.full((len(keypoints),), step, device=keypoints.device)
        pose = self._clamp(noisy) / self.scale
        plain = self.pose_estimator(keypoints, pose, steps)
        mirrored = self.pose_estimator(
            mirror_points(keypoints, self.skeleton), mirror_points(pose, self.skeleton), steps
        )
        clean = (plain + mirror_points(mirrored, self.skeleton)) / 2
        return self._clamp(clean * self.scale)

    def _clamp(self, pose: Tensor) -> Tensor:
        return pose.clamp(-CLAMP * self.scale, CLAMP * self.scale)


class DenoisingState(NamedTuple):
    """One sampling iteration: its step, the noisy pose that enters and the clean one it gives."""

    step: int
    noisy: Tensor
    clean: Tensor


def ddim_coefficients(signal: float, next_signal: float, eta: float) -> tuple[float, float]:
    """Weights of the fresh noise (sigma) and of the noise found (c) on the way to the next step."""
    ratio = (1 - signal / next_signal) * (1 - next_signal) / (1 - signal)
    sigma = eta * ratio**0.5
    return sigma, (1 - next_signal - sigma**2) ** 0.5


_HOST = "pose_estimator."  # where the release keeps its denoiser

_REFERENCE_OPTIONS = {
    "train_timesteps": "timesteps",
    "scale": "scale",
    "eta": "eta",
    "hypotheses": "hypotheses",
    "iterations": "iterations",
}


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state."""
    inner = {name.removeprefix(_HOST): state[name] for name in state if name.startswith(_HOST)}
    for name, host in (("ktpformer", ktpformer), ("mixste", mixste)):
        found = host.describe(inner)
        if found is None:
            continue
        channels = found.options["in_channels"] - 3  # without the noisy pose
        options = {**found.options, "host": name, "in_channels": channels}
        if "betas" in state:
            (options["timesteps"],) = state["betas"].shape
        return Description(found.joints, options, found.depth, host=name)
    return None


def _reference_sampler(config: Mapping[str, Any], skeleton: Skeleton) -> D3DP:
    if not config.get("flip", True):
        raise InvalidParameter(
            "flip is False; D3DP samples with the mirrored pass only, as released: set it to True."
        )
    diffusion = renamed(config, _REFERENCE_OPTIONS)
    return D3DP.build(skeleton=skeleton, **reference_options(config), **diffusion)


REFERENCES = {
    "d3dp-denoiser": lambda config, skeleton: MixSTEDenoiser(
        mixste.Config(skeleton=skeleton, **reference_options(config))
    ),
    "d3dp-sampler": _reference_sampler,
}

NETWORK = D3DP
