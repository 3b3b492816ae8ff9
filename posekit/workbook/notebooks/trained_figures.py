"""Figures of trained networks, and what is said where these have not learned or are not there."""

from __future__ import annotations

import plotly.graph_objects as go
from matplotlib.figure import Figure

from posekit.checkpoints import LoadedCheckpoint
from posekit.workbook import figures
from posekit.workbook.studies import Study

FEW_STEPS = (
    "Profile {} trains for a few steps: this shows that the cell works, and its figures mean "
    "nothing."
)
NOTHING = "Nothing to draw: none of these networks was run here, or none has learned."


def show(
    study: Study,
    figure: go.Figure | Figure | None,
    *,
    alt: str,
    loaded: LoadedCheckpoint | None = None,
) -> None:
    """Display a figure of trained networks, or say in a sentence that there is none.

    Args:
        study: whose networks are drawn.
        figure: None where no network can be drawn.
        alt: one sentence that states what the figure shows.
        loaded: the checkpoint whose network is drawn instead, None for none.
    """
    if figure is None:
        print(NOTHING)
    else:
        figures.show(figure, alt=caption(study, alt, loaded=loaded))


def caption(study: Study, text: str, *, loaded: LoadedCheckpoint | None = None) -> str:
    """What stands below errors of trained networks: whether they mean anything is said there.

    Args:
        study: see ``show``.
        text: what they are of.
        loaded: see ``show``.
    """
    if study.profile.measures or loaded is not None:
        return text
    return f"{text} {FEW_STEPS.format(study.profile.name)}"
