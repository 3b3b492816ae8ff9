"""Authors' checkpoints on 3DPW, from a file in the release's layout to errors in millimetres."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from data_files import copy_of
from image_checkpoints import save_dsr, save_perspose
from pw3d_files import EVERY, change_sequence, write_small_with_pictures
from smpl_files import smpl_arrays, write_pickle

from posekit.bodies import open_body
from posekit.checkpoints import load_image_network
from posekit.datasets.pw3d_pictures import load_pw3d_pictures
from posekit.datasets.rendered import BodyImages
from posekit.errors import DatasetNotFound, InvalidData
from posekit.metrics.body_errors import surface
from posekit.training.body_regression import BodyEstimate
from posekit.workbook.tasks import Scored, image_to_body_checkpoints
from posekit.workbook.tasks.image_to_body_checkpoints import evaluate_checkpoint, true_surface

FILES = {"dsr": save_dsr, "perspose": save_perspose}
METRICS = {"mpjpe", "pa_mpjpe", "pve", "pve_centred", "rest_pve", "fatter"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_small_with_pictures(root)
    return root


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(image_to_body_checkpoints.EVERY, "smoke", EVERY)


def scored(model: str, data: Path, folder: Path) -> Scored:
    loaded = load_image_network(FILES[model](folder / f"{model}.pt"), model=model)
    return evaluate_checkpoint(loaded, data=data, size="smoke", device="cpu")


def told_the_truth(_network, _method, images: BodyImages, _device) -> BodyEstimate:
    truth = (images.rotations, images.betas, images.translation)
    return BodyEstimate(*map(torch.from_numpy, truth))


def licensed(data: Path, root: Path) -> Path:
    """The same files without the mark of a stand-in, and SMPL's, of which women's is larger."""
    copy_of(data, root)
    for path in (root / "pw3d").rglob("*.pkl"):
        change_sequence(path, lambda held: held.pop("standin"))
    (root / "smpl").mkdir()
    arrays = smpl_arrays()
    np.save(root / "smpl" / "J_regressor_h36m.npy", arrays["J_regressor"][:17])
    for name, size in (("MALE", 1.0), ("FEMALE", 1.01), ("NEUTRAL", 1.0)):
        larger = {"v_template": size * arrays["v_template"]}
        if name == "NEUTRAL":  # as version 1.1, which has more shapes than networks find
            more = np.zeros((*arrays["shapedirs"].shape[:2], 20))
            more[..., :10] = arrays["shapedirs"]
            larger["shapedirs"] = more
        write_pickle(root / "smpl" / f"SMPL_{name}.pkl", larger)
    return root


@pytest.mark.parametrize("model", FILES)
def test_a_file_of_the_release_becomes_errors(model: str, data: Path, tmp_path: Path) -> None:
    found = scored(model, data, tmp_path)
    scores = found.estimates["prediction"]
    assert found.evidence == "STAND-IN"
    assert "STAND-IN" in found.card["Notes"]
    assert "open body" in found.card["Bodies"]
    assert set(scores.metrics) == METRICS
    assert 10 < scores.metrics["pa_mpjpe"] < scores.metrics["mpjpe"] < 3000
    assert len(scores.clips) == len(set(scores.clips)) == len(scores.per_clip["pve"]) == 10
    assert scores.clips[0].startswith("downtown_bar_00/0/image_0000")
    assert set(scores.clip_actions) <= {"0 to 10°", "10 to 20°"}
    assert scores.metrics["pve"] == pytest.approx(scores.per_clip["pve"].mean())


@pytest.mark.parametrize("model", FILES)
def test_the_true_bodies_are_without_error(model: str, data: Path, tmp_path: Path) -> None:
    with patch.object(image_to_body_checkpoints, "estimated", told_the_truth):
        scores = scored(model, data, tmp_path).estimates["prediction"]
    for name in METRICS:
        assert scores.metrics[name] == pytest.approx(0, abs=1e-3), name


def test_the_truth_is_of_each_persons_gender(data: Path, tmp_path: Path) -> None:
    root = licensed(data, tmp_path / "data")
    with patch.object(image_to_body_checkpoints, "estimated", told_the_truth):
        found = scored("dsr", root, tmp_path)
    assert found.evidence == "licensed"
    assert found.card["Bodies"].endswith("found ones SMPL_NEUTRAL")
    assert found.card["Notes"] == "none"
    scores = found.estimates["prediction"]
    people = load_pw3d_pictures("test", root=root, crop_px=64, every=EVERY).people
    women = np.array(people.genders) == "female"
    assert scores.per_clip["pve"][~women] == pytest.approx(0, abs=1e-3)
    assert (scores.per_clip["pve"][women] > 1).all()
    assert (scores.per_clip["pve"][women] < 10).all()
    eleven = load_image_network(save_perspose(tmp_path / "perspose.pth", components=11))
    errors = evaluate_checkpoint(eleven, data=root, size="smoke", device="cpu")
    assert 10 < errors.estimates["prediction"].metrics["pve"] < 3000
    (root / "smpl" / "SMPL_NEUTRAL.pkl").unlink()
    with pytest.raises(DatasetNotFound, match=r"SMPL_NEUTRAL\.pkl not found"):
        scored("dsr", root, tmp_path)


def test_bodies_keep_their_order(data: Path) -> None:
    pictures = load_pw3d_pictures("test", root=data, crop_px=64, every=EVERY)
    images = pictures.crops(range(4))
    genders = ["female", "male", "female", "male"]
    mixed = true_surface(images, genders, pictures.bodies)
    plain = surface(open_body(), *map(torch.from_numpy, (images.rotations, images.betas)))
    torch.testing.assert_close(mixed.vertices, plain.vertices)


def test_more_shape_parameters_than_the_standin_has_are_refused(data: Path, tmp_path: Path) -> None:
    loaded = load_image_network(save_perspose(tmp_path / "perspose.pth", components=11))
    with pytest.raises(InvalidData, match="finds 11 shape parameters") as caught:
        evaluate_checkpoint(loaded, data=data, size="smoke", device="cpu")
    assert str(caught.value).isprintable()
