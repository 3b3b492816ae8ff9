"""Synthetic data sets with known gaps to ``synthetic``, for transfer from one domain to another.

A lifter that moves to other data meets two gaps, which these sets hold apart. The *rig* sets show
the very motion of ``synthetic`` to cameras like those of MPI-INF-3DHP or to one outdoors: persons
appear elsewhere in the picture and at other sizes, their poses in the world are the same to the
last digit. *Other bodies* stand before Human3.6M's cameras; they are built otherwise, as
``PROPORTIONS`` has it, and do upright actions only. Legs are so much shorter, and trunks so much
longer, that root and box lie in the picture about where those of ``synthetic`` do.

Distances of the training splits from that of ``synthetic`` ("quick", true 2D) by
``posekit.metrics.domain_gap``; its test split, other persons of the same kind, for comparison. Root
and scale are in screen-normalised units, directions are seen by the camera. To ``cmu``, whose
motion is recorded, it is farther in local structure and nearer in global position.

    ======================  ======  ======  =====  ==========  ======  =======
    data set                root x  root y  scale  directions  angles  lengths
    ======================  ======  ======  =====  ==========  ======  =======
    synthetic, test          0.031   0.018  0.013       0.040   2.0 °     8 mm
    synthetic_3dhp_rig       0.081   0.206  0.070       0.074   0.0 °     0 mm
    synthetic_outdoor_rig    0.101   0.248  0.117       0.090   0.0 °     0 mm
    synthetic_other_bodies   0.032   0.040  0.014       0.083   5.2 °    35 mm
    synthetic_other_both     0.062   0.224  0.076       0.088   5.2 °    35 mm
    cmu                      0.069   0.018  0.034       0.121  11.3 °    26 mm
    ======================  ======  ======  =====  ==========  ======  =======
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.datasets.bodies import check_bodies
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.staging import see
from posekit.datasets.synthetic import SEED, SUBJECTS
from posekit.datasets.synthetic.actions import HUMAN36M_ACTIONS
from posekit.datasets.synthetic.generate import generate_take
from posekit.datasets.synthetic.person import keyed_generator
from posekit.datasets.synthetic.rigs import draw_rig
from posekit.datasets.synthetic.signals import FRAMES_PER_SECOND
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17

PROPORTIONS = {
    "hip": 0.95,
    "knee": 0.88,
    "foot": 0.88,
    "spine": 1.12,
    "thorax": 1.0,
    "neck/nose": 1.2,
    "head": 1.2,
    "shoulder": 0.9,
    "elbow": 0.85,
    "wrist": 0.85,
}
"""Length of the other bodies' bones by the joint at their end, both sides; 1 in ``synthetic``.

Nearer to a child's: legs and arms short, trunk long, head large. All lie within the 20 % by which
PoseAug's generator changes a bone.
"""

UPRIGHT = ("Directions", "Discussion", "Greeting", "Walking", "WalkDog", "WalkTogether")

# Human3.6M's subjects whose cameras the persons of a split share, in turn, as in ``synthetic``.
_HUMAN36M_RIGS = {"train": SUBJECTS["train"], "test": ("S9", "S11")}


class Domain(NamedTuple):
    """One of the data sets.

    Attributes:
        rig: style of its cameras, as for ``draw_rig``; "" for Human3.6M's own.
        other_bodies: whether its persons have ``PROPORTIONS`` and do ``UPRIGHT`` actions.
        note: its gap, in a sentence.
    """

    rig: str
    other_bodies: bool
    note: str


DOMAINS = {
    "synthetic_3dhp_rig": Domain(
        "3dhp-like",
        False,
        "The persons and the motion of synthetic before cameras like MPI-INF-3DHP's: only root "
        "position and scale of the 2D differ from it, and the views.",
    ),
    "synthetic_outdoor_rig": Domain(
        "outdoor",
        False,
        "The persons and the motion of synthetic before one outdoor camera for each person: only "
        "root position and scale of the 2D differ from it, and the views.",
    ),
    "synthetic_other_bodies": Domain(
        "",
        True,
        "Persons of other proportions in upright actions before Human3.6M's cameras: bone lengths "
        "and poses differ from synthetic, root position and scale of the 2D hardly.",
    ),
    "synthetic_other_both": Domain(
        "3dhp-like",
        True,
        "Persons of other proportions in upright actions before cameras like MPI-INF-3DHP's: "
        "bone lengths, poses, root position and scale of the 2D differ from synthetic.",
    ),
}


class _Plan(NamedTuple):
    """How much of a split is made; a person acts in one action in ``share``, in turn."""

    actions: tuple[str, ...]
    takes: int
    cameras: int
    shortest: int
    longest: int
    persons: int = len(SUBJECTS["test"])
    share: int = 1


def _plans(
    actions: tuple[str, ...], few: tuple[str, ...], more: int, share: int
) -> dict[str, dict[str, _Plan]]:
    """Sizes, with the lengths that takes have in ``synthetic``.

    Args:
        actions: of the larger sizes.
        few: those of "smoke".
        more: times as many takes for training as ``synthetic`` has of each action.
        share: of the test at "quick".
    """
    standard = {
        "train": _Plan(actions, 2 * more, cameras=4, shortest=400, longest=800),
        "test": _Plan(actions, takes=1, cameras=4, shortest=243, longest=297),
    }
    return {
        "smoke": {
            "train": _Plan(few, takes=2, cameras=1, shortest=120, longest=120),
            "test": _Plan(few, takes=2, cameras=1, shortest=120, longest=120, persons=2),
        },
        "quick": {
            "train": _Plan(actions, takes=more, cameras=1, shortest=160, longest=240),
            "test": _Plan(actions, takes=1, cameras=1, shortest=160, longest=240, share=share),
        },
        "standard": standard,
        "full": standard,
    }


_SAME_MOTION = _plans(
    HUMAN36M_ACTIONS, ("Eating", "Greeting", "Sitting", "Walking"), more=1, share=3
)
_OTHER_MOTION = _plans(UPRIGHT, ("Directions", "Greeting", "Walking", "WalkDog"), more=2, share=2)


def load(split: str, *, root: Path, keypoints: str, size: str, name: str) -> Reading:
    """One split of one of the data sets; called by ``load_dataset``.

    Args:
        split: "train" (5 persons) or "test" (20 others).
        root: not used, nothing is read from disk.
        keypoints: noise level of the 2D detector, one of ``detector.LEVELS``.
        size: as for ``synthetic``, with its takes where only cameras differ. Other bodies: "smoke"
            (4 actions), "quick" (6 actions, 2 takes, 1 camera; each person of the test in 3 of
            the actions, 1 take), "standard" and "full" (6 actions; training 4 takes, test 1).
            Rigs have up to 4 cameras for each take, of 8 or, outdoors, of 1.
        name: key of ``DOMAINS``.
    """
    domain = DOMAINS[name]
    plan = (_OTHER_MOTION if domain.other_bodies else _SAME_MOTION)[size][split]
    clips = [
        clip
        for number, subject in enumerate(SUBJECTS[split][: plan.persons])
        for rig in [_rig(domain, split, number)]
        for action in plan.actions[number % plan.share :: plan.share]
        for take in range(1, plan.takes + 1)
        for clip in _take(
            domain, subject, action, take, plan, _rig(domain, split, number), keypoints
        )
    ]
    check_bodies(clips, HUMAN36M_17, name)
    note = "Motion, cameras' views and detector errors are generated, not recorded."
    return Reading(HUMAN36M_17, clips, "synthetic", (note, domain.note))


def on_another_body(world: Tensor) -> Tensor:
    """The same motion on a body of ``PROPORTIONS``.

    Bones keep their directions. The path shrinks like the legs, so feet stay where they stand and
    on the floor.

    Args:
        world: (T, 17, 3) metres, z up, floor at 0.
    """
    joints = [world[:, 0] * PROPORTIONS["knee"]]
    for child, parent in HUMAN36M_17.bones:
        bone = world[:, child] - world[:, parent]
        joints.append(joints[parent] + bone * PROPORTIONS[_without_side(child)])
    return torch.stack(joints, dim=1)


def _without_side(joint: int) -> str:
    return HUMAN36M_17.joint_names[joint].removeprefix("left ").removeprefix("right ")


def _rig(domain: Domain, split: str, number: int) -> dict[str, Camera]:
    """The cameras around the person of that place in a split."""
    if domain.rig:
        return draw_rig(domain.rig, keyed_generator(SEED, domain.rig, SUBJECTS[split][number]))
    subjects = _HUMAN36M_RIGS[split]
    return human36m_cameras(subjects[number % len(subjects)])


def _take(
    domain: Domain,
    subject: str,
    action: str,
    take: int,
    plan: _Plan,
    rig: Mapping[str, Camera],
    keypoints: str,
) -> list[Clip]:
    """One take, seen by as many cameras of a rig as the plan has, in turn."""
    seed = f"{SEED}, other bodies" if domain.other_bodies else SEED
    rng = keyed_generator(seed, subject, action, take, "frames")
    frames = int(rng.integers(plan.shortest, plan.longest + 1))
    world = torch.from_numpy(generate_take(subject, action, take, frames, seed))
    if domain.other_bodies:
        world = on_another_body(world)
    first = int(rng.integers(len(rig)))
    chosen = [list(rig)[(first + k) % len(rig)] for k in range(min(plan.cameras, len(rig)))]
    clips = []
    for name in chosen:
        key = f"{seed}/{subject}/{action} {take}/{name}"
        seen, pose = see(world, rig[name], keypoints, key)
        if keypoints == "gt":  # the truth is certain, as in ``synthetic``
            seen = torch.cat([seen, torch.ones_like(seen[..., :1])], dim=-1)
        clips.append(
            Clip(
                subject=subject,
                action=action,
                take=f"{action} {take}",
                camera_name=name,
                camera=rig[name],
                keypoints=seen,
                pose=pose,
                valid=torch.ones(frames, dtype=torch.bool),
                fps=FRAMES_PER_SECOND,
            )
        )
    return clips
