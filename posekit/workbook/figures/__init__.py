"""Figures of the notebooks: plotly where one turns, plays or asks for values, else matplotlib."""

from posekit.workbook.figures.charts import (
    error_per_joint,
    protocol_effects,
    published_vs_measured,
)
from posekit.workbook.figures.curves import learning_curves
from posekit.workbook.figures.graphs import (
    frame_chain,
    heat_map_grid,
    skeleton_graph,
    strided_pyramid,
    topology_heat_map,
)
from posekit.workbook.figures.hourglass import TradeOff, hourglass, kept_frames, trade_off
from posekit.workbook.figures.motion import motion_viewer, pose_strip
from posekit.workbook.figures.optimisation import optimisation_viewer
from posekit.workbook.figures.style import show
from posekit.workbook.figures.uncertainty import optimisation_idea, scale_against_error

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
