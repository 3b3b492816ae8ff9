"""Windows over clips: which frames a lifter sees together, as one gather by index.

All clips of a data set lie end to end on one device (``ClipBank``). A rule says which frames of
each clip form windows (``training_windows``, ``evaluation_windows``); the result is a table of row
numbers, so that a batch is one indexing operation and no Python runs per window. Frames outside a
clip are filled by repeating its first or last frame, as every released lifting code does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.clips import PoseDataset
from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import Skeleton, mirror_points

Rule = Literal["sequence", "clip-centred", "centred", "causal", "whole"]

RULES: dict[str, str] = {
    "sequence": "end to end from the first frame; the last window is the clip's last frames",
    "clip-centred": "end to end, centred on the clip; what sticks out repeats the edge frames",
    "centred": "one window per frame, centred on it; edge frames repeated",
    "causal": "one window per frame, ending at it; the first frame repeated",
    "whole": "end to end from the first frame; a tail shorter than a window is left out",
}


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows over clips that lie end to end, as row numbers.

    W windows take F frames each and yield T poses each: T = F for a sequence rule, T = 1 for the
    rules with one window per frame.

    Attributes:
        inputs: (W, F) rows of the keypoints that a window sees.
        outputs: (W, T) rows of the poses that it predicts.
        clip: (W,) index of the clip.
        padding: (W, T) bool, True where an output repeats an edge frame of its clip.
        overlap: (W, T) bool, True where an output repeats a frame of the window before.
    """

    inputs: Tensor
    outputs: Tensor
    clip: Tensor
    padding: Tensor
    overlap: Tensor

    def __len__(self) -> int:
        return self.inputs.shape[0]

    def to(self, device: torch.device) -> Windows:
        """The same windows with their tables on ``device``."""
        return Windows(*(getattr(self, field.name).to(device) for field in fields(self)))

    def supervising_inputs(self) -> Windows:
        """The same windows with every frame that they see as an output."""
        neither = torch.zeros_like(self.inputs, dtype=torch.bool)
        return Windows(self.inputs, self.inputs, self.clip, neither, neither)

    def __getitem__(self, chosen: Tensor) -> Windows:
        """The windows that an index or a mask (W,) chooses."""
        return Windows(*(getattr(self, field.name)[chosen] for field in fields(self)))


def training_windows(lengths: Sequence[int], frames: int) -> Windows:
    """Windows of a sequence-to-sequence lifter in training (VideoPose3D's chunked generator).

    A clip of T frames is cut into n = ceil(T / F) windows; with off = (n F - T) // 2, window k
    covers frames [k F - off, (k + 1) F - off).

    Args:
        lengths: frames of each clip.
        frames: F, frames of a window.
    """
    length, clip, order, first_row = _cut(lengths, frames)
    off = (_windows_per_clip(length, frames) * frames - length) // 2
    return _sequence_windows(order * frames - off, frames, length, clip, first_row)


def whole_windows(lengths: Sequence[int], frames: int, stride: int) -> Windows:
    """Windows without a padded frame (MotionBERT's ``split_clips``), for training or evaluation.

    Windows start every ``stride`` frames of a clip; a tail shorter than a window is left out. A
    shorter clip is stretched to one window by repeating random frames of it, unless it is the last
    clip of all, which the released code leaves out. The pattern is that of NumPy's global
    generator after ``numpy.random.seed(0)``.

    Args:
        lengths: frames of each clip.
        frames: F, frames of a window.
        stride: frames from one window's start to the next's.

    Returns:
        The windows; ``padding`` marks repeats inside stretched ones, ``overlap`` what the window
        before holds too.
    """
    length = torch.as_tensor(lengths)
    short = length < frames
    count = torch.div(length - frames, stride, rounding_mode="floor") + 1
    count[short] = 1
    if bool(short[-1]):
        count[-1] = 0
    clip = torch.repeat_interleave(torch.arange(len(length)), count)
    order = torch.arange(len(clip)) - (count.cumsum(0) - count)[clip]
    frame = (order * stride)[:, None] + torch.arange(frames)
    generator = np.random.RandomState(0)  # the released pattern is this generator's
    for window in short[clip].nonzero()[:, 0].tolist():
        frame[window] = _stretched(int(length[clip[window]]), frames, generator)
    padding = torch.zeros_like(frame, dtype=torch.bool)
    padding[:, :-1] = frame[:, :-1] == frame[:, 1:]
    overlap = (order > 0)[:, None] & (torch.arange(frames) < frames - stride)
    rows = frame + (length.cumsum(0) - length)[clip][:, None]
    return Windows(rows, rows, clip, padding, overlap)


def _stretched(length: int, frames: int, generator: np.random.RandomState) -> Tensor:
    """``frames`` indices below ``length``, rising; each rounded down or up at random."""
    even = np.linspace(0, length, num=frames, endpoint=False)
    down = generator.randint(2, size=frames)
    chosen = np.sort(down * np.floor(even) + (1 - down) * np.ceil(even))
    return torch.from_numpy(chosen.clip(0, length - 1).astype(np.int64))


def evaluation_windows(
    lengths: Sequence[int], frames: int, rule: Rule, stride: int | None = None
) -> Windows:
    """Windows that cover every frame of every clip, by the rule of a released evaluation script.

    Args:
        lengths: frames of each clip.
        frames: F, frames of a window.
        rule: "sequence" (MixSTE, KTPFormer, D3DP: the last window is the last F frames, a shorter
            clip repeats its last frame), "clip-centred" (HoT with a sequence host: as in
            ``training_windows``), "centred" (VideoPose3D, MHFormer), "causal" (VideoPose3D's
            causal variant) or "whole" (MotionBERT: no padding, tails left out).
        stride: frames from one window's start to the next's under "whole"; None for F.

    Raises:
        InvalidParameter: an unknown rule, or an even F under "centred".
    """
    if rule not in RULES:
        raise InvalidParameter(unknown("window rule", rule, RULES))
    if rule in ("centred", "causal"):
        return _frame_windows(lengths, frames, causal=rule == "causal")
    if rule == "whole":
        return whole_windows(lengths, frames, stride or frames)
    if rule == "clip-centred":
        return training_windows(lengths, frames)
    length, clip, order, first_row = _cut(lengths, frames)
    start = torch.minimum(order * frames, (length - frames).clamp(min=0))
    windows = _sequence_windows(start, frames, length, clip, first_row)
    repeated = start[:, None] + torch.arange(frames) < (order * frames)[:, None]
    return Windows(windows.inputs, windows.outputs, clip, windows.padding, repeated)


def _cut(lengths: Sequence[int], frames: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of every window of ceil(T / F) per clip: clip length, clip, place in the clip, first row."""
    length = torch.as_tensor(lengths)
    count = _windows_per_clip(length, frames)
    clip = torch.repeat_interleave(torch.arange(len(length)), count)
    order = torch.arange(len(clip)) - (count.cumsum(0) - count)[clip]
    return length[clip], clip, order, (length.cumsum(0) - length)[clip]


def _windows_per_clip(length: Tensor, frames: int) -> Tensor:
    return torch.div(length + frames - 1, frames, rounding_mode="floor")


def _sequence_windows(
    start: Tensor, frames: int, length: Tensor, clip: Tensor, first_row: Tensor
) -> Windows:
    # In place: with one window per frame this table is the largest of an evaluation.
    rows = start[:, None] + torch.arange(frames)
    padding = (rows < 0) | (rows >= length[:, None])
    rows.clamp_(min=0)
    torch.minimum(rows, length[:, None] - 1, out=rows)
    rows += first_row[:, None]
    return Windows(rows, rows, clip, padding, torch.zeros_like(rows, dtype=torch.bool))


def _frame_windows(lengths: Sequence[int], frames: int, *, causal: bool) -> Windows:
    if not causal and frames % 2 == 0:
        raise InvalidParameter(
            f"a window of {frames} frames has no middle frame; choose an odd number of frames."
        )
    length, clip, order, first_row = _cut(lengths, 1)
    start = order - (frames - 1 if causal else frames // 2)
    inputs = _sequence_windows(start, frames, length, clip, first_row).inputs
    outputs = (order + first_row)[:, None]
    neither = torch.zeros_like(outputs, dtype=torch.bool)
    return Windows(inputs, outputs, clip, neither, neither)


class Batch(NamedTuple):
    """What a lifter and its loss take: B windows on the device.

    Attributes:
        keypoints: (B, F, J, C) screen-normalised 2D.
        pose: (B, T, J, 3) metres, camera frame, root-relative, root row zero.
    """

    keypoints: Tensor
    pose: Tensor


class ClipBank:
    """All clips of a data set end to end on one device.

    Attributes:
        dataset: where the clips come from.
        skeleton: joint set of the poses.
        lengths: frames of each clip.
        keypoints: (N, J, C) screen-normalised 2D of all N frames.
        pose: (N, J, 3) metres, camera frame, root-relative, root row zero; None where a clip has
            no truth.
        metres_per_unit: (N,) where poses are in another unit (``Clip.metres_per_unit``), else
            None.
        trajectory: (N, 1, 3) the root in the camera frame, metres; None likewise.
        valid: (N,) bool, frames that may be scored.
        camera: calibration batched over the clips.
    """

    def __init__(self, dataset: PoseDataset, device: torch.device, channels: int) -> None:
        """Copy the first ``channels`` channels of the keypoints, and the poses, to ``device``.

        Raises:
            InvalidParameter: the keypoints have fewer channels.
        """
        clips = dataset.clips
        self._check_channels(dataset, channels)
        self.dataset = dataset
        self.skeleton: Skeleton = dataset.skeleton
        self.lengths = tuple(clip.frames for clip in clips)
        self.keypoints = torch.cat([clip.keypoints[..., :channels] for clip in clips]).to(device)
        self.valid = torch.cat([clip.valid for clip in clips]).to(device)
        self.camera = Camera.stack([clip.camera for clip in clips]).to(device)
        self.metres_per_unit = None
        if all(clip.metres_per_unit is not None for clip in clips):
            self.metres_per_unit = torch.cat([clip.metres_per_unit for clip in clips]).to(device)
        self.pose = self.trajectory = None
        if all(clip.pose is not None for clip in clips):
            absolute = torch.cat([clip.pose for clip in clips]).to(device)
            root = self.skeleton.root
            self.trajectory = absolute[:, root : root + 1].clone()  # no view: it would keep all
            self.pose = absolute - self.trajectory

    @staticmethod
    def _check_channels(dataset: PoseDataset, channels: int) -> None:
        found = min(clip.keypoints.shape[-1] for clip in dataset.clips)
        if found < channels:
            raise InvalidParameter(
                f"the lifter takes {channels} channels per keypoint and the {dataset.keypoints} "
                f"keypoints of {dataset.name} have {found}; build it with in_channels={found}."
            )

    @property
    def device(self) -> torch.device:
        """Where the clips lie."""
        return self.keypoints.device

    def check_metres(self, purpose: str) -> None:
        """Refuse clips in another unit where poses are to be projected.

        Raises:
            InvalidData: poses are in image units.
        """
        if self.metres_per_unit is not None:
            raise InvalidData(
                f"{self.dataset.name} holds poses in image units, and {purpose} needs metres; "
                "choose another data set."
            )

    def in_metres(self, poses: Tensor, rows: Tensor) -> Tensor:
        """Poses (R, joints, 3) of the frames ``rows`` (R,) in metres, whatever the clips' unit."""
        if self.metres_per_unit is None:
            return poses
        return poses * self.metres_per_unit[rows][:, None, None]

    def gather(self, windows: Windows, flipped: Tensor | None = None) -> Batch:
        """The frames of ``windows``; those of ``flipped`` (B,) bool as their mirror image.

        The data set must hold poses.
        """
        batch = Batch(self.keypoints[windows.inputs], self.pose[windows.outputs])
        if flipped is None:
            return batch
        chosen = flipped[:, None, None, None]
        return Batch(
            *(torch.where(chosen, mirror_points(part, self.skeleton), part) for part in batch)
        )
