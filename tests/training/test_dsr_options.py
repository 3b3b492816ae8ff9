"""The semantic terms of a row: which there are, in words, and what they are of true bodies."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from pictures import smoke_pictures

from posekit.bodies import open_body
from posekit.errors import InvalidParameter
from posekit.training.dsr_method import true_joints
from posekit.training.dsr_options import (
    Semantics,
    render_channels,
    semantic_targets,
    semantic_terms,
    split_options,
)


@dataclass(frozen=True)
class Own:
    width: int = 3


def terms(semantics: Semantics, shift: float = 0.0) -> tuple[float, float, torch.Tensor]:
    """Both terms of the true bodies, moved sideways, and the gradient of their vertices."""
    images, body = smoke_pictures("test"), open_body()
    parts = (images.rotations, images.betas, images.translation)
    posed = body(*(torch.from_numpy(part) for part in parts))
    vertices = (posed.vertices + torch.tensor([shift, 0, 0])).requires_grad_()
    targets = semantic_targets(images, semantics, true_joints(body, images)[1])
    rendered = render_channels(
        body,
        vertices,
        posed.joints[:, 0, 2],
        torch.from_numpy(images.crop_intrinsics),
        targets,
        torch.from_numpy(images.prior),
        semantics,
    )
    found = semantic_terms(rendered, targets, semantics)
    if not semantics.none:
        sum(found).backward()
    return float(found.minimal.detach()), float(found.clothed.detach()), vertices.grad


def test_options_are_split_and_unknown_ones_named() -> None:
    rest, semantics = split_options({"width": 5, "minimal": "distance"}, Own, "toy")
    assert rest == {"width": 5}
    assert (semantics.minimal, semantics.clothed) == ("distance", True)
    with pytest.raises(InvalidParameter, match=r"unknown option of toy 'minimum'.*'minimal'"):
        split_options({"minimum": "none"}, Own, "toy")
    with pytest.raises(InvalidParameter, match="unknown rendering 'sharp'"):
        split_options({"rendering": "sharp"}, Own, "toy")


def test_words_tell_rows_apart() -> None:
    kinds = [
        Semantics(),
        Semantics("none", clothed=False),
        Semantics("silhouette", clothed=False),
        Semantics(rendering="around body"),
        Semantics(labels="true"),
        Semantics(exchange_labels=False),
    ]
    assert len({kind.words for kind in kinds}) == len(kinds)
    assert kinds[1].words == "no semantic term"


@pytest.mark.parametrize("minimal", ["row_iou", "image_iou", "distance", "silhouette"])
@pytest.mark.parametrize("rendering", ["released", "around body"])
def test_a_body_that_stands_elsewhere_costs_more(minimal: str, rendering: str) -> None:
    semantics = Semantics(minimal, rendering=rendering, labels="true")
    here, there = terms(semantics), terms(semantics, shift=0.2)
    assert here[0] < there[0]
    assert here[1] < there[1]
    assert bool(there[2].isfinite().all())
    assert there[2].abs().max() > 0


def test_terms_that_a_row_has_not_are_zero() -> None:
    assert terms(Semantics("none"))[0] == 0
    assert terms(Semantics(clothed=False))[1] == 0
