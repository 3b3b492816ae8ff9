"""What the notebook of a paper on adaptation looks into: generators, their training, lifters."""

from __future__ import annotations

import torch
from torch import Tensor

from posekit.checkpoints import LoadedCheckpoint
from posekit.datasets import PoseDataset
from posekit.datasets.selection import drawn_frames
from posekit.evaluation.protocols import PROTOCOLS, Protocol
from posekit.machine.random_state import random_state_kept
from posekit.models.lifters import Lifter
from posekit.training.adaptation_steps import TERMS
from posekit.workbook.studies import Study
from posekit.workbook.studies.soundness import judgement
from posekit.workbook.tasks.adaptation_runs import method_of, source_split, target_test

DRAWS = 4  # of one pose, and so many poses
ADVERSARIAL = 2  # the phase of a log in which only generator and discriminators train


def adapted_lifter(
    study: Study, loaded: LoadedCheckpoint | None, row: str
) -> tuple[Lifter, Protocol, PoseDataset]:
    """A lifter to look into, how it is scored, and the part of the target that it is scored on.

    Args:
        study: its run of ``row`` gives the lifter where there is no checkpoint.
        loaded: the checkpoint that the notebook was given, None for none.
        row: ``table/row`` of a lifter of single frames.
    """
    path = study.paper.row(row)
    config = study.setting.job(path, study.seeds[0]).config
    lifter = study.network(row).lifter if loaded is None else loaded.network
    found = study.measured.evidence(path)
    if loaded is None and found is not None and found.learned is False:
        print(f"The network of {row} has not learned: look at the form of what follows only.")
    protocol = PROTOCOLS[config["evaluation"]["protocol"]]
    return lifter.to(study.device).eval(), protocol, target_test(config, study.data)


def adversarial_runs(study: Study, row: str) -> dict[str, dict[str, tuple[float, ...]]]:
    """Name of a seed -> column of the log -> its values while generator and discriminators train.

    Where they rest a log repeats their last values. Empty where the row was not run.
    """
    found = {}
    for run in study.stored(study.paper.row(row)) or ():
        log = {name: run.log[name] for name in ("step", *TERMS)}
        trained = [place for place, phase in enumerate(log["phase"]) if phase == ADVERSARIAL]
        found[f"seed {run.config['seed']}"] = {
            name: tuple(values[place] for place in trained) for name, values in log.items()
        }
    return found


def health_of_runs(study: Study, row: str) -> dict[str, str]:
    """Name of a seed -> what became of its training, in the words of its judgement."""
    return {
        f"seed {run.config['seed']}": judgement(run)
        for run in study.stored(study.paper.row(row)) or ()
    }


def generated_poses(study: Study, row: str) -> dict[str, dict[str, Tensor]]:
    """Name of a source pose -> the pose as it was and drawn with several noises, (16, 3) each.

    Drawn by the generator of the row's run with the first seed; empty where it was not run.
    """
    path = study.paper.row(row)
    if study.stored(path) is None:
        return {}
    config = study.setting.job(path, study.seeds[0]).config
    generator, method = study.network(row).generator.eval(), method_of(config)
    poses = drawn_frames(source_split(config, study.data), DRAWS).pose
    found = {}
    with torch.no_grad(), random_state_kept(torch.device("cpu")):
        torch.manual_seed(0)
        for number, pose in enumerate(poses):
            varied = generator(pose.expand(DRAWS, -1, -1), operations=method.operations).pose
            drawn = {f"draw {place + 1}": each for place, each in enumerate(varied)}
            found[f"pose {number + 1}"] = {"as recorded": pose, **drawn}
    return found
