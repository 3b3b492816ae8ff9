"""Human3.6M with little to learn from: trained on S1, tested on S5 to S8.

The transfer inside one data set of PoseAug and PoseDA. The files are those of ``h36m``, of whose
training split both sides are parts; S9 and S11 are not looked at.
"""

from __future__ import annotations

from pathlib import Path

from posekit.datasets import human36m
from posekit.datasets.clips import Reading
from posekit.datasets.source import OnDisk

SUBJECTS = {"train": ("S1",), "test": ("S5", "S6", "S7", "S8")}


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """Clips as ``human36m.load`` makes them of its training split, of the subjects wanted here.

    Args:
        split: "train" (S1) or "test" (S5, S6, S7, S8).
        root: folder that holds the files, or whose folder ``h36m`` does.
        keypoints: as for ``human36m.load``.
        size: as for ``load_dataset``; the size of the whole training split, of which it is a part.
    """
    read = human36m.load("train", root=root, keypoints=keypoints, size=size)
    clips = [clip for clip in read.clips if clip.subject in SUBJECTS[split]]
    note = (
        "Trained on S1 and tested on S5, S6, S7 and S8 of Human3.6M, not on its usual subjects: "
        "no figure compares with those of its standard protocol."
    )
    return read._replace(clips=clips, notes=(*read.notes, note))


def on_disk(root: Path) -> OnDisk:
    """Which of Human3.6M's files lie in ``root/h36m`` or ``root``."""
    return human36m.on_disk(root)
