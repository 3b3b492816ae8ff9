"""What ``posekit data status`` knows about the data folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from acclaim import write_subject

from posekit.datasets import DATASETS
from posekit.datasets.human36m import POSES_FILE
from posekit.datasets.locate import STANDIN_MEMBER
from posekit.datasets.status import DatasetStatus, data_status


def row(name: str, root: Path) -> DatasetStatus:
    return next(row for row in data_status(root) if row.name == name)


def test_every_data_set_has_a_row_that_says_what_to_do(tmp_path: Path) -> None:
    rows = data_status(tmp_path)
    assert [row.name for row in rows] == list(DATASETS)
    generated = [row for row in rows if not DATASETS[row.name].files]
    assert {row.state for row in generated} == {"generated"}
    assert {row.name for row in generated} == {name for name in DATASETS if "synthetic" in name}
    for missing in (row for row in rows if row not in generated):
        assert missing.state == "missing"
        assert missing.remedy.count("posekit data") == 1
        assert missing.page.startswith("http")
        assert missing.licence
        assert missing.missing
        assert missing.folder == tmp_path / DATASETS[missing.name].search_folders[0]


def test_the_data_folder_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    assert {row.name: row.folder for row in data_status()}["cmu"] == tmp_path / "cmu"


def test_acclaim_folders_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "cmu" / "all_asfamc" / "subjects"
    write_subject(folder, "02", {"02_01": 10, "02_04": 10, "02_99": 10})
    found = row("cmu", tmp_path)
    assert (found.state, found.folder, found.remedy) == ("found", folder, "")
    assert found.contents == "subjects: 1, takes: 2"


def test_converted_takes_are_counted_and_their_index_is_needed(tmp_path: Path) -> None:
    np.savez(tmp_path / "cmu_h36m17.npz", a=np.zeros(3))
    found = row("cmu", tmp_path)
    assert (found.state, found.missing) == ("incomplete", ("cmu_h36m17.json",))
    index = tmp_path / "cmu_h36m17.json"
    index.write_text(json.dumps({"clips": {"a": {"subject": "S02", "frames": 9}}}))
    found = row("cmu", tmp_path)
    assert found.state == "found"
    assert found.contents == "subjects: 1, takes: 1, frames: 9"
    assert found.size == sum(path.stat().st_size for path in tmp_path.iterdir())
    index.write_text("[]")
    assert row("cmu", tmp_path).state == "damaged"


def test_files_of_human36m_are_listed_with_their_2d_sources(tmp_path: Path) -> None:
    np.savez(tmp_path / POSES_FILE, positions_3d=np.zeros(3))
    np.savez(tmp_path / "data_2d_h36m_gt.npz", positions_2d=np.zeros(3))
    np.savez(tmp_path / "data_2d_h36m_mine.npz", positions_2d=np.zeros(3))
    found = row("h36m", tmp_path)
    assert (found.state, found.folder) == ("incomplete", tmp_path)
    assert found.missing == ("data_2d_h36m_cpn_ft_h36m_dbb.npz",)
    assert found.contents == "2D: gt, mine"
    np.savez(tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz", positions_2d=np.zeros(3))
    assert row("h36m", tmp_path).state == "found"


def test_stand_ins_and_damage_show_in_the_table(tmp_path: Path) -> None:
    np.savez(tmp_path / POSES_FILE, positions_3d=np.zeros(3), **{STANDIN_MEMBER: "made"})
    assert row("h36m", tmp_path).contents.startswith("STAND-IN")
    (tmp_path / POSES_FILE).write_bytes(b"half a file")
    damaged = row("h36m", tmp_path)
    assert damaged.state == "damaged"
    assert POSES_FILE in damaged.contents


def test_one_damaged_file_leaves_the_other_rows_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {row.name: row for row in data_status(tmp_path)}
    for content in (b"", b"PK", b"\x00" * 1000, np.random.default_rng(0).bytes(5000)):
        (tmp_path / "data_2d_h36m_line\nbreak.npz").write_bytes(content)
        after = {row.name: row for row in data_status(tmp_path)}
        for name in ("h36m", "h36m_s1"):
            assert after.pop(name).state == "damaged"
        assert {name: row for name, row in before.items() if name in after} == after
        for damaged in data_status(tmp_path):
            assert damaged.contents.isprintable()

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "h36m")  # the rights of root hide this

    monkeypatch.setattr(Path, "is_file", refused)
    states = {row.name: row.state for row in data_status(tmp_path)}
    assert (states["synthetic"], states["h36m"]) == ("generated", "damaged")
    assert row("h36m", tmp_path).contents == "h36m: [Errno 13] Permission denied: 'h36m'"


def test_names_of_files_are_shown_on_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / POSES_FILE, positions_3d=np.zeros(3))
    np.savez(tmp_path / "data_2d_h36m_line\nbreak\x1b[31m.npz", positions_2d=np.zeros(3))
    found = row("h36m", tmp_path)
    assert all(name.isprintable() for name, _ in found.files)
    assert found.contents.isprintable()
