"""Everything that the authors' released code computes, as far as goldens fix it.

The folder is ``POSEKIT_GOLDENS`` (default ``tests/goldens``); it may hold goldens of the same
models at any other size. A golden of a model that no check knows fails, and so does one with a
setting, an input or an array that its check does not use.
"""

import json
import os
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import golden_checks
import numpy as np
import pytest
import torch
from golden_checks.golden import Golden
from golden_checks.hourglass import check_choice, check_clusters, score_bounds

from posekit.models.pruning import frame_distances, select

OWN = Path(__file__).parent / "goldens"
FOLDER = Path(os.environ.get("POSEKIT_GOLDENS") or OWN)


def _checks() -> dict[str, Callable[[Golden], None]]:
    """Model of a golden -> its check: the ``CHECKS`` of every module of ``golden_checks``."""
    names = (module.name for module in pkgutil.iter_modules(golden_checks.__path__))
    modules = [import_module(f"golden_checks.{name}") for name in names]
    return {
        model: check for module in modules for model, check in getattr(module, "CHECKS", {}).items()
    }


CHECKS = _checks()


def _goldens() -> list[Path]:
    paths = sorted(FOLDER.glob("*.json"))
    if not paths:
        raise pytest.UsageError(f"{FOLDER} holds no goldens (*.json); set POSEKIT_GOLDENS.")
    return paths


def _check(path: Path) -> None:
    golden = Golden.load(path)
    model = golden.spec["model"]
    assert model in CHECKS, f"{path.name}: no check for model {model!r}; known: {sorted(CHECKS)}"
    CHECKS[model](golden)
    golden.check_all_read()


@pytest.mark.parametrize("path", _goldens(), ids=lambda path: path.stem)
def test_golden(path):
    _check(path)


def _changed(folder, name, change, **arrays):
    """A copy of a golden with its JSON changed and arrays added."""
    path = folder / f"{name}.json"
    spec = json.loads((OWN / path.name).read_text(encoding="utf-8"))
    change(spec)
    path.write_text(json.dumps(spec), encoding="utf-8")
    with np.load(OWN / f"{name}.npz") as stored:
        np.savez(path.with_suffix(".npz"), **{**stored, **arrays})
    return path


@pytest.mark.parametrize(
    ("name", "part", "change"),
    [
        ("mixste-small", "settings width", lambda spec: spec["config"].update(width=3)),
        ("uao-optimisation-small", r"settings variants\.long\.seed", None),
        ("mixste-small", "inputs noise", lambda spec: spec["inputs"].update(noise=[2, 27])),
        ("hot-mixste-small", "inputs mask", lambda spec: spec["inputs"].update(mask=[2, 27])),
        ("mixste-small", "keys fill_override", lambda spec: spec.update(fill_override={})),
    ],
)
def test_what_a_check_does_not_use_fails_its_golden_in_one_line(tmp_path, name, part, change):
    change = change or (lambda spec: spec["config"]["variants"]["long"].update(seed=1))
    path = _changed(tmp_path, name, change)
    with pytest.raises(AssertionError, match=rf"{name}\.json: its check uses no {part}") as caught:
        _check(path)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_compared_fails_its_golden(tmp_path):
    path = _changed(tmp_path, "mixste-small", lambda spec: None, more=np.zeros(3))
    with pytest.raises(AssertionError, match="its check uses no arrays more"):
        _check(path)


def test_noise_of_another_name_is_used_or_refused(tmp_path):
    shape = [2, 27]
    for inputs in ({}, {"jitter": shape}, {"noise_1": shape, "noise_2": shape}):
        path = _changed(
            tmp_path,
            "hot-mixste-small",
            lambda spec, inputs=inputs: spec.update(inputs={"input": [2, 27, 17, 2], **inputs}),
        )
        with pytest.raises(AssertionError, match=r"noise inputs are \[.*\]; expected one"):
            _check(path)
    # The noise that is drawn under another name keeps other frames.
    path = _changed(
        tmp_path,
        "tpc-small",
        lambda spec: spec.update(inputs={"input": spec["inputs"]["input"], "noise": shape}),
    )
    with pytest.raises(AssertionError, match="no scores tie"):
        _check(path)


def test_another_choice_passes_only_where_scores_tie():
    # Frames 0 and 1 are each other's nearest, and so are 3 and 4: the noise decides.
    features = torch.tensor([[[0.0], [1.0], [20.0], [40.0], [41.5]]]).double()
    noise = torch.tensor([[0.5, 0.5 + 1e-3, 0.0, 0.2, 0.9]]).double()
    distances = frame_distances(features)
    chosen = select(features, 2, noise)
    bounds = score_bounds(distances, noise)
    check_choice(chosen, chosen, *bounds, None)
    assert chosen.tolist() == [[1, 4]]
    check_choice(chosen, torch.tensor([[0, 4]]), *bounds, None)  # 1e-9 apart: float32 cannot tell
    with pytest.raises(AssertionError, match=r"keeps \[4\] for \[3\], and no scores tie"):
        check_choice(chosen, torch.tensor([[1, 3]]), *bounds, None)
    with pytest.raises(AssertionError, match="frame 2 is not kept"):
        check_choice(torch.tensor([[1, 2]]), chosen, *bounds, 2)
    clusters = torch.tensor([[0, 0, 0, 1, 1]])
    check_clusters(clusters, chosen, distances, *bounds, None)
    with pytest.raises(AssertionError):
        check_clusters(torch.tensor([[1, 0, 0, 1, 1]]), chosen, distances, *bounds, None)
