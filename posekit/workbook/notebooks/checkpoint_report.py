"""An authors' checkpoint, scored as it is, beside what the file says about itself."""

from __future__ import annotations

from dataclasses import replace

from posekit.checkpoints import Identity, LoadedCheckpoint
from posekit.datasets import PoseDataset
from posekit.datasets.sizes import FRAMES
from posekit.errors import InvalidCheckpoint
from posekit.evaluation import Evaluation, evaluate
from posekit.evaluation.protocols import PROTOCOLS, Protocol, scored_on
from posekit.models.lifters import Lifter
from posekit.workbook.papers import RowRun
from posekit.workbook.studies import Study
from posekit.workbook.tables import Card, Grid
from posekit.workbook.tasks.lifting import Settings

INPUTS = ("cpn", "gt")
SHOWN = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")


def identity_card(identity: Identity) -> Card:
    """What the file is: network, size, what it was trained on as far as it tells, odd keys."""
    return Card(f"Checkpoint {identity.file}", dict(identity.rows()))


def checkpoint_table(loaded: LoadedCheckpoint, study: Study) -> Grid:
    """Errors of the checkpoint on the study's data set, for both kinds of 2D input.

    Weights trained on one kind of keypoints are far off on the other, so each row says whether
    its input is the one that the file was trained with, and the number of heads that it rests on.
    """
    rows = []
    loaded.network.to(study.device)
    for keypoints in dict.fromkeys(study.task.input(study.dataset, name) for name in INPUTS):
        found = _evaluate(loaded, study, keypoints)
        rows.append(
            (
                keypoints,
                _match(loaded.identity, keypoints),
                loaded.identity.assumed_heads or "none in this network",
                *(found.metrics[name] for name in SHOWN),
                _published(loaded.identity, study, keypoints),
            )
        )
    truth = study.load("test", "gt")
    protocol = _protocol(loaded, study)
    flips = "with" if protocol.flip else "without"
    note = f"Protocol {protocol.name}, {flips} flip averaging."
    if study.profile.size in FRAMES:
        note += (
            f" Scored on a part of the test split: profile {study.profile.name} cuts clips to "
            f"{FRAMES[study.profile.size]} frames. For the published protocol: "
            "-p profile standard."
        )
    note += _padding(loaded, truth)
    return Grid(
        caption=f"{loaded.identity.file} on {study.dataset} (mm)",
        columns=(
            "2D input",
            "trained with it?",
            "attention heads",
            "MPJPE",
            "P-MPJPE",
            "N-MPJPE",
            "MPJVE (per frame)",
            "published MPJPE (Human3.6M)",
        ),
        rows=tuple(rows),
        label=truth.evidence,
        note=note,
    )


def lifter_to_examine(
    study: Study, loaded: LoadedCheckpoint | None, row: str
) -> tuple[Lifter, Protocol]:
    """The network that a notebook looks into, with the protocol that fits it.

    Beside what is shown of a checkpoint, a line says which number of heads was assumed; beside
    what is shown of a network that has not learned, a line says that.

    Args:
        study: its run of ``row`` gives the network where there is no checkpoint.
        loaded: the checkpoint that the notebook was given, None for none.
        row: ``table/row`` of a deterministic lifter.
    """
    rate = study.profile.frame_rate_divisor
    if loaded is None:
        protocol = PROTOCOLS[Settings.of(study.paper.row(row).run).protocol]
        protocol = replace(scored_on(protocol, study.dataset), downsample=rate)
        # Moved here and not first in an evaluation, which would make its weights such as no
        # gradient passes.
        network = study.network(row).to(study.device)
        found = study.measured.evidence(study.paper.row(row))
        if found is not None and found.learned is False:
            print(f"The network of {row} has not learned: look at the form of what follows only.")
        return network, protocol
    protocol = _protocol(loaded, study)
    if loaded.identity.assumed_heads is not None:
        print(f"Attention heads of {loaded.identity.file}: {loaded.identity.assumed_heads}.")
    if loaded.network.frames == 1:  # frames are lifted alone, so every n-th tells as much
        protocol = replace(protocol, downsample=rate)
    return loaded.network, protocol


def _protocol(loaded: LoadedCheckpoint, study: Study) -> Protocol:
    """As the network's release scores, with the rules of the data set's own tables."""
    return scored_on(PROTOCOLS[loaded.network.release_protocol], study.dataset)


def _evaluate(loaded: LoadedCheckpoint, study: Study, keypoints: str) -> Evaluation:
    dataset = study.load("test", keypoints)
    _check_joints(loaded, dataset)
    protocol = _protocol(loaded, study)
    return evaluate(loaded.network, dataset, protocol=protocol, device=str(study.device))


def _padding(loaded: LoadedCheckpoint, dataset: PoseDataset) -> str:
    """How many clips are shorter than the checkpoint's window, which costs time and says little."""
    frames = loaded.identity.frames
    shorter = sum(clip.frames < frames for clip in dataset.clips)
    if not shorter or loaded.network.output == "frame":
        return ""
    return (
        f" {shorter} of {len(dataset.clips)} clips are shorter than the window of {frames} frames, "
        "which repeats their last frame."
    )


def _check_joints(loaded: LoadedCheckpoint, dataset: PoseDataset) -> None:
    """Refuse a data set whose joints or channels are not those of the checkpoint's training."""
    identity = loaded.identity
    joints, channels = dataset.skeleton.joints, dataset.clips[0].keypoints.shape[-1]
    if identity.joints != joints or identity.in_channels > channels:
        raise InvalidCheckpoint(
            f"{identity.file}: takes {identity.joints} joints of {identity.in_channels} channels, "
            f"and {dataset.name} has {joints} joints of {channels} channels; choose a checkpoint "
            f"that was trained on {dataset.skeleton.name}."
        )


def _match(identity: Identity, keypoints: str) -> str:
    if identity.keypoints == "unknown":
        return "unknown: the file does not tell"
    return "yes" if identity.keypoints == keypoints else f"no, with {identity.keypoints}"


def _published(identity: Identity, study: Study, keypoints: str) -> float | None:
    """The published MPJPE of this network, window and input, where it can be compared.

    Rows of one network differ by parts and widths, which the number of parameters tells apart.
    """
    if study.dataset != "h36m" or study.profile.size in FRAMES:
        return None
    for row in study.paper.rows:
        run = row.run
        if (
            run is not None
            and run.model == identity.network
            and (found := Settings.of(run)).keypoints == keypoints
            and found.options["frames"] == identity.frames
            and row.published.get("mpjpe") is not None
            and _parameters(run, study) == identity.parameters
        ):
            return row.published["mpjpe"]
    return None


def _parameters(run: RowRun, study: Study) -> int:
    """Parameters of a row's published configuration."""
    return round(1e6 * study.measured.costs(run)["params"])
