"""Dressed bodies: labels where clothes are, cloth outside of the skin, bare skin untouched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posekit.bodies.clothing import Dressed, Wardrobe, surface_labels, vertex_normals
from posekit.bodies.open_body import open_body
from posekit.bodies.outfits import COAT, PANTS, SKIRT, UPPERCLOTHES, Outfit
from posekit.bodies.semantic_labels import ID

OUTFIT = Outfit(
    top=UPPERCLOTHES,
    bottom=PANTS,
    sleeve=0.6,
    hem=0.0,
    leg=0.8,
    skirt=0.0,
    sock=2.0,
    hair=-0.2,
    shoes=True,
    gloves=False,
    hat=False,
    scarf=False,
    sunglasses=False,
    looseness=0.05,
)


@pytest.fixture(scope="module")
def wardrobe() -> Wardrobe:
    return Wardrobe(open_body())


def dressed(wardrobe: Wardrobe, outfit: Outfit) -> tuple[torch.Tensor, Dressed]:
    rotations = torch.eye(3, dtype=torch.float64).repeat(24, 1, 1)
    betas = torch.zeros(10, dtype=torch.float64)
    posed = wardrobe.body(rotations[None], betas[None])
    worn = wardrobe.dress(rotations, betas, posed, outfit, np.random.default_rng(0))
    return posed.vertices[0], worn


def labelled(wardrobe: Wardrobe, outfit: Outfit) -> dict[str, torch.Tensor]:
    """Label -> centres of the body's faces that show it."""
    labels = wardrobe.face_labels(outfit)
    centres = wardrobe.body.v_template[wardrobe.body.faces].mean(1)
    return {name: centres[labels == number] for name, number in ID.items()}


def test_labels_lie_where_clothes_are(wardrobe: Wardrobe) -> None:
    shown = labelled(wardrobe, OUTFIT)
    present = {name for name, faces in shown.items() if len(faces)}
    assert present == {
        *("upperclothes", "pants", "hair", "face"),
        *("leftArm", "rightArm", "leftLeg", "rightLeg", "leftShoe", "rightShoe"),
    }
    assert (shown["leftArm"][:, 0] > 0).all()
    assert (shown["rightArm"][:, 0] < 0).all()
    knee, ankle = wardrobe.body.joint_template[[4, 7], 1]
    assert (shown["pants"][:, 1] > knee).all()
    assert (shown["leftShoe"][:, 1] < ankle + 0.06).all()
    assert shown["pants"][:, 1].max() < shown["upperclothes"][:, 1].max()
    assert shown["hair"][:, 1].mean() > shown["face"][:, 1].mean()


def test_a_longer_sleeve_bares_less_and_gloves_cover_hands(wardrobe: Wardrobe) -> None:
    bare = [len(labelled(wardrobe, replace(OUTFIT, sleeve=s))["leftArm"]) for s in (0.1, 1.0, 2.0)]
    assert bare[0] > bare[1] > bare[2] > 0
    hands = labelled(wardrobe, replace(OUTFIT, sleeve=1.95))
    gloved = labelled(wardrobe, replace(OUTFIT, sleeve=1.95, gloves=True))
    assert len(gloved["leftArm"]) == len(gloved["rightArm"]) == 0
    assert len(gloved["glove"]) == len(hands["leftArm"]) + len(hands["rightArm"])
    coat = labelled(wardrobe, replace(OUTFIT, top=COAT, hem=-0.4))
    assert coat["coat"][:, 1].min() < labelled(wardrobe, OUTFIT)["upperclothes"][:, 1].min()


def test_cloth_stands_off_by_at_most_the_looseness_and_skin_stays(wardrobe: Wardrobe) -> None:
    naked, worn = dressed(wardrobe, OUTFIT)
    count = len(naked)
    moved = (worn.vertices[:count] - naked).norm(dim=-1)
    assert moved.max() <= OUTFIT.looseness + 1e-9
    assert moved.max() > 0.8 * OUTFIT.looseness
    outwards = (worn.vertices[:count] - naked) * vertex_normals(naked, wardrobe.body.faces)
    assert (outwards.sum(-1) >= -1e-12).all()
    labels = surface_labels(OUTFIT, worn.corners)[: 3 * len(wardrobe.body.faces)]
    bare = torch.isin(labels, torch.tensor([ID["face"], ID["leftArm"], ID["leftShoe"]]))
    cloth = torch.isin(labels, torch.tensor([ID["upperclothes"], ID["pants"]]))
    corners = wardrobe.body.faces.flatten()
    assert moved[corners[bare]].median() == 0
    assert moved[corners[cloth]].median() > 0.3 * OUTFIT.looseness
    tight = dressed(wardrobe, replace(OUTFIT, looseness=0.0))[1]
    torch.testing.assert_close(tight.vertices[:count], naked)


def test_without_a_skirt_its_faces_have_no_area(wardrobe: Wardrobe) -> None:
    naked, worn = dressed(wardrobe, OUTFIT)
    assert (worn.vertices[len(naked) :] == worn.vertices[len(naked)]).all()


def test_a_skirt_shows_its_label_and_hides_the_legs(wardrobe: Wardrobe) -> None:
    outfit = replace(OUTFIT, bottom=SKIRT, leg=0.0, skirt=1.0)
    _, worn = dressed(wardrobe, outfit)
    labels = surface_labels(outfit, worn.corners).view(-1, 3)
    assert (labels[len(wardrobe.body.faces) :] == SKIRT).all()
    knee = wardrobe.body.joint_template[4, 1]
    legs = labelled(wardrobe, outfit)["leftLeg"]
    assert len(legs) > 0
    assert (legs[:, 1] < knee + 0.03).all()


def test_normals_point_outwards_and_have_unit_length(wardrobe: Wardrobe) -> None:
    body = wardrobe.body
    normals = vertex_normals(body.v_template, body.faces)
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(len(normals)).double())
    inflated = body.v_template + 0.01 * normals
    assert volume(inflated, body.faces) > volume(body.v_template, body.faces) > 0.03


def volume(vertices: torch.Tensor, faces: torch.Tensor) -> float:
    first, second, third = vertices[faces].unbind(1)
    return float((first * torch.linalg.cross(second, third)).sum() / 6)
