"""Executed notebooks -> HTML reports that need no network, and the index page over them."""

RESULTS_MIME = "application/vnd.posekit.results+json"
"""Kind of the output by which a notebook hands its results to the report builder."""
