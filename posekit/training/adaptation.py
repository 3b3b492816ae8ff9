"""Training of PoseDA and of PoseAug: a lifter, a generator of pose variations, two discriminators.

PoseDA (Chai et al., ICCV 2023) builds on PoseAug (Gong et al., CVPR 2021,
https://github.com/jfzhang95/PoseAug at f469ce4). Its own training code was never released; its
author describes the order in an answer in the repository (issue 1), which is this:

1. The lifter trains on the source (``SourceSteps``).
2. Generator and discriminators train against each other; the lifter has no say in it.
3. With the generator frozen, the lifter trains on generated pairs: varied by the generator (LPA),
   moved to where a target's keypoints are (GPA), projected with the camera of those keypoints.

PoseAug trains 2 and 3 in turn, epoch by epoch, tells the generator how hard its poses are to lift
(``Method.feedback``) and trains the lifter on generated and on original pairs.

**Reconstruction.** How LPA and GPA go together, the target's keypoints as anchors of the 2D
discriminator, windows of several frames and the frozen generator's running statistics are readings
of this repository. In PoseAug's form the lifter's steps draw new poses of the present generator,
where the release keeps those of the epoch's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posekit.geometry import bones
from posekit.geometry.global_position import NEAREST, align
from posekit.metrics.augmentation_losses import (
    adversarial_loss,
    angle_range_loss,
    discriminator_loss,
    feedback_loss,
    length_range_loss,
)
from posekit.training.adaptation_data import SourceBatch, SourceWindows, TargetViews
from posekit.training.adaptation_steps import Adaptation, AdaptationSteps, Later, plain_adam
from posekit.training.history_pool import HistoryPool
from posekit.training.recipes import LiftingRecipe
from posekit.training.turns import WARM_UP, Turn, Turns

KEYPOINT, ANGLE, RANGE = 1.0, 6.0, 3.0  # weights of the generator's loss, as released
PLANE = 1e-3  # metres
PER_DISCRIMINATOR_STEP = 2  # steps of the generator


@dataclass(frozen=True)
class Method:
    """What is done to the source's pairs; see ``posekit.workbook.tasks.adaptation.Settings``."""

    gpa: str
    lpa: bool
    operations: tuple[str, ...] = ()
    anchor_3d: str = "none"
    anchor_2d: str = "none"
    feedback: bool = False
    mix_source: float = 0.0

    @property
    def adapts(self) -> bool:
        """Whether anything is done to them at all."""
        return self.gpa != "none" or self.lpa


class Made(NamedTuple):
    """Windows made of the source's; see ``Augmented`` and ``Aligned`` for the fields."""

    pose: Tensor
    keypoints: Tensor
    kept: Tensor
    angle_pose: Tensor
    angle_change: Tensor
    length_ratios: Tensor


class LaterSteps(AdaptationSteps):
    """What follows the training on the source: generator and discriminators, the lifter again.

    Args:
        network: with the lifter as the source has trained it.
        source: where poses come from.
        target: whose keypoints are matched; None where the method looks at none.
        method: what is done to the source's pairs.
        recipe: of the source, for the batch size and the lifter's loss.
        later: for all else.
        seed: of the order of the windows.
        data: fingerprints, for the identity.
    """

    def __init__(
        self,
        network: Adaptation,
        source: SourceWindows,
        target: TargetViews | None,
        method: Method,
        recipe: LiftingRecipe,
        later: Later,
        *,
        seed: int,
        data: Mapping[str, str],
    ) -> None:
        super().__init__(network, source, recipe, later, seed=seed, data=data)
        self.target, self.method = target, method
        self.turns = Turns(
            (later.steps or later.generator_epochs * self.per_pass) if method.lpa else 0,
            later.steps or later.adaptation_epochs * self.per_pass,
            later.generator_epochs,
            later.adaptation_epochs,
            together=method.feedback,
        )
        self.steps = self.turns.steps
        self.optimizers = {name: plain_adam(part) for name, part in self.parts.items()}
        self.pools = {name: HistoryPool() for name in ("d3", "d2")} if method.lpa else {}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result; see ``posekit.training.Steps``."""
        method = {**asdict(self.method), "operations": list(self.method.operations)}
        return {**super().identity, "later": asdict(self.later), "method": method}

    def state(self) -> dict[str, Any]:
        """Networks, optimizers, the log's last values, and the pools of earlier samples."""
        pools = {name: pool.state() for name, pool in self.pools.items()}
        return {**super().state(), "pools": pools}

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        """Go back to what ``state`` gave."""
        super().restore(state, step)
        for name, pool in self.pools.items():
            pool.restore(state["pools"][name])

    def phase_of(self, step: int) -> int:
        """2 for generator and discriminators, 3 for the lifter and for all in turn."""
        alone = self.turns.at(step).kind == "generator" and not self.turns.together
        return 2 if alone else 3

    def rate(self, step: int) -> float:
        """The rate of whose turn it is, falling linearly epoch by epoch."""
        kind, epoch = self.turns.at(step)
        later = self.later
        if kind == "generator" and not self.turns.together:
            return later.generator_rate * (1 - epoch / (later.generator_epochs + 1))
        highest = later.generator_rate if kind == "generator" else later.adaptation_rate
        return highest * (1 - epoch / (later.adaptation_epochs + 1))

    def train_step(self, step: int) -> None:
        """Train the lifter, or the generator and every other time the discriminators."""
        turn, rate = self.turns.at(step), self.rate(step)
        batch = self.originals(step)
        if turn.kind == "generator":
            self._train_generator(batch, turn, rate, step)
        elif turn.kind == "source" or not self.method.adapts:
            self.train_lifter(batch.keypoints, batch.pose, rate)
        else:
            self._train_on_pairs(batch, rate)

    def originals(self, step: int) -> SourceBatch:
        """The source's windows of a step; in PoseAug's form with bones of Human3.6M's persons."""
        batch = super().originals(step)
        return with_other_bones(batch) if self.method.feedback else batch

    # The lifter ---------------------------------------------------------------------------------

    def _train_on_pairs(self, batch: SourceBatch, rate: float) -> None:
        network = self.network
        original = round(self.method.mix_source * len(batch.pose))
        changed = batch.from_number(original)
        keypoints, pose = batch.keypoints[:original], batch.pose[:original]
        if len(changed.pose):
            if network.generator is not None:
                network.generator.eval()
            with torch.no_grad():
                made = self.make(changed)
            self.last["outside"] = 1 - made.kept.double().mean().item()
            keypoints = torch.cat([keypoints, made.keypoints[made.kept]])
            pose = torch.cat([pose, made.pose[made.kept]])
        if len(pose) > 1:  # batch normalisation has no spread of one
            self.train_lifter(keypoints, pose, rate)

    def make(self, batch: SourceBatch) -> Made:
        """Windows varied, moved and projected, as the method has it."""
        return made_of(batch, self.network, self.method, self.target)

    # Generator and discriminators ---------------------------------------------------------------

    def _train_generator(self, batch: SourceBatch, turn: Turn, rate: float, step: int) -> None:
        self.network.generator.train()
        made = self.make(batch)
        self.last["outside"] = 1 - made.kept.double().mean().item()
        self.last["diversity"] = _diversity(made, batch)
        loss = self._generator_loss(made, batch, turn)
        if loss.requires_grad:  # a turn of the body alone, without anchors, learns nothing
            self.update("generator", loss, rate)
        if (step + 1) % PER_DISCRIMINATOR_STEP == 0:
            self._train_discriminators(made, rate)

    def _generator_loss(self, made: Made, batch: SourceBatch, turn: Turn) -> Tensor:
        method, network = self.method, self.network
        loss = batch.pose.new_zeros(())
        if "angle" in method.operations:
            loss = loss + RANGE * angle_range_loss(_middle(made.angle_change))
        if "length" in method.operations:
            loss = loss + RANGE * length_range_loss(made.length_ratios)
        if method.anchor_3d != "none":
            answers = network.pose_discriminator(_middle(made.angle_pose))
            loss = loss + ANGLE * adversarial_loss(answers)
        if method.anchor_2d != "none":
            # Those out of the picture too: nothing else brings them back.
            answers = network.keypoint_discriminator(_middle(made.keypoints))
            loss = loss + KEYPOINT * adversarial_loss(answers)
        if method.feedback and turn.epoch >= WARM_UP:
            loss = loss + self._feedback(made, batch, turn)
        return loss

    def _feedback(self, made: Made, batch: SourceBatch, turn: Turn) -> Tensor:
        lifter = self.network.lifter.eval()
        angled = batch.camera.project(made.angle_pose)
        with torch.no_grad():
            original = self.source.distances(lifter, batch.keypoints, batch.pose)
        return feedback_loss(
            original,
            self.source.distances(lifter, angled, made.angle_pose),
            self.source.distances(lifter, made.keypoints, made.pose),
            progress=turn.epoch / self.later.adaptation_epochs,
        )

    def _train_discriminators(self, made: Made, rate: float) -> None:
        network, size = self.network, len(made.pose)
        if self.method.anchor_3d != "none":
            real = _middle(self.source.drawn(size).pose)
            fake = self.pools["d3"].exchange(_middle(made.angle_pose))
            judge = network.pose_discriminator
            self.update("d3", discriminator_loss(judge(real), judge(fake)), rate)
        if self.method.anchor_2d != "none":
            fake = self.pools["d2"].exchange(_middle(made.keypoints))
            judge = network.keypoint_discriminator
            self.update("d2", discriminator_loss(judge(self._seen(size)), judge(fake)), rate)

    def _seen(self, count: int) -> Tensor:
        """Real keypoints (count, 16, 2)."""
        if self.method.anchor_2d == "source":
            return _middle(self.source.drawn(count).keypoints)
        return self.target.drawn(count)[0]


def made_of(
    batch: SourceBatch, network: Adaptation, method: Method, target: TargetViews | None
) -> Made:
    """What a method makes of the source's windows.

    Without alignment poses stay where they are, or where the generator puts them, before their own
    camera; with it each is paired with a random frame of the target, by whose camera it is seen.

    Args:
        batch: B windows.
        network: with a generator where the method varies poses.
        method: what to do.
        target: whose keypoints to match; not looked at where poses are not aligned.
    """
    window = batch.pose
    varied = None
    if method.lpa:
        varied = network.generator.vary_window(window, operations=method.operations)
        window = varied.pose
    if method.gpa == "none":
        keypoints = batch.camera.project(_off_the_plane(window))
        kept = in_picture(window, keypoints)
    else:
        seen, camera = target.drawn(len(window))
        window, keypoints, kept = align(window, seen, camera, mode=method.gpa, root=0)
    if varied is None:
        nothing = window.new_zeros(0)
        return Made(window, keypoints, kept, batch.pose, nothing, nothing)
    return Made(
        window, keypoints, kept, varied.angle_pose, varied.angle_change, varied.length_ratios
    )


def _off_the_plane(pose: Tensor) -> Tensor:
    """The pose with joints in the camera's plane a millimetre before it.

    The generator begins with roots near the camera, where depths round to 0: there a projection
    has no gradient, and one such joint would end the training.
    """
    depth = pose[..., 2:]
    return torch.cat([pose[..., :2], torch.where(depth.abs() < PLANE, PLANE, depth)], dim=-1)


def in_picture(pose: Tensor, keypoints: Tensor) -> Tensor:
    """Windows (B, T, J, 3) whose keypoints all lie in [-1, 1] and whose joints stand before the
    camera, (B,) bool."""
    inside = (keypoints.abs() <= 1).flatten(1).all(dim=1)
    return inside & (pose[..., 2] > NEAREST).flatten(1).all(dim=1)


def with_other_bones(batch: SourceBatch) -> SourceBatch:
    """The same poses with the bone lengths of one of Human3.6M's persons each, drawn at random."""
    templates = batch.pose.new_tensor(bones.LENGTH_TEMPLATES)
    chosen = torch.randint(len(templates), (len(batch.pose),)).to(batch.pose.device)
    pose = bones.with_lengths(batch.pose, templates[chosen][:, None])
    return SourceBatch(batch.camera.project(pose), pose, batch.camera)


def _diversity(made: Made, batch: SourceBatch) -> float:
    """Spread of bone directions over generated poses, over that of the poses they are made of."""
    after, before = (
        bones.bone_directions(_middle(pose)).std(dim=0).mean()
        for pose in (made.angle_pose.detach(), batch.pose)
    )
    return (after / before.clamp_min(1e-6)).item()


def _middle(window: Tensor) -> Tensor:
    return window[:, window.shape[1] // 2]
