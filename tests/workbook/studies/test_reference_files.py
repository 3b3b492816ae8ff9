"""Files of reference results: what they keep, how small, and what is wrong with them."""

import json

import numpy as np
import pytest

from posekit.errors import InvalidData
from posekit.workbook.studies import update_reference
from posekit.workbook.studies.reference_files import (
    read_references,
    reference_path,
    write_references,
)


def test_a_torn_reference_file_is_one_line(tmp_path):
    (tmp_path / "ktpformer.json").write_text('{"results": {"synthetic": {}}}')
    with pytest.raises(InvalidData, match=r"ktpformer.json .* restore them with git") as caught:
        read_references("ktpformer", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_reference_without_its_archive_is_one_line(only_kpa_tpa, tmp_path):
    path = update_reference(only_kpa_tpa, tmp_path)
    path.with_suffix(".npz").unlink()
    with pytest.raises(InvalidData, match=r"ktpformer.npz .* restore them with git") as caught:
        read_references("ktpformer", tmp_path)
    assert "\n" not in str(caught.value)


def test_anybody_can_compute_the_figures_anew_from_the_archive(only_kpa_tpa, tmp_path):
    path = update_reference(only_kpa_tpa, tmp_path)
    row = json.loads(path.read_text())["results"]["synthetic"]["rows"]["kpa-tpa/both"]
    named = row["evidence"]
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
        errors = arrays[named["errors"]["mpjpe"]]
        actions, frames = arrays[named["actions"]], arrays[named["frames"]]
        by_action = [
            np.average(errors, axis=1, weights=frames * (actions == action))
            for action in np.unique(actions)
        ]
        assert np.mean(by_action, axis=0) == pytest.approx(row["figures"]["mpjpe"], abs=1e-3)
        # What rows share stands there once.
        assert sum(name.endswith("/clips") for name in arrays) == 1
        assert sum(name.endswith("/losses") for name in arrays) == 4


def test_an_archive_of_another_paper_is_refused(only_kpa_tpa, tmp_path):
    path = update_reference(only_kpa_tpa, tmp_path)
    np.savez(path.with_suffix(".npz"), other=np.zeros(3))
    with pytest.raises(InvalidData, match="restore them with git"):
        read_references("ktpformer", tmp_path)


def test_reading_and_writing_gives_the_same_files(only_kpa_tpa, tmp_path):
    path = update_reference(only_kpa_tpa, tmp_path)
    again = tmp_path / "again" / "ktpformer.json"
    again.parent.mkdir()
    write_references(read_references("ktpformer", tmp_path), "ktpformer", again)
    assert again.read_text() == path.read_text()
    assert reference_path("ktpformer", tmp_path) == path
