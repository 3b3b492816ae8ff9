"""Notebooks of papers run by papermill from a foreign folder, at profile smoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np

from posekit.datasets import DATASETS, load_dataset

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CMU_TAKES = {
    **{"02_01": ("S02", "walk"), "35_05": ("S35", "walk"), "02_05": ("S02", "strike")},
    **{"01_01": ("S01", "jump"), "49_01": ("S49", "walk"), "11_01": ("S11", "ball")},
}


def execute(
    paper: str, folder: Path, dataset: str, *more: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command of the README, from ``folder``."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "papermill", str(NOTEBOOKS / f"{paper}.ipynb"), "out.ipynb"),
            *("-p", "dataset", dataset, "-p", "output_dir", "results", *more),
            "--no-progress-bar",
        ],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def smoke_run(paper: str, folder: Path, dataset: str) -> SimpleNamespace:
    """The executed notebook and the results that it wrote, on made-up files of the data set."""
    data = folder / "data"
    data.mkdir()
    if dataset == "cmu":
        write_cmu(data)
    elif DATASETS[dataset].standin:
        import_module(DATASETS[dataset].standin).write_standin(data, size="smoke")
    done = execute(paper, folder, dataset, "-p", "profile", "smoke", POSEKIT_DATA=str(data))
    assert done.returncode == 0, done.stderr[-2000:]
    return SimpleNamespace(
        paper=paper,
        dataset=dataset,
        folder=folder,
        notebook=nbformat.read(folder / "out.ipynb", as_version=4),
        results=json.loads((folder / "results" / f"{paper}-{dataset}-smoke.json").read_text()),
    )


def write_cmu(root: Path) -> None:
    """Made-up motion in the layout of converted CMU takes."""
    clips = load_dataset("synthetic", "train", keypoints="gt", size="smoke").clips
    index, arrays = {}, {}
    for clip, (name, (subject, group)) in zip(clips, CMU_TAKES.items(), strict=False):
        arrays[name] = clip.camera.camera_to_world(clip.pose).numpy().astype(np.float32)
        index[name] = {"subject": subject, "group": group, "frames": clip.frames}
    np.savez(root / "cmu_h36m17.npz", **arrays)
    (root / "cmu_h36m17.json").write_text(json.dumps({"clips": index}))
