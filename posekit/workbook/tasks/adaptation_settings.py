"""What a row of a paper says about adaptation, and what its usual source is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args

from posekit.datasets import DATASETS
from posekit.errors import InvalidParameter, unknown
from posekit.evaluation.protocols import PROTOCOLS
from posekit.geometry.global_position import Mode
from posekit.models.poseaug import OPERATIONS
from posekit.workbook.papers import RowRun

ALIGNMENTS = ("none", *get_args(Mode))

# What a target's usual source is; every other data set is usually adapted to from ``synthetic``.
SOURCE_OF = {
    # Cameras differ and nothing else: across a gap in structure a linear map beats networks.
    "synthetic": "synthetic_3dhp_rig",
    "mpi_inf_3dhp": "h36m",
    "poseaug_3dhp": "h36m",
    "h36m_s1": "h36m_s1",
}
OTHERWISE = "synthetic"

# Targets whose training split is of the source: the 2D of the target is that of its test split.
TRANSDUCTIVE = ("poseaug_3dhp", "h36m_s1")

# Tests on MPI-INF-3DHP average over mirror images, PoseAug's others do not.
ON_3DHP = ("mpi_inf_3dhp", "mpi_inf_3dhp_annot3", "poseaug_3dhp")


@dataclass(frozen=True)
class Settings:
    """What a row of a paper says about adaptation.

    Attributes:
        options: of the lifter (``posekit.models.build``).
        keypoints: 2D input of source and target, such as ``"gt"``.
        source: data set with truth; "usual" for that of ``SOURCE_OF``, "target" for the target,
            whose labels adaptation itself never sees.
        gpa: global position alignment, see ``posekit.geometry.global_position.align``, or "none".
        lpa: whether a generator varies the source's poses.
        operations: what the generator may do, of ``posekit.models.poseaug.OPERATIONS``.
        anchor_3d: real samples of the 3D discriminator: "source", or "none" for no discriminator.
        anchor_2d: those of the 2D discriminator: "target", "source" or "none".
        feedback: PoseAug's form: generator and lifter are trained in turn, and the generator is
            told how hard its poses are to lift; PoseDA has it not.
        mix_source: share of a batch that are source pairs as they are, 0 to 1.
        target_2d: the split whose keypoints adaptation sees; "usual" for "train", or "test" where
            the training split is of the source.
        protocol: key of ``posekit.evaluation.protocols.PROTOCOLS``; "usual" for PoseAug's.
    """

    options: Mapping[str, Any]
    keypoints: str = "gt"
    source: str = "usual"
    gpa: str = "full"
    lpa: bool = False
    operations: Sequence[str] = ("angle", "length", "rotation")
    anchor_3d: str = "source"
    anchor_2d: str = "target"
    feedback: bool = False
    mix_source: float = 0.0
    target_2d: str = "usual"
    protocol: str = "usual"

    @classmethod
    def of(cls, run: RowRun) -> Settings:
        """The settings of a row.

        Raises:
            InvalidParameter: a value that is not listed above.
        """
        names = {field.name for field in fields(cls)} - {"options"}
        own = {name: run.settings[name] for name in names & run.settings.keys()}
        options = {name: value for name, value in run.settings.items() if name not in names}
        found = cls(options={"frames": 1, **options}, **own)
        found._check()
        return found

    def _check(self) -> None:
        for kind, value, choices in (
            ("alignment", self.gpa, ALIGNMENTS),
            ("anchor_3d", self.anchor_3d, ("source", "none")),
            ("anchor_2d", self.anchor_2d, ("target", "source", "none")),
            ("target_2d", self.target_2d, ("usual", "train", "test")),
            ("protocol", self.protocol, ("usual", *PROTOCOLS)),
            ("source", self.source, ("usual", "target", *DATASETS)),
            *(("operation", operation, OPERATIONS) for operation in self.operations),
        ):
            if value not in choices:
                raise InvalidParameter(unknown(kind, value, choices))
        if not 0.0 <= self.mix_source <= 1.0:
            raise InvalidParameter(f"mix_source is {self.mix_source}; choose a share, 0 to 1.")
        if self.feedback and not self.lpa:
            raise InvalidParameter("feedback is to a generator; add lpa: true, or leave it out.")
        if self.gpa != "none" and "translation" in self.operations and self.lpa:
            raise InvalidParameter(
                f"alignment {self.gpa!r} undoes the operation translation; leave one of them out."
            )

    @property
    def adapts(self) -> bool:
        """Whether anything is done to the source's pairs."""
        return self.gpa != "none" or self.lpa


def source_of(settings: Settings, dataset: str) -> str:
    """The data set with truth that a row is trained on, for a target."""
    if settings.source == "target":
        return dataset
    if settings.source != "usual":
        return settings.source
    return SOURCE_OF.get(dataset, OTHERWISE)
