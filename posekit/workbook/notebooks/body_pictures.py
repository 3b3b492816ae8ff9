"""What the notebook of a paper on bodies in pictures looks at: pictures, bodies, fits."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from posekit import __version__
from posekit.bodies import open_body
from posekit.bodies.label_images import PALETTE
from posekit.bodies.rendering import hard
from posekit.bodies.semantic_labels import MERGED
from posekit.datasets import DATASETS
from posekit.datasets.rendered import BINS, BodyImages
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.metrics.body_errors import JOINTS_14, body_errors, surface
from posekit.metrics.pose_errors import mpjpe
from posekit.training.body_regression import BodyEstimate
from posekit.training.dsr_options import (
    RENDERINGS,
    Semantics,
    render_channels,
    semantic_targets,
)
from posekit.workbook import figures
from posekit.workbook.figures.contact_sheet import Panel, contact_sheet
from posekit.workbook.figures.semantic_rendering import (
    channel_sheet,
    error_bins,
    semantic_regions,
)
from posekit.workbook.notebooks.opening import evidence_note
from posekit.workbook.notebooks.widgets import Motion
from posekit.workbook.studies import Study
from posekit.workbook.tables import Card
from posekit.workbook.tasks.image_to_body_data import taken
from posekit.workbook.tasks.image_to_body_runs import (
    EVIDENCE,
    estimated,
    method_of,
    scored_pictures,
    surface_of,
    true_surface,
)

OVER = {
    "looseness": "looseness of the clothes",
    "off_axis": "person off the optical axis by",
    "field_of_view": "field of view of the crop",
}
SHOWN = 6  # pictures of a contact sheet
SHOWN_CHANNELS = ("DSR-MC", "upperclothes", "pants", "leftArm", "rightArm")
VIEWED = 24  # pictures of a bin in the viewer


def picture_banner(study: Study, images: BodyImages) -> None:
    """Show what a notebook on pictures runs on: data, profile, device, versions."""
    seeds = ", ".join(str(seed) for seed in study.seeds)
    looseness = 100 * images.looseness
    display(
        Card(
            f"Pictures rendered of {DATASETS[study.dataset].title}",
            {
                "evidence": evidence_note(EVIDENCE),
                "amount": f"{len(images)} pictures of {len(set(images.persons.tolist()))} persons "
                f"({images.split} split), crops of {images.crop_px} px",
                "clothes": f"stand off by {looseness.min():.1f} to {looseness.max():.1f} cm",
                "fingerprint": images.fingerprint[:16],
                "profile": f"{study.profile.name}, seeds {seeds}",
                "device": str(study.device),
                "posekit": f"{__version__}, torch {torch.__version__}, "
                f"Python {sys.version.split()[0]}",
            },
            label=EVIDENCE,
        )
    )


def spread(images: BodyImages, kind: str, count: int) -> BodyImages:
    """So many pictures, evenly over the bins of a quantity, in the order of its bins."""
    names = images.bins[kind]
    order = np.argsort([BINS[kind].index(name) for name in names.tolist()], kind="stable")
    count = min(count, len(order))
    return taken(images, order[np.arange(count) * len(order) // count])


def picture_sheet(images: BodyImages, kind: str = "looseness", count: int = SHOWN) -> Figure:
    """Pictures over the bins of a quantity: as seen, the naked body in them, true and parsed
    labels."""
    some = spread(images, kind, count)
    palette = np.array(PALETTE, dtype=np.uint8)
    panels = {
        "picture": Panel(some.images),
        "naked body": Panel(some.images, points=joints_seen(some), silhouettes=naked(some)),
        "true labels": Panel(palette[some.labels]),
        "parsed labels": Panel(palette[some.parsed]),
    }
    said = [
        f"{100 * loose:.1f} cm loose, {np.degrees(angle):.0f}° off axis"
        for loose, angle in zip(some.looseness, some.off_axis, strict=True)
    ]
    return contact_sheet(panels, said, skeleton=HUMAN36M_17)


def regions_of(images: BodyImages) -> Figure:
    """The picture whose clothes hide most, as a silhouette sees it and as labels do."""
    person, body = images.labels > 0, naked(images)
    hidden = (person & ~body).sum((1, 2)) / body.sum((1, 2)).clip(1)
    chosen = int(np.argmax(np.where(upright(images), hidden, 0.0)))
    return semantic_regions(images.images[chosen], images.labels[chosen], body[chosen])


def upright(images: BodyImages) -> NDArray[np.bool_]:
    """(N,) pictures that show a whole person with the head well above the feet."""
    pixels, height = joints_seen(images), images.crop_px
    inside = ((pixels > 0) & (pixels < height)).all((1, 2))
    head, feet = (
        [HUMAN36M_17.index(name) for name in names]
        for names in (["head"], ["left foot", "right foot"])
    )
    return inside & (pixels[:, feet, 1].min(1) - pixels[:, head, 1].max(1) > 0.7 * height)


class Channels(NamedTuple):
    """Rendered probabilities of true bodies.

    Attributes:
        tensors: what goes in and comes out, name -> tensor of some pictures.
        picture: channels of the body in which most shines through, as released and, below, with
            a renderer in which near surfaces hide far ones.
    """

    tensors: dict[str, Tensor]
    picture: Figure


def rendered_channels(images: BodyImages, *, count: int) -> Channels:
    """The nine channels of the semantic losses, rendered of the true bodies of some pictures."""
    some = spread(images, "looseness", count)
    body, keypoints = open_body(), torch.from_numpy(joints_seen(some))
    targets = semantic_targets(some, Semantics(), keypoints)
    parts = (some.rotations, some.betas, some.translation)
    with torch.no_grad():
        posed = body(*(torch.from_numpy(part) for part in parts))
        rendered = {
            name: render_channels(
                body,
                posed.vertices,
                posed.joints[:, 0, 2],
                torch.from_numpy(some.crop_intrinsics),
                targets,
                torch.from_numpy(some.prior),
                Semantics(rendering=name),
            )
            for name in RENDERINGS
        }
    tensors = {
        "pictures (batch, height, width, colours)": torch.from_numpy(some.images),
        "parsed labels (batch, height, width)": torch.from_numpy(some.parsed),
        "classes of DSR-C": targets.merged,
        "weights of the classes (batch, classes)": targets.class_weights,
        "mask of DSR-MC": targets.minimal_mask,
        "semantic prior (faces, labels)": torch.from_numpy(some.prior),
        "vertices before the crop's camera (batch, vertices, xyz)": posed.vertices,
        "rendered channels (batch, MC and 8 classes, ...)": rendered["released"].channels,
        "silhouettes": rendered["released"].silhouette,
    }
    seen = {name: found.channels.numpy() for name, found in rendered.items()}
    ways = list(seen.values())
    shining = int(np.abs(ways[0] - ways[1]).sum((1, 2, 3)).argmax())
    shown = {
        f"{name}, {how}": channels[shining, number]
        for how, channels in seen.items()
        for number, name in enumerate(("DSR-MC", *MERGED))
        if name in SHOWN_CHANNELS
    }
    return Channels(tensors, channel_sheet(shown, columns=len(SHOWN_CHANNELS)))


def naked(images: BodyImages) -> NDArray[np.bool_]:
    """(N, S, S) where the naked bodies of pictures are seen."""
    parts = (images.rotations, images.betas, images.translation)
    with torch.no_grad():
        vertices = open_body()(*(torch.from_numpy(part) for part in parts)).vertices
    return silhouettes(vertices, torch.from_numpy(images.crop_intrinsics), images.crop_px)


def silhouettes(vertices: Tensor, intrinsics: Tensor, size: int) -> NDArray[np.bool_]:
    """(N, S, S) where bodies (N, V, 3) are seen by cameras (N, 3, 3) of S pixels."""
    faces = open_body().faces
    with torch.no_grad():
        seen = hard(vertices, faces, intrinsics, size, vertex_attributes=torch.zeros_like(vertices))
    return (seen.face >= 0).numpy()


def joints_seen(images: BodyImages) -> NDArray[np.float32]:
    """(N, 17, 2) pixels of the crop at which the joints of the naked bodies are seen."""
    body = open_body()
    rotations, betas = torch.from_numpy(images.rotations), torch.from_numpy(images.betas)
    with torch.no_grad():
        joints = surface(body, rotations, betas).joints
    joints = joints + torch.from_numpy(images.translation)[:, None]
    seen = joints @ torch.from_numpy(images.crop_intrinsics).mT
    return (seen[..., :2] / seen[..., 2:]).numpy()


def errors_over_bins(
    study: Study,
    table: str,
    metric: str,
    *,
    label: str,
    kind: str = "looseness",
    signed: bool = False,
) -> go.Figure | None:
    """A metric of the rows of a table by the bins of a quantity; None where none was run.

    Args:
        study: its runs, mean over seeds.
        table: id of the table.
        metric: of ``metrics.body_errors``.
        label: of the axis, with its unit.
        kind: quantity of ``BINS``.
        signed: see ``figures.error_bins``.
    """
    errors: dict[str, dict[str, float]] = {}
    for row in study.paper.table(table).rows:
        found = study.measured.evidence(row)
        if found is None or found.learned is False:
            continue
        seeds = [scores["per_action"] for scores in study.measured.scores(row)]
        names = {f"{kind.replace('_', ' ')} {name}": name for name in BINS[kind]}
        errors[row.name] = {
            name: float(np.mean([seed[stored][metric] for seed in seeds]))
            for stored, name in names.items()
            if stored in seeds[0]
        }
    return error_bins(errors, label=label, over=OVER[kind], signed=signed) if errors else None


def bodies_of(study: Study, row: str) -> tuple[BodyImages, BodyEstimate]:
    """The scored pictures of a row's first run, and the bodies that it finds in them."""
    config = study.setting.job(study.paper.row(row), study.seeds[0]).config
    images = scored_pictures(config, study.data)
    network = study.network(row)
    return images, estimated(network, method_of(config), images, study.device)


def bodies_to_view(
    images: BodyImages, found: BodyEstimate, kind: str = "looseness"
) -> dict[str, Motion]:
    """Name of a bin -> (found, true) joints of its pictures, (pictures, 17, 3), pelvis on pelvis.

    Args:
        images: the pictures.
        found: the body of each.
        kind: quantity of ``BINS``.
    """
    body = open_body()
    ours, theirs = surface_of(found, body).joints, true_surface(images, body).joints
    ours, theirs = (joints - joints[:, :1] for joints in (ours, theirs))
    shown = {}
    for name in BINS[kind]:
        members = np.flatnonzero(images.bins[kind] == name)[:VIEWED]
        if len(members):
            shown[f"{kind.replace('_', ' ')} {name}"] = (ours[members], theirs[members])
    return shown


def effects_on_bodies(images: BodyImages, found: BodyEstimate) -> go.Figure:
    """Bars: what each choice of protocol makes of the error of the same bodies."""
    body = open_body()
    ours, theirs = surface_of(found, body), true_surface(images, body)
    hips = [HUMAN36M_17.joint_names.index(f"{side} hip") for side in ("left", "right")]
    pelvis, middle = (
        [each.joints - root(each.joints) for each in (ours, theirs)]
        for root in (lambda joints: joints[:, :1], lambda joints: joints[:, hips].mean(1, True))
    )
    errors = {
        name: float(value.mean()) for name, value in body_errors(ours, theirs, body.faces).items()
    }
    effects = {
        "14 joints, pelvis on pelvis": errors["mpjpe"],
        "17 joints": 1000 * float(mpjpe(*pelvis)),
        "14 joints, middle of the hips": 1000
        * float(mpjpe(*(each[:, JOINTS_14] for each in middle))),
        "14 joints, after Procrustes": errors["pa_mpjpe"],
    }
    if "pve" in errors:
        effects["vertices, at the model's origin"] = errors["pve"]
        effects["vertices, pelvis on pelvis"] = errors["pve_centred"]
    return figures.effect_bars(effects, start=next(iter(effects)))
