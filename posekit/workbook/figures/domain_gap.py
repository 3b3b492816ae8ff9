"""The gap between two data sets, drawn: where and how large persons are seen, how they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.metrics.domain_gap import Statistics, inner_bones, mean_distance
from posekit.workbook.figures.style import (
    BLUE,
    DROPDOWN,
    GREEN,
    RED,
    as_array,
    rounded,
    styled,
)

Pairs = Mapping[str, Mapping[str, Statistics]]

MOST_POINTS = 250  # of each sample in the chart of places
BINS = 40


class _Look(NamedTuple):
    """Of one sample in all charts; ``shift`` is its place in the row of a bone."""

    colour: str
    symbol: str
    size: int
    dash: str
    shift: float


SAMPLES = {
    "source": _Look(RED, "circle", 5, "solid", -0.27),
    # Alignment puts roots on the target's: open and larger, so that both are seen.
    "aligned": _Look(BLUE, "square-open", 9, "dash", 0.0),
    "target": _Look(GREEN, "diamond", 5, "dot", 0.27),
}


class _Quantity(NamedTuple):
    """Something that is drawn of persons or of each of their bones.

    Attributes:
        label: in the menu.
        axis: title of its axis.
        field: of ``Statistics``.
        coordinate: of a direction.
        factor: from the unit of ``Statistics`` to the one drawn.
        unit, decimals: of a distance, as printed.
    """

    label: str
    axis: str
    field: str
    coordinate: int | None = None
    factor: float = 1.0
    unit: str = ""
    decimals: int = 3

    def of(self, sample: Statistics) -> Tensor | None:
        """(N,) or (N, bones), in the unit drawn; None where it takes 3D and there is none."""
        values = getattr(sample, self.field)
        if values is None:
            return None
        return self.factor * (values if self.coordinate is None else values[..., self.coordinate])


_ACROSS = _Quantity("", "root, right of the middle (screen units)", "root_x")
_DOWN = _Quantity("", "root, below the middle", "root_y")
_SIZE = _Quantity("", "mean side of the box (screen units)", "scale")
_OF_BONES = (
    _Quantity("bones: how far down", "down, of a bone of length 1", "directions", 1),
    _Quantity("bones: how far to the right", "right, of a bone of length 1", "directions", 0),
    _Quantity("bones: how far away", "away, of a bone of length 1", "directions", 2),
    _Quantity("angle to the bone before", "degrees, 0 is straight", "angles", unit="°", decimals=1),
    _Quantity("length of bones", "centimetres", "lengths", factor=100, unit=" cm", decimals=1),
)

# Charts stand below each other: a telephone has no room for two side by side.
_HEIGHT, _TOP, _BOTTOM = 1200, 160, 60  # pixels
_PLACES, _SIZES, _BONES = (0.68, 0.95), (0.47, 0.58), (0.0, 0.34)
_BONE_MENU = 0.385

# All quantities of bones stand on one long axis, each in a block of rows. Choosing one moves the
# view along it, which goes with every choice of a pair.
_BLOCK = 100


def domain_gap_viewer(pairs: Pairs, skeleton: Skeleton, *, title: str = "") -> go.Figure:
    """Distributions of source, aligned source and target, for one pair of data sets at a time.

    Above, the root in the picture; then the size of the box around the body; below, of every bone
    the median, the middle half and the middle 90 %. Menus choose the pair and what is told of the
    bones, the legend hides a sample. Each chart tells its 1-D Wasserstein distances to the target,
    before and after the alignment (mean over bones). Axes hold all pairs, so that pairs compare.

    The alt text should say which distances alignment closes, by how much, and which it leaves.

    Args:
        pairs: name, as "synthetic to cmu" -> "source", "aligned" and "target" ->
            ``posekit.metrics.domain_gap.statistics`` of persons in random order. Bones are not
            drawn of a sample without 3D.
        skeleton: of all of them.
        title: over the plot.

    Raises:
        InvalidData: no pair, other samples, or bones of another skeleton.
    """
    _check(pairs, skeleton)
    figure = go.Figure()
    edges = np.linspace(*_span(pairs, _SIZE), BINS + 1)
    for number, samples in enumerate(pairs.values()):
        for name, sample in samples.items():
            common = {"name": name, "legendgroup": name, "visible": number == 0}
            figure.add_scatter(**_places(sample, SAMPLES[name]), **common)
            figure.add_scatter(**_sizes(sample, SAMPLES[name], edges), **common)
            figure.add_box(**_bones(sample, SAMPLES[name]), **common)
    notes = [_notes(samples) for samples in pairs.values()]
    views = [_view(pairs, skeleton, block) for block in range(len(_OF_BONES))]
    return styled(
        figure,
        height=_HEIGHT,
        title=title,
        margin={"l": 20, "r": 20, "t": _TOP, "b": _BOTTOM},
        boxmode="overlay",
        annotations=notes[0],
        updatemenus=[_pair_menu(list(pairs), notes), _bone_menu(views)],
        xaxis={"title": {"text": _ACROSS.axis}, "range": _span(pairs, _ACROSS)},
        yaxis={
            "title": {"text": _DOWN.axis},
            "range": _span(pairs, _DOWN)[::-1],
            "domain": _PLACES,
        },
        xaxis2={"title": {"text": _SIZE.axis}, "range": _span(pairs, _SIZE), "anchor": "y2"},
        yaxis2={
            "title": {"text": "persons (%)"},
            "domain": _SIZES,
            "anchor": "x2",
            "rangemode": "tozero",
        },
        xaxis3={
            "type": "linear",  # told by boxes alone, plotly would take it for names
            "title": {"text": _OF_BONES[0].axis},
            "range": views[0]["xaxis3.range"],
            "anchor": "y3",
        },
        yaxis3={
            **_bone_names(skeleton),
            "range": views[0]["yaxis3.range"],
            "domain": _BONES,
            "anchor": "x3",
        },
    )


def _check(pairs: Pairs, skeleton: Skeleton) -> None:
    if not pairs:
        raise InvalidData("no pair of data sets to draw; expected at least one.")
    for pair, samples in pairs.items():
        if tuple(samples) != tuple(SAMPLES):
            raise InvalidData(
                f"{pair} has the samples {', '.join(samples)}; expected {', '.join(SAMPLES)}, in "
                "this order."
            )
        for name, sample in samples.items():
            if sample.lengths is not None and sample.lengths.shape[1] != len(skeleton.bones):
                raise InvalidData(
                    f"{name} of {pair} has {sample.lengths.shape[1]} bones; expected "
                    f"{len(skeleton.bones)}, those of skeleton {skeleton.name}."
                )


# ----- traces


def _places(sample: Statistics, look: _Look) -> dict:
    return {
        "x": rounded(as_array(sample.root_x)[:MOST_POINTS], 3),
        "y": rounded(as_array(sample.root_y)[:MOST_POINTS], 3),
        "mode": "markers",
        "marker": {"color": look.colour, "symbol": look.symbol, "size": look.size, "opacity": 0.6},
    }


def _sizes(sample: Statistics, look: _Look, edges: np.ndarray) -> dict:
    counts = np.histogram(as_array(sample.scale), bins=edges)[0]
    return {
        "x": rounded((edges[1:] + edges[:-1]) / 2, 4),
        "y": rounded(100 * counts / len(sample.scale), 2),
        "mode": "lines",
        "line": {"color": look.colour, "dash": look.dash, "width": 2, "shape": "hvh"},
        "showlegend": False,
        "xaxis": "x2",
        "yaxis": "y2",
    }


def _bones(sample: Statistics, look: _Look) -> dict:
    """A box for every bone and quantity; none without 3D."""
    rows, parts = [], []
    for block, quantity in enumerate(_OF_BONES):
        values = quantity.of(sample)
        if values is not None:
            rows += [_BLOCK * block + row + look.shift for row in range(values.shape[1])]
            parts.append(np.quantile(as_array(values), (0.05, 0.25, 0.5, 0.75, 0.95), axis=0))
    quantiles = np.concatenate(parts, axis=1) if parts else np.empty((5, 0))
    fields = ("lowerfence", "q1", "median", "q3", "upperfence")
    return {
        "y": rounded(rows, 2),
        **{field: rounded(values, 3) for field, values in zip(fields, quantiles, strict=True)},
        "orientation": "h",
        "width": 0.2,
        "whiskerwidth": 0,
        "line": {"color": look.colour, "width": 1.5},
        "hoverinfo": "x+name",
        "showlegend": False,
        "xaxis": "x3",
        "yaxis": "y3",
    }


# ----- axes, menus and notes


def _span(pairs: Pairs, quantity: _Quantity) -> list[float]:
    """A range that holds all but the outermost values of every sample, with a margin."""
    values = [as_array(quantity.of(s)) for samples in pairs.values() for s in samples.values()]
    bounds = [np.quantile(part, (0.005, 0.995)) for part in values]
    low, high = float(np.min(bounds)), float(np.max(bounds))
    margin = max(0.05 * (high - low), 0.01)
    return rounded([low - margin, high + margin], 3)


def _ends(quantity: _Quantity, skeleton: Skeleton) -> list[str]:
    """Names of the joints at the ends of the bones that a quantity is told of."""
    names = [skeleton.joint_names[child] for child, _ in skeleton.bones]
    if quantity.field != "angles":
        return names
    return [names[bone] for _, bone in inner_bones(skeleton)]


def _bone_names(skeleton: Skeleton) -> dict:
    """Ticks of all blocks; only those in view are drawn."""
    rows = [
        (_BLOCK * block + row, name)
        for block, quantity in enumerate(_OF_BONES)
        for row, name in enumerate(_ends(quantity, skeleton))
    ]
    places, names = (list(side) for side in zip(*rows, strict=True))
    return {"tickvals": places, "ticktext": names, "tickfont": {"size": 11}}


def _view(pairs: Pairs, skeleton: Skeleton, block: int) -> dict:
    """What changes in the layout where the lowest chart shows another quantity."""
    quantity, first = _OF_BONES[block], _BLOCK * block
    span = [-1.05, 1.05]
    if quantity.coordinate is None:
        found = [quantity.of(s) for samples in pairs.values() for s in samples.values()]
        tops = [
            np.quantile(as_array(part), 0.95, axis=0).max() for part in found if part is not None
        ]
        span = [0, 1.05 * float(max(tops, default=1))]
    return {
        "xaxis3.range": rounded(span, 2),
        "xaxis3.title.text": quantity.axis,
        "yaxis3.range": [first + len(_ends(quantity, skeleton)) - 0.4, first - 1.6],
    }


def _pair_menu(names: list[str], notes: list[list[dict]]) -> dict:
    each = 3 * len(SAMPLES)  # traces
    buttons = []
    for number, (name, told) in enumerate(zip(names, notes, strict=True)):
        shown = [trace // each == number for trace in range(each * len(names))]
        changed = [{"visible": shown}, {"annotations": told}]
        buttons.append({"label": name, "method": "update", "args": changed})
    above = 1 + 65 / (_HEIGHT - _TOP - _BOTTOM)
    return {**DROPDOWN, "y": above, "yanchor": "bottom", "buttons": buttons}


def _bone_menu(views: list[dict]) -> dict:
    buttons = [
        {"label": quantity.label, "method": "relayout", "args": [view]}
        for quantity, view in zip(_OF_BONES, views, strict=True)
    ]
    return {**DROPDOWN, "y": _BONE_MENU, "yanchor": "top", "buttons": buttons}


def _notes(samples: Mapping[str, Statistics]) -> list[dict]:
    """Over each chart, how far source and aligned source lie from the target."""
    across, down, size = (_distances(samples, quantity) for quantity in (_ACROSS, _DOWN, _SIZE))
    told = [
        _note(f"distance to the target:<br>x {across}, y {down}", "paper", _PLACES[1]),
        _note(f"distance to the target: {size}", "paper", _SIZES[1]),
    ]
    for block, quantity in enumerate(_OF_BONES):
        told.append(
            _note(
                f"distance to the target: {_distances(samples, quantity)}",
                "y3",
                _BLOCK * block - 1.2,
            )
        )
    return told


def _distances(samples: Mapping[str, Statistics], quantity: _Quantity) -> str:
    """The 1-D Wasserstein distances before and after the alignment."""
    source, aligned, target = (quantity.of(samples[name]) for name in SAMPLES)
    if source is None or aligned is None or target is None:
        return "unknown, 3D is lacking"
    ends = (mean_distance(values, target) for values in (source, aligned))
    return " → ".join(f"{end:.{quantity.decimals}f}" for end in ends) + quantity.unit


def _note(text: str, axis: str, y: float) -> dict:
    return {
        **{"text": text, "showarrow": False, "align": "left", "font": {"size": 12}},
        **{"xref": "paper", "x": 0, "xanchor": "left", "yref": axis, "y": y},
        "yanchor": "bottom" if axis == "paper" else "middle",
    }
