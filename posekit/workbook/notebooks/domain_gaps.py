"""The gap between the sources of a study and its target, before and after alignment."""

from __future__ import annotations

from collections.abc import Mapping

from posekit.datasets import PoseDataset
from posekit.datasets.selection import drawn_frames
from posekit.errors import InvalidData
from posekit.geometry.global_position import align
from posekit.metrics.domain_gap import GLOBAL_POSITION, Statistics, domain_gap, statistics
from posekit.workbook.studies import Study
from posekit.workbook.studies.setting import absent_data
from posekit.workbook.tables import Grid

BOUND = 0.3  # of a distance before; the least that "far better than before" can mean here
FRAMES = 1000  # of each sample: quantiles and distances settle, files stay small
QUANTITIES = dict(zip(GLOBAL_POSITION, ("root, across", "root, down", "size"), strict=True))

Pairs = Mapping[str, Mapping[str, Statistics]]


def domain_gaps(study: Study) -> dict[str, dict[str, Statistics]]:
    """Samples of the training splits: "source", "aligned" and "target", for every source.

    Frames are drawn at random and paired at random. The target's 3D, where it is there, is read
    for this alone; training never does.

    Args:
        study: its data set is the target; sources are those of its rows that are there.
    """
    target = _training_split(study, study.dataset)
    return {
        source: aligned_samples(_training_split(study, source), target)
        for source in _sources(study)
    }


def aligned_samples(source: PoseDataset, target: PoseDataset) -> dict[str, Statistics]:
    """Statistics of frames of a source, of the same frames aligned, and of a target.

    Raises:
        InvalidData: the source has no 3D, or no pair passes the safety filter.
    """
    there, here = drawn_frames(target, FRAMES, seed=1), drawn_frames(source, FRAMES)
    count = min(len(there.keypoints), len(here.keypoints))
    if here.pose is None:
        raise InvalidData(f"{source.name} has no 3D to align; choose a source with labels.")
    moved = align(
        here.pose[:count, None],
        there.keypoints[:count],
        there.camera[:count],
        mode="full",
        root=source.skeleton.root,
    )
    if not moved.kept.any():
        raise InvalidData(
            f"of {count} poses of {source.name} none is inside the picture of {target.name} once "
            "it is aligned; check the cameras."
        )
    kept = (moved.keypoints[moved.kept, 0], moved.pose[moved.kept, 0])
    return {
        "source": statistics(here.keypoints, here.pose, source.skeleton),
        "aligned": statistics(*kept, source.skeleton),
        "target": statistics(there.keypoints, there.pose, target.skeleton),
    }


def gap_table(study: Study, gaps: Pairs) -> Grid:
    """Distances to the target before and after alignment, and whether the claim holds of them.

    Args:
        study: whose data these are.
        gaps: see ``domain_gaps``.
    """
    rows: list[tuple[str | float, ...]] = []
    for source, samples in gaps.items():
        before = domain_gap(samples["source"], samples["target"])
        after = domain_gap(samples["aligned"], samples["target"])
        left = after.share_of(before)
        for field, name in QUANTITIES.items():
            share = getattr(left, field)
            rows.append(
                (
                    source,
                    name,
                    *(round(getattr(gap, field), 4) for gap in (before, after)),
                    f"{100 * share:.0f} %",
                    "yes" if share < BOUND else "no",
                )
            )
    return Grid(
        caption=f"1-D Wasserstein distance to the 2D of {study.dataset}",
        columns=("source", "of", "before", "after", "left", f"below {BOUND:g}?"),
        rows=tuple(rows),
        label=study.load("test", "gt").evidence,
        note="Screen-normalised units: the picture is 2 wide. Roots are put on those of the "
        "target, so that nothing of their distance is left by construction.",
    )


def _sources(study: Study) -> list[str]:
    """Every data set that a row is trained on, in reading order, but the target itself.

    Those that are not on disk are left out; the table of their rows says so.
    """
    rows = [row for row in study.paper.rows if not absent_data(row, study.data)]
    runs = [row.run for row in rows if row.run is not None]
    named = dict.fromkeys(study.configuration(run)["source"]["dataset"] for run in runs)
    return [source for source in named if source != study.dataset]


def _training_split(study: Study, dataset: str) -> PoseDataset:
    return study.task.load(dataset, "train", "gt", study.profile.size, study.data)
