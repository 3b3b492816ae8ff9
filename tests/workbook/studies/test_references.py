"""Reference results: read, stale, renewed."""

from dataclasses import replace

import numpy as np
import pytest

from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import references, update_reference
from posekit.workbook.studies.reference_files import read_references, write_references


@pytest.fixture
def reference(only_kpa_tpa, tmp_path):
    update_reference(only_kpa_tpa, tmp_path)
    return read_references("ktpformer", tmp_path)["synthetic"]


def of_older_code(reference):
    """The same figures, as they would have been stored before the code was rewritten."""
    rows = {path: replace(row, code=f"old-{path}") for path, row in reference.rows.items()}
    return replace(reference, rows=rows)


def test_a_renewed_reference_is_not_stale_and_tells_the_evidence(only_kpa_tpa, reference, tmp_path):
    old = of_older_code(reference)
    assert references.is_stale(old, only_kpa_tpa.setting)
    found = references.renewed(old, only_kpa_tpa.setting, "equal to the last bit")
    assert not references.is_stale(found, only_kpa_tpa.setting)
    assert found == replace(reference, renewals=("equal to the last bit",))
    again = references.renewed(found, only_kpa_tpa.setting, "and once more")
    assert again.renewals == ("equal to the last bit", "and once more")
    write_references({"synthetic": again}, "ktpformer", tmp_path / "ktpformer.json")
    read = read_references("ktpformer", tmp_path)["synthetic"]
    assert read.renewals == again.renewals
    for path, row in again.rows.items():
        assert (read.rows[path].figures, read.rows[path].code) == (row.figures, row.code)
        kept = read.rows[path].evidence
        np.testing.assert_array_equal(kept.errors["mpjpe"], row.evidence.errors["mpjpe"])
        assert kept.clips.tolist() == row.evidence.clips.tolist()


def test_no_evidence_renews_a_reference_of_another_scale(only_kpa_tpa, reference, monkeypatch):
    old = of_older_code(reference)
    monkeypatch.setitem(PROFILES, "tiny", replace(PROFILES["tiny"], steps=3))
    found = references.renewed(old, only_kpa_tpa.setting, "equal to the last bit")
    assert references.is_stale(found, only_kpa_tpa.setting)


def test_a_reference_of_a_row_that_is_gone_is_stale(only_kpa_tpa, reference):
    (_, row) = reference.rows.popitem()
    assert not references.is_stale(reference, only_kpa_tpa.setting)
    reference.rows["kpa-tpa/gone"] = row
    assert references.is_stale(reference, only_kpa_tpa.setting)
