"""PoseAug's generator and discriminators: sizes, what an operation leaves alone, windows, files."""

import json
from pathlib import Path

import pytest
import torch
from drawn_poses import drawn_poses
from goldens.recipe import fill_state
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.checkpoints import from_reference, read
from posekit.errors import InvalidCheckpoint, InvalidData, InvalidParameter
from posekit.geometry import bones
from posekit.geometry.skeletons import HUMAN36M_16, mirror_points
from posekit.models.poseaug import (
    OPERATIONS,
    PARTS,
    Generator,
    GeneratorConfig,
    KeypointDiscriminator,
    PoseDiscriminator,
    part_products,
)

GOLDENS = Path(__file__).parents[1] / "goldens"
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)
subsets = st.lists(st.sampled_from(OPERATIONS), unique=True)
SMALL = GeneratorConfig(noise=8, width=16, stages=1)


def small(seed=0):
    torch.manual_seed(seed)
    return Generator(SMALL).double().eval()


def noise(seed=0, batch=4):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(batch, SMALL.noise, generator=generator, dtype=torch.float64)
        for name in OPERATIONS
    }


def window_of(seed, frames=5):
    """A person who sways and walks, (4, frames, 16, 3)."""
    first, last = drawn_poses(seed, bend=0.3), drawn_poses(seed + 1, bend=0.3)
    share = torch.linspace(0, 1, frames, dtype=torch.float64)[:, None, None]
    return torch.lerp(first[:, None], last[:, None], share)


def close(actual, expected, atol=1e-10):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def distances(points):
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (Generator, 1_181_500),
        (PoseDiscriminator, 1_076_205),
        (KeypointDiscriminator, 43_801),
    ],
)
def test_size_is_that_of_the_release(network, count):
    assert parameters(network()) == count


@few
@given(seed=seeds, operations=subsets)
def test_the_root_stays_unless_it_is_asked_to_go(seed, operations):
    pose = drawn_poses(seed)
    found = small()(pose, noise(seed), operations)
    root = found.translation if "translation" in operations else pose[:, 0]
    close(found.pose[:, 0], root)
    close(found.angle_pose[:, 0], pose[:, 0])


@few
@given(seed=seeds, operations=subsets)
def test_each_operation_changes_what_it_is_named_after(seed, operations):
    pose = drawn_poses(seed)
    found = small()(pose, noise(seed), operations)
    factors = 1 + found.length_ratios[:, list(bones.BONE_RATIO)]
    close(bones.bone_lengths(found.pose), bones.bone_lengths(pose) * factors)
    assert (found.length_ratios.abs() <= SMALL.length_limit).all()
    assert not found.length_ratios[:, bones.FIXED_RATIO].any()
    assert ("length" in operations) == bool(found.length_ratios.any())
    assert ("rotation" in operations) == bool(found.axis_angle.any())
    assert ("angle" in operations) == bool((found.angle_change > 1e-6).any())
    assert not (found.angle_change[:, list(bones.FIXED_DIRECTIONS)] > 1e-12).any()
    if "rotation" not in operations:
        close(bones.bone_directions(found.pose), bones.bone_directions(found.angle_pose))
    if "translation" in operations:
        assert (found.translation[:, 2] >= 0).all()


def test_no_operation_gives_the_pose_back():
    pose = drawn_poses(0)
    close(small()(pose, operations=()).pose, pose)


@few
@given(seed=seeds)
def test_the_place_of_a_person_does_not_matter(seed):
    pose, shift = drawn_poses(seed), torch.tensor([0.5, -1.0, 2.0])
    network, operations = small(), ("angle", "length", "rotation")
    here, there = (network(one, noise(seed), operations).pose for one in (pose, pose + shift))
    close(there, here + shift)


def test_noise_comes_from_torchs_generator_in_the_order_of_the_operations():
    network, pose = small(), drawn_poses(0)
    torch.manual_seed(5)
    drawn = network(pose, operations=("rotation", "angle"))
    torch.manual_seed(5)
    given_noise = {
        name: torch.randn(4, SMALL.noise, dtype=torch.float64) for name in ("angle", "rotation")
    }
    close(network(pose, given_noise, ("angle", "rotation")).pose, drawn.pose)
    other = network(pose, operations=("rotation", "angle"))
    assert (other.pose - drawn.pose).abs().max() > 1e-3


def test_every_operation_trains_its_own_layers_alone():
    names = {"angle": "BAprocess", "length": "BLprocess", "rotation": "RTprocess.w"}
    for operation, prefix in names.items():
        network = small().train()
        network(drawn_poses(0), noise(), (operation,)).pose.square().sum().backward()
        trained = {name for name, p in network.named_parameters() if p.grad is not None}
        assert any(name.startswith(prefix) for name in trained)
        assert all(name.startswith(prefix[:9]) for name in trained)
    # Rotation leaves the layers of the translation alone.
    assert not any("_T" in name for name in trained)


@few
@given(seed=seeds, operations=subsets)
def test_a_window_is_varied_by_what_its_middle_frame_asks_for(seed, operations):
    network, window = small(), window_of(seed)
    found = network.vary_window(window, noise(seed), operations)
    middle = network(window[:, 2], noise(seed), operations)
    close(found.pose[:, 2], middle.pose)
    close(found.angle_pose[:, 2], middle.angle_pose)
    close(found.length_ratios, middle.length_ratios)
    close(found.axis_angle, middle.axis_angle)
    assert found.angle_change.shape == (4, 5, 15)
    factors = 1 + found.length_ratios[:, None, list(bones.BONE_RATIO)]
    close(bones.bone_lengths(found.pose), bones.bone_lengths(window) * factors)


@few
@given(seed=seeds)
def test_a_turned_window_keeps_all_distances_through_time(seed):
    window = window_of(seed)
    found = small().vary_window(window, noise(seed), ("rotation", "translation"))
    close(distances(found.pose.flatten(1, 2)), distances(window.flatten(1, 2)))


def test_a_still_window_stays_still():
    window = drawn_poses(0)[:, None].repeat(1, 3, 1, 1)
    found = small().vary_window(window, noise())
    close(found.pose, found.pose[:, :1].expand_as(found.pose))


@few
@given(seed=seeds, scale=st.floats(0.5, 2.0))
def test_the_pose_discriminator_sees_bone_directions_alone(seed, scale):
    torch.manual_seed(0)
    network, pose = PoseDiscriminator(width=16, hidden=8).double(), drawn_poses(seed)
    answer = network(pose)
    assert answer.shape == (4, len(PARTS))
    longer = bones.with_lengths(pose, scale * bones.bone_lengths(pose).flip(0))
    turned = bones.rotate_axis_angle(pose, torch.tensor([0.4, -1.0, 2.0], dtype=torch.float64))
    for same in (pose + scale, longer, turned):
        close(network(same), answer)


def test_a_part_is_judged_by_its_own_bones():
    pose = drawn_poses(0)
    offsets = torch.zeros(4, bones.BONES, 3, dtype=torch.float64)
    offsets[:, HUMAN36M_16.index("right wrist") - 1] = 1.0
    moved = (part_products(bones.redirected(pose, offsets)) - part_products(pose)).abs()
    changed = (moved.flatten(2) > 1e-9).any(dim=-1).any(dim=0)
    assert dict(zip(PARTS, changed.tolist(), strict=True)) == {
        "left arm": False,
        "right arm": True,
        "left leg": False,
        "right leg": False,
        "torso": False,
    }


def test_products_of_a_mirrored_pose_are_those_of_the_other_side():
    pose = drawn_poses(0)
    sides = [HUMAN36M_16.mirror[bone + 1] - 1 for bone in range(bones.BONES)]
    image = part_products(mirror_points(pose, HUMAN36M_16))
    other_part = [1, 0, 3, 2, 4]
    close(image, part_products(pose)[:, other_part][..., sides, :][..., sides])


def test_each_pose_is_judged_alone():
    torch.manual_seed(0)
    pose = drawn_poses(0)
    for network, samples in (
        (PoseDiscriminator(16, 8), pose),
        (KeypointDiscriminator(width=8), pose[..., :2]),
    ):
        network = network.double()
        close(network(samples)[1:2], network(samples[1:2]))


def golden_state(name):
    golden = json.loads((GOLDENS / f"{name}.json").read_text(encoding="utf-8"))
    return golden["model"], golden["config"], fill_state(golden["shapes"], golden["seed"])


@pytest.mark.parametrize(
    "name", ["poseaug-generator-small", "poseaug-disc3d-small", "poseaug-disc2d"]
)
def test_a_file_in_the_releases_layout_loads_strictly(tmp_path, name):
    model, config, state = golden_state(name)
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    path = tmp_path / "ckpt_best_h36m.pth.tar"
    torch.save({"epoch": 7, "state_dict": tensors}, path)
    file = read(path)
    assert file.epoch == 7
    network = from_reference(model, config, file.tables["state_dict",])
    loaded = network.state_dict()
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[key], tensors[key]) for key in tensors)
    assert not network.training
    some = next(iter(tensors))
    for broken in (
        {key: value for key, value in tensors.items() if key != some},
        {**tensors, "more": torch.zeros(1)},
        {**tensors, some: torch.zeros(3, 3)},
    ):
        with pytest.raises(InvalidCheckpoint, match=f"state of {model}") as caught:
            from_reference(model, config, broken)
        assert "\n" not in str(caught.value)


def test_linear_layers_start_from_kaimings_normal_weights():
    torch.manual_seed(0)
    for network in (Generator(), PoseDiscriminator(), KeypointDiscriminator()):
        for module in network.modules():
            if isinstance(module, torch.nn.Linear) and module.weight.numel() > 5000:
                expected = (2 / module.in_features) ** 0.5
                assert module.weight.std().item() == pytest.approx(expected, rel=0.05)


def test_mistakes_are_refused_in_one_line():
    with pytest.raises(InvalidParameter, match="unknown operation 'angel'; did you mean 'angle'"):
        small()(drawn_poses(0), operations=("angel",))
    with pytest.raises(InvalidData, match=r"shape \(4, 1, 15, 3\); expected \(B, T, 16, 3\)"):
        small()(drawn_poses(0)[:, :15])
    model, config, state = golden_state("poseaug-generator-small")
    with pytest.raises(InvalidParameter, match="generator of 17 joints; it is defined for 16"):
        from_reference(model, {**config, "joints": 17}, state)
