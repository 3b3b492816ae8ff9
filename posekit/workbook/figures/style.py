"""One look for every plot: colours that colour-blind readers tell apart, light or dark page."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import matplotlib
import numpy as np
import plotly.graph_objects as go
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton

PLOTLY_MIME = "application/vnd.plotly.v1+json"
SVG_MIME = "image/svg+xml"

# Okabe-Ito. Left limbs are blue and right limbs orange-red in every figure.
BLUE, ORANGE, RED, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
SKY, PURPLE = "#56B4E9", "#CC79A7"
GREY = "#7B8490"
SIDE_COLOURS = {"left": BLUE, "right": RED, "middle": GREY}
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
# Shapes beside colours: a reader who cannot tell the colours apart tells the series apart.
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross")

HIDDEN_AXIS = {"visible": False}
BUTTONS = {
    "type": "buttons",
    "yanchor": "top",
    "bgcolor": "rgba(128,136,148,0.12)",
    "bordercolor": "rgba(128,136,148,0.5)",
    "showactive": False,
}
# Plotly draws the choice under the pointer on near white: dark on light on every page.
DROPDOWN = {
    "type": "dropdown",
    "x": 0,
    "xanchor": "left",
    "bgcolor": "#E8ECF1",
    "bordercolor": "rgba(128,136,148,0.5)",
    "font": {"color": "#1F2630"},
    "pad": {"t": 0, "r": 0},
}
SLIDER = {
    "x": 0,
    "len": 1,
    "ticklen": 0,
    "minorticklen": 0,
    "font": {"color": "rgba(0,0,0,0)"},  # the current value tells enough
    "bgcolor": "rgba(128,136,148,0.3)",
}

# Mid-grey text and grid on nothing: legible on white and on near-black alike.
_AXIS = {
    "gridcolor": "rgba(128,136,148,0.25)",
    "zerolinecolor": "rgba(128,136,148,0.5)",
    "title": {"font": {"size": 13}},
    "automargin": True,
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": GREY},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": SERIES,
        "margin": {"l": 60, "r": 20, "t": 70, "b": 50},
        "title": {
            "x": 0.01,
            "xref": "container",
            "y": 0.985,
            "yanchor": "top",
            "font": {"size": 15},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "rgba(128,136,148,0.6)"},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


def styled(figure: go.Figure, **layout: object) -> go.Figure:
    """``figure`` with the common template and the given layout."""
    return figure.update_layout(template=TEMPLATE, **layout)


def rounded(values: ArrayLike, decimals: int) -> list:
    """Nested lists rounded for a small file; as plain numbers they can be read back."""
    return np.round(np.asarray(values, dtype=np.float64), decimals).tolist()


def as_array(values: ArrayLike) -> NDArray[np.float64]:
    """A NumPy array from a tensor of any device or from anything array-like."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)


def checked(
    name: str, values: ArrayLike, shape: tuple[int, ...], note: str = ""
) -> NDArray[np.float64]:
    """The values as an array.

    Raises:
        InvalidData: they have another shape; ``note`` says where the expected one comes from.
    """
    array = as_array(values)
    if array.shape != shape:
        raise InvalidData(f"{name} has shape {array.shape}; expected {shape}{note}.")
    return array


def by_joint(name: str, values: Mapping[str, float], skeleton: Skeleton) -> NDArray[np.float64]:
    """Values in the skeleton's order, (joints,), read by name: files sort their keys.

    Raises:
        InvalidData: a joint without a value, or a value of no joint of this skeleton.
    """
    missing = [joint for joint in skeleton.joint_names if joint not in values]
    unknown = [joint for joint in values if joint not in skeleton.joint_names]
    if missing or unknown:
        faults = {"lacks": missing, "also names": unknown}
        said = " and ".join(f"{how} {', '.join(names)}" for how, names in faults.items() if names)
        raise InvalidData(
            f"{name} {said}; expected one value for every joint of skeleton {skeleton.name}."
        )
    return np.array([values[joint] for joint in skeleton.joint_names], dtype=np.float64)


def side(skeleton: Skeleton, joint: int) -> str:
    """ "left", "right" or "middle"."""
    if joint in skeleton.left:
        return "left"
    return "right" if joint in skeleton.right else "middle"


def joint_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each joint's side."""
    return [SIDE_COLOURS[side(skeleton, joint)] for joint in range(skeleton.joints)]


def show(figure: go.Figure | Figure, *, alt: str) -> None:
    """Display ``figure`` with a text for readers who cannot see it.

    Args:
        figure: a plotly figure, or a matplotlib figure (shown as SVG).
        alt: one sentence that states what the figure shows; the report prints it below.
    """
    if isinstance(figure, Figure):
        kind, content = SVG_MIME, svg(figure)
    else:
        kind, content = PLOTLY_MIME, json.loads(figure.to_json())
    display({kind: content, "text/plain": alt}, metadata={kind: {"alt": alt}}, raw=True)


def svg(figure: Figure) -> str:
    """A matplotlib figure as SVG text on a clear ground; the same figure, the same text."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "posekit", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
