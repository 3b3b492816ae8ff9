"""The contract of methods that find bodies in pictures: what they are trained on, and by what.

A method is one module ``posekit.training.<name>_method`` that binds ``METHOD``, a subclass of
``BodyMethod``. What drives methods (steps, snapshots, scores) knows them by this contract and none
by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from posekit.bodies import BodyModel
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter
from posekit.models.scaling import Scale

PLAIN_PX = 8
"""Side of the pictures that trivial baselines see."""

Batch = Mapping[str, Tensor]
"""What ``prepare`` gives, of some pictures: tensors (B, ...), among them "index" (B,), their
numbers among all pictures of the split."""


class BodyEstimate(NamedTuple):
    """What a method finds in B pictures, in the axes of the full picture's camera.

    Whatever the method does to a crop, such as a perspective rotation, is undone here.

    Attributes:
        rotations: (B, 24, 3, 3) of the joints relative to their parents, the root's against the
            camera; None for a method that finds joints alone.
        betas: (B, S) of the body's shape, None as above.
        translation: (B, 3) metres that are added to the turned body; None as above.
        joints: (B, 17, 3) metres, Human3.6M's joints, of a method that finds them by itself; None
            to take those of the body. Only differences between joints are scored.
    """

    rotations: Tensor | None
    betas: Tensor | None
    translation: Tensor | None
    joints: Tensor | None = None


class BodyMethod(ABC):
    """How one paper finds bodies in pictures.

    Args:
        options: what ``scaled`` gave: plain values, which stand in a run's configuration.
        body: the model whose bodies are found.
        crop_px: side of the crops.

    Attributes:
        terms: names of what ``losses`` gives, in order; the last is "total".
        published_px: side of the crops of the paper's network, by which its cost is counted.
        fits: whether the "network" is the bodies of the scored pictures themselves, found one by
            one without any training split.
        reads_pictures: whether there have to be pictures; without, persons are many and cheap.
    """

    terms: ClassVar[tuple[str, ...]]
    published_px: ClassVar[int] = 256
    fits: ClassVar[bool] = False
    reads_pictures: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any], body: BodyModel, crop_px: int) -> None:
        self.options, self.body, self.crop_px = dict(options), body, crop_px

    @classmethod
    @abstractmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """All options of a row at a scale, each default written out, in plain values.

        Args:
            options: as the row names them, at the published size.
            scale: how far the network is scaled down.

        Raises:
            InvalidParameter: an unknown option or value.
        """

    @classmethod
    @abstractmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """What these options are, for print beside a measured figure."""

    @classmethod
    @abstractmethod
    def label(cls, options: Mapping[str, Any]) -> str:
        """Short words for the name of a run, such as ``resnet18-w16-mc-c``."""

    @abstractmethod
    def build(self, pictures: int) -> nn.Module:
        """The network with its initial weights, drawn from torch's generator.

        Args:
            pictures: how many there are; what a method that ``fits`` has bodies for.
        """

    @abstractmethod
    def prepare(
        self, images: BodyImages, device: torch.device, *, training: bool
    ) -> dict[str, Tensor]:
        """All that ``losses`` or ``predict`` read of the pictures, (N, ...) each, on a device.

        Done once, before the first step; the same pictures always give the same tensors.

        Args:
            images: a split; of the truth only what the method may know is taken.
            device: where they are kept.
            training: whether targets are needed; ``predict`` needs none.
        """

    @abstractmethod
    def losses(self, network: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """The scalar terms of a step, the keys of which are ``terms``.

        What is random (augmentation) is drawn from torch's generators.

        Args:
            network: in training mode.
            batch: of the pictures of this step, from ``prepare`` with ``training``.
            step: its number, from 0.
        """

    @abstractmethod
    def predict(self, network: nn.Module, batch: Batch) -> BodyEstimate:
        """The bodies of some pictures; gradients are off, the network is in evaluation mode."""

    @abstractmethod
    def seconds(self, pictures: int) -> float:
        """Rough time of a training step over so many pictures, one CPU core, to plan with."""

    def plain_input(self, images: BodyImages) -> np.ndarray:
        """What trivial baselines see of pictures, (N, D): the method's input, downscaled.

        By default ``PLAIN_PX`` x ``PLAIN_PX`` mean colours of the plain crops, 0 to 1.
        """
        return downscaled(images.images)

    def plain_options(self) -> dict[str, Any]:
        """The options that decide what trivial baselines see; none by default."""
        return {}

    def axes(self, images: BodyImages) -> Tensor:
        """(N, 3, 3), from the full picture's camera to the axes in which bodies are found.

        Trivial baselines work in them too, which is fairer where crops are of a turned camera; by
        default they are those of the full picture.
        """
        return torch.eye(3).expand(len(images), 3, 3)

    def example(self, device: torch.device) -> tuple[Tensor, ...]:
        """Arguments of the network's forward pass for one picture, to count its cost.

        Raises:
            InvalidParameter: the method has no network.
        """
        raise InvalidParameter(
            f"{type(self).__name__} has no costs to count; leave params and MACs out of its tables."
        )


def downscaled(pictures: np.ndarray) -> np.ndarray:
    """Mean colours of (N, S, S, 3) uint8 pictures, (N, 3 ``PLAIN_PX``²) float32 from 0 to 1."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.adaptive_avg_pool2d(pixels, PLAIN_PX).flatten(1).numpy()


def method(name: str) -> type[BodyMethod]:
    """The method of that name.

    Raises:
        InvalidParameter: there is no such method.
    """
    place = module_of(name)
    try:
        return import_module(place).METHOD
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise InvalidParameter(
            f"unknown method {name!r}; it needs a module posekit/training/{name}_method.py that "
            "binds METHOD."
        ) from error


def module_of(name: str) -> str:
    """The module of a method, whose code decides the numbers of its runs."""
    return f"posekit.training.{name}_method"
