"""Transfer to 3DPW: trained on Human3.6M, tested on 3DPW, on the 14 joints that both have.

Which joints UAO and PoseDA compare has not been published; these are a reconstruction
(``COMMON_14``). True 2D on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from posekit.datasets import human36m, pw3d
from posekit.datasets.clips import Reading
from posekit.datasets.locate import listing
from posekit.datasets.source import OnDisk
from posekit.geometry.skeletons import (
    COMMON_14,
    human36m_17_to_common_14,
    smpl_24_to_common_14,
)


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """14 joints in camera coordinates with true 2D.

    Args:
        split: "train" (Human3.6M's training subjects) or "test" (3DPW's test sequences).
        root: data folder, with folders ``h36m`` and ``pw3d``.
        keypoints: "gt".
        size: as for ``load_dataset``.
    """
    if split == "train":
        read = human36m.load(split, root=root, keypoints=keypoints, size=size)
        return _with_14_joints(read, human36m_17_to_common_14, "Training clips are Human3.6M's.")
    read = pw3d.load(split, root=root, keypoints=keypoints, size=size)
    return _with_14_joints(
        read, smpl_24_to_common_14, "Scored on 14 joints that Human3.6M has too: a reconstruction."
    )


def on_disk(root: Path) -> OnDisk:
    """Whether 3DPW's test sequences and Human3.6M's files lie below ``root``."""
    folder = pw3d.sequence_folder(root, ("test",))
    training = human36m.find_folder(root)
    tests = sorted(folder.glob("sequenceFiles/test/*.pkl")) if folder else []
    names = (human36m.POSES_FILE, human36m.KEYPOINTS_FILE.format(human36m.KEYPOINTS["gt"]))
    found = [training / name for name in names if training and (training / name).is_file()]
    missing = [name for name in names if name not in {path.name for path in found}]
    if folder is None:
        missing.insert(0, "sequenceFiles/test/*.pkl")
    missing += [f"sequenceFiles/test/{name}.pkl" for name in pw3d.absent(tests) if tests]
    return listing(folder, [*tests, *found], missing, f"{len(tests)} test sequences; 2D: gt")


def _with_14_joints(read: Reading, convert: Callable[[Tensor], Tensor], note: str) -> Reading:
    # Projected anew: the mean of two joints is seen elsewhere than midway between them.
    clips = tuple(
        replace(
            clip,
            keypoints=clip.camera.project(convert(clip.pose)),
            pose=convert(clip.pose),
        )
        for clip in read.clips
    )
    return read._replace(skeleton=COMMON_14, clips=clips, notes=(*read.notes, note))
