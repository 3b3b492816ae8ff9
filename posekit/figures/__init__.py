"""Figures of the notebooks: plotly where one turns, plays or asks for values, else matplotlib."""

from posekit.figures.charts import (
    error_per_joint,
    protocol_effects,
    published_vs_measured,
)
from posekit.figures.curves import learning_curves
from posekit.figures.graphs import (
    frame_chain,
    heat_map_grid,
    skeleton_graph,
    strided_pyramid,
    topology_heat_map,
)
from posekit.figures.hourglass import TradeOff, hourglass, kept_frames, trade_off
from posekit.figures.motion import motion_viewer, pose_strip
from posekit.figures.optimisation import optimisation_viewer
from posekit.figures.style import show
from posekit.figures.uncertainty import optimisation_idea, scale_against_error

__all__ = [
    "TradeOff",
    "error_per_joint",
    "frame_chain",
    "heat_map_grid",
    "hourglass",
    "kept_frames",
    "learning_curves",
    "motion_viewer",
    "optimisation_idea",
    "optimisation_viewer",
    "pose_strip",
    "protocol_effects",
    "published_vs_measured",
    "scale_against_error",
    "show",
    "skeleton_graph",
    "strided_pyramid",
    "topology_heat_map",
    "trade_off",
]
