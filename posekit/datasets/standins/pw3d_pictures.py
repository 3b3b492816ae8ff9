"""Pictures of 3DPW's stand-in: its bodies, lit from the camera, before a plain ground.

They are rendered at a sixth of the size and enlarged, and only one in ``EVERY`` of the test part is
there: as many as a quick look at a checkpoint reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.clothing import vertex_normals
from posekit.bodies.rendering import hard
from posekit.datasets.pw3d_people import PersonPictures, load_people, read_bodies
from posekit.datasets.standins.files import refuse_real_files
from posekit.machine.storage import atomic_path

EVERY = 50
SHRUNK = 6
COLOURS = ((0.85, 0.6, 0.45), (0.35, 0.5, 0.8))  # of the first person and the second
GROUND = (0.45, 0.5, 0.42)
AMBIENT = 0.4
QUALITY = 85


def write_pictures(root: Path, note: str, *, every: int = EVERY) -> None:
    """Write the pictures to ``imageFiles`` beside the stand-in's sequence files.

    Args:
        root: data folder.
        note: what they are, kept in each.
        every: one picture of each person in so many.

    Raises:
        StorageError: there are pictures that are not a stand-in's, or it cannot be written.
    """
    bodies = read_bodies(root)
    people = load_people("test", root=root, bodies=bodies, every=every)
    seen: dict[str, list[int]] = {}
    for row, name in enumerate(people.pictures):
        seen.setdefault(name, []).append(row)
    paths = {name: root / "pw3d" / name for name in seen}
    refuse_real_files(paths.values())
    for name, rows in seen.items():
        picture = Image.fromarray(_rendered(people, rows, bodies))
        with atomic_path(paths[name]) as temporary:
            picture.resize(people.resolution[rows[0]].tolist(), Image.Resampling.BILINEAR).save(
                temporary, format="JPEG", quality=QUALITY, comment=note
            )


def _rendered(
    people: PersonPictures, rows: list[int], bodies: Mapping[str, BodyModel]
) -> NDArray[np.uint8]:
    """(H, W, 3), the persons of these rows, who stand in one picture."""
    shrink = torch.tensor([1 / SHRUNK, 1 / SHRUNK, 1.0]).diag()
    surfaces = [_surface(people, row, bodies[people.genders[row]]) for row in rows]
    lit = [
        (AMBIENT + (1 - AMBIENT) * -vertex_normals(vertices, faces)[:, 2:].clamp_max(0))
        * torch.tensor(colour)
        for (vertices, faces), colour in zip(surfaces, COLOURS, strict=False)
    ]
    width, height = (side // SHRUNK for side in people.resolution[rows[0]].tolist())
    counts = [len(vertices) for vertices, _ in surfaces]
    starts = np.cumsum([0, *counts]).tolist()
    shown = hard(
        torch.cat([vertices for vertices, _ in surfaces])[None],
        torch.cat([faces + start for (_, faces), start in zip(surfaces, starts, strict=False)]),
        (shrink @ people.intrinsics[rows[0]])[None],
        (height, width),
        vertex_attributes=torch.cat(lit),
    )
    colours = shown.attributes[0].permute(1, 2, 0)
    ground = torch.tensor(GROUND).expand_as(colours)
    colours = torch.where(shown.face[0, ..., None] < 0, ground, colours)
    return (255 * colours).round().clamp(0, 255).byte().numpy()


def _surface(people: PersonPictures, row: int, body: BodyModel) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) before the camera, and faces."""
    given = (people.rotations, people.betas, people.translation)
    return body(*(values[row, None] for values in given)).vertices[0], body.faces
