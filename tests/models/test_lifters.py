"""Base classes of networks: input that is refused, plug-ins around hosts, the recipe's loss."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.metrics.losses import sequence_loss
from posekit.models.lifters import HostedLifter, Lifter, LifterConfig
from posekit.models.scaling import Scale


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_lifter_refuses_other_shapes_and_empty_windows():
    lifter = Lifter(9, HUMAN36M_17)
    lifter.check_input(torch.zeros(4, 9, 17, 2))
    for shape in [(4, 27, 17, 2), (4, 9, 16, 2), (4, 9, 17, 3), (9, 17, 2)]:
        with pytest.raises(InvalidData, match=r"takes \(batch, 9, 17, 2\)"):
            lifter.check_input(torch.zeros(shape))
    with pytest.raises(InvalidParameter, match="frames is 0"):
        Lifter(0, HUMAN36M_17)


class Toy(Lifter):
    """A host without weights."""

    Config = LifterConfig

    def __init__(self, config: LifterConfig) -> None:
        super().__init__(config.frames, config.skeleton)


@dataclass(frozen=True, kw_only=True)
class PluginConfig:
    share: float = 0.5


class Plugin(HostedLifter):
    """A plug-in with one option."""

    Config = PluginConfig
    hosts: ClassVar = {"toy": Toy}

    def __init__(self, host: Toy, config: PluginConfig) -> None:
        super().__init__(host.frames, host.skeleton)
        self.host, self.share = host, config.share


def test_a_plugin_is_built_from_its_own_options_and_its_hosts():
    plugin = Plugin.build(skeleton=HUMANEVA_15, frames=4, share=1)
    assert (plugin.host.frames, plugin.host.skeleton, plugin.share) == (4, HUMANEVA_15, 1)
    assert Plugin.scaled({"frames": 4, "share": 0.5}, Scale(2)) == {"frames": 2, "share": 0.5}
    known = "test_lifters has no option 'width'; it takes frames, host, in_channels, share"
    with pytest.raises(InvalidParameter, match=known):
        Plugin.build(skeleton=HUMANEVA_15, width=4)
    with pytest.raises(InvalidParameter, match="host is 'car'; choose one of toy"):
        Plugin.build(skeleton=HUMANEVA_15, host="car")


def test_a_lifter_adds_nothing_to_the_recipes_loss_by_default():
    assert Lifter(9, HUMAN36M_17).own_criterion(sequence_loss) is sequence_loss
