"""The stand-in for the transfer from Human3.6M to 3DPW: files of both, real ones kept."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
from pw3d_files import SEQUENCES

from posekit.datasets.standins import pw3d
from posekit.datasets.standins.h36m_pw3d import write_standin


def test_human36m_that_is_there_stays(tmp_path: Path) -> None:
    real = tmp_path / "h36m" / "data_3d_h36m.npz"
    real.parent.mkdir()
    np.savez(real, positions_3d=np.zeros(1))
    before = real.read_bytes()
    with patch.object(pw3d, "SEQUENCES", SEQUENCES):
        folder = write_standin(tmp_path, size="smoke")
    assert folder == tmp_path / "pw3d"
    assert len(list(folder.rglob("*.pkl"))) == 6
    assert [path.name for path in real.parent.iterdir()] == [real.name]
    assert real.read_bytes() == before
