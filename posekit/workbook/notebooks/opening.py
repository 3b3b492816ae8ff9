"""What a paper notebook calls: check its parameters, say what it runs on, hand over its results."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from IPython.display import display

from posekit import __version__, checkpoints
from posekit.checkpoints import LoadedCheckpoint
from posekit.datasets import DATASETS, PoseDataset, load_dataset
from posekit.errors import InvalidData
from posekit.evaluation.prediction import Predictions
from posekit.machine.storage import atomic_path
from posekit.workbook.notebooks.checkpoint_report import checkpoint_table, identity_card
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.notebooks.widgets import Motion
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.studies import Study
from posekit.workbook.tables import Card
from posekit.workbook.templates import render

MOST_FRAMES = 240  # of a clip in the viewer


def banner(study: Study, dataset: PoseDataset) -> None:
    """Show what this notebook runs on: data, profile, device, interpreter, versions."""
    seeds = ", ".join(str(seed) for seed in study.seeds)
    display(
        Card(
            f"Data: {DATASETS[study.dataset].title}",
            {
                "evidence": evidence_note(dataset.evidence),
                "amount": f"{len(dataset.clips)} clips, {dataset.frames:,} frames, "
                f"{len(dataset.subjects)} subjects, {len(dataset.actions)} actions "
                f"({dataset.split} split)",
                "fingerprint": dataset.fingerprint[:16],
                "notes": "; ".join(dataset.notes) or "none",
                "profile": f"{_profile(study)}, seeds {seeds}",
                "device": str(study.device),
                "posekit": f"{__version__}, torch {torch.__version__}, "
                f"Python {sys.version.split()[0]}, environment {Path(sys.prefix).name}",
            },
            label=dataset.evidence,
        )
    )


def _profile(study: Study) -> str:
    """The profile's name, and where ``auto`` chose it, what of the paper is not run."""
    name = study.profile.name
    if study.asked_profile != "auto" or name == "paper":
        return name
    reason = "takes a GPU" if name == "quick" else "takes days, and the published data"
    return f"{name} (chosen by auto; the paper's own schedule, -p profile paper, {reason})"


def study(settings: Settings) -> Study:
    """The study that the settings ask for.

    Raises:
        DatasetNotFound: the data set is not on disk; the message says how to get it, or how to
            run without it.
        InvalidParameter: a network is to be trained on windows longer than the longest clip.
    """
    made = Study(
        settings.paper,
        settings.dataset,
        settings.profile,
        claims=settings.claims,
        rows=settings.rows,
        seeds=settings.seeds,
        device=str(settings.device),
        runs=settings.output_dir,
    )
    load_dataset(made.dataset, "test", root=made.data, size="smoke")
    if settings.checkpoint is None and made.plan().missing:
        made.check()
    return made


def show_checkpoint(settings: Settings, study: Study) -> LoadedCheckpoint | None:
    """Show the identity card of the checkpoint given and its errors, or say how to give one.

    Returns:
        the checkpoint, None without one.
    """
    if settings.checkpoint is None:
        print("No checkpoint given: the networks here are trained. Give one: -p checkpoint FILE")
        return None
    loaded = checkpoints.load(settings.checkpoint, heads=settings.heads or None)
    display(identity_card(loaded.identity), checkpoint_table(loaded, study))
    return loaded


def clips_to_view(predictions: Predictions, *, count: int = 4) -> dict[str, Motion]:
    """Some clips to look at: clip -> (prediction, truth), each (frames, joints, 3), metres.

    The first frames of each; the clips are spread over the data set, so that actions differ.
    """
    windows, bank = predictions.windows, predictions.bank
    poses = predictions.poses(flip=predictions.flipped is not None)
    clips = bank.dataset.clips
    step = max(1, len(clips) // count)
    shown = {}
    for number in range(0, len(clips), step)[:count]:
        ours = windows.clip == number
        once = ~(windows.padding | windows.overlap)[ours]
        rows = windows.outputs[ours][once][:MOST_FRAMES]
        lifted = bank.in_metres(poses[ours][once][:MOST_FRAMES], rows)
        shown[clips[number].name] = (lifted, bank.in_metres(bank.pose[rows], rows))
    return shown


def evidence_note(evidence: str) -> str:
    """What figures measured on data of this kind can and cannot be compared with."""
    notes = {
        "synthetic": "synthetic motion: compare differences between rows, never absolute figures",
        "motion capture": "real motion capture, 2D detections imitated: compare differences "
        "between rows, not absolute figures",
        "rendered": "pictures rendered of an open body model: compare differences between rows, "
        "never absolute figures",
        "licensed": "the data set of the published figures",
        "STAND-IN": "STAND-IN: made-up files in the layout of the real data set; these figures "
        "say nothing about the real one",
    }
    if evidence not in notes:
        raise InvalidData(f"unknown evidence {evidence!r}; expected one of: {', '.join(notes)}.")
    return notes[evidence]


def export(settings: Settings, results: Mapping[str, Any]) -> Path:
    """Write the results of a notebook run, and show them to the report builder.

    The file is ``settings.results_file``. The executed notebook carries the same content, so
    that it alone is enough for its report and its card.

    Args:
        settings: checked parameters.
        results: JSON content; keys that the report's index uses are "title", "headline",
            "evidence", "verdicts" (list of {"claim", "text", "verdict"}), "picture" (SVG text).

    Raises:
        InvalidData: content that JSON cannot carry, NaN included.
        StorageError: the folder cannot be written.
    """
    content = {
        "paper": settings.paper,
        "dataset": settings.dataset,
        "profile": settings.profile,
        **results,
    }
    try:
        text = json.dumps(content, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidData(
            f"results of {settings.paper} cannot be written as JSON: {error}."
        ) from error
    with atomic_path(settings.results_file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    name = settings.results_file.name
    display(
        {
            RESULTS_MIME: json.loads(text),
            "text/html": render("notebooks/results_written.html.j2", name=name),
            "text/plain": f"Results written to {name}.",
        },
        raw=True,
    )
    return settings.results_file
