"""Which frames a network keeps, and how the others come back.

TPC (token pruning cluster) is from HoT: Li et al., CVPR 2024, https://arxiv.org/abs/2311.12028;
https://github.com/NationalGAILab/HoT at 873b5bd. The other rules stand in the paper's ablations,
whose definitions were not seen: they are reconstructions. Shapes: B batch, F frames, f kept
frames, J joints, C channels.
"""

import math

import torch
from torch import Tensor

from posekit.errors import InvalidParameter
from posekit.models.layers import Attention

NOISE = 1e-6  # share of the random tie-break in a density
MANTISSA = 53  # bits of a float64
TURNS = 1000.0  # how often the noise of a frame goes round while a window's signature grows by 1


def frame_distances(features: Tensor) -> Tensor:
    """Distances between frames, features (B, F, C) -> (B, F, F) float64: Euclidean over sqrt(C).

    Features are rounded to whole multiples of a step, about 1e-6 of a sequence's range, whose
    squares and their sums a float64 holds exactly. So the order in which they are added, which
    changes with the number of threads, the processor and the batch, cannot change a distance, and
    D is symmetric and 0 between equal frames.
    """
    frames = features.double()
    frames = frames - frames[:, :1]  # distances alone matter
    channels = frames.shape[-1]
    # (a - b)^2 = a^2 + b^2 - 2 a b, whose parts are up to four times a^2, summed over channels.
    bits = (MANTISSA - 2 - math.ceil(math.log2(channels))) // 2
    largest = frames.abs().amax(dim=(1, 2), keepdim=True)
    largest = torch.where(largest > 0, largest, 1.0)
    step = largest / torch.frexp(largest).mantissa * 2.0**-bits  # a power of two
    whole = (frames / step).round()
    return torch.cdist(whole, whole) * (step / channels**0.5)


def peak_scores(distances: Tensor, noise: Tensor, neighbours: int = 2) -> Tensor:
    """Density times distance to anything denser: high for cluster centres.

    With d_1 ... d_k the k smallest distances of a frame, its own 0 among them::

        rho_i   = exp(-mean(d_1^2 ... d_k^2)) + 1e-6 u_i
        delta_i = min over j with rho_j > rho_i of D_ij, or the largest D of the sequence
        score_i = rho_i delta_i

    For k = 2 two frames that are each other's nearest have the same density, and the noise u
    decides between them.

    Args:
        distances: D (B, F, F), see ``frame_distances``.
        noise: u (B, F), uniform in [0, 1).
        neighbours: k.

    Returns:
        (B, F), in the precision of ``distances``.
    """
    noise = noise.to(distances)
    nearest = distances.topk(min(neighbours, distances.shape[-1]), dim=-1, largest=False).values
    density = (-nearest.square().mean(dim=-1)).exp() + NOISE * noise
    denser = density[:, None, :] > density[:, :, None]
    farthest = distances.amax(dim=(1, 2), keepdim=True)
    return density * torch.where(denser, distances, farthest).amin(dim=-1)


def highest(scores: Tensor, keep: int, center: int | None = None) -> Tensor:
    """The frames of the highest scores, ascending; of equal scores the earlier frame.

    Args:
        scores: (B, F).
        keep: f, how many.
        center: a frame that is kept whatever its score.

    Returns:
        Indices (B, f).
    """
    if center is not None:
        scores = scores.clone()
        scores[:, center] = torch.inf
    order = scores.sort(dim=-1, descending=True, stable=True).indices
    return order[:, :keep].sort(dim=-1).values


def window_noise(keypoints: Tensor, seed: int) -> Tensor:
    """The noise of a selection, drawn from what a window holds: repeatable, and its own.

    The release draws fresh noise at every call, in evaluation too, so that its results vary in the
    last digit. One draw for all windows would repeat, but break all ties the same way, which
    biases an error. Here a window's keypoints decide: it gets the same noise whatever batch, call,
    device or data set it comes in, and another window another one. With weights r, rates a and
    phases b that are drawn from the seed::

        signature = sum of r x over the window's keypoints x
        u_i       = fraction of (a_i signature + b_i)

    A digest of the keypoints would do as much, but draws anew where a keypoint differs in its last
    bit, as between two processors. This noise moves by 1e-3 then, which decides next to no tie.

    Args:
        keypoints: (B, F, J, C), in any precision.
        seed: other seeds give independent noise.

    Returns:
        u (B, F) in float64, uniform in [0, 1) over seeds and over windows.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    draws = {"generator": generator, "dtype": torch.float64, "device": "cpu"}
    weights = torch.randn(keypoints.shape[1:], **draws).to(keypoints.device)
    rates, phases = torch.rand(2, keypoints.shape[1], **draws).to(keypoints.device)
    signature = (keypoints.double() * weights).sum(dim=(1, 2, 3))
    return (TURNS * (1 + rates) * signature[:, None] + phases) % 1


@torch.no_grad()
def select(
    features: Tensor,
    keep: int,
    noise: Tensor,
    center: int | None = None,
    neighbours: int = 2,
) -> Tensor:
    """TPC: the frames to keep, cluster centres by density peaks (see ``peak_scores``).

    Args:
        features: (B, F, C), in any scale.
        keep: f, at most F.
        noise: (B, F) or (F,), uniform in [0, 1), see ``window_noise``.
        center: a frame that is always kept (the sequence-to-frame pipeline).
        neighbours: k, the frame itself included.

    Returns:
        Indices (B, f), ascending.

    Raises:
        InvalidParameter: more frames to keep than there are, or none.
    """
    frames = features.shape[1]
    if not 1 <= keep <= frames:
        raise InvalidParameter(f"keep is {keep}; choose 1 to {frames} of {frames} frames.")
    return highest(peak_scores(frame_distances(features), noise, neighbours), keep, center)


def uniform_frames(frames: int, keep: int, center: int | None = None) -> Tensor:
    """round(linspace(0, F - 1, f)), (f,); the frame nearest to ``center`` gives way to it.

    A reconstruction of the paper's "uniform sampling", whose definition was not seen.
    """
    spread = torch.linspace(0, frames - 1, keep, dtype=torch.float64, device="cpu")
    chosen = spread.round().long()
    if center is not None:
        chosen[(chosen - center).abs().argmin()] = center
    return chosen


def motion_scores(keypoints: Tensor) -> Tensor:
    """How far the joints moved since the last frame, keypoints (B, F, J, C) -> (B, F).

    The mean over joints of the 2D step; the first frame takes the value of the second. A
    reconstruction of the paper's "largest motion", whose definition was not seen.
    """
    # In float64, so that no order of summation decides between frames.
    steps = keypoints[..., :2].double().diff(dim=1).norm(dim=-1).mean(dim=-1)
    if steps.shape[1] == 0:
        return steps.new_zeros(keypoints.shape[:2])
    return torch.cat((steps[:, :1], steps), dim=1)


def attention_scores(attention: Attention, tokens: Tensor) -> Tensor:
    """How much attention a frame receives, the mean over heads, queries and joints.

    A reconstruction of the paper's "attention score", whose definition was not seen.

    Args:
        attention: over frames.
        tokens: what it reads, (B, F, J, C).

    Returns:
        (B, F); the frames of a sequence sum to 1.
    """
    query, key, _ = attention.qkv(tokens).unflatten(-1, (3, attention.heads, -1)).unbind(dim=3)
    # (B, J, heads, F, head_dim)
    query, key = (part.permute(0, 2, 3, 1, 4) for part in (query, key))
    shares = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(dim=-1)
    # In float64, so that no order of summation decides between frames.
    return shares.mean(dim=(1, 2, 3), dtype=torch.float64)


def gather_frames(values: Tensor, index: Tensor) -> Tensor:
    """The frames ``index`` (B, f) of values (B, F, ...), (B, f, ...)."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def nearest_frames(pose: Tensor, index: Tensor, frames: int) -> Tensor:
    """Every frame takes the pose of the nearest kept frame, of two the earlier.

    A reconstruction of the paper's "nearest interpolation", whose definition was not seen: along
    frames, on poses, as the successor H2OT interpolates.

    Args:
        pose: at the kept frames, (B, f, J, 3).
        index: the kept frames, (B, f), ascending.
        frames: F.

    Returns:
        (B, F, J, 3).
    """
    every = torch.arange(frames, device=index.device)
    nearest = (every[None, :, None] - index[:, None]).abs().argmin(dim=-1)
    return gather_frames(pose, nearest)


def interpolated_frames(pose: Tensor, index: Tensor, frames: int) -> Tensor:
    """Poses on straight lines between kept frames, held beyond the first and the last.

    A reconstruction of the paper's "linear interpolation"; arguments as in ``nearest_frames``.
    """
    every = torch.arange(frames, device=index.device).expand(len(index), -1)
    after = torch.searchsorted(index, every.contiguous()).clamp(max=index.shape[1] - 1)
    before = (after - (gather_frames(index, after) > every).long()).clamp(min=0)
    start, end = gather_frames(index, before), gather_frames(index, after)
    share = (every - start).to(pose) / (end - start).clamp(min=1)
    weights = share[..., None, None]
    return torch.lerp(gather_frames(pose, before), gather_frames(pose, after), weights)
