"""One body fitted to one picture, watched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pictures import pictures_folder, smoke_pictures

from posekit.workbook.notebooks.body_fits import watched_fit
from posekit.workbook.studies import Study
from posekit.workbook.tasks.image_to_body_data import taken


def test_a_watched_fit_moves_from_where_keypoints_left_it(tmp_path: Path) -> None:
    study = Study("dsr", "synthetic", "smoke", runs=tmp_path, data=pictures_folder(), device="cpu")
    one = taken(smoke_pictures("test"), np.array([2]))
    fit = watched_fit(study, "table-fit/silhouette", one, steps=4)
    assert fit.steps[0] == 0
    assert fit.steps[-1] == 4
    assert fit.found.shape == (len(fit.steps), 64, 64)
    assert (fit.found[0] != fit.found[-1]).any()
    assert len(fit.rest_errors) == len(fit.fatter) == len(fit.steps)
