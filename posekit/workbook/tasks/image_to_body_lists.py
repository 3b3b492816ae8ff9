"""An authors' network on Human3.6M or MPI-INF-3DHP by SPIN's lists: errors of joints alone."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import open_body
from posekit.checkpoints import LoadedImageNetwork
from posekit.datasets.pw3d_pictures import read_neutral
from posekit.datasets.spin_archives import HUMAN36M_EVERY
from posekit.datasets.spin_pictures import SpinPictures, load_spin_pictures
from posekit.geometry.skeletons import HUMAN36M_17, LSP_14, human36m_17_to_lsp_14
from posekit.machine.progress import Progress
from posekit.metrics import mpjpe, p_mpjpe
from posekit.metrics.body_errors import MILLIMETRES
from posekit.training.body_regression import BodyMethod, method
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.image_to_body_checkpoints import AT_ONCE, EVERY, components_of
from posekit.workbook.tasks.image_to_body_runs import BodyScores, estimated, surface_of

BESIDE_14 = ("hip", "spine", "neck/nose")
"""Joints of ``HUMAN36M_17`` that MPI-INF-3DHP scores beside the 14, in its order."""


def evaluate_on_list(
    loaded: LoadedImageNetwork,
    name: str,
    *,
    data: Path,
    size: str,
    device: str | torch.device,
) -> Scored:
    """Errors of the joints of a network's bodies.

    Args:
        loaded: the network.
        name: a key of ``posekit.datasets.spin_pictures.LISTS``.
        data: folder of data sets.
        size: how many pictures, a key of ``EVERY``.
        device: where to compute.

    Raises:
        DatasetNotFound: list, pictures or SMPL's files are missing.
        InvalidData, InvalidParameter: files that do not hold what they should.
    """
    of_network = method(loaded.name)
    pictures = load_spin_pictures(
        name,
        root=data,
        crop_px=of_network.published_px,
        every=EVERY[size],
        one_frame_in_20=_reads_cameras(of_network),
    )
    true = pictures.archive.scored_joints(pictures.source.dataset)
    neutral = read_neutral(data, components_of(loaded))
    chosen = of_network({}, copy.deepcopy(neutral), pictures.crop_px)
    found = []
    with Progress(f"{loaded.file.path.name} on {name}", len(pictures)) as progress:
        for rows in torch.arange(len(pictures)).split(AT_ONCE):
            images = pictures.crops(rows.tolist())
            joints = surface_of(estimated(loaded.network, chosen, images, device), neutral).joints
            found.append(scored_joints(joints, true.shape[1]))
            for _ in rows:
                progress.advance()
    scores = _scores(pictures, torch.cat(found).double(), true.double())
    card = _card(pictures, EVERY[size], cameras=_reads_cameras(of_network))
    return Scored("licensed", card, {"prediction": scores})


def _reads_cameras(of_network: type[BodyMethod]) -> bool:
    """Whether a method's network is given the camera of a crop, as PersPose's is."""
    example = of_network({}, open_body(), of_network.published_px).example(torch.device("meta"))
    return len(example) > 1


def scored_joints(joints: Tensor, count: int) -> Tensor:
    """(B, ``count``, 3) joints in the order of lists, from (B, 17, 3), relative to the pelvis.

    Args:
        joints: of ``HUMAN36M_17``.
        count: 14 (Human3.6M), or 17 (MPI-INF-3DHP).
    """
    centred = joints - joints[:, :1]
    beside = centred[:, [HUMAN36M_17.index(name) for name in BESIDE_14]]
    return torch.cat([human36m_17_to_lsp_14(centred), beside], dim=1)[:, :count]


def _scores(pictures: SpinPictures, found: Tensor, true: Tensor) -> BodyScores:
    errors = {
        "mpjpe": MILLIMETRES * mpjpe(found, true, reduce=False).numpy(),
        "pa_mpjpe": MILLIMETRES * p_mpjpe(found, true, reduce=False).numpy(),
    }
    by_joint = MILLIMETRES * (found - true).norm(dim=-1).mean(0)
    names = (*LSP_14.joint_names, *BESIDE_14)[: true.shape[1]]
    return BodyScores(
        metrics={name: float(values.mean()) for name, values in errors.items()},
        per_action={},
        per_joint=dict(zip(names, by_joint.tolist(), strict=True)),
        clips=list(pictures.archive.pictures),
        clip_actions=[pictures.source.title] * len(pictures),
        clip_frames=np.ones(len(pictures)),
        per_clip=errors,
    )


def _card(pictures: SpinPictures, every: int, *, cameras: bool) -> dict[str, str]:
    source = pictures.source
    some = "all" if every == 1 else f"one in {every}"
    of_frames = ""
    if cameras and source.dataset == "h36m":
        of_frames = (
            f", of which one frame in {HUMAN36M_EVERY} of each take, without S11's Directions "
            "(PersPose leaves out four takes more, which are not named)"
        )
    joints = pictures.archive.scored_joints(source.dataset).shape[1]
    turned = {
        "Camera": "the data set's calibration by the picture's name, distortion left out; turned "
        "to the box's centre where the network has a perspective rotation",
        "Boxes": "those of the list, around joints; behind the rotation the rectangle around their "
        "corners. PersPose's release takes annotated ones on MPI-INF-3DHP, and on Human3.6M those "
        "of MoSh's bodies, which no list holds (reconstruction)",
    }
    return {
        "Pictures": f"{source.title}, {some} of {source.file}{of_frames}: {len(pictures)} crops of "
        f"{pictures.crop_px} px",
        **(turned if cameras else {"Boxes": "those of the list"}),
        "Joints": f"{joints}; found ones by Human3.6M's regressor, relative to its pelvis; true "
        "ones as the list has them; after Procrustes with scale, person by person (PA-MPJPE)",
        "Means": "over all persons alike",
    }
