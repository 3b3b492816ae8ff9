"""An authors' network that finds bodies in pictures: what its file says, and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.display import display

from posekit.checkpoints import LoadedImageNetwork, load_image_network
from posekit.datasets.spin_pictures import LISTS, lists_on_disk
from posekit.errors import DatasetNotFound
from posekit.machine.storage import data_root
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.papers.profiles import resolve_profile
from posekit.workbook.tables import Card, Grid
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.image_to_body_checkpoints import EVERY, evaluate_checkpoint
from posekit.workbook.tasks.image_to_body_lists import evaluate_on_list

COLUMNS = {
    "mpjpe": "MPJPE",
    "pa_mpjpe": "PA-MPJPE",
    "pve": "PVE",
    "pve_centred": "PVE, pelvis on pelvis",
}


def show_image_checkpoint(settings: Settings, model: str) -> LoadedImageNetwork | None:
    """Show what a file holds and its errors, or say what is needed for either.

    The pictures are 3DPW's whatever the data set of the notebook, whose bodies are others than the
    authors', and those of SPIN's lists that are on disk; how many, the profile says.

    Args:
        settings: of the notebook.
        model: the network that the notebook is about, as ``load_image_network`` knows it.

    Returns:
        the network, None without a checkpoint.
    """
    if settings.checkpoint is None:
        print("No checkpoint given: the networks here are trained. Give one: -p checkpoint FILE")
        return None
    loaded = load_image_network(settings.checkpoint, model=model)
    display(Card(f"Checkpoint {settings.checkpoint.name}", dict(loaded.rows())))
    size = resolve_profile(settings.profile, "pw3d", settings.device).size
    asked: dict[str, Any] = {"data": data_root(), "size": size, "device": settings.device}
    try:
        _show("3DPW", evaluate_checkpoint(loaded, **asked), settings.checkpoint, size)
    except DatasetNotFound as error:
        print(f"Not scored. {error}")
    for name in lists_on_disk(data_root()):
        scored = evaluate_on_list(loaded, name, **asked)
        _show(LISTS[name].title, scored, settings.checkpoint, size)
    return loaded


def _show(title: str, scored: Scored, checkpoint: Path, size: str) -> None:
    display(body_errors_table(scored, f"{checkpoint.name} on {title} (mm)", size))
    display(Card(f"Protocol, {title}", dict(scored.card), label=scored.evidence, folded=True))


def body_errors_table(scored: Scored, caption: str, size: str) -> Grid:
    """Errors on all pictures and, where cameras are known, in bins of theirs, millimetres.

    Args:
        scored: as ``evaluate_checkpoint`` or ``evaluate_on_list`` gives it.
        caption: of the table.
        size: of the data.
    """
    scores = scored.estimates["prediction"]
    known = [name for name in COLUMNS if name in scores.metrics]
    rows = {"all": scores.metrics, **scores.per_action}
    note = ""
    if EVERY[size] > 1:
        note = f"One picture in {EVERY[size]}. For the published protocol: -p profile paper."
    if scored.evidence == "STAND-IN":
        note = f"{note} Generated bodies in generated pictures: figures mean nothing.".strip()
    return Grid(
        caption=caption,
        columns=("pictures", *(COLUMNS[name] for name in known)),
        rows=tuple((name, *(errors[metric] for metric in known)) for name, errors in rows.items()),
        label=scored.evidence,
        note=note,
    )
