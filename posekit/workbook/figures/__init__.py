"""Plots of the notebooks: plotly where one turns, plays or asks for values, else matplotlib.

They take plain values, so that anything can fill them, and give plotly's or matplotlib's Figure.
"""

from posekit.machine.storage import paper_folders
from posekit.workbook.figures.adaptation import alignment_idea, drawn_poses
from posekit.workbook.figures.charts import effect_bars, error_per_joint
from posekit.workbook.figures.contact_sheet import Panel, contact_sheet
from posekit.workbook.figures.convolution_kernels import convolution_kernels
from posekit.workbook.figures.curves import adversarial_curves, learning_curves
from posekit.workbook.figures.domain_gap import domain_gap_viewer
from posekit.workbook.figures.heat_maps import heat_map_grid, topology_heat_map
from posekit.workbook.figures.hourglass import hourglass, kept_frames
from posekit.workbook.figures.motion import motion_viewer, pose_strip
from posekit.workbook.figures.optimisation import optimisation_viewer
from posekit.workbook.figures.skeletons import skeleton_diagram
from posekit.workbook.figures.style import show
from posekit.workbook.figures.trade_offs import TradeOff, trade_off
from posekit.workbook.figures.transfer_matrix import transfer_heat_map
from posekit.workbook.figures.uncertainty import optimisation_idea, scale_against_error
from posekit.workbook.figures.windows import frame_chain, strided_pyramid

# Figures of a reader's own paper are a module beside its YAML file.
__path__ += [str(folder) for folder in paper_folders()]

__all__ = [
    "Panel",
    "TradeOff",
    "adversarial_curves",
    "alignment_idea",
    "contact_sheet",
    "convolution_kernels",
    "domain_gap_viewer",
    "drawn_poses",
    "effect_bars",
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
    "scale_against_error",
    "show",
    "skeleton_diagram",
    "strided_pyramid",
    "topology_heat_map",
    "trade_off",
    "transfer_heat_map",
]
