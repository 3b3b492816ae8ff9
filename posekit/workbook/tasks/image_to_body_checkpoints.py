"""An authors' network on 3DPW's test part: the bodies that it finds against the true ones.

Nothing is trained. Networks find bodies of SMPL's neutral model; the truth is of each person's own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.checkpoints import LoadedImageNetwork
from posekit.datasets.pw3d_pictures import PW3DPictures, load_pw3d_pictures, neutral_body
from posekit.datasets.rendered import BINS, BodyImages
from posekit.datasets.rendered.body_images import COMPONENTS
from posekit.geometry.skeletons import LSP_14
from posekit.machine.progress import Progress
from posekit.metrics.body_errors import (
    Surface,
    body_errors,
    per_joint_errors,
    surface,
)
from posekit.training.body_regression import method
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.image_to_body_runs import BodyScores, estimated, surface_of

EVERY = {"smoke": 200, "quick": 50, "standard": 10, "full": 1}
"""Size of the data -> of so many pictures of a person, one is scored."""

AT_ONCE = 32  # crops that are held at once
_KINDS = ("off_axis", "field_of_view")


def evaluate_checkpoint(
    loaded: LoadedImageNetwork, *, data: Path, size: str, device: str | torch.device
) -> Scored:
    """Errors of a network's bodies in 3DPW's test pictures.

    Crops are as large as the published network's, by its own protocol.

    Args:
        loaded: the network; its name is that of a method of ``posekit.training.body_regression``.
        data: folder of data sets.
        size: how many pictures, a key of ``EVERY``.
        device: where to compute.

    Raises:
        DatasetNotFound: sequence files, pictures or SMPL's files are missing.
        InvalidData, InvalidParameter: files that do not hold what they should.
    """
    of_network = method(loaded.name)
    pictures = load_pw3d_pictures(
        "test", root=data, crop_px=of_network.published_px, every=EVERY[size]
    )
    neutral = neutral_body(pictures, components_of(loaded))
    # The method moves its body to the device.
    chosen = of_network({}, copy.deepcopy(neutral), pictures.crop_px)
    errors, by_joint, bins = [], [], []
    with Progress(f"{loaded.file.path.name} on 3DPW", len(pictures)) as progress:
        for rows in torch.arange(len(pictures)).split(AT_ONCE):
            images = pictures.crops(rows.tolist())
            found = surface_of(estimated(loaded.network, chosen, images, device), neutral)
            genders = [pictures.people.genders[row] for row in rows.tolist()]
            true = true_surface(images, genders, pictures.bodies)
            errors.append(body_errors(found, true, neutral.faces))
            by_joint.append(per_joint_errors(found.joints, true.joints))
            bins.append(images.bins)
            for _ in rows:
                progress.advance()
    per_person = {name: torch.cat([some[name] for some in errors]).numpy() for name in errors[0]}
    of_bins = {kind: np.concatenate([some[kind] for some in bins]) for kind in _KINDS}
    scores = _scores(pictures, per_person, torch.cat(by_joint), of_bins)
    evidence = "STAND-IN" if pictures.standin else "licensed"
    return Scored(evidence, _card(pictures, neutral, EVERY[size]), {"prediction": scores})


def components_of(loaded: LoadedImageNetwork) -> int:
    """Shape parameters that a network finds; regressors of HMR's kind have no option for it."""
    return getattr(loaded.network.config, "components", COMPONENTS)


@torch.inference_mode()
def true_surface(
    images: BodyImages, genders: Sequence[str], bodies: Mapping[str, BodyModel]
) -> Surface:
    """The bodies of pictures, each by the model of its person's gender.

    Args:
        images: N pictures.
        genders: of the N persons, keys of ``bodies``.
        bodies: models of one mesh.
    """
    rotations, betas = torch.from_numpy(images.rotations), torch.from_numpy(images.betas)
    members = {
        name: torch.tensor([row for row, gender in enumerate(genders) if gender == name])
        for name in dict.fromkeys(genders)
    }
    parts = [surface(bodies[name], rotations[rows], betas[rows]) for name, rows in members.items()]
    order = torch.cat(list(members.values())).argsort()
    return Surface(*(torch.cat(values)[order] for values in zip(*parts, strict=True)))


def _scores(
    pictures: PW3DPictures,
    errors: Mapping[str, np.ndarray],
    by_joint: Tensor,
    bins: Mapping[str, np.ndarray],
) -> BodyScores:
    people = pictures.people
    return BodyScores(
        metrics={name: float(values.mean()) for name, values in errors.items()},
        per_action={
            f"{kind.replace('_', ' ')} {name}": {
                metric: float(values[bins[kind] == name].mean())
                for metric, values in errors.items()
            }
            for kind in _KINDS
            for name in BINS[kind]
            if (bins[kind] == name).any()
        },
        per_joint=dict(zip(LSP_14.joint_names, by_joint.mean(0).tolist(), strict=True)),
        clips=[
            f"{person}/{Path(picture).stem}"
            for person, picture in zip(people.persons, people.pictures, strict=True)
        ],
        clip_actions=bins["off_axis"].tolist(),
        clip_frames=np.ones(len(pictures)),
        per_clip=dict(errors),
    )


def _card(pictures: PW3DPictures, neutral: BodyModel, every: int) -> dict[str, str]:
    persons = set(pictures.people.persons)
    sequences = {name.partition("/")[0] for name in persons}
    some = "all" if every == 1 else f"one in {every}"
    if pictures.standin:
        bodies, joints = "open body, found and true", "of the open body"
    else:
        bodies = f"true ones of the person's gender, found ones {neutral.name}"
        joints = "by Human3.6M's regressor (J_regressor_h36m)"
    return {
        "Pictures": f"3DPW's test part, {some} of those with an aligned camera: {len(pictures)} "
        f"crops of {pictures.crop_px} px, {len(persons)} persons in {len(sequences)} sequences",
        "Boxes": "from the true bodies: PersPose's around the surface, clipped to -0.2 .. 1.2 of "
        "the larger side; DSR's 1.2 x around the joints (the release reads detected ones)",
        "Joints": f"14 {joints}, pelvis on pelvis (MPJPE); after Procrustes with scale, person by "
        "person (PA-MPJPE)",
        "Surface": "as the body models put it, without alignment (PVE); pelvis on pelvis (PVE, "
        "pelvis on pelvis), as PersPose does",
        "Bodies": bodies,
        "Means": "over all crops alike; PersPose's release averages means of batches",
        "Notes": " ".join(pictures.notes) or "none",
    }
