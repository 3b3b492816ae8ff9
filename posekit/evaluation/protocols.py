"""Evaluation protocols: every choice that moves a published error, named.

Two papers rarely score the same frames in the same way, and the choices are worth up to several
millimetres. A ``Protocol`` spells them out; the constants are what the released scripts do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from posekit.datasets.clips import Clip, PoseDataset
from posekit.datasets.h36m_motionbert import DAMAGED_SOURCES
from posekit.datasets.windows import RULES, Rule
from posekit.errors import InvalidData, InvalidParameter

_ROOTS = {
    "free": "as predicted",
    "zeroed": "set to the origin before scoring",
    "subtracted": "subtracted from the prediction before scoring",
}


@dataclass(frozen=True)
class Protocol:
    """How predictions become the numbers of a table.

    Attributes:
        name: what to call it in a report.
        windows: which frames a lifter sees together, one of ``posekit.datasets.windows.RULES``.
        root: "free" leaves the predicted root joint as it comes, so that its error counts;
            "zeroed" sets it to the origin, where the target has it; "subtracted" moves the whole
            prediction so that its root lies there.
        score_root: False leaves the root joint out of every mean (16 of 17 joints).
        flip: average the prediction with the mirrored prediction of the mirrored input.
        average: "actions" is the unweighted mean over actions of the frame mean of each;
            "frames" is the mean over all frames.
        count_padding: score the repeated edge frames of padded windows.
        count_overlap: score frames twice that a last window shares with the one before.
        average_overlap: average a frame's errors over all windows that hold it, so that it counts
            once; ``count_overlap`` must be left True then.
        stride: frames from one window's start to the next's under the rule "whole"; None lays
            windows end to end.
        velocity: "across windows" takes differences along all scored frames of a clip, jumps
            between windows included; "within windows" only inside windows.
        downsample: keep every n-th frame of the clips, starting with the first.
        actions: score takes whose name begins with one of these; empty for all. A prefix, as in
            the released scripts: "Sitting" also takes "SittingDown".
        subjects: score these subjects; empty for all.
        excluded: takes to leave out, as "S9/Greeting".
        pck_without: names of joints that PCK and AUC leave out.

    Raises:
        InvalidParameter: a value that is not listed here.
    """

    name: str
    windows: Rule
    root: Literal["free", "zeroed", "subtracted"]
    score_root: bool = True
    flip: bool = True
    average: Literal["actions", "frames"] = "actions"
    count_padding: bool = True
    count_overlap: bool = True
    average_overlap: bool = False
    stride: int | None = None
    velocity: Literal["across windows", "within windows"] = "across windows"
    downsample: int = 1
    actions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    pck_without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        choices = {
            "windows": tuple(RULES),
            "root": tuple(_ROOTS),
            "average": ("actions", "frames"),
            "velocity": ("across windows", "within windows"),
        }
        for option, valid in choices.items():
            if getattr(self, option) not in valid:
                raise InvalidParameter(
                    f"protocol {self.name}: {option} is {getattr(self, option)!r}; "
                    f"choose one of: {', '.join(valid)}."
                )
        if self.stride is not None and (
            self.windows != "whole" or type(self.stride) is not int or self.stride < 1
        ):
            raise InvalidParameter(
                f"protocol {self.name}: stride is {self.stride} with windows {self.windows!r}; "
                "choose 1 or more with windows 'whole', else None."
            )
        for option in ("actions", "subjects", "excluded", "pck_without"):
            chosen = getattr(self, option)
            if not isinstance(chosen, tuple) or not all(isinstance(name, str) for name in chosen):
                raise InvalidParameter(
                    f"protocol {self.name}: {option} is {chosen!r:.60}; give a tuple of names, "
                    'such as ("S9",).'
                )
        if type(self.downsample) is not int or self.downsample < 1:
            raise InvalidParameter(
                f"protocol {self.name}: downsample is {self.downsample}; choose 1 or more."
            )

    def describe(self) -> tuple[tuple[str, str], ...]:
        """The protocol card: (label, value) pairs in the order in which to print them."""
        joints = "all" if self.score_root else "all but the root"
        padding = "counted" if self.count_padding else "not counted"
        overlap = "counted twice" if self.count_overlap else "counted once"
        overlap = "averaged, counted once" if self.average_overlap else overlap
        frames = "all" if self.downsample == 1 else f"one in {self.downsample}"
        return (
            ("Protocol", self.name),
            ("Joints scored", joints),
            ("Predicted root", _ROOTS[self.root]),
            ("Windows", RULES[self.windows]),
            ("Frames", frames),
            ("Padded frames", padding),
            ("Overlapping frames", overlap),
            ("Flip averaging", "yes" if self.flip else "no"),
            ("Average", f"over {self.average}"),
            ("Velocity differences", self.velocity),
            ("P-MPJPE alignment", "rotation, translation and scale, frame by frame"),
            ("PCK and AUC", f"to 150 mm, {self._pck_joints()}"),
            ("Actions", ", ".join(self.actions) or "all"),
            ("Subjects", ", ".join(self.subjects) or "all"),
            ("Takes left out", ", ".join(self.excluded) or "none"),
        )

    def _pck_joints(self) -> str:
        if not self.pck_without:
            return "the joints scored"
        return f"the joints scored without {', '.join(self.pck_without)}"

    def scores(self, clip: Clip) -> bool:
        """Whether ``clip`` is among the actions, subjects and takes that are scored."""
        return (
            (not self.actions or clip.take.startswith(self.actions))
            and (not self.subjects or clip.subject in self.subjects)
            and f"{clip.subject}/{clip.take}" not in self.excluded
        )


VIDEOPOSE3D = Protocol("VideoPose3D", windows="centred", root="free")
"""VideoPose3D ``run.py``: every frame once."""

MIXSTE = Protocol("MixSTE, KTPFormer", windows="sequence", root="free")
"""MixSTE and KTPFormer ``run_*.py``."""

D3DP_PROTOCOL = Protocol(
    "D3DP (flip averaging inside the sampler)", windows="sequence", root="zeroed", flip=False
)
"""D3DP ``main.py``: MixSTE's windows with the root at the origin.

Every sampling iteration averages a plain and a mirrored pass, so the protocol adds no flip.
"""

MHFORMER = Protocol("MHFormer", windows="centred", root="zeroed")
"""MHFormer, UAO.

Their P-MPJPE of an action mixes in other actions of a mini-batch; here each frame counts for its
own action, so that single actions can differ slightly from their printout and the total does not.
"""

HOT_SEQUENCE = Protocol("HoT with a sequence host", windows="clip-centred", root="zeroed")
"""HoT with MixSTE."""

MOTIONBERT = Protocol(
    "MotionBERT, MotionAGFormer",
    windows="whole",
    root="zeroed",
    count_padding=False,
    average_overlap=True,
    excluded=DAMAGED_SOURCES,
)
"""MotionBERT and MotionAGFormer ``train.py`` on MotionBERT's file; HoT with a MotionBERT host."""

MPI_INF_3DHP = Protocol(
    "MPI-INF-3DHP",
    windows="centred",
    root="zeroed",
    count_padding=False,
    count_overlap=False,
    pck_without=("pelvis", "spine", "head"),
)
"""The official scripts behind P-STMO's, GLA-GCN's, MotionAGFormer's and D3DP's tables.

Valid frames only; MPJPE of 17 joints; PCK and AUC of 14. Results are grouped by sequence, so that
the average over "actions" is the unweighted mean of the six sequences that papers print;
``average="frames"`` gives the "All" row of the official table by activity.
"""

POSEAUG_H36M = Protocol(
    "PoseAug on Human3.6M", windows="centred", root="subtracted", flip=False, average="frames"
)
"""PoseAug ``model_pos_eval.py``: single frames, no flip averaging, all frames pooled."""

POSEAUG_3DHP = replace(POSEAUG_H36M, name="PoseAug on 3DHP", flip=True)
"""The same on 3DHP, where it averages over flips. PCK and AUC take all 16 joints, the root too,
which is always right: they are not comparable to 3DHP's own."""

PROTOCOLS: dict[str, Protocol] = {
    "VideoPose3D": VIDEOPOSE3D,
    "MixSTE": MIXSTE,
    "D3DP": D3DP_PROTOCOL,
    "MHFormer": MHFORMER,
    "HoT": HOT_SEQUENCE,
    "MotionBERT": MOTIONBERT,
    "MPI-INF-3DHP": MPI_INF_3DHP,
    "PoseAug, Human3.6M": POSEAUG_H36M,
    "PoseAug, 3DHP": POSEAUG_3DHP,
}

# What a data set's own tables decide, whatever the network's protocol is elsewhere.
_SCORING = ("root", "count_padding", "count_overlap", "average_overlap", "average", "pck_without")
_SCORED_AS = {
    "mpi_inf_3dhp": MPI_INF_3DHP,
    "mpi_inf_3dhp_annot3": MPI_INF_3DHP,
    "poseaug_3dhp": POSEAUG_3DHP,
    "h36m_motionbert": MOTIONBERT,
}


def scored_on(protocol: Protocol, dataset: str) -> Protocol:
    """A network's protocol with the scoring rules of a data set's own tables.

    Windows and flip averaging stay the network's; only on MotionBERT's file, whole sequences are
    laid by that file's rule.

    Args:
        protocol: as the network's released script evaluates on Human3.6M.
        dataset: key of ``posekit.datasets.DATASETS``.
    """
    own = _SCORED_AS.get(dataset)
    if own is None:
        return protocol
    sequences = protocol.windows not in ("centred", "causal")
    return replace(
        protocol,
        name=f"{protocol.name}; scored as {own.name}",
        windows=own.windows if own.windows == "whole" and sequences else protocol.windows,
        excluded=own.excluded,
        **{option: getattr(own, option) for option in _SCORING},
    )


def scored_clips(dataset: PoseDataset, protocol: Protocol) -> list[bool]:
    """For every clip, whether ``protocol`` scores it.

    Raises:
        InvalidData: it scores none.
    """
    chosen = [protocol.scores(clip) for clip in dataset.clips]
    if not any(chosen):
        raise InvalidData(
            f"protocol {protocol.name} scores none of the {len(chosen)} clips of {dataset.name}; "
            f"actions are {', '.join(dataset.actions)}, subjects {', '.join(dataset.subjects)}."
        )
    return chosen
