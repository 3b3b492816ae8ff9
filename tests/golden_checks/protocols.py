"""Golden checks of windows and whole evaluation scripts."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from goldens.recipe import fill_state
from torch import Tensor, nn

from golden_checks.golden import Golden
from posekit.datasets import Clip, PoseDataset, load_dataset
from posekit.datasets.windows import ClipBank, evaluation_windows
from posekit.evaluation.prediction import Predictions, predict
from posekit.evaluation.protocols import MIXSTE, VIDEOPOSE3D, Protocol
from posekit.evaluation.scoring import Evaluation, score
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import HUMAN36M_17, Skeleton
from posekit.models.lifters import Lifter

METRIC_NAMES = {"MPJPE": "mpjpe", "P-MPJPE": "p_mpjpe", "N-MPJPE": "n_mpjpe", "MPJVE": "mpjve"}
RELATIVE_TOLERANCE = 1e-5


class Seq2Frame(Lifter):
    """One convolution over the window: the pose of its middle (causal: last) frame."""

    def __init__(self, state: dict[str, Tensor], skeleton: Skeleton = HUMAN36M_17) -> None:
        channels, _, frames = state["lift.weight"].shape
        super().__init__(frames, skeleton, output="frame")
        self.lift = nn.Conv1d(state["lift.weight"].shape[1], channels, frames)
        self.load_state_dict(state)

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.lift(keypoints.flatten(2).mT).mT.unflatten(-1, (-1, 3))


class Seq2Seq(Lifter):
    """Each frame lifted linearly, plus a term of the window's mean and of the place in it."""

    def __init__(self, state: dict[str, Tensor], channels: int = 2) -> None:
        outputs, inputs = state["lift.weight"].shape
        super().__init__(len(state["position"]), HUMAN36M_17, in_channels=channels)
        self.lift = nn.Linear(inputs, outputs)
        self.context = nn.Linear(inputs, outputs, bias=False)
        self.position = nn.Parameter(state["position"])
        self.load_state_dict(state)

    def forward(self, keypoints: Tensor) -> Tensor:
        points = keypoints.flatten(2)
        context = self.context(points.mean(1, keepdim=True))
        return (self.lift(points) + context + self.position).unflatten(-1, (-1, 3))


def check_seq2seq_eval(golden: Golden) -> None:
    """Windows of one video and the five figures that the released script prints for it."""
    stored = golden.arrays
    video = _one_video(golden)
    golden.fixes(video_frames=video.clips[0].frames, joints=video.skeleton.joints)
    bank = ClipBank(video, torch.device("cpu"), channels=2)
    windows = evaluation_windows(bank.lengths, golden.config["window"], "sequence")
    batch = bank.gather(windows)
    torch.testing.assert_close(batch.keypoints, golden.tensor("chunks_2d"))
    torch.testing.assert_close(batch.pose, _zero_root(golden.tensor("chunks_3d")))

    predictions = Predictions(
        bank=bank,
        windows=windows,
        rule="sequence",
        frames=golden.config["window"],
        downsample=1,
        plain=batch.pose + 0.1 * golden.input("error"),
        flipped=None,
    )
    across = score(predictions, replace(MIXSTE, flip=False))
    within = score(predictions, replace(MIXSTE, flip=False, velocity="within windows"))
    figures = [across.metrics[name] for name in METRIC_NAMES.values()] + [within.metrics["mpjve"]]
    np.testing.assert_allclose(np.array(figures) / 1000, stored["metrics"], rtol=1e-5)
    np.testing.assert_allclose(
        across.per_frame["p_mpjpe"] / 1000, stored["p_mpjpe_per_frame"], rtol=1e-4
    )


def _one_video(golden: Golden) -> PoseDataset:
    # The stored video is root-relative apart from its root row, which holds the trajectory.
    pose = golden.input("video_3d")
    pose[:, 1:] += pose[:, :1]
    frames, joints = pose.shape[:2]
    # The scripts take joint 0 for the root, whatever the joint set.
    skeleton = Skeleton.from_parents("golden", [-1, *[0] * (joints - 1)])
    unit = torch.ones
    camera = Camera(
        unit(2), unit(2), unit(3), unit(2), unit(2), torch.tensor([1.0, 0, 0, 0]), unit(3)
    )
    clip = Clip(
        subject="S9",
        action="Walking",
        take="Walking",
        camera_name="0",
        camera=camera,
        keypoints=golden.input("video_2d"),
        pose=pose,
        valid=torch.ones(frames, dtype=torch.bool),
        fps=50.0,
    )
    return PoseDataset("golden", "test", "gt", skeleton, (clip,), "", "synthetic")


def _zero_root(pose: Tensor) -> Tensor:
    pose = pose.clone()
    pose[:, :, 0] = 0
    return pose


def check_protocol_h36m(golden: Golden) -> None:
    """Every figure that VideoPose3D's and KTPFormer's scripts print for a miniature Human3.6M."""
    runs: dict[str, Evaluation] = {}
    with tempfile.TemporaryDirectory() as root:
        golden.copy_files(Path(root) / "h36m")
        golden.tells("clips", "test_subjects", "seq2frame", "seq2seq")
        for key, expected in golden.arrays.items():
            run, action, metric = key.split("|")
            if run not in runs:
                runs[run] = _run_script(run, golden.spec, root)
            evaluation = runs[run]
            average = action == "action-wise average"
            figures = evaluation.metrics if average else evaluation.per_action[action]
            np.testing.assert_allclose(
                figures[METRIC_NAMES[metric]], expected, rtol=RELATIVE_TOLERANCE, err_msg=key
            )


def _run_script(run: str, spec: dict[str, Any], root: str) -> Evaluation:
    family, keypoints, *options = run.split("/")
    state = fill_state(spec["shapes"][family], spec["seed"])
    tensors = {name: torch.from_numpy(values) for name, values in state.items()}
    by_frame = family.startswith("seq2frame")
    lifter = Seq2Frame(tensors) if by_frame else Seq2Seq(tensors)
    protocol = VIDEOPOSE3D if by_frame else MIXSTE
    for option in options:
        protocol = _with_option(protocol, option)
    dataset = load_dataset("h36m", "test", root=root, keypoints=keypoints)
    return score(predict(lifter, dataset, protocol=protocol, device="cpu"), protocol)


def _with_option(protocol: Protocol, option: str) -> Protocol:
    name, _, value = option.partition("=")
    if name.startswith("downsample"):
        return replace(protocol, downsample=int(name.removeprefix("downsample")))
    return {
        "flip": lambda: replace(protocol, flip=True),
        "plain": lambda: replace(protocol, flip=False),
        "causal": lambda: replace(protocol, windows="causal"),
        "actions": lambda: replace(protocol, actions=tuple(value.split(","))),
        "subject": lambda: replace(protocol, subjects=(value,)),
    }[name]()


CHECKS = {"seq2seq-eval": check_seq2seq_eval, "protocol-h36m": check_protocol_h36m}
