"""An authors' network that finds bodies in pictures: what its file says, and its errors on 3DPW."""

from __future__ import annotations

from IPython.display import display

from posekit.checkpoints import LoadedImageNetwork, load_image_network
from posekit.errors import DatasetNotFound
from posekit.machine.storage import data_root
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.papers.profiles import resolve_profile
from posekit.workbook.tables import Card, Grid
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.image_to_body_checkpoints import EVERY, evaluate_checkpoint

COLUMNS = {
    "mpjpe": "MPJPE",
    "pa_mpjpe": "PA-MPJPE",
    "pve": "PVE",
    "pve_centred": "PVE, pelvis on pelvis",
}


def show_image_checkpoint(settings: Settings, model: str) -> LoadedImageNetwork | None:
    """Show what a file holds and its errors on 3DPW, or say what is needed for either.

    The pictures are 3DPW's whatever the data set of the notebook, whose bodies are others than the
    authors'; how many, the profile says.

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
    try:
        scored = evaluate_checkpoint(loaded, data=data_root(), size=size, device=settings.device)
    except DatasetNotFound as error:
        print(f"Not scored. {error}")
        return loaded
    display(body_errors_table(scored, settings.checkpoint.name, size))
    display(Card("Protocol", dict(scored.card), label=scored.evidence, folded=True))
    return loaded


def body_errors_table(scored: Scored, file: str, size: str) -> Grid:
    """Errors on all pictures and in bins of the crop's camera, millimetres.

    Args:
        scored: as ``evaluate_checkpoint`` gives it.
        file: name of the checkpoint.
        size: of the data.
    """
    scores = scored.estimates["prediction"]
    rows = {"all": scores.metrics, **scores.per_action}
    note = ""
    if EVERY[size] > 1:
        note = f"One picture in {EVERY[size]}. For the published protocol: -p profile paper."
    if scored.evidence == "STAND-IN":
        note = f"{note} Generated bodies in generated pictures: figures mean nothing.".strip()
    return Grid(
        caption=f"{file} on 3DPW (mm)",
        columns=("pictures", *COLUMNS.values()),
        rows=tuple(
            (name, *(errors[metric] for metric in COLUMNS)) for name, errors in rows.items()
        ),
        label=scored.evidence,
        note=note,
    )
