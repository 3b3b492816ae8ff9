"""One body fitted to one picture by semantic losses, watched while it converges."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import plotly.graph_objects as go
import torch
from torch import nn

from posekit.bodies import open_body
from posekit.datasets.rendered import BodyImages
from posekit.machine.random_state import random_state_kept
from posekit.metrics.body_errors import body_errors
from posekit.training import Recipe, seed_torch
from posekit.training.body_regression import BodyMethod, method
from posekit.training.body_steps import BodySteps
from posekit.workbook.figures.semantic_rendering import WatchedFit, fit_viewer
from posekit.workbook.notebooks.body_pictures import naked, silhouettes, spread
from posekit.workbook.notebooks.widgets import controlled, live_or_static
from posekit.workbook.studies import Study
from posekit.workbook.tasks import Configuration
from posekit.workbook.tasks.image_to_body_data import taken
from posekit.workbook.tasks.image_to_body_runs import estimated, surface_of, true_surface

LOOKS = 10  # how often a fit is looked at
BEFORE = 4  # steps by keypoints alone for each step that is watched
CHOICE = 6  # pictures to choose from
CPU = torch.device("cpu")


def watched_fit(study: Study, row: str, images: BodyImages, *, steps: int) -> WatchedFit:
    """A row's fit of one picture, from where keypoints alone have brought the body.

    Args:
        study: knows the row's options and rates.
        row: ``table/row`` of a method that fits.
        images: the one picture.
        steps: that are watched.
    """
    config = study.configuration(study.paper.row(row).run)
    with random_state_kept(CPU):
        seed_torch(0, CPU)
        network = _method(config, images).build(1)
        before = {**config, **config["start"]}
        _walk(network, before, images, BEFORE * steps, looks=1)
        return _walk(network, config, images, steps, looks=LOOKS)


def _method(config: Configuration, images: BodyImages) -> BodyMethod:
    return method(config["model"])(config["options"], open_body(), images.crop_px)


def _walk(
    network: nn.Module, config: Configuration, images: BodyImages, count: int, *, looks: int
) -> WatchedFit:
    """Take steps; the body before the first and after each of ``looks`` even stretches."""
    chosen = _method(config, images)
    recipe = Recipe(**{**config["recipe"], "epochs": count, "max_steps": count, "batch_size": 1})
    steps = BodySteps(
        chosen,
        network,
        chosen.prepare(images, CPU, training=True),
        recipe,
        **{"seed": 0, "phase": 1, "clip": None, "data": images.fingerprint},
    )
    at = sorted({round(place * count / looks) for place in range(looks + 1)})
    outlines, shapes = [], []
    for step in range(count + 1):
        if step in at:
            outline, errors = _seen(network, chosen, images)
            outlines.append(outline)
            shapes.append(errors)
        if step < count:
            steps.take(step)
    return WatchedFit(
        steps=at,
        found=torch.stack(outlines).numpy(),
        rest_errors=[float(errors["rest_pve"]) for errors in shapes],
        fatter=[float(errors["fatter"]) for errors in shapes],
    )


def _seen(
    network: nn.Module, chosen: BodyMethod, images: BodyImages
) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Where the body is seen (S, S), and its errors."""
    body, estimate = open_body(), estimated(network, chosen, images, CPU)
    found = surface_of(estimate, body)
    assert found.vertices is not None
    assert estimate.translation is not None
    placed = found.vertices + estimate.translation[:, None]
    intrinsics = torch.from_numpy(images.crop_intrinsics)
    outline = torch.from_numpy(silhouettes(placed, intrinsics, images.crop_px)[0])
    errors = body_errors(found, true_surface(images, body), body.faces)
    return outline, errors


def watch_fits(
    study: Study, images: BodyImages, rows: Mapping[str, str], *, steps: int, alt: str
) -> None:
    """Fits of one picture side by side, step by step; in JupyterLab of any of some pictures.

    Args:
        study: see ``watched_fit``.
        images: to choose from; the report shows the one in the loosest clothes.
        rows: name of the terms -> ``table/row``.
        steps: that are watched.
        alt: one sentence that states what the plot shows.
    """
    some = spread(images, "looseness", CHOICE)
    drawn: dict[int, go.Figure] = {}

    def fitted(number: int) -> go.Figure:
        if number not in drawn:
            one = taken(some, [number])
            fits = {name: watched_fit(study, row, one, steps=steps) for name, row in rows.items()}
            drawn[number] = fit_viewer(one.images[0], naked(one)[0], fits)
        return drawn[number]

    named = {
        f"{person}, {100 * loose:.1f} cm": number
        for number, (person, loose) in enumerate(zip(some.persons, some.looseness, strict=True))
    }
    loosest = int(some.looseness.argmax())
    choice = ipywidgets.Dropdown(options=list(named.items()), value=loosest, description="picture")
    live = controlled((choice,), lambda: fitted(choice.value))
    live_or_static(live, fitted(loosest), alt=alt)
