"""3DPW (von Marcard et al. 2018) for lifters: SMPL's 24 joints before a moving camera.

A clip is one person of a sequence in the frame of the camera as it moves; 2D is the truth
projected. Scores on 14 joints regressed from the surface, the protocol of mesh methods, need
SMPL's own files too: ``pw3d_people`` gives what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from posekit.datasets.bodies import check_bodies
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder, licensed, listing, not_found
from posekit.datasets.pw3d_sequences import (
    FPS,
    PARTS,
    TEST_SEQUENCES,
    Person,
    PW3DSequence,
    read_sequence,
)
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import OnDisk
from posekit.errors import InvalidData
from posekit.geometry.skeletons import SMPL_24, Skeleton

NEAREST = 0.2  # metres from the camera's plane to the nearest joint that is projected
MOST_BEHIND = 0.5  # of a person's frames; more are no accident of a camera that walks along
ONE_CELL = "3DPW"  # of all tables: errors are pooled over sequences and persons
JointsOf = Callable[[PW3DSequence, int], Tensor]
"""(sequence, number of the person) -> (frames, joints, 3) metres, in the world."""

_PREPARATION = "unpack sequenceFiles.zip there"


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """24 joints in the camera's frame, true 2D.

    Args:
        split: "train" or "test", the data set's own; its third part, for validation, is in neither.
        root: folder that holds ``sequenceFiles``, or whose folder ``pw3d`` does.
        keypoints: "gt".
        size: as for ``load_dataset``.
    """
    return read_clips(
        split, root, size, SMPL_24, lambda sequence, number: sequence.people[number].joints
    )


def read_clips(
    split: str, root: Path, size: str, skeleton: Skeleton, joints_of: JointsOf
) -> Reading:
    """A clip of every person, with joints of a skeleton.

    Args:
        split, root, size: as for ``load``.
        skeleton: of the joints.
        joints_of: gives them, in the world.
    """
    paths = sequence_paths(split, root, "pw3d")
    clips, hidden = [], 0
    views = [
        (sequence, number)
        for sequence in map(read_sequence, paths)
        for number in range(len(sequence.people))
    ]
    for sequence, number in choose(views, [sequence.name for sequence, _ in views], size):
        joints = joints_of(sequence, number)
        clip, behind = _clip(sequence, number, joints)
        hidden += behind
        clips.append(clip)
    scored = [clip for clip in clips if bool(clip.valid.any())]
    if not scored:
        raise InvalidData(
            f"{paths[0].parent}: no frame has a camera that is aligned with its picture "
            "(campose_valid); get the files again."
        )
    check_bodies(scored, skeleton, paths[0].parent)
    notes = _notes(split, paths, hidden, len(clips) - len(scored))
    shortened = tuple(shorten(clip, size) for clip in scored)
    return licensed("pw3d", paths, skeleton, shortened, notes)


def on_disk(root: Path) -> OnDisk:
    """Which sequence files lie in ``root/pw3d`` or ``root``."""
    folder = sequence_folder(root, PARTS)
    if folder is None:
        needed = tuple(f"sequenceFiles/{part}/*.pkl" for part in ("train", "test"))
        return listing(None, (), needed, "")
    present = {part: sorted(folder.glob(f"sequenceFiles/{part}/*.pkl")) for part in PARTS}
    missing = [] if present["train"] else ["sequenceFiles/train/*.pkl"]
    missing += [f"sequenceFiles/test/{name}.pkl" for name in absent(present["test"])]
    pictures = "with" if (folder / "imageFiles").is_dir() else "without"
    counts = ", ".join(f"{len(files)} {part}" for part, files in present.items())
    files = [path for paths in present.values() for path in paths]
    return listing(folder, files, missing, f"sequences: {counts}; {pictures} pictures; 2D: gt")


def sequence_folder(root: Path, parts: tuple[str, ...]) -> Path | None:
    """The folder below the data folder that holds sequence files of some of the parts."""
    return find_folder(root, "pw3d", [f"sequenceFiles/{part}/*.pkl" for part in parts])


def sequence_paths(part: str, root: Path, name: str) -> list[Path]:
    """The sequence files of one part.

    Args:
        part: of ``PARTS``.
        root: data folder.
        name: data set that is asked for, in the message.

    Raises:
        DatasetNotFound: there are none.
    """
    folder = sequence_folder(root, (part,))
    if folder is None:
        raise not_found(name, [f"sequenceFiles/{part}/*.pkl"], root, _PREPARATION)
    return sorted(folder.glob(f"sequenceFiles/{part}/*.pkl"))


def absent(paths: list[Path]) -> list[str]:
    """Sequences of the test split that are not among the files."""
    return [name for name in TEST_SEQUENCES if name not in {path.stem for path in paths}]


def _clip(sequence: PW3DSequence, number: int, joints: Tensor) -> tuple[Clip, int]:
    """A person's clip, and how many of its frames are left out as behind the camera."""
    person: Person = sequence.people[number]
    pose = sequence.in_camera(joints)
    in_front = pose[..., 2].amin(1) >= NEAREST
    behind = int((person.valid & ~in_front).sum())
    if behind > MOST_BEHIND * max(1, int(person.valid.sum())):
        raise InvalidData(
            f"{sequence.name}: person {number} is behind the camera in {behind} of "
            f"{int(person.valid.sum())} valid frames; cam_poses must map the world to the camera."
        )
    pose = pose.float()
    clip = Clip(
        subject=sequence.name,
        action=ONE_CELL,
        take=f"person {number}",
        camera_name="0",
        camera=sequence.camera,
        keypoints=sequence.camera.project(pose),
        pose=pose,
        valid=person.valid & in_front,
        fps=FPS,
    )
    return clip, behind


def _notes(split: str, paths: list[Path], hidden: int, blind: int) -> list[str]:
    notes = ["2D is the projection of the joints."]
    if split == "test" and absent(paths):
        notes.append(
            f"The files lack {len(absent(paths))} of {len(TEST_SEQUENCES)} test sequences: "
            f"{', '.join(absent(paths))}."
        )
    if hidden:
        notes.append(f"Frames behind the camera or in its plane, not scored: {hidden:,}.")
    if blind:
        notes.append(f"Persons without any frame to be scored, left out: {blind}.")
    return notes
