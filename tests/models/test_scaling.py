"""Scaled networks: each keeps its own proportions, and a Scale of ones changes nothing."""

import pytest

from posekit.models import MODELS, network
from posekit.models.scaling import Scale

QUICK = Scale(frames_divisor=27, width_divisor=16, depth_factor=0.25)
SMOKE = Scale(frames_divisor=27, width_divisor=32, depth_factor=0.25)
MIXSTE = {"frames": 243, "embed_dim": 512, "depth": 8, "heads": 8, "mlp_ratio": 2.0}
MOTIONBERT = {"frames": 243, "in_channels": 3, "embed_dim": 512, "depth": 5, "initial_std": 0.02}
KTPFORMER = {**MIXSTE, "depth": 7}
HOT = {"host": "mixste", "prune_at": 3, "tokens": 81}
HOT_KTPFORMER = {"host": "ktpformer", "prune_at": 7, "tokens": 81}
TPC = {"host": "mhformer", "pipeline": "frame", "prune_at": 1, "tokens": 117}
MHFORMER = {"frames": 351, "embed_dim": 512, "refinements": 2, "heads": 8, "hidden": 1024}

NARROW = {"frames": 9, "embed_dim": 32, "heads": 2}  # at QUICK

# Model, scale, published options, and of these what changes.
SCALED = [
    ("mixste", QUICK, MIXSTE, {**NARROW, "depth": 2}),
    ("mixste", SMOKE, MIXSTE, {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 1}),
    ("mixste", QUICK, {"frames": 27, "depth": 1}, {"frames": 1}),
    ("ktpformer", QUICK, KTPFORMER, {**NARROW, "depth": 1}),
    ("d3dp", QUICK, {**KTPFORMER, "host": "ktpformer"}, {**NARROW, "depth": 1}),
    ("mhformer", QUICK, MHFORMER, NARROW),
    ("mhformer", Scale(frames_divisor=3), MHFORMER, {"frames": 117}),
    ("mhformer", Scale(frames_divisor=13), MHFORMER, {"frames": 27}),
    ("mhformer", Scale(frames_divisor=17), MHFORMER, {"frames": 9}),
    (
        "motionbert",
        QUICK,
        MOTIONBERT,
        {"frames": 9, "embed_dim": 32, "depth": 1, "initial_std": 0.08},
    ),
    (
        "gla_gcn",
        SMOKE,
        {"frames": 243, "embed_dim": 96, "head": "flat"},
        {"frames": 9, "embed_dim": 4},
    ),
    ("gumlp", QUICK, {"frames": 1, "embed_dim": 512, "depth": 3}, {"embed_dim": 32, "depth": 1}),
    ("simple_baseline", QUICK, {"embed_dim": 1024, "stages": 2}, {"embed_dim": 64}),
    ("st_gcn", SMOKE, {"frames": 1, "embed_dim": 128}, {"embed_dim": 4}),
    ("hot", QUICK, {**MIXSTE, **HOT}, {**NARROW, "depth": 2, "prune_at": 1, "tokens": 3}),
    ("hot", Scale(depth_factor=0.5), {**MIXSTE, **HOT, "prune_at": 7}, {"depth": 4, "prune_at": 3}),
    ("hot", Scale(depth_factor=0.5), {**KTPFORMER, **HOT_KTPFORMER}, {"depth": 3, "prune_at": 3}),
    ("hot", QUICK, {**MHFORMER, **TPC}, {**NARROW, "tokens": 3}),
]


@pytest.mark.parametrize(("model", "scale", "published", "changed"), SCALED)
def test_options_are_scaled_by_the_network_itself(model, scale, published, changed):
    scaled = network(model).scaled(published, scale)
    assert list(scaled) == list(published)
    assert scaled == pytest.approx({**published, **changed})


@pytest.mark.parametrize(("model", "scale", "published", "changed"), SCALED)
def test_a_scale_of_ones_changes_nothing(model, scale, published, changed):
    assert network(model).scaled(published, Scale()) == published


@pytest.mark.parametrize(
    ("model", "options", "depth"),
    [
        ("mixste", MIXSTE, "8 pairs of blocks"),
        ("ktpformer", {"depth": 7}, "8 pairs of blocks"),
        ("d3dp", {"depth": 7, "host": "ktpformer"}, "8 pairs of blocks"),
        ("hot", {"depth": 7, "host": "ktpformer"}, "8 pairs of blocks"),
        ("gumlp", {"depth": 3}, "3 blocks"),
        ("convformer", {"spatial_blocks": 4}, "4 spatial and 2 temporal blocks"),
        ("mhformer", MHFORMER, ""),
        ("gla_gcn", {"frames": 27}, ""),
        ("semgcn", {"layers": 4}, "4 layers"),
        ("simple_baseline", {"stages": 2}, "2 stages"),
        ("st_gcn", {"embed_dim": 128}, ""),
    ],
)
def test_depth_is_told_in_what_the_network_counts(model, options, depth):
    assert network(model).describe_depth(options) == depth


def test_facts_of_networks():
    assert {name for name in MODELS if network(name).samples} == {"d3dp"}
    assert {name for name in MODELS if network(name).predicts_scale} == {"gumlp"}
    assert {name: network(name).release_protocol for name in MODELS} == {
        "convformer": "VideoPose3D",
        "d3dp": "D3DP",
        "gla_gcn": "VideoPose3D",
        "gumlp": "MHFormer",
        "hot": "HoT",
        "ktpformer": "MixSTE",
        "mhformer": "MHFormer",
        "mixste": "MixSTE",
        "motionagformer": "HoT",
        "motionbert": "HoT",
        "semgcn": "PoseAug, Human3.6M",
        "simple_baseline": "PoseAug, Human3.6M",
        "st_gcn": "PoseAug, Human3.6M",
        "videopose3d": "PoseAug, Human3.6M",
    }
