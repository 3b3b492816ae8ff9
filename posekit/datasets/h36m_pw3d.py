"""Transfer to 3DPW: trained on Human3.6M, tested on 3DPW, on PoseAug's 16 joints, with true 2D.

3DPW's own 24 joints have no head and lie elsewhere in hips and trunk, so its test joints are
regressed from the surface, which takes SMPL's models of both genders. Which joints UAO and PoseDA
compare has not been published: these are a reconstruction.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from posekit.datasets import human36m, pw3d
from posekit.datasets.clips import Reading
from posekit.datasets.locate import listing
from posekit.datasets.pw3d_people import human36m_joints, read_bodies
from posekit.datasets.pw3d_sequences import PW3DSequence
from posekit.datasets.source import OnDisk
from posekit.geometry.skeletons import HUMAN36M_16, human36m_17_to_16


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """16 joints in camera coordinates with true 2D.

    Args:
        split: "train" (Human3.6M's training subjects) or "test" (3DPW's test sequences).
        root: data folder, with folders ``h36m``, ``pw3d`` and ``smpl``.
        keypoints: "gt".
        size: as for ``load_dataset``.
    """
    if split == "train":
        read = human36m.load(split, root=root, keypoints=keypoints, size=size)
        clips = tuple(
            replace(
                clip,
                keypoints=human36m_17_to_16(clip.keypoints),
                pose=human36m_17_to_16(clip.pose),
            )
            for clip in read.clips
        )
        notes = (*read.notes, "Training clips are Human3.6M's, without neck/nose.")
        return read._replace(skeleton=HUMAN36M_16, clips=clips, notes=notes)
    bodies = read_bodies(root)

    def joints_of(sequence: PW3DSequence, number: int) -> Tensor:
        person = sequence.people[number]
        where = f"3DPW {sequence.name}: person {number}"
        return human36m_17_to_16(human36m_joints(person, bodies[person.gender], where))

    read = pw3d.read_clips(split, root, size, HUMAN36M_16, joints_of)
    note = "Scored on Human3.6M's joints regressed from SMPL's surface: a reconstruction."
    return read._replace(notes=(*read.notes, note))


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
