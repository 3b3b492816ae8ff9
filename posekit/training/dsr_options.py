"""What rows say of DSR: which semantic terms count, and how bodies are rendered for them.

The options are the same for the network (``dsr_method``) and for bodies that are fitted to
pictures one by one (``dsr_fit_method``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.rendering import soft
from posekit.bodies.semantic_labels import Targets, face_textures, prepare
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter, unknown
from posekit.metrics.semantic_losses import (
    AROUND_BODY,
    RELEASED_RENDERING,
    batch_mean,
    clothed_loss,
    minimal_loss,
    row_iou_loss,
)

MINIMAL = ("none", "row_iou", "image_iou", "distance", "silhouette")
RENDERINGS = {"released": RELEASED_RENDERING, "around body": AROUND_BODY}
LABELS = ("parsed", "true")
HALF_DEPTH = 1.5  # metres before and behind the root, where nearness hugs the body


@dataclass(frozen=True)
class Semantics:
    """The semantic terms of a row.

    Attributes:
        minimal: DSR-MC by the kind of its loss, see ``semantic_losses.minimal_loss``; "silhouette"
            for the baseline that knows no clothes (IoU of the body's silhouette with the whole
            person); "none".
        clothed: whether DSR-C counts.
        rendering: "released", where nothing occludes, or "around body".
        labels: "parsed", with the faults of a human parser, or "true".
        exchange_labels: whether left and right labels change places in mirrored pictures; the
            release leaves them.
    """

    minimal: str = "row_iou"
    clothed: bool = True
    rendering: str = "released"
    labels: str = "parsed"
    exchange_labels: bool = True

    def __post_init__(self) -> None:
        for name, choices in (("minimal", MINIMAL), ("rendering", RENDERINGS), ("labels", LABELS)):
            if getattr(self, name) not in choices:
                raise InvalidParameter(unknown(name, getattr(self, name), choices))

    @property
    def none(self) -> bool:
        """Whether no term needs a rendering."""
        return self.minimal == "none" and not self.clothed

    @property
    def words(self) -> str:
        """For print beside a figure."""
        if self.none:
            return "no semantic term"
        minimal = {
            **{"row_iou": "DSR-MC (IoU by rows)", "image_iou": "DSR-MC (IoU of pictures)"},
            **{"distance": "DSR-MC (distance map)", "silhouette": "silhouette IoU"},
        }
        terms = [minimal[self.minimal]] if self.minimal != "none" else []
        terms += ["DSR-C"] if self.clothed else []
        others = [] if self.exchange_labels else ["labels not exchanged in mirror images"]
        rendered = f"rendered {'as released' if self.rendering == 'released' else self.rendering}"
        return ", ".join([" + ".join(terms), rendered, f"{self.labels} labels", *others])

    @property
    def short(self) -> str:
        """For the name of a run."""
        parts = [self.minimal.replace("_", "-"), "c" if self.clothed else ""]
        return "-".join(part for part in parts if part)


def split_options(
    options: Mapping[str, Any], own: type, kind: str
) -> tuple[dict[str, Any], Semantics]:
    """A row's options as those of the method and those of its semantic terms.

    Args:
        options: of the row.
        own: dataclass of the method's other options.
        kind: the method's name, for the error.

    Raises:
        InvalidParameter: an option that neither has, or an unknown value.
    """
    semantic = Semantics.__dataclass_fields__
    for name in options:
        if name not in semantic and name not in own.__dataclass_fields__:
            raise InvalidParameter(
                unknown(f"option of {kind}", name, (*own.__dataclass_fields__, *semantic))
            )
    rest = {name: value for name, value in options.items() if name not in semantic}
    return rest, Semantics(**{name: options[name] for name in semantic if name in options})


def semantic_targets(images: BodyImages, semantics: Semantics, keypoints: Tensor) -> Targets:
    """What pictures show, prepared once for the losses; on the CPU.

    Args:
        images: N pictures.
        semantics: which labels are read.
        keypoints: (N, K, 2) of the person in pixels of the crop.
    """
    maps = images.parsed if semantics.labels == "parsed" else images.labels
    seen = torch.cat([keypoints, torch.ones_like(keypoints[..., :1])], dim=-1)
    return prepare(torch.from_numpy(maps), seen)


class Rendered(NamedTuple):
    """Bodies as the semantic losses see them.

    Attributes:
        channels: (B, 9, S, S) probability of the minimally clothed labels, then of eight classes.
        silhouette: (B, S, S).
    """

    channels: Tensor
    silhouette: Tensor


class Terms(NamedTuple):
    """Semantic terms, means over a batch: DSR-MC (or the silhouette's), DSR-C."""

    minimal: Tensor
    clothed: Tensor


def render_channels(
    body: BodyModel,
    vertices: Tensor,
    depth: Tensor,
    intrinsics: Tensor,
    targets: Targets,
    prior: Tensor,
    semantics: Semantics,
) -> Rendered:
    """Bodies before their cameras, rendered as the labels of their pictures ask for.

    Args:
        body: whose faces are rendered.
        vertices: (B, V, 3) in the crop's camera.
        depth: (B,) of the roots, metres.
        intrinsics: (B, 3, 3) of the crop.
        targets: of the same pictures.
        prior: P(label | face), (F, 20).
        semantics: the row's.
    """
    size, how = targets.merged.shape[-1], RENDERINGS[semantics.rendering]
    if vertices.requires_grad:
        # Losses that are not finite count as 0; so do gradients, which would outlive them.
        vertices.register_hook(lambda gradient: gradient.nan_to_num(0.0, 0.0, 0.0))
    rendered = soft(
        vertices,
        body.faces,
        intrinsics,
        size,
        face_textures(prior, targets.valid),
        sigma_px=how.sigma_px(size),
        gamma=how.gamma,
        near=depth - HALF_DEPTH if how.near is None else how.near,
        far=depth + HALF_DEPTH if how.far is None else how.far,
    )
    return Rendered(how.channels(rendered.image, rendered.silhouette), rendered.silhouette)


def semantic_terms(rendered: Rendered, targets: Targets, semantics: Semantics) -> Terms:
    """Both terms of rendered bodies; 0 where a row has not the term."""
    minimal = clothed = rendered.silhouette.new_zeros(())
    if semantics.minimal != "none":
        minimal = batch_mean(_minimal(semantics, rendered, targets), targets.valid)
    if semantics.clothed:
        classes = rendered.channels[:, 1:]
        losses = clothed_loss(classes, targets.merged, targets.class_weights)
        clothed = batch_mean(losses, targets.valid)
    return Terms(minimal, clothed)


def _minimal(semantics: Semantics, rendered: Rendered, targets: Targets) -> Tensor:
    if semantics.minimal == "silhouette":
        person = (targets.merged > 0).to(rendered.silhouette)
        return row_iou_loss(rendered.silhouette, person)
    bare = rendered.channels[:, 0]
    return minimal_loss(semantics.minimal, bare, targets.minimal_mask, targets.distance)
