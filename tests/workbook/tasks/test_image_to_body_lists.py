"""Authors' checkpoints on SPIN's lists: which joints are compared, and who cannot be scored."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from image_checkpoints import save_dsr, save_perspose
from smpl_files import smpl_arrays, write_pickle
from spin_files import write_list

from posekit.bodies.body_joints import human36m_17
from posekit.checkpoints import load_image_network
from posekit.datasets.pw3d_pictures import read_neutral
from posekit.datasets.spin_pictures import LISTS
from posekit.errors import DatasetNotFound
from posekit.geometry.skeletons import LSP_14
from posekit.training.body_regression import BodyEstimate
from posekit.workbook.tasks import image_to_body_lists
from posekit.workbook.tasks.image_to_body_lists import evaluate_on_list, scored_joints

REGRESSED = [0, 1, 4, 7, 2, 5, 8, 6, 9, 12, 15, 16, 18, 20, 17, 19, 21]  # SPIN's, left leg first
# SMPL's joints behind rows 0 to 12, 14, 16, 17 and 18 of a list's 24.
ANNOTATED = {
    **dict(enumerate([8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 9])),
    **{13: 15, 18: 15, 14: 0, 16: 6, 17: 12},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "smpl").mkdir()
    np.save(root / "smpl" / "J_regressor_h36m.npy", smpl_arrays()["J_regressor"][REGRESSED])
    write_pickle(root / "smpl" / "SMPL_NEUTRAL.pkl")
    body = read_neutral(root, 10)
    joints = body(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10)).joints[0].numpy()
    for name in ("h36m_p2", "mpi_inf_3dhp"):
        path = write_list(root, name) / LISTS[name].file
        with np.load(path) as file:
            held = dict(file)
        for row, joint in ANNOTATED.items():
            held["S"][:, row, :3] = joints[joint] - joints[0]
        np.savez(path, **held)
    return root


def at_rest(_network, _method, images, _device) -> BodyEstimate:
    count = len(images)
    rotations = torch.eye(3).expand(count, 24, 3, 3)
    return BodyEstimate(rotations, torch.zeros(count, 10), torch.zeros(count, 3))


@pytest.mark.parametrize(("name", "joints"), [("h36m_p2", 14), ("mpi_inf_3dhp", 17)])
def test_joints_are_compared_with_those_of_their_names(
    data: Path, tmp_path: Path, name: str, joints: int
) -> None:
    loaded = load_image_network(save_dsr(tmp_path / "dsr.pt"))
    with patch.object(image_to_body_lists, "estimated", at_rest):
        found = evaluate_on_list(loaded, name, data=data, size="full", device="cpu")
    scores = found.estimates["prediction"]
    assert len(scores.per_joint) == joints
    assert scores.metrics["mpjpe"] == pytest.approx(0, abs=0.2)
    assert scores.metrics["pa_mpjpe"] == pytest.approx(0, abs=0.2)
    assert found.evidence == "licensed"
    assert f"{joints};" in found.card["Joints"]
    assert len(scores.clips) == 4


def test_a_file_of_the_release_becomes_errors(data: Path, tmp_path: Path) -> None:
    loaded = load_image_network(save_dsr(tmp_path / "dsr.pt"))
    found = evaluate_on_list(loaded, "h36m_p2", data=data, size="full", device="cpu")
    errors = found.estimates["prediction"].metrics
    assert 10 < errors["pa_mpjpe"] < errors["mpjpe"] < 3000


def test_the_first_of_the_scored_joints_are_lsps(data: Path) -> None:
    body = read_neutral(data, 10)
    posed = body(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10))
    found = scored_joints(human36m_17(body, posed) + 3.0, 17)[0]
    assert float(found[LSP_14.index("right ankle"), 0]) < 0 < float(found[5, 0])
    torch.testing.assert_close(found[14], torch.zeros(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["h36m_p2", "mpi_inf_3dhp"])
def test_a_network_that_asks_for_cameras_has_those_of_the_data_set(
    data: Path, tmp_path: Path, name: str
) -> None:
    loaded = load_image_network(save_perspose(tmp_path / "perspose.pth"))
    found = evaluate_on_list(loaded, name, data=data, size="full", device="cpu")
    errors = found.estimates["prediction"].metrics
    assert 10 < errors["pa_mpjpe"] < errors["mpjpe"] < 3000
    assert "calibration" in found.card["Camera"]
    assert ("one frame in 20" in found.card["Pictures"]) == (name == "h36m_p2")


def test_without_smpl_it_is_asked_for(tmp_path: Path) -> None:
    write_list(tmp_path, "h36m_p2")
    loaded = load_image_network(save_dsr(tmp_path / "dsr.pt"))
    with pytest.raises(DatasetNotFound, match=r"SMPL_NEUTRAL\.pkl not found"):
        evaluate_on_list(loaded, "h36m_p2", data=tmp_path, size="full", device="cpu")
