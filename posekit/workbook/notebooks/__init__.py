"""What paper notebooks call."""

from posekit.datasets.selection import some_views
from posekit.profiling import benchmark, benchmark_optimisation, size_of
from posekit.workbook.notebooks.adaptation import (
    adapted_lifter,
    adversarial_runs,
    generated_poses,
    health_of_runs,
)
from posekit.workbook.notebooks.body_checkpoints import show_image_checkpoint
from posekit.workbook.notebooks.body_fits import watch_fits
from posekit.workbook.notebooks.body_pictures import (
    bodies_of,
    bodies_to_view,
    effects_on_bodies,
    errors_over_bins,
    picture_banner,
    picture_sheet,
    regions_of,
    rendered_channels,
)
from posekit.workbook.notebooks.checkpoint_report import lifter_to_examine
from posekit.workbook.notebooks.domain_gaps import domain_gaps, gap_table
from posekit.workbook.notebooks.examining import (
    effects_of_choices,
    error_per_joint,
    finish,
    learning_curves,
    show_source,
    show_speeds,
)
from posekit.workbook.notebooks.findings import gain_kept, perspective_gain, shape_gain
from posekit.workbook.notebooks.judged_claims import answer, verdict_table
from posekit.workbook.notebooks.opening import (
    banner,
    clips_to_view,
    show_checkpoint,
    study,
)
from posekit.workbook.notebooks.paper_tables import action_table, comparison_table
from posekit.workbook.notebooks.perspective import (
    crop_sheet,
    error_over_focal,
    explore_perspective,
    few_pictures,
    idea_of,
    people_banner,
)
from posekit.workbook.notebooks.settings import parameters
from posekit.workbook.notebooks.trade_offs import error_against_cost
from posekit.workbook.notebooks.trained_figures import caption, show
from posekit.workbook.notebooks.transfer import show_matrix, transfer_matrix
from posekit.workbook.notebooks.widgets import explore_trade_off, view_clips
from posekit.workbook.tables import Grid

__all__ = [
    "Grid",
    "action_table",
    "adapted_lifter",
    "adversarial_runs",
    "answer",
    "banner",
    "benchmark",
    "benchmark_optimisation",
    "bodies_of",
    "bodies_to_view",
    "caption",
    "clips_to_view",
    "comparison_table",
    "crop_sheet",
    "domain_gaps",
    "effects_of_choices",
    "effects_on_bodies",
    "error_against_cost",
    "error_over_focal",
    "error_per_joint",
    "errors_over_bins",
    "explore_perspective",
    "explore_trade_off",
    "few_pictures",
    "finish",
    "gain_kept",
    "gap_table",
    "generated_poses",
    "health_of_runs",
    "idea_of",
    "learning_curves",
    "lifter_to_examine",
    "parameters",
    "people_banner",
    "perspective_gain",
    "picture_banner",
    "picture_sheet",
    "regions_of",
    "rendered_channels",
    "shape_gain",
    "show",
    "show_checkpoint",
    "show_image_checkpoint",
    "show_matrix",
    "show_source",
    "show_speeds",
    "size_of",
    "some_views",
    "study",
    "transfer_matrix",
    "verdict_table",
    "view_clips",
    "watch_fits",
]
