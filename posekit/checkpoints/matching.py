"""Whether a state can be a network's: sizes, names, shapes, kinds of numbers, finite values."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from posekit.checkpoints.files import CheckpointFile, first_few
from posekit.errors import InvalidCheckpoint
from posekit.machine.names_from_files import shown
from posekit.models.releases import Description

# Sizes beyond these are refused before anything is built: several times the largest published,
# which are 351 frames, 512 channels and 26 layers.
LARGEST = {"joints": 256, "frames": 2187, "embed_dim": 2048, "depth": 128, "mlp_ratio": 64}
LARGEST_OTHER = 8192  # of any other number, such as steps of a diffusion


def check_sizes(found: Description, source: str) -> None:
    """Refuse sizes that no published network comes near, which would take long or all memory.

    Raises:
        InvalidCheckpoint: a size that is negative or too large.
    """
    for name, value in {"joints": found.joints, **found.options}.items():
        most = LARGEST.get(name, LARGEST_OTHER)
        if isinstance(value, int | float) and not 0 <= value <= most:
            raise InvalidCheckpoint(
                f"{source}: its shapes tell {name} {shown(value)}, beyond the {most} that any "
                f"network here has; is it the file of another network?"
            )


def check_bytes(state: Mapping[str, Tensor], file: CheckpointFile, source: str) -> None:
    """Refuse weights that share their numbers so often that they are larger than their file.

    Raises:
        InvalidCheckpoint: more than twice as large.
    """
    size = sum(value.numel() * value.element_size() for value in state.values())
    if size > 2 * file.size:
        raise InvalidCheckpoint(
            f"{source}: its weights take {size:,} bytes and the file has {file.size:,}; its "
            f"tensors share their numbers, which those of a network do not: get the file again."
        )


def check_match(network: nn.Module, given: Mapping[str, Tensor], source: str) -> None:
    """Refuse a state whose names, shapes or kinds of numbers are not those of the network.

    Raises:
        InvalidCheckpoint: naming the first that differ.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    if missing or unexpected:
        raise InvalidCheckpoint(
            f"{source}: does not match the network: {len(missing)} names missing "
            f"({first_few(missing)}), {len(unexpected)} unexpected ({first_few(unexpected)}); "
            f"is it the file of another network?"
        )
    shapes = [
        f"{name} {tuple(given[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if given[name].shape != own[name].shape
    ]
    if shapes:
        raise InvalidCheckpoint(
            f"{source}: of another size than the network: {len(shapes)} shapes differ "
            f"({first_few(shapes, 2)}); build the network at the file's size."
        )
    kinds = [
        f"{name} {given[name].dtype}"
        for name in own
        if own[name].is_floating_point() != given[name].is_floating_point()
    ]
    if kinds:
        raise InvalidCheckpoint(
            f"{source}: {len(kinds)} of its weights are of the wrong kind of number "
            f"({first_few(kinds, 2)}); save them as floating-point numbers, counters as integers."
        )


def load_strictly(network: nn.Module, given: Mapping[str, Tensor], source: str) -> None:
    """Copy a state of finite numbers into a network; names and shapes must match exactly.

    Raises:
        InvalidCheckpoint: as ``check_match``; also values that are not finite.
    """
    check_match(network, given, source)
    # Some kinds of 8 bits know no isfinite.
    diverged = [name for name, value in given.items() if not bool(value.float().isfinite().all())]
    if diverged:
        raise InvalidCheckpoint(
            f"{source}: {len(diverged)} of its weights hold NaN or infinity "
            f"({first_few(diverged, 2)}); take the checkpoint of an earlier epoch, or get the file "
            f"again."
        )
    network.load_state_dict(given)
