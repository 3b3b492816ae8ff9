"""What the notebook of PersPose looks at: persons aside, their crops, and the rays of these."""

from __future__ import annotations

import sys

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from posekit import __version__
from posekit.bodies import open_body
from posekit.bodies.body_joints import human36m_17
from posekit.datasets import DATASETS
from posekit.datasets.rendered import BodyImages
from posekit.datasets.rendered.cameras import HEIGHT, MARGIN, WIDTH
from posekit.geometry.perspective import (
    box_around,
    crop,
    perspective_rotation,
    pixel_centres,
    project,
    rays,
)
from posekit.geometry.rotations import axis_angle_to_matrix
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook.figures.contact_sheet import Panel, contact_sheet
from posekit.workbook.figures.perspective_crops import (
    SeenPerson,
    focal_error_curve,
    perspective_idea,
    perspective_viewer,
)
from posekit.workbook.notebooks.body_pictures import EVIDENCE, spread
from posekit.workbook.notebooks.opening import evidence_note
from posekit.workbook.notebooks.widgets import controlled, live_or_static
from posekit.workbook.studies import Study
from posekit.workbook.tables import Card

CROP_PX, CELLS = 64, 16
ANGLES, LENSES = (0, 13, 26, 38), (350, 700)  # degrees and pixels, of the report's slider
NEARNESS = 2.6 / 700  # metres of distance per pixel of focal length: the person keeps its size
SHOWN = 5  # pictures of a contact sheet


def few_pictures(study: Study) -> BodyImages:
    """A handful of rendered test pictures to look at; no row of keypoints needs any."""
    return study.task.load(study.dataset, "test", f"{CROP_PX} px", "smoke", study.data)


def people_banner(study: Study, people: BodyImages) -> None:
    """Show what a notebook on keypoints runs on: data, profile, device, versions."""
    off_axis, wide = (np.degrees(part) for part in (people.off_axis, people.field_of_view))
    display(
        Card(
            f"Persons posed by {DATASETS[study.dataset].title}, before cameras",
            {
                "evidence": evidence_note(EVIDENCE),
                "amount": f"{len(people)} poses of {len(set(people.persons.tolist()))} persons "
                f"({people.split} split), keypoints without pictures",
                "off axis": f"{off_axis.min():.0f} to {off_axis.max():.0f} degrees",
                "field of view of the crops": f"{wide.min():.0f} to {wide.max():.0f} degrees",
                "fingerprint": people.fingerprint[:16],
                "profile": f"{study.profile.name}, seeds {', '.join(map(str, study.seeds))}",
                "device": str(study.device),
                "posekit": f"{__version__}, torch {torch.__version__}, "
                f"Python {sys.version.split()[0]}",
            },
            label=EVIDENCE,
        )
    )


def crop_sheet(images: BodyImages) -> Figure:
    """Pictures from the axis outwards: the plain crop and the crop behind the rotation."""
    some = spread(images, "off_axis", SHOWN)
    joints = torch.from_numpy(_joints(some))
    turned = joints @ torch.from_numpy(some.rotation).mT
    plain = project(joints, torch.from_numpy(some.crop_intrinsics)).numpy()
    rotated = project(turned, torch.from_numpy(some.crop_intrinsics_rotated)).numpy()
    panels = {
        "crop": Panel(some.images),
        "its joints": Panel(some.images, points=plain),
        "after the rotation": Panel(some.images_rotated),
        "their joints": Panel(some.images_rotated, points=rotated),
    }
    said = [
        f"{np.degrees(angle):.0f}° off axis, crop of {np.degrees(wide):.0f}°"
        for angle, wide in zip(some.off_axis, some.field_of_view, strict=True)
    ]
    return contact_sheet(panels, said, skeleton=HUMAN36M_17)


def idea_of(images: BodyImages) -> Figure:
    """The picture whose person is farthest off axis: both crops, and their rays."""
    one = int(np.argmax(images.off_axis))
    crops = {
        "the crop: which way did the camera look?": images.images[one],
        "the camera turned to the person (PR)": images.images_rotated[one],
    }
    seen = (images.crop_intrinsics[one], images.crop_intrinsics_rotated[one])
    return perspective_idea(
        crops,
        {
            heading: _angles(torch.from_numpy(intrinsics)[None], images.crop_px)
            for heading, intrinsics in zip(crops, seen, strict=True)
        },
    )


def explore_perspective(images: BodyImages, *, alt: str) -> None:
    """Move a person off axis and change the lens: the crops, and what their rays tell.

    In JupyterLab with sliders; in the report for some places and two lenses.

    Args:
        images: whose persons are moved; the first is shown in the report.
        alt: one sentence that states what the plot shows.
    """
    person = ipywidgets.Dropdown(
        options=[(name, number) for number, name in enumerate(images.actions[:SHOWN].tolist())],
        description="person",
    )
    angle = ipywidgets.IntSlider(value=30, min=-45, max=45, step=5, description="off axis (°)")
    lens = ipywidgets.IntSlider(value=450, min=300, max=1000, step=50, description="f (px)")
    live = controlled(
        (person, angle, lens),
        lambda: perspective_viewer(
            {"": seen_person(images, person.value, angle.value, lens.value)}, HUMAN36M_17
        ),
    )
    still = {
        f"{place}° off axis, focal length {focal} px": seen_person(images, 0, place, focal)
        for focal in LENSES
        for place in ANGLES
    }
    live_or_static(live, perspective_viewer(still, HUMAN36M_17), alt=alt)


def error_over_focal(study: Study, table: str) -> go.Figure | None:
    """The error of a table's rows over the focal length that they take for true at test.

    Args:
        study: its runs and the reference run, each a line where it has several of the rows.
        table: id of the table, whose rows name the multiple of the true focal length.

    Returns:
        None where neither has.
    """
    lines: dict[str, dict[float, float]] = {"reference run": {}, "this run": {}}
    for item in study.results(table).rows:
        factor = item.row.variant["focal"]
        if isinstance(factor, str):  # one lens for all is no multiple
            continue
        for name, figures in (("reference run", item.reference), ("this run", item.measured)):
            if "mpjpe" in figures:
                lines[name][float(factor)] = figures["mpjpe"].value
    drawn = {name: line for name, line in lines.items() if len(line) > 1}
    return focal_error_curve(drawn) if drawn else None


def seen_person(images: BodyImages, number: int, off_axis: float, focal: float) -> SeenPerson:
    """A person of a picture put elsewhere before another lens.

    It stands as far away as makes it about equally large, and turns with the ray to it, so that
    the camera sees it from the same side wherever it is.

    Args:
        images: see ``explore_perspective``.
        number: of the picture.
        off_axis: degrees to the right.
        focal: pixels.
    """
    joints = torch.from_numpy(_joints(images, number))[0].double()
    extent = _extent(images, number)
    axis = torch.tensor([0.0, np.radians(off_axis), 0.0], dtype=torch.float64)
    aside = axis_angle_to_matrix(axis)
    middle = (extent.amax(0) + extent.amin(0)) / 2
    away = torch.tensor([0.0, 0.0, focal * NEARNESS], dtype=torch.float64)
    joints, extent = ((points - middle + away) @ aside.mT for points in (joints, extent))
    full = torch.tensor([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]).double()[None]
    box = box_around(project(extent[None], full))
    turn = perspective_rotation(full, box[:, :2] + box[:, 2:] / 2)
    around = box_around(project(extent[None] @ turn.mT, full), full[:, :2, 2])
    none = torch.eye(3, dtype=torch.float64)[None]
    cuts = [
        crop(full, rotation, _widened(held), CROP_PX)
        for rotation, held in ((none, box), (turn, around))
    ]
    plain, rotated = (
        project(joints[None] @ rotation.mT, cut.intrinsics)[0].numpy()
        for rotation, cut in zip((none, turn), cuts, strict=True)
    )
    return SeenPerson(
        full=project(joints[None], full)[0].numpy(),
        box=box[0].numpy(),
        picture=(WIDTH, HEIGHT),
        plain=plain,
        rotated=rotated,
        plain_rays=_angles(cuts[0].intrinsics, CROP_PX),
        rotated_rays=_angles(cuts[1].intrinsics, CROP_PX),
        crop_px=CROP_PX,
    )


def _widened(box: Tensor) -> Tensor:
    middle, sides = box[:, :2] + box[:, 2:] / 2, MARGIN * box[:, 2:]
    return torch.cat([middle - sides / 2, sides], dim=-1)


def _angles(intrinsics: Tensor, crop_px: int) -> NDArray[np.float64]:
    """(n, n) degrees of a crop's rays off its camera's axis; intrinsics (1, 3, 3)."""
    points = pixel_centres(CELLS, CELLS, intrinsics) * crop_px / CELLS
    slopes = rays(intrinsics, points)[0].norm(dim=-1)
    return torch.rad2deg(slopes.atan()).view(CELLS, CELLS).double().numpy()


def _joints(images: BodyImages, number: int | None = None) -> NDArray[np.float32]:
    """(N, 17, 3) joints in the camera of the full picture, metres; of one picture or all."""
    chosen = slice(None) if number is None else slice(number, number + 1)
    parts = (images.rotations, images.betas, images.translation)
    body = open_body()
    with torch.no_grad():
        posed = body(*(torch.from_numpy(part[chosen]) for part in parts))
        return human36m_17(body, posed).numpy()


def _extent(images: BodyImages, number: int) -> Tensor:
    """(V, 3) surface of the naked body in the camera of the full picture."""
    chosen = slice(number, number + 1)
    parts = (images.rotations, images.betas, images.translation)
    with torch.no_grad():
        posed = open_body()(*(torch.from_numpy(part[chosen]) for part in parts))
    return posed.vertices[0].double()
