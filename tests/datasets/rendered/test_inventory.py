"""What ``posekit data status`` knows about pictures on disk."""

from __future__ import annotations

from pathlib import Path

from posekit.datasets.rendered import CACHE, BodyImages
from posekit.datasets.rendered.benchmark import folder_of
from posekit.datasets.rendered.inventory import made


def test_pictures_are_made_begun_or_outdated(tmp_path: Path) -> None:
    assert made(tmp_path) == ()
    rendered = tmp_path / CACHE / "rendered"
    for size, files in (("smoke", 1), ("quick", 2)):
        folder = rendered / folder_of(
            "train", size=size, crop_px=64, motion="synthetic", data=tmp_path
        )
        folder.mkdir(parents=True)
        for number in range(files):
            (folder / f"pictures-{number:05d}.npz").write_bytes(b"12345")
    for name in ("cmu-test-full-128px-0123456789ab", "synthetic-test-quick-64px-0", "something"):
        (rendered / name).mkdir()
    (tmp_path / CACHE / "people" / "cmu-train-smoke-64px-0123456789ab").mkdir(parents=True)
    found = {row.name: (row.state, row.bytes) for row in made(tmp_path)}
    assert found == {
        "synthetic train, smoke, 64 px, pictures": ("made", 5),
        "synthetic train, quick, 64 px, pictures": ("begun", 10),
        "synthetic test, quick, 64 px, pictures": ("outdated", 0),
        "cmu train, smoke, 64 px, persons without pictures": ("outdated", 0),
        "cmu test, full, 128 px, pictures": ("outdated", 0),
    }


def test_damaged_motion_does_not_hide_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "cmu_h36m17.npz").write_bytes(b"nothing")
    (tmp_path / "cmu_h36m17.json").write_text("[]")
    (tmp_path / CACHE / "rendered" / "cmu-test-full-128px-0123456789ab").mkdir(parents=True)
    assert [row.state for row in made(tmp_path)] == ["outdated"]


def test_what_a_study_made_is_found(test: BodyImages, cache: Path, tmp_path: Path) -> None:
    (tmp_path / CACHE).symlink_to(cache)
    states = {row.name: row.state for row in made(tmp_path)}
    assert states["synthetic test, smoke, 64 px, pictures"] == "made"
