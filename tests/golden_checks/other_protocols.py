"""Golden checks of evaluation scripts on other files than VideoPose3D's Human3.6M."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from golden_checks.golden import Golden
from golden_checks.protocols import Seq2Frame, Seq2Seq
from posekit import metrics
from posekit.datasets import PoseDataset, load_dataset
from posekit.datasets.archives import load_archive
from posekit.datasets.windows import ClipBank, Windows, whole_windows
from posekit.evaluation.prediction import predict
from posekit.evaluation.protocols import MOTIONBERT, MPI_INF_3DHP
from posekit.evaluation.scoring import Evaluation, score
from posekit.geometry.skeletons import MPI_INF_3DHP_17

# Of the official table; joints of MPI_INF_3DHP_17.
GROUPS = {
    "Head": [0],
    "Neck": [1],
    "Shou": [2, 5],
    "Elbow": [3, 6],
    "Wrist": [4, 7],
    "Hip": [8, 11],
    "Knee": [9, 12],
    "Ankle": [10, 13],
    "Total": list(range(14)),
}
DETECTOR_GAIN = 0.4  # metres per unit of the linear network
SHARE = 0.25  # of its error that the golden's predictor makes


def check_protocol_3dhp(golden: Golden) -> None:
    """Every figure of the official scripts for a miniature test set, twice: through the loader and
    the evaluation in float32, and by the bare measures in float64."""
    with tempfile.TemporaryDirectory() as root:
        golden.copy_files(Path(root) / "mpi_inf_3dhp")
        golden.tells("sequences", "resolution", "predictor")
        dataset = load_dataset("mpi_inf_3dhp", "test", root=root)
        (file,) = golden.config["files"].values()
        tree = load_archive(Path(root) / "mpi_inf_3dhp" / file)["data"]
    _check_3dhp_evaluation(golden, dataset)
    for name, sequence in tree.items():
        truth = sequence["data_3d"] - sequence["data_3d"][:, 14:15]
        valid = torch.from_numpy(sequence["valid"].reshape(-1) == 1)
        poses = (golden.tensor(f"{name}_pred").double(), torch.from_numpy(truth))
        figures = {"MPJPE": metrics.mpjpe(*poses, mask=valid)}
        for group, joints in GROUPS.items():
            parts = [pose[:, joints] for pose in poses]
            figures[f"PCK {group}"] = metrics.pck(*parts, threshold=150.0, mask=valid)
            figures[f"AUC {group}"] = metrics.auc(*parts, limit=150.0, mask=valid)
        for figure, value in figures.items():
            key = f"{name}|{figure}"
            np.testing.assert_allclose(float(value), golden.arrays[key], rtol=1e-9, err_msg=key)


def _check_3dhp_evaluation(golden: Golden, dataset: PoseDataset) -> None:
    lifter = Seq2Frame(golden.state(), MPI_INF_3DHP_17)
    found = predict(lifter, dataset, protocol=MPI_INF_3DHP, device="cpu")
    windows, bank = found.windows, found.bank
    said = DETECTOR_GAIN * found.poses(flip=True)
    truth = bank.pose[windows.outputs]
    said = truth + SHARE * (said - said[..., 14:15, :] - truth)
    for number, clip in enumerate(dataset.clips):
        mine = 1000 * said[windows.clip == number][:, 0].numpy()
        np.testing.assert_allclose(mine, golden.arrays[f"{clip.subject}_pred"], atol=1e-3)
    found = replace(found, plain=said, flipped=said)
    sequences = score(found, MPI_INF_3DHP)
    pooled = score(found, replace(MPI_INF_3DHP, average="frames"))
    _compare_3dhp(golden, "mean over sequences", sequences.metrics)
    _compare_3dhp(golden, "all frames", pooled.metrics)
    for name, figures in sequences.per_action.items():
        _compare_3dhp(golden, name, figures)


def _compare_3dhp(golden: Golden, name: str, figures: dict[str, float]) -> None:
    for key, metric in (("MPJPE", "mpjpe"), ("PCK Total", "pck"), ("AUC Total", "auc")):
        expected = golden.arrays[f"{name}|{key}"]
        np.testing.assert_allclose(figures[metric], expected, rtol=1e-5, err_msg=f"{name} {key}")


def check_protocol_motionbert(golden: Golden) -> None:
    """Windows, inputs, targets and every figure of MotionBERT's script for a miniature file."""
    config = golden.config
    with tempfile.TemporaryDirectory() as root:
        golden.copy_files(Path(root) / "h36m_motionbert")
        golden.tells("network")
        train, test = (
            load_dataset("h36m_motionbert", split, root=root) for split in ("train", "test")
        )
    channels = 3 if config["read_confidence"] else 2
    train_bank, test_bank = (
        ClipBank(part, torch.device("cpu"), channels) for part in (train, test)
    )
    frames = config["n_frames"]
    train_windows = whole_windows(train_bank.lengths, frames, config["stride_train"])
    test_windows = whole_windows(test_bank.lengths, frames, config["stride_test"])
    _compare_window(golden, "train", "last", train_bank, train_windows, -1)
    _compare_window(golden, "test", "first", test_bank, test_windows, 0)

    lifter = Seq2Seq(golden.state(), channels=channels)
    protocol = replace(MOTIONBERT, stride=config["stride_test"])
    predictions = predict(lifter, test, protocol=protocol, device="cpu")
    flipped, plain = score(predictions, protocol), score(predictions, replace(protocol, flip=False))
    for key, expected in golden.arrays.items():
        if "|" not in key:
            continue
        run, *action, metric = key.split("|")
        figures = _figures(flipped if run == "flip" else plain, action)
        name = {"P1": "mpjpe", "P2": "p_mpjpe"}[metric]
        np.testing.assert_allclose(figures[name], expected, rtol=1e-4, err_msg=key)


def _figures(evaluation: Evaluation, action: list[str]) -> dict[str, float]:
    return evaluation.per_action[action[0]] if action else evaluation.metrics


def _compare_window(
    golden: Golden, split: str, which: str, bank: ClipBank, windows: Windows, place: int
) -> None:
    bounds = windows.inputs[:, [0, -1]]
    np.testing.assert_array_equal(bounds, golden.arrays[f"{split}_clips"])
    rows = windows.inputs[place]
    golden.compare(f"{split}_input_{which}", bank.keypoints[rows])
    golden.compare(f"{split}_label_{which}", _absolute(bank, rows))


def _absolute(bank: ClipBank, rows: Tensor) -> Tensor:
    return bank.pose[rows] + bank.trajectory[rows]


CHECKS = {
    "protocol-3dhp": check_protocol_3dhp,
    "protocol-motionbert": check_protocol_motionbert,
}
