"""A toy task: the 2D joints of a person from a picture of a stick figure.

It exists to show that the core knows tasks by their contract alone: nothing here is a clip in
windows, and nothing in posekit knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from posekit.datasets import PoseDataset
from posekit.training import Recipe
from posekit.workbook.tasks import Scored, Task
from posekit.workbook.tasks.data import data_fingerprints, known_fingerprints, load_split

SIDE = 24  # pixels of a picture
POINTS_PER_BONE = 8


class Loss(NamedTuple):
    distance: Tensor
    total: Tensor


class JointRegressor(nn.Module):
    """Pictures (B, 1, SIDE, SIDE) -> joints (B, J, 2), in pixels of the picture."""

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        self.joints = joints
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 5, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * 10 * 10, 2 * joints),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        return SIDE / 2 + self.layers(pictures).view(-1, self.joints, 2)


def drawn(dataset: PoseDataset, every: int) -> tuple[Tensor, Tensor, list[int]]:
    """Pictures (N, 1, SIDE, SIDE), joints (N, J, 2) in pixels, and the clip of each picture."""
    bones = torch.tensor(dataset.skeleton.bones)
    joints, clips = [], []
    for number, clip in enumerate(dataset.clips):
        points = clip.keypoints[::every, :, :2]
        low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
        size = (high - low).amax(-1, keepdim=True)
        joints.append((points - (low + high) / 2) / size * (SIDE - 6) + SIDE / 2)
        clips += [number] * len(points)
    target = torch.cat(joints)
    along = torch.linspace(0, 1, POINTS_PER_BONE)[:, None, None]
    ends = target[:, bones]  # (N, bones, 2 ends, 2)
    points = ends[:, None, :, 0] * along + ends[:, None, :, 1] * (1 - along)
    pixels = points.flatten(1, 2).round().long().clamp(0, SIDE - 1)
    pictures = torch.zeros(len(target), SIDE * SIDE)
    pictures.scatter_(1, pixels[..., 1] * SIDE + pixels[..., 0], 1.0)
    return pictures.view(-1, 1, SIDE, SIDE), target, clips


@dataclass
class Pictures:
    """The feed, and its samples."""

    recipe: Recipe
    fingerprint: str
    pictures: Tensor
    joints: Tensor
    terms = Loss._fields
    frames = 1

    def check(self, network: nn.Module) -> None:
        pass

    def place(self, network: nn.Module, device: torch.device) -> Pictures:
        return Pictures(
            self.recipe, self.fingerprint, self.pictures.to(device), self.joints.to(device)
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def gather(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        return self.pictures[chosen], self.joints[chosen]

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Loss:
        distance = (model(batch[0]) - batch[1]).norm(dim=-1).mean()
        return Loss(distance.detach(), distance)


@dataclass
class PictureScores:
    metrics: dict[str, float]
    per_action: dict[str, dict[str, float]]
    per_joint: dict[str, float]
    clips: list[str]
    clip_actions: list[str]
    clip_frames: np.ndarray
    per_clip: dict[str, np.ndarray]


class StickFigures(Task):
    paired_metrics = ("pixel_error",)
    loss_column = "total"

    def configuration(self, run, dataset, profile) -> dict[str, Any]:
        channels = max(2, run.settings["channels"] // profile.width_divisor)
        recipe = profile.recipe(run.recipe)
        if not run.settings["trained"]:
            recipe["max_steps"] = 1
        return {
            "size": profile.size,
            "model": run.model,
            "options": {"channels": channels},
            "every": run.settings["every"],
            "recipe": recipe,
            "evaluation": {},
        }

    def describe(self, configuration) -> str:
        return f"{configuration['options']['channels']} channels"

    def label(self, configuration) -> str:
        return f"{configuration['model']}-{configuration['options']['channels']}c"

    def modules(self, run) -> tuple[str, ...]:
        return (__name__,)

    def fingerprints(self, dataset, configuration, data, runs) -> dict[str, str]:
        return data_fingerprints(dataset, "gt", configuration["size"], data, runs)

    def known_fingerprints(self, dataset, configuration, data, runs) -> dict[str, str] | None:
        return known_fingerprints(dataset, "gt", configuration["size"], data, runs)

    def load(self, dataset, split, source, size, data) -> PoseDataset:
        return load_split(dataset, split, "gt", size, data)

    def build(self, config, data, card=None) -> nn.Module:
        return JointRegressor(17, config["options"]["channels"])

    def feed(self, config, data: Path) -> Pictures:
        dataset = load_split(config["dataset"], "train", "gt", config["size"], data)
        pictures, joints, _ = drawn(dataset, config["every"])
        return Pictures(Recipe(**config["recipe"]), dataset.fingerprint, pictures, joints)

    def evaluate(self, network, config, data, device) -> Scored:
        test = load_split(config["dataset"], "test", "gt", config["size"], data)
        pictures, joints, clips = drawn(test, config["every"])
        with torch.inference_mode():
            errors = (network(pictures) - joints).norm(dim=-1).double().numpy()
        number = np.array(clips)
        names = [clip.name for clip in test.clips]
        actions = np.array([clip.action for clip in test.clips])
        by_clip = np.array([errors[number == clip].mean() for clip in range(len(names))])
        scores = PictureScores(
            metrics={"pixel_error": float(errors.mean())},
            per_action={
                action: {"pixel_error": float(by_clip[actions == action].mean())}
                for action in dict.fromkeys(actions.tolist())
            },
            per_joint=dict(zip(test.skeleton.joint_names, errors.mean(0).tolist(), strict=True)),
            clips=names,
            clip_actions=actions.tolist(),
            clip_frames=np.bincount(number),
            per_clip={"pixel_error": by_clip},
        )
        return Scored(test.evidence, {"Picture": f"{SIDE} pixels"}, {"prediction": scores})

    def seconds(self, config, device) -> float:
        return 1e-3 * config["recipe"].get("max_steps", 1000)


TASK = StickFigures()
