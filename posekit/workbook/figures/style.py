"""One look for every figure: colours that colour-blind readers tell apart, light or dark page."""

from __future__ import annotations

import io
import json

import matplotlib
import numpy as np
import plotly.graph_objects as go
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

PLOTLY_MIME = "application/vnd.plotly.v1+json"
SVG_MIME = "image/svg+xml"

# Okabe-Ito. Left limbs are blue and right limbs orange-red in every figure.
BLUE, ORANGE, RED, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
SKY, PURPLE = "#56B4E9", "#CC79A7"
GREY = "#7B8490"
SIDE_COLOURS = {"left": BLUE, "right": RED, "middle": GREY}
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)

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
